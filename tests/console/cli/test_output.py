"""Texts on standard output as they are: many at once, and those that came before something went wrong."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest

from daebus_console.cli import output
from daebus_console.cli.output import TerminalOutput
from daebus_console.files.places import StreamError
from daebus_console.render import line


class Counting(io.BytesIO):
    """Remembers how often it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, data: object) -> int:
        self.writes += 1
        return super().write(data)  # type: ignore[arg-type]  # as given


@pytest.fixture
def taken() -> Counting:
    return Counting()


@pytest.fixture
def out(taken: Counting) -> TerminalOutput:
    return TerminalOutput(io.TextIOWrapper(taken, encoding="latin-1"), io.StringIO())


def test_texts_are_written_in_their_order_many_at_once(out: TerminalOutput, taken: Counting) -> None:
    out.result([line("first")])
    texts = [f"{number} zoë \udcff\n" for number in range(20_000)]
    out.exactly(texts)
    written = taken.getvalue()
    assert written == b"first\n" + "".join(texts).encode("utf-8", "backslashreplace")
    assert 1 < taken.writes < 10


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_came_before_an_error_is_written(out: TerminalOutput, taken: Counting, error: type[BaseException]) -> None:
    def texts() -> Iterator[str]:
        yield "one\n"
        raise error

    with pytest.raises(error):
        out.exactly(texts())
    assert taken.getvalue() == b"one\n"


def test_the_error_that_came_first_is_told_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_AT_ONCE", 4)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering=1) as stream:
        out = TerminalOutput(stream, io.StringIO())

        def texts() -> Iterator[str]:
            yield "one"
            raise LookupError

        with pytest.raises(LookupError):
            out.exactly(texts())
        with pytest.raises(StreamError):
            out.exactly(["x" * 100_000])
        out.close()
