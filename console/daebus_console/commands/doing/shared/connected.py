"""What verbs that stay at the shell tell of the connection, on which what they do depends."""

from __future__ import annotations

from daebus_console.commands.context import Output


class Connected:
    """Tells once that the connection is lost, with what that means, and once that there is one again."""

    def __init__(self, output: Output, meaning: str) -> None:
        self._output, self._meaning = output, meaning
        self._lost = False

    def tell(self, problem: str | None) -> None:
        """`problem` is why there is none; None where there is one."""
        if problem is not None and not self._lost:
            why = problem.split("\n")[0].rstrip(".")
            self._output.note(f"Redis is away ({why}): {self._meaning}")
        elif problem is None and self._lost:
            self._output.note("Redis is back")
        self._lost = problem is not None
