"""The links where a debugger may hold, harm or edit what comes in: a request about to be handled, a broadcast about to
be heard. They are there only where the service may be debugged; the gate of answers is in `answering/answer_gate.py`.

What is held waits on no thread and in no queue: it is put back among what is to be done when it goes on.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from daebus.errors import DaebusError
from daebus.gates.held import GO, Asker, Held, Outcome
from daebus.gates.reading import LONGEST_HOLD
from daebus.gates.rule import DROP, DUPLICATE, EVENT, FAIL, REQUEST, Met
from daebus.logs import note
from daebus.recorder.recorder import Recorder
from daebus.service.answering.notices import Notices
from daebus.service.answering.response import Response
from daebus.service.claims import Claims
from daebus.service.counts import Counts
from daebus.service.recording.notes import note_refused, note_unheard
from daebus.wire.objects import decode_object
from daebus.wire.reading import read_request
from daebus.wire.writing import encode

from .arrival import Admitted, Arrival
from .holding import Holding

log = logging.getLogger("daebus")

CODE = "debugger"
"""What the recorder is told of a message that a debugger has kept from its handler."""


class Gatekeeper:
    """Stands at both gates of one service, `name`. `respond` makes the response to an admitted request."""

    def __init__(
        self,
        holding: Holding,
        name: str,
        notices: Notices,
        counts: Counts,
        recorder: Recorder | None,
        claims: Claims | None,
        respond: Callable[[Arrival, Admitted], Response],
    ) -> None:
        self._gates = holding.gates
        self._name = name
        self._notices = notices
        self._counts = counts
        self._recorder = recorder
        self._claims = claims
        self._put = holding.put
        self._later = holding.later
        self._respond = respond

    def lets_handle(self, arrival: Arrival, admitted: Admitted) -> bool:
        """Whether a request goes on to its handler, here and now."""
        if REQUEST not in self._gates.watched:
            return True
        request = admitted.request
        met = Met(
            REQUEST,
            request.action,
            lambda: request.payload,
            len(arrival.data),
            id=request.id,
            parent=request.parent_id,
            sender=request.service,
        )
        found = self._gates.meet(met, partial(self._resume, arrival, admitted), self._asker(arrival, admitted))
        if isinstance(found, Held):
            if self._claims is not None:
                self._later(partial(self._claims.prolong, request, arrival.data, LONGEST_HOLD))
            return False
        return found is None or self._apply(arrival, admitted, found)

    def lets_hear(self, arrival: Arrival) -> bool:
        """Whether there is anything to be done about a broadcast, or what may be one, here and now."""
        if EVENT not in self._gates.watched:
            return True
        apart = Arrival(arrival.channel, arrival.data, arrival.at, arrival.turn)
        apart.asks = False
        met = Met(EVENT, arrival.channel, cache(lambda: _object(apart.data)), len(arrival.data))
        found = self._gates.meet(met, partial(self._resume_event, apart))
        if found is None:
            return True
        if isinstance(found, Outcome) and found.extra == DUPLICATE:
            self._put(apart)
            return True
        if isinstance(found, Outcome):
            self._not_heard(arrival)
        # What it asks for is another matter.
        arrival.hears = False
        return arrival.channel == self._name

    def _asker(self, arrival: Arrival, admitted: Admitted) -> Asker | None:
        """Whoever waits for the answer."""
        request = admitted.request
        left = None if request.timeout is None else request.timeout - (time.monotonic() - arrival.at)
        return self._notices.asker(request, left, arrival.held)

    def _resume(self, arrival: Arrival, admitted: Admitted, outcome: Outcome) -> None:
        """A request that was held goes on, on whatever thread."""
        arrival.at += outcome.seconds
        arrival.held += outcome.seconds
        if outcome.verdict.kind == GO:
            self._apply(arrival, admitted, outcome)
            arrival.admitted, arrival.released = admitted, True
            self._put(arrival)
        else:
            self._later(partial(self._apply, arrival, admitted, outcome))

    def _resume_event(self, apart: Arrival, outcome: Outcome) -> None:
        """The same with a broadcast."""
        if outcome.verdict.kind != GO:
            self._not_heard(apart)
            return
        if outcome.verdict.edited:
            apart.data = encode(outcome.verdict.payload)
        apart.at += outcome.seconds
        apart.released = True
        self._put(apart)

    def _apply(self, arrival: Arrival, admitted: Admitted, outcome: Outcome) -> bool:
        """Do to a request what a rule, or whoever let it go, says; whether it goes on to its handler."""
        verdict, request = outcome.verdict, admitted.request
        if outcome.mark is not None:
            arrival.mark = outcome.mark.after(arrival.mark)
        if verdict.kind == GO:
            if verdict.edited:
                request.payload = verdict.payload
            arrival.extra = outcome.extra
            if outcome.extra == DUPLICATE:
                self._put(_twin(arrival, admitted))
            return True
        note_refused(self._recorder, request, CODE, arrival.at)
        if verdict.kind == DROP:
            self._counts.add("dropped")
            return False
        response = self._respond(arrival, admitted)
        # Hooks see what handlers answer.
        response.take_held()
        response.handled = False
        try:
            if verdict.kind == FAIL:
                response.error(verdict.error, code=verdict.code)
            else:
                response.send(verdict.payload)
        except DaebusError as error:
            note(log, logging.DEBUG, "%s: an answer of a debugger could not be sent: %s", self._name, error)
        finally:
            arrival.response = None
        return False

    def _not_heard(self, arrival: Arrival) -> None:
        self._counts.add("dropped")
        note_unheard(self._recorder, arrival.channel, arrival.data, CODE, arrival.at)


def _twin(arrival: Arrival, admitted: Admitted) -> Arrival:
    """The same request once more."""
    twin = arrival.part(on_loop=bool(arrival.on_loop), asks=True, second=True)
    request = copy.copy(admitted.request)
    again = read_request(arrival.data)
    request.raw = getattr(again, "raw", request.raw)
    request.payload = copy.deepcopy(request.payload)
    twin.admitted, twin.mark, twin.held = Admitted(request, admitted.route, admitted.limit), arrival.mark, arrival.held
    return twin


def _object(data: bytes) -> Any:
    found = decode_object(data)
    return None if isinstance(found, str) else found
