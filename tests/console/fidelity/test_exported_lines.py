"""What an export writes without looking into payloads is what it writes with: to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from daebus_console.engine import jsontext
from daebus_console.engine.export.as_json import as_jsonl, record, rounded
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import compact, payload_text
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.dialects.support import TRANSCRIPTS, ForeignBus
from tests.console.fidelity.frames import AROUND, anything, exchanges, hostile

PLAIN = Redactor(())
SECRET = Redactor(("password",))


def in_one_line(exchange: Exchange, redact: Redactor) -> str:
    """What is exported of that alone, without its line end."""
    (text,) = as_jsonl([exchange], ExportOptions(redact=redact))
    return text.removesuffix("\n")


def assert_same(found: list[Exchange], redact: Redactor = PLAIN) -> None:
    for exchange in found:
        told = record(exchange, redact)
        assert in_one_line(exchange, redact) == compact(told)
        over_lines = jsontext.dumps(told, verbatim=True, ascii_only=True, indent=2)
        assert jsontext.formatted(in_one_line(exchange, redact), 2) == over_lines
    alone = [in_one_line(exchange, redact) + "\n" for exchange in found]
    assert list(as_jsonl(found, ExportOptions(redact=redact))) == alone


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("redact", [PLAIN, SECRET], ids=["plain", "redacted"])
def test_hostile_payloads_are_written_the_same(around: str, redact: Redactor) -> None:
    assert_same(hostile(around), redact)


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.jsonl")))
def test_transcripts_are_written_the_same(name: str) -> None:
    assert_same(list(ForeignBus().play(name).journal.exchanges))


@settings(max_examples=100)
@given(anything)
def test_anything_is_written_the_same(found: list[Exchange]) -> None:
    assert_same(found)


@given(st.floats() | st.floats(1e-5, 1e10) | st.integers(0, 10**16).map(lambda count: count / 10**7))
@example(0.9999995)
@example(1e-4)
@example(3_999_999_999.9999995)
def test_numbers_are_rounded_as_python_does(number: float) -> None:
    assume(isfinite(number))
    assert [rounded(number, digits) for digits in (3, 6)] == [repr(round(number, digits)) for digits in (3, 6)]


def test_what_is_wrong_in_a_member_that_another_one_replaces_counts() -> None:
    assert_same(exchanges(b'{"action":"act","payload" : {"\x80id":{}} , "payload":{"last":1}}'))


def test_plain_payloads_are_taken_over_as_they_are() -> None:
    (exchange,) = exchanges(b'{"action":"act","request_id":"a","reply_to":"c","payload":{"n" : 1.50,\n"n":2}}')
    assert payload_text(exchange.opened, PLAIN) == '{"n" : 1.50,\n"n":2}'
    assert re.search(r'"payload": \{"n" : 1\.50, "n":2\}\}\]\}$', in_one_line(exchange, PLAIN))
    assert payload_text(exchange.opened, Redactor(("n",))) is None


def test_each_line_is_written_before_the_next_exchange_is_read() -> None:
    (exchange,) = exchanges(b'{"action":"act","request_id":"a","reply_to":"c","payload":{"n":1}}')
    read = 0

    def each() -> Iterator[Exchange]:
        nonlocal read
        for _ in range(200):
            read += 1
            yield exchange

    lines = as_jsonl(each(), ExportOptions(redact=PLAIN))
    first = next(lines)
    assert read == 1
    assert list(lines) == [first] * 199
