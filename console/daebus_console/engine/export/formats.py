"""The formats by their names, and which one a file is to have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from daebus_console.engine.export.as_capture import as_capture
from daebus_console.engine.export.as_commands import as_command, as_redis_cli
from daebus_console.engine.export.as_guests import as_faststream, as_nest
from daebus_console.engine.export.as_json import as_json, as_jsonl
from daebus_console.engine.export.as_markdown import as_markdown
from daebus_console.engine.export.as_mermaid import as_mermaid
from daebus_console.engine.export.as_pytest import as_pytest
from daebus_console.engine.export.as_pytest_calls import as_pytest_calls
from daebus_console.engine.export.as_python import as_python
from daebus_console.engine.export.options import ExportError, ExportOptions
from daebus_console.engine.message.exchange import Exchange


@dataclass(frozen=True)
class Format:
    """One format. `suffix` is how such files usually end; `summary` says what it is, for a menu.

    `again` tells that what it writes sends what was seen again; the others only tell of it.
    """

    name: str
    suffix: str
    summary: str
    write: Callable[[Iterable[Exchange], ExportOptions], Iterator[str]]
    again: bool = False


def _tests(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """Tests that ask services, or run their handlers."""
    return (as_pytest if options.calls_from is None else as_pytest_calls)(exchanges, options)


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format("json", ".json", "JSON, with every message", as_json),
        Format("jsonl", ".jsonl", "JSON lines, an exchange a line", as_jsonl),
        Format("capture", ".jsonl", "a capture that can be opened and replayed", as_capture),
        Format("command", ".sh", "a daebus-console command", as_command, True),
        Format("python", ".py", "a Python script with DaebusCaller", as_python, True),
        Format("pytest", ".py", "a pytest module, a test for each exchange", _tests, True),
        Format("redis-cli", ".sh", "a redis-cli PUBLISH line", as_redis_cli, True),
        Format("mermaid", ".mmd", "a Mermaid sequence diagram", as_mermaid),
        Format("nestjs", ".ts", "a program with the client of NestJS, of what is in its dialect", as_nest, True),
        Format(
            "faststream", ".py", "a program with a broker of FastStream, of what is in its dialect", as_faststream, True
        ),
        Format("markdown", ".md", "Markdown for a bug report", as_markdown),
    )
}
"""Every format by its name."""


def format_for(path: str) -> str:
    """The name of the format that a file of this name most likely is to have."""
    pure = PurePath(path.removesuffix(".gz").removesuffix(".zst"))
    if pure.suffix == ".py" and (pure.name.startswith("test_") or pure.stem.endswith("_test")):
        return "pytest"
    if pure.suffix == ".capture":
        # What captures are called where they are read.
        return "capture"
    return next((one.name for one in FORMATS.values() if one.suffix == pure.suffix), "json")


def pieces(name: str, exchanges: Iterable[Exchange], options: ExportOptions | None = None) -> Iterator[str]:
    """The export as pieces of text, one after the other, however many there are. Raises ExportError."""
    known = FORMATS.get(name)
    if known is None:
        raise ExportError(f"there is no format {name!r}; there are: {', '.join(FORMATS)}")
    return known.write(exchanges, options or ExportOptions())


def export(name: str, exchanges: Iterable[Exchange], options: ExportOptions | None = None) -> str:
    """The export as one text. Raises ExportError."""
    return "".join(pieces(name, exchanges, options))
