"""What the main screen has of findings and of what is not as usual: the badge, the marks on the rows, their key."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from daebus_console.engine.findings.book import Book
from daebus_console.engine.insight.usual import Usual
from daebus_console.tui.rows.findings import SIGNS, badge
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.view_verbs import ViewVerbs

LEARN_FOR = 0.002
"""Seconds of a frame."""


class FindingKeys(ViewVerbs):
    """Whoever inherits it calls `found` now and then, and `learn` with each frame."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "findings", "Findings: what is wrong, and why", key_display="!", show=False),
    ]
    _found_version = -1
    _book: Book
    _usual: Usual

    def begin_to_learn(self) -> None:
        """Have flow and detail tell what is not as usual."""
        self._usual = Usual(self.session.journal.exchanges)
        self.flow.unlike = self.detail.unlike = self._usual.of

    def learn(self) -> None:
        """Learn for a moment what is usual of what is on the screen; the rows are drawn anew where that has changed."""
        before = self._usual.version
        self._usual.work(LEARN_FOR, self.session.clock(), self.session.lock)
        if self._usual.version != before:
            self.flow.redraw()

    def found(self) -> Line:
        """The badge of what was found; the rows are drawn anew where that has changed. Takes the session's lock."""
        with self.session.lock:
            book = self._book = self.session.findings.book
            changed, self._found_version = book.version != self._found_version, book.version
            listed = list(book) if len(book) else []
        known = self.app.known.known
        self.flow.finding_of = self._role_of
        if changed:
            self.flow.redraw()
        return badge(one.severity for one in listed if known.mark_of(one) is None)

    def _role_of(self, number: int) -> str:
        """The role of the mark on the row of that exchange; empty where it has none."""
        finding = self._book.of(number)
        if finding is None or self.app.known.known.mark_of(finding) is not None:
            return ""
        return SIGNS[finding.severity][1]

    def action_findings(self) -> None:
        """List what is wrong."""
        from daebus_console.tui.screens.findings import FindingsScreen

        self.app.push_screen(FindingsScreen())
