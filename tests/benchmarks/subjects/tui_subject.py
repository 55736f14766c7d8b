"""The console in a terminal, with a probe in its event loop.

Run as `python -m tests.benchmarks.subjects.tui_subject URL FILE`.

Every hundredth of a second the loop is asked how late it is; on SIGTERM the lags, in milliseconds, and what the session
has counted are written to FILE.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from daebus_console.tui.app import ConsoleApp

STEP = 0.01


class ProbedApp(ConsoleApp):
    """The console as it is, and a task that notes how late it is called."""

    lags: list[float]

    async def on_mount(self) -> None:
        """Begin to measure."""
        self.lags = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.exit)
        loop.add_signal_handler(signal.SIGUSR1, self.lags.clear)
        self.run_worker(self._measure(), exclusive=False)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + STEP
            await asyncio.sleep(STEP)
            self.lags.append((loop.time() - due) * 1000)


def main() -> None:
    """Run until SIGTERM."""
    url, file = sys.argv[1:3]
    with Session(url, Settings(max_messages=1_000_000)) as session:
        app = ProbedApp(session)
        app.run()
        result = {"lags": app.lags, "received": session.status.messages, "gaps": session.status.gaps}
    Path(file).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
