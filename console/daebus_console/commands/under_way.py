"""What commands have begun on a session and goes on until somebody ends it: replays, recordings, stand-ins, pins.

Light to import, since screens look at it all the time; what it holds is made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from daebus_console.commands.cancellation import Cancellation
from daebus_console.engine.session import Session

if TYPE_CHECKING:
    from daebus_console.engine.capture.writer import CaptureWriter
    from daebus_console.engine.keeping.keeper import Keeper
    from daebus_console.engine.keeping.stepping import Stepper
    from daebus_console.engine.mock.mocks import Mocks
    from daebus_console.engine.replay.pins import Pins
    from daebus_console.engine.replay.replay import Replay


class Watching(Protocol):
    """Waits for something, and keeps captures of it."""

    @property
    def told(self) -> str:
        """How it stands, in a few words."""


@dataclass
class UnderWay:
    """Of one session. `replays` may be paused, resumed and cancelled; each recording has what ends it."""

    replays: list[Replay] = field(default_factory=list)
    recordings: list[tuple[CaptureWriter, Cancellation]] = field(default_factory=list)
    watches: list[Watching] = field(default_factory=list)
    mocks: Mocks | None = None
    keeper: Keeper | None = None
    stepper: Stepper | None = None
    confirmed: bool = False
    """Whether the user has confirmed that messages are held on a Redis that is not on this machine."""
    pins: Pins | None = None

    @property
    def writers(self) -> list[CaptureWriter]:
        """The files that are written, oldest first."""
        return [writer for writer, _cancellation in self.recordings]

    @property
    def stand_ins(self) -> int:
        """In how many ways services are stood in for."""
        return 0 if self.mocks is None else len(self.mocks.all())

    @property
    def pinned(self) -> int:
        """How many exchanges are pinned."""
        return 0 if self.pins is None else len(self.pins)

    def stop_recording(self) -> bool:
        """End the newest recording; False where there is none."""
        if not self.recordings:
            return False
        self.recordings[-1][1].cancel()
        return True

    def close(self) -> None:
        """End stand-ins and pins, and let go all that is held; whoever holds the session calls it on leaving.

        What is a job ends with the jobs.
        """
        for one in (self.mocks, self.pins, self.keeper):
            if one is not None:
                one.close()
        self.mocks = self.pins = self.keeper = self.stepper = None

    def hold_replays(self) -> bool:
        """Pause the replays, or let them go on where all are paused; False where there is none."""
        replays = list(self.replays)
        pausing = any(not replay.paused for replay in replays)
        for replay in replays:
            if pausing:
                replay.pause()
            else:
                replay.resume()
        return bool(replays)


_of: WeakKeyDictionary[Session, UnderWay] = WeakKeyDictionary()


def under_way(session: Session) -> UnderWay:
    """What goes on in a session."""
    found = _of.get(session)
    if found is None:
        found = _of[session] = UnderWay()
    return found
