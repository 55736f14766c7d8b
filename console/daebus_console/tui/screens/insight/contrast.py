"""What sets the failures of an action, or its slowest, or a group of failures, apart from the rest of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from daebus_console.commands.doing.looking.contrasting import FAILURES, lines_of
from daebus_console.engine.filter import language as filters
from daebus_console.engine.insight.facets import Redact
from daebus_console.engine.insight.sides import Compared, compare
from daebus_console.engine.insight.terms import Terms, terms
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.render import Span, duration, line
from daebus_console.text import clean
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.insight.about import About
from daebus_console.tui.screens.insight.lines import LinesScreen, Row

_SLOWEST = 10
"""One in so many is slow."""
_FEWEST = 50
"""Answers from which on there is a slowest tenth."""


class _Found(NamedTuple):
    """`words` are what is set apart, `selecting` the filter for it; `failed` is False where none of it did. `terms`
    are those of the differences, for each target and action. `asked` is whether any of it is a request."""

    words: str
    selecting: str
    compared: list[Compared]
    failed: bool
    terms: Mapping[tuple[str, str | None], Terms] = MappingProxyType({})
    asked: bool = True


class ContrastScreen(LinesScreen):
    """The differences; enter shows what is set apart and has the value."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "app.pop_screen", "Back", show=False),
        Binding("o", "other", "The failed, or the slowest"),
    ]
    NAME = "Contrast"
    HINT = "enter shows those that have it"

    def __init__(self, session: Any, about: About) -> None:
        super().__init__(session)
        self._about = about
        self._slow = False

    def work_out(self, exchanges: Sequence[Exchange]) -> _Found:
        about = self._about
        redact = self.app.redact if self.app.redact else None
        found = _Found("", "", [], failed=True)
        if not self._slow:
            selecting = about.selecting or f"{about.filter} {FAILURES}"
            words = about.words if about.selecting else f"what failed of {about.words}"
            found = _compare(_Found(words, selecting, [], failed=True), exchanges, redact)
            if found.compared:
                return found
        slowest = _slowest(exchanges, about.filter)
        if slowest is None:
            chosen = filters.parse(about.filter)
            asked = any(one.kind is Kind.REQUEST and chosen(one) for one in exchanges)
            return found._replace(failed=False, asked=asked)
        selecting = f"{about.filter} latency:>{slowest * 1e6:.0f}us"
        words = f"the slowest of {about.of}, over {duration(slowest)}"
        return _compare(_Found(words, selecting, [], failed=self._slow), exchanges, redact)

    def draw(self, found: _Found, width: int) -> Sequence[Row]:
        rows: list[Row] = []
        if not found.asked:
            nothing = f"   Nothing of {self._about.of} is a request: where nothing answers, none fails or is slow."
            rows.append((line(Span(nothing, "dim")), None))
        elif not found.failed and not self._slow:
            rows.append((line(Span(f"   Nothing of {self._about.of} has failed.", "ok")), None))
            if not found.compared:
                why = f"   For its slowest to be set apart, {_FEWEST} answers are needed."
                rows.append((line(Span(why, "dim")), None))
            rows.append((line(""), None))
        elif not found.compared:
            rows.append((line(Span("   Too few of it are remembered for a slowest tenth.", "dim")), None))
        for one in found.compared:
            terms_of = found.terms[one.target, one.action]
            for told, difference in lines_of(one, found.selecting, width):
                term = None if difference is None else terms_of.get(difference)
                rows.append((told, f"{found.selecting} {term}" if term else None))
        return rows

    def told(self, found: _Found) -> Line:
        return [(f"{clean(found.words or self._about.of)}", "name"), (" against the rest", "dim")]

    def go(self, leads_to: str) -> None:
        self.narrow(leads_to)

    def action_other(self) -> None:
        """Set the slowest apart, or what failed."""
        self._slow = not self._slow
        self.action_renew()


def _compare(found: _Found, exchanges: Sequence[Exchange], redact: Redact | None) -> _Found:
    """The same with what differs, and the terms of that."""
    chosen = filters.parse(found.selecting)
    compared = compare(lambda: exchanges, chosen, None, redact)
    told = terms(compared, found.selecting, lambda: exchanges, chosen, None, redact)
    return found._replace(compared=compared, terms=told)


def _slowest(exchanges: Sequence[Exchange], wanted: str) -> float | None:
    """Seconds that the slowest of them took longer than."""
    chosen = filters.parse(wanted)
    took = sorted(
        one.latency for one in exchanges if one.kind is Kind.REQUEST and one.latency is not None and chosen(one)
    )
    return took[-(len(took) // _SLOWEST) - 1] if len(took) >= _FEWEST else None
