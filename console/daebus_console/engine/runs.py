"""What a service told of the runs of its listeners, tasks, threads and hooks, counted. Pure and bounded."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 1_000
"""Listeners, tasks and the like of one service that are remembered."""


@dataclass
class RunEntry:
    """The runs of one of them: its `kind` (listener, task, thread, hook), its name, and the channel of a listener."""

    kind: str
    name: str
    what: str = ""
    runs: int = 0
    failed: int = 0
    longest: float = 0.0
    error: str = ""
    """What the last failure said."""
    at: float = 0.0


class Runs(dict[tuple[str, str, str], RunEntry]):
    """Entries by kind, name and channel."""

    def add(self, at: float, key: tuple[str, str, str], elapsed: float, error: str | None) -> None:
        """One has run; with an `error`, it failed."""
        run = self.get(key)
        if run is None:
            if len(self) >= MOST:
                return
            run = self[key] = RunEntry(*key)
        run.runs += 1
        run.at = max(run.at, at)
        run.longest = max(run.longest, elapsed)
        if error is not None:
            run.failed += 1
            run.error = error
