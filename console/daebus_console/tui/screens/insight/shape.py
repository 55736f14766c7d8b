"""What the messages of an action or channel look like, beside what its service declares; and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from daebus_console.commands.doing.looking.shaping import in_order, lines_of
from daebus_console.commands.doing.shared.declared import Declared
from daebus_console.engine.filter import writing
from daebus_console.engine.insight.departing import Departure
from daebus_console.engine.insight.shapes import Place, Shapes
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.schema.beside import Part
from daebus_console.render import Span, line
from daebus_console.text import clean
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.rows.signs import UNLIKE
from daebus_console.tui.screens.insight.about import About
from daebus_console.tui.screens.insight.lines import LinesScreen, Row

LEARNED_FROM = 20_000
"""The newest of an action, from which it is learned."""
_MOST_UNLIKE = 20


class _Found(NamedTuple):
    """`unlike` are the newest that are not like the others."""

    shapes: Shapes
    declared: Declared
    unlike: list[tuple[Exchange, Place, Departure]]
    learned: int
    of: int


class ShapeScreen(LinesScreen):
    """The fields; enter on one shows what has it, on a message that is not like the others that message."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "app.pop_screen", "Back", show=False)]
    NAME = "Shape"
    HINT = "enter shows what has it"

    def __init__(self, session: Any, about: About) -> None:
        super().__init__(session)
        self._about = about

    def work_out(self, exchanges: Sequence[Exchange]) -> _Found:
        about = self._about
        shapes = Shapes(None, self.app.redact if self.app.redact else None)
        mine = [
            one
            for one in exchanges
            if one.target == about.target
            and (about.action is None or one.action == about.action)
            and shapes.looks_into(one)
        ]
        learned = mine[-LEARNED_FROM:]
        shapes.add_all(learned)
        with self.session.lock:
            declared = Declared(self.session.directory)
        unlike = ((one, place, departure) for one in reversed(learned) for place, departure in shapes.departing(one))
        return _Found(shapes, declared, list(islice(unlike, _MOST_UNLIKE)), len(learned), len(mine))

    def draw(self, found: _Found, width: int) -> Sequence[Row]:
        rows: list[Row] = []
        for exchange, place, one in found.unlike:
            where = writing.field(one.path) if one.path else "payload"
            told = line(
                Span(f"  {UNLIKE} ", "accent"),
                Span(f"#{exchange.number}", "bold"),
                f"  {place.part}  ",
                Span(where, "key"),
                f" {one.what} ",
                Span(f"({one.are:,} of {one.of:,} are not so)", "dim"),
            )
            rows.append((told, exchange.number))
        if rows:
            rows = [(line(Span("Not like the others, the newest first", "bold")), None), *rows, (line(""), None)]
        for place, shape in in_order(found.shapes):
            unreadable = found.shapes.unreadable.get(place, 0)
            for told, part in lines_of(place, shape, unreadable, found.declared.of(place), width):
                rows.append((told, self._having(part)))
        if not found.shapes.found:
            rows = [(line(Span(f"   No message of {self._about.of} is remembered.", "dim")), None)]
        return rows

    def _having(self, part: Part | None) -> str | None:
        if part is None or part.seen is None or not part.path or "*" in part.path:
            return None
        return f"{self._about.filter} payload{'' if part.path.startswith('[') else '.'}{part.path}:*"

    def told(self, found: _Found) -> Line:
        newest = f", the newest of {found.of:,}" if found.of > found.learned else ""
        rests = f" learned from {fmt.plural(found.learned, 'exchange')}{newest}"
        return [(f"{clean(self._about.of)}", "name"), (rests, "dim")]

    def go(self, leads_to: Any) -> None:
        if isinstance(leads_to, int):
            self.show(leads_to)
        else:
            self.narrow(leads_to)
