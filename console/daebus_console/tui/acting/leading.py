"""Leads through the story of the demo: looks at what the user does, and keeps its line on each screen."""

from __future__ import annotations

import time

from daebus_console.tui.base import BaseApp
from daebus_console.tui.screens.conversation import ConversationScreen
from daebus_console.tui.screens.findings import FindingsScreen
from daebus_console.tui.screens.main import MainScreen
from daebus_console.tui.titles.story import Guide, Seen, Where
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.story_line import StoryLine

_EVERY = 0.25


class Leader:
    """Begins at once, and ends with `end`. The line is on the screens that have a line of keys."""

    def __init__(self, app: BaseApp) -> None:
        self._app = app
        self._guide = Guide()
        self._timer = app.set_interval(_EVERY, self._look)
        app.bind("f6", "end_story", description="End the story", show=False)

    def end(self) -> None:
        """Say nothing more, on any screen."""
        self._timer.stop()
        for screen in self._app.screen_stack:
            screen.query(StoryLine).remove()

    def _look(self) -> None:
        app, screen = self._app, self._app.screen
        keys = next(iter(screen.query(KeyLine)), None)
        if keys is None or app.session.recorded:
            return
        line = next(iter(screen.query(StoryLine)), None)
        if line is None:
            line = StoryLine(classes="story")
            screen.mount(line, before=keys)
        line.tell(self._guide.look(self._seen(), time.monotonic()))

    def _seen(self) -> Seen:
        app, screen = self._app, self._app.screen
        session, known = app.session, app.known.known
        with session.lock:
            found = [one for one in session.findings.book if known.mark_of(one) is None]
        if isinstance(screen, MainScreen):
            exchange, detail = screen.selected_exchange(), screen.detail
            number = exchange.number if exchange is not None else None
            tab = detail.tab if detail.display else ""
            return Seen(Where.MAIN, number, tab, screen.layout_of.holds_focus(detail), found)
        where = Where.ELSEWHERE
        if isinstance(screen, FindingsScreen):
            where = Where.FINDINGS
        elif isinstance(screen, ConversationScreen):
            where = Where.CONVERSATION
        return Seen(where, None, "", False, found)
