"""What may be said about an export. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange


class ExportError(ValueError):
    """Nothing can be exported so; the text says why."""


@dataclass(frozen=True)
class ExportOptions:
    """redact: what is masked. redis: a URL without its password, for commands; the default where it is none. rules:
    what may differ, for tests. title: what the export is of. single: write one object rather than a list of one.
    left_out: the numbers of exchanges that the format cannot say, in order, as they turn up. calls_from: for tests
    that answer the calls of handlers, all exchanges among which those are. app: the app that has the handlers, as
    `daebus run` takes it. following: of JSON, the records that come after those of the exchanges; asked for then."""

    redact: Redactor = field(default_factory=lambda: Redactor(()))
    redis: str = ""
    rules: Rules = field(default_factory=Rules)
    title: str = ""
    single: bool = False
    calls_from: Callable[[], Iterable[Exchange]] | None = None
    app: str = ""
    following: Callable[[], Iterable[str]] = tuple
    left_out: list[int] = field(default_factory=list, compare=False)

    def leave_out(self, number: int, why: str) -> str:
        """Note that an exchange is left out; returns the comment that says so in its place."""
        self.left_out.append(number)
        return f"# #{number} is left out: {why}\n"
