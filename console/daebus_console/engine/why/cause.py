"""What a cause is. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """Why something is as it is.

    `name` is for programs (`nobody`, `unknown_action`, …), `text` one sentence, `evidence` what it rests on, a line
    each, `advice` what to do next. Without a name no cause is known, and the text says what is.
    """

    name: str
    text: str
    evidence: tuple[str, ...] = ()
    advice: str = ""

    @property
    def found(self) -> bool:
        """Whether there is one."""
        return bool(self.name)
