"""What of the flow is to be seen: the filter, what is muted, and the noise of the console itself. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.naming import read, shown, written

_HIDDEN = Flag.CONTROL | Flag.QUIET
Predicate = Callable[[Exchange], bool]


class Mute(NamedTuple):
    """One thing not to be seen: an `action` (of a target), or everything that goes to or comes from a `name`."""

    name: str
    action: str | None = None

    def __str__(self) -> str:
        name = shown(self.name)
        return f"{name} {shown(self.action, text=True)}" if self.action else name

    @property
    def kept(self) -> str:
        """As it is kept: the name up to the first blank, and the action behind it."""
        name = written(self.name).replace(" ", "\\x20")
        return name if self.action is None else f"{name} {written(self.action, text=True)}"

    @classmethod
    def of(cls, kept: str) -> Mute:
        """The one that is kept so. Raises ValueError."""
        name, _blank, action = kept.lstrip().partition(" ")
        return cls(read(name), read(action) if action else None)


@dataclass
class Hidden:
    """How many rows of one view are hidden, and by what; and what alone hid any of them."""

    quiet: int = 0
    muted: int = 0
    control: int = 0
    last: str = field(default="", compare=False)
    """Of the one that was hidden last, as which it was counted; empty where it was not."""
    by_filter: bool = field(default=False, compare=False)
    by_mutes: bool = field(default=False, compare=False)
    as_control: bool = field(default=False, compare=False)
    as_quiet: bool = field(default=False, compare=False)


@dataclass
class Visibility:
    """Decides over exchanges. Change it through its methods only, so that `version` tells views to look again.

    `suspended` lets everything through for a while, without forgetting the filter.
    """

    predicate: Predicate | None = None
    control: bool = False
    quiet: bool = False
    suspended: bool = False
    mutes: dict[Mute, None] = field(default_factory=dict)
    """What is muted, in the order in which it was."""
    version: int = 0

    def set_filter(self, predicate: Predicate | None) -> None:
        """Show only what the predicate says yes to; everything with None."""
        self.predicate, self.suspended = predicate, False
        self.version += 1

    def toggle_control(self) -> bool:
        """Show or hide the control channels; returns whether they are shown."""
        self.control = not self.control
        self.version += 1
        return self.control

    def toggle_quiet(self) -> bool:
        """Show or hide what is said all the time; returns whether it is shown."""
        self.quiet = not self.quiet
        self.version += 1
        return self.quiet

    def toggle_suspended(self) -> bool:
        """Lift or restore the filter; returns whether it is lifted."""
        self.suspended = not self.suspended
        self.version += 1
        return self.suspended

    def mute(self, mute: Mute) -> None:
        """Hide that from now on, and what of it is there."""
        self.mutes[mute] = None
        self.version += 1

    def unmute_all(self) -> int:
        """Show again what was muted; returns how many mutes there were."""
        count = len(self.mutes)
        self.mutes.clear()
        self.version += 1
        return count

    @property
    def changes_with_state(self) -> bool:
        """Whether an exchange may appear or vanish when it changes, and not only when it opens."""
        return self.predicate is not None and not self.suspended

    def shows(self, exchange: Exchange, hidden: Hidden | None = None) -> bool:
        """Whether it is to be seen; in `hidden` it is counted where it is control, quiet or muted."""
        if exchange.kind is Kind.GAP:
            return True
        if exchange.flags & _HIDDEN:
            control = not self.control and exchange.flags & Flag.CONTROL
            quiet = not self.quiet and exchange.flags & Flag.QUIET
            if control or quiet:
                if hidden is not None:
                    hidden.last = "control" if control else "quiet"
                    hidden.control += bool(control)
                    hidden.quiet += not control
                    if not quiet:
                        hidden.as_control = hidden.as_control or self._shows_else(exchange)
                    elif not control:
                        hidden.as_quiet = hidden.as_quiet or self._shows_else(exchange)
                return False
        if self.mutes and self._is_muted(exchange):
            if hidden is not None:
                hidden.last = "muted"
                hidden.muted += 1
                hidden.by_mutes = hidden.by_mutes or self._passes(exchange)
            return False
        if self.predicate is None or self.suspended or self.predicate(exchange):
            return True
        if hidden is not None:
            hidden.last = ""
            hidden.by_filter = True
        return False

    def _passes(self, exchange: Exchange) -> bool:
        """Whether the filter lets it through."""
        return self.predicate is None or self.suspended or self.predicate(exchange)

    def _shows_else(self, exchange: Exchange) -> bool:
        """Whether it is to be seen but for what it is."""
        return not (self.mutes and self._is_muted(exchange)) and self._passes(exchange)

    def _is_muted(self, exchange: Exchange) -> bool:
        target = exchange.target or ""
        return any(
            mute in self.mutes for mute in (Mute(target, exchange.action), Mute(target), Mute(exchange.source or ""))
        )
