"""The first links of the chain: what a message asks for, whether it is ours, and whether anybody still waits for it.

What does not get further is answered here, if it is to be: a request always gets an answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from daebus.errors import DaebusError, RedisRefused, RedisUnavailable
from daebus.logs import note
from daebus.recorder.recorder import Recorder
from daebus.saying import listed
from daebus.service.answering.answers import REFUSED, Answers
from daebus.service.answering.response import reply_channel
from daebus.service.claims import Claims
from daebus.service.counts import Counts
from daebus.service.hooks import Route
from daebus.service.recording.notes import note_refused, note_unheard
from daebus.wire.envelope import Request, Stray, Unreadable, error_payload, quoted
from daebus.wire.held import marked
from daebus.wire.reading import read_request
from daebus.wire.writing import write_response

from .arrival import Admitted, Arrival

log = logging.getLogger("daebus")


class Admission:
    """Looks at what comes in on the channel of one service, `name`; listeners may have `heard` it, too."""

    def __init__(
        self,
        name: str,
        instance: str,
        routes: Mapping[str, Route],
        counts: Counts,
        answers: Answers,
        claims: Claims | None,
        recorder: Recorder | None,
        *,
        ignore_unknown: bool = False,
        heard: bool = False,
        debug: bool = False,
    ) -> None:
        self._name = name
        self._instance = instance
        self._routes = routes
        self._counts = counts
        self._answers = answers
        self._claims = claims
        self._recorder = recorder
        self._ignore_unknown = ignore_unknown
        self._heard = heard
        self._debug = debug

    def read(self, arrival: Arrival) -> Request | Unreadable | Stray:
        """What a message says."""
        return arrival.message or read_request(arrival.data)

    def route_of(self, message: Request | Unreadable | Stray | None) -> Route | None:
        """That of its action; None where there is none."""
        return self._routes.get(message.action) if isinstance(message, Request) else None

    def is_only_heard(self, message: Request | Unreadable | Stray) -> bool:
        """Whether it is for the listeners of our channel: it names no action, and asks for no answer."""
        if not self._heard or isinstance(message, Request):
            return False
        return isinstance(message, Stray) or (message.nameless and message.reply_to is None)

    def waits(self, arrival: Arrival) -> bool:
        """Whether `admit` may wait for Redis, with a message that has been read and is for an action that there is."""
        message = arrival.message
        limit = message.timeout if isinstance(message, Request) else None
        return self._claims is not None or (limit is not None and _is_over(arrival, limit))

    def admit(self, arrival: Arrival) -> Admitted | None:
        """Read, claim, and look at the deadline; None where nothing is to be done any more."""
        message = arrival.message or read_request(arrival.data)
        if not isinstance(message, Request):
            self._report(arrival, message)
            return None
        if self._debug:
            note(log, logging.DEBUG, "<- %s", line_of(self._name, message), request=message)
        route = self._routes.get(message.action)
        if route is None:
            self._unknown(message, arrival)
            return None
        limit = message.timeout
        if self._claims is not None:
            if not self._claimed(message, arrival):
                return None
            limit = self._claims.lifetime(message)
        if limit is not None and _is_over(arrival, limit):
            self._expired(arrival, message, limit)
            return None
        return Admitted(message, route, message.timeout)

    def is_due(self, arrival: Arrival, admitted: Admitted) -> bool:
        """Whether somebody still waits for a request that was admitted before it was held."""
        request = admitted.request
        limit = request.timeout if self._claims is None else self._claims.lifetime(request)
        if limit is None or not _is_over(arrival, limit):
            return True
        self._expired(arrival, request, limit)
        return False

    def _expired(self, arrival: Arrival, request: Request, limit: float) -> None:
        """The time of whoever asked is over, which it is told."""
        self._counts.add("expired")
        self._refuse(arrival, request, "expired", f"no worker was free within {limit:g} s")

    def refuse(self, arrival: Arrival, code: str, text: str) -> bool:
        """Answer a request with an error without handling it; what needs no answer is dropped.

        False where that is left to another instance, which may take it yet, or to another service.
        """
        if arrival.channel != self._name or not arrival.asks:
            self._unheard(arrival, code)
            return True
        message = self.read(arrival)
        if self.is_only_heard(message):
            if not arrival.hears:
                # A debugger has what they are to hear.
                return False
            self._unheard(arrival, code)
        elif isinstance(message, Request):
            if self._ignore_unknown and message.action not in self._routes:
                return False
            # One that was admitted is ours already.
            if arrival.admitted is None and not self._is_left_to_us(message, arrival):
                return False
            if not self._refuse(arrival, message, code, text):
                self._counts.add("dropped")
        elif isinstance(message, Unreadable):
            self._report(arrival, message)
        return True

    def _unheard(self, arrival: Arrival, code: str) -> None:
        self._counts.add("dropped")
        note_unheard(self._recorder, arrival.channel, arrival.data, code, arrival.at)

    def _claimed(self, message: Request | Unreadable, arrival: Arrival) -> bool:
        """Whether the message is ours, and no other instance's."""
        if self._claims is None:
            return True
        try:
            mate = arrival.mate
            if self._claims.take(message, arrival.data, arrival.at) if mate is None else mate.take():
                return True
            self._counts.add("elsewhere")
        except RedisRefused as error:
            self._not_claimed(message, arrival, error)
        except RedisUnavailable as error:
            # Run by nobody rather than by two; that Redis is away has been said, and whoever asked knows it too.
            line = "%s: a request is left alone, as it could not be claimed: %s"
            note(log, logging.DEBUG, line, self._name, error)
        return False

    def _not_claimed(self, message: Request | Unreadable, arrival: Arrival, error: RedisRefused) -> None:
        """Redis takes no claims: every instance says so, since none can know whether another did."""
        if self._claims is None or self._claims.is_taken(arrival.data):
            self._counts.add("elsewhere")
        elif isinstance(message, Unreadable) or not self._refuse(
            arrival, message, REFUSED, f"{self._name} could not claim the request: {error}"
        ):
            self._counts.add("dropped")
            self._claims.dropped()

    def _is_left_to_us(self, message: Request | Unreadable, arrival: Arrival) -> bool:
        """Whether a message that we cannot take is to be answered by us, and not taken by another instance."""
        if self._claims is None:
            return True
        ours = None if arrival.mate is None else arrival.mate.is_ours()
        if ours is not None:
            return ours
        try:
            return self._claims.is_left_to_us(message, arrival.data)
        except RedisUnavailable as error:
            note(log, logging.DEBUG, "%s: a request could not be passed on: %s", self._name, error)
            return True

    def _unknown(self, request: Request, arrival: Arrival) -> None:
        if self._ignore_unknown or not self._is_left_to_us(request, arrival):
            return
        text = f"unknown action {quoted(request.action)}; {self._name} has: {listed(self._routes)}"
        note(log, logging.WARNING, "%s: %s", self._name, text, request=request)
        self._refuse(arrival, request, "unknown_action", text)

    def _report(self, arrival: Arrival, message: Unreadable | Stray) -> None:
        """Tell of what asks for nothing."""
        if self.is_only_heard(message):
            return
        if isinstance(message, Stray):
            note(log, logging.DEBUG, "%s: a response came in on the service's own channel; ignored", self._name)
            return
        self._counts.add("unreadable")
        request = Request("", {}, message.reply_to, message.request_id)
        nobody_asks = reply_channel(request, self._name) is None
        what = "dropped" if nobody_asks else "refused"
        note(log, logging.WARNING, "%s: on %r %s; %s", self._name, arrival.channel, message.reason, what)
        if nobody_asks:
            note_refused(self._recorder, message, "bad_request", arrival.at)
        elif self._claimed(message, arrival):
            self._refuse(arrival, request, "bad_request", message.reason)

    def _refuse(self, arrival: Arrival, request: Request, code: str, text: str) -> bool:
        """Answer with an error; False where nobody is to be answered."""
        note_refused(self._recorder, request, code, arrival.at)
        channel = reply_channel(request, self._name)
        if channel is None:
            return False
        data = write_response(
            error_payload(text, code),
            request_id=request.request_id,
            ok=False,
            service=self._name,
            instance=self._instance,
        )
        if arrival.mark is not None:
            data = marked(data, arrival.mark.told())
        if self._debug:
            note(log, logging.DEBUG, "-> %s error %s", line_of(self._name, request), code, request=request)
        try:
            self._answers.post(request, channel, data)
        except RedisUnavailable as problem:
            self._answers.failed(request, channel, data, problem)
        except DaebusError as problem:
            note(log, logging.ERROR, "%s: an error response could not be sent: %s", self._name, problem)
        return True


def line_of(service: str, request: Request) -> str:
    """A request, for a line of the log."""
    who = f" from {quoted(request.service)}" if request.service else ""
    return f"{service} {quoted(request.action)} id={quoted(request.id)}{who}"


def _is_over(arrival: Arrival, limit: float) -> bool:
    return time.monotonic() - arrival.at > limit
