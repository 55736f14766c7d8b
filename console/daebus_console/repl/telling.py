"""Above the prompt, what a debugger has to tell: what is held now, where a step has come to, what became of rules."""

from __future__ import annotations

import threading

from daebus_console.commands.context import Context
from daebus_console.commands.doing.holding.coming import Coming
from daebus_console.commands.doing.holding.held_rows import held_line
from daebus_console.commands.under_way import under_way
from daebus_console.render import Span, line

_EVERY = 0.2
"""Seconds between two looks."""
_AT_ONCE = 5
"""Messages that are told one by one; of a flood the others are counted."""


class Telling:
    """Looks now and then, on a thread of its own, while it is entered."""

    def __init__(self, context: Context) -> None:
        self._session, self._output = context.session, context.output
        self._under_way = under_way(context.session)
        self._coming = Coming()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="daebus-console-telling", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self._tell()

    def _tell(self) -> None:
        keeper, output = self._under_way.keeper, self._output
        if keeper is None:
            return
        with self._session.lock:
            come, now = self._coming.take(keeper.desk), keeper.now()
        # What has gone on went before what is held now.
        for text in come.texts:
            output.progress(line(Span(f"‖ {text}", "warn")))
        for one in come.held[:_AT_ONCE]:
            output.progress(held_line(one, now, str(one.number)))
        if len(come.held) > _AT_ONCE:
            output.progress(line(Span(f"‖ {len(come.held) - _AT_ONCE:,} more are held: `held` lists them", "warn")))
