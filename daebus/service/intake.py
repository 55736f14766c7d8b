"""What becomes of a message as it is read: control is answered at once, all else goes to the workers or is refused."""

from __future__ import annotations

import time

from .answering.undelivered import Undelivered
from .chain.arrival import Arrival
from .chain.dispatcher import Dispatcher
from .control.channel import Control
from .overload import OverloadLog
from .together import Mate
from .work.crews import Crews

NO_TURN = -1
"""The number of no turn."""


class Intake:
    """Takes the messages of one instance, on whichever thread reads them.

    `splits` says that some of what it does is done on the event loop, `may_hold` that a debugger may hold messages.
    """

    def __init__(
        self,
        name: str,
        control_channel: str,
        control: Control,
        dispatcher: Dispatcher,
        crews: Crews[Arrival],
        undelivered: Undelivered,
        *,
        splits: bool,
        may_hold: bool,
        max_queue: int,
    ) -> None:
        self._name = name
        self._control_channel = control_channel
        self._control = control
        self._dispatcher = dispatcher
        self._crews = crews
        self._undelivered = undelivered
        self._splits = splits
        self._may_hold = may_hold
        self._busy_text = f"{name} is busy: {max_queue} messages wait"
        self._overload = OverloadLog(name, max_queue)
        self.stopping = False
        """Whether what finds no free worker is refused since the service stops."""

    def take(self, channel: str, data: bytes, turn: int, mate: Mate | None = None) -> None:
        """Take a message from the reader thread: control at once, everything else to the workers."""
        if channel == self._control_channel:
            self._control.handle(data)
            return
        now = time.monotonic()
        if self._undelivered.pending:
            self._undelivered.say(now)
        if self._overload.pending:
            self._overload.say(now)
        self._dispatcher.counts.add("received")
        arrival = Arrival(channel, data, now, turn)
        if mate is not None:
            arrival.mate, arrival.message = mate, mate.message
        if self._may_hold and not self._dispatcher.lets_in(arrival):
            return
        # A worker's part is done here and now, where one is free: what goes to the loop goes first.
        for part in reversed(self._dispatcher.split(arrival)) if self._splits else (arrival,):
            if self._crews.take(part, part.on_loop):
                continue
            if mate is not None and mate.is_ours():
                # Nobody else has it any more.
                self._crews.must_take(part)
            elif self.stopping:
                self.refuse_stopping(part)
            elif self._dispatcher.refuse(part, "busy", self._busy_text):
                self._dispatcher.counts.add("busy")
                self._overload.refused()

    def take_beside(self, channel: str, data: bytes, _turn: int, _mate: None = None) -> None:
        """The same for a message of another group, of which the turn is that of other readers."""
        self.take(channel, data, NO_TURN)

    def put(self, arrival: Arrival) -> bool:
        """Have something done that was set aside, on no thread of whoever calls; whether workers have part in it."""
        parts = self._dispatcher.parts(arrival)
        for part in parts:
            self._crews.put(part, part.on_loop)
        return not all(part.on_loop for part in parts)

    def refuse_stopping(self, arrival: Arrival) -> None:
        """Answer that the service stops."""
        self._dispatcher.refuse(arrival, "shutting_down", f"{self._name} is stopping")

    def turn_away(self, channel: str, data: bytes) -> None:
        """Take no message more, and answer this one so."""
        if channel != self._control_channel:
            self.refuse_stopping(Arrival(channel, data, time.monotonic(), NO_TURN))

    def end(self) -> None:
        """The service has ended: tell what was refused and has not been told."""
        self._overload.end()
