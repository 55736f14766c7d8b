"""One message to what deals with it, on a worker thread or on the event loop. Raises nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextvars import copy_context
from functools import partial

from daebus.context import Runtime
from daebus.logs import note
from daebus.service.answering.answer_gate import AnswerGate
from daebus.service.answering.answers import Answers
from daebus.service.answering.deferred import Deferrals
from daebus.service.answering.notices import Notices
from daebus.service.answering.outbox import Outbox
from daebus.service.answering.response import Response, reply_channel
from daebus.service.answering.terms import Terms
from daebus.service.answering.undelivered import Undelivered
from daebus.service.answering.unsent import Unsent
from daebus.service.claims import Claims
from daebus.service.counts import Counts
from daebus.service.hooks import action_route, event_route
from daebus.service.kind import Function
from daebus.service.recording.notes import note_unanswered
from daebus.service.refusals import Refusals
from daebus.service.registry import Registry
from daebus.service.together import Mate
from daebus.service.work.event_loop import EventLoop
from daebus.wire.envelope import Request
from daebus.wire.limits import MAX_MESSAGE
from daebus.wire.reading import read_request

from .admission import Admission, line_of
from .arrival import Admitted, Arrival
from .calls import Here, OnLoop, run_here
from .events import Events
from .gatekeeper import Gatekeeper
from .holding import Holding
from .links import Links
from .pace import BRISK, Pace

log = logging.getLogger("daebus")


class Dispatcher:
    """Handles arrivals for one running service. `loop` is None where its app has no async function."""

    def __init__(
        self,
        runtime: Runtime,
        registry: Registry,
        instance: str,
        undelivered: Undelivered,
        refusals: Refusals,
        *,
        max_message: int = MAX_MESSAGE,
        debug: bool = False,
        ignore_unknown: bool = False,
        claims: Claims | None = None,
        loop: EventLoop | None = None,
        holding: Holding | None = None,
    ) -> None:
        name = runtime.name
        self._runtime = runtime
        self.counts = Counts()
        lost = partial(self.counts.add, "undelivered")
        self.answers = Answers(runtime.publisher, name, instance, undelivered, refusals, lost)
        self.deferrals = Deferrals(name, partial(self.counts.add, "expired"))
        actions = {
            action: action_route(registry, action, function) for action, function in registry.action_handlers.items()
        }
        self._channels = {
            channel: [event_route(registry, channel, function) for function in functions]
            for channel, functions in registry.listen_handlers.items()
        }
        self._claims = claims
        self.pace = Pace()
        """How long handlers take; it is to follow whoever reads."""
        self._admission = Admission(
            name,
            instance,
            actions,
            self.counts,
            self.answers,
            claims,
            runtime.recorder,
            ignore_unknown=ignore_unknown,
            heard=name in self._channels,
            debug=debug,
        )
        self._events = Events(runtime, self._channels, self.counts, self.pace, debug=debug)
        self._links = Links(runtime, self.counts)
        self._here = Here(loop)
        self._on_loop = None if loop is None else OnLoop(loop)
        self.outbox = None if loop is None else Outbox(name, loop, runtime.publisher, self.answers)
        self._notices = Notices(runtime.publisher, name, instance)
        self._terms = Terms(
            runtime.publisher,
            name,
            instance,
            self.answers,
            Unsent(name),
            max_message=max_message,
            json_default=runtime.json_default,
            tracebacks=debug,
            spoken=self._log_answer if debug else None,
            outbox=self.outbox,
            deferrals=self.deferrals,
            notices=self._notices,
        )
        self._gatekeeper: Gatekeeper | None = None
        self._answer_gate: AnswerGate | None = None
        if holding is not None:
            self._gatekeeper = Gatekeeper(
                holding, name, self._notices, self.counts, runtime.recorder, claims, self._response
            )
            self._answer_gate = AnswerGate(
                holding.gates, self._notices, holding.later, partial(note_unanswered, runtime.recorder)
            )

    def split(self, arrival: Arrival) -> list[Arrival]:
        """What of a message is dealt with by a worker and what on the event loop, where there is one."""
        routes = self._channels.get(arrival.channel, ()) if arrival.hears else ()
        places = {route.function.kind.on_loop for route in routes}
        asked: bool | None = None
        if arrival.asks and arrival.channel == self._runtime.name:
            message = arrival.message = self._admission.read(arrival)
            if not self._admission.is_only_heard(message):
                route = self._admission.route_of(message)
                asked = route is not None and route.function.kind.on_loop
                places.add(asked)
        first = min(places, default=False)
        return [
            arrival.part(on_loop=on_loop, asks=on_loop is asked, second=on_loop is not first)
            for on_loop in sorted(places)
        ]

    def together(self, messages: Sequence[tuple[str, bytes]]) -> list[Mate]:
        """The claims of messages that have come together, as far as they go out together: from the first one on.

        That is as long as they are for handlers that took so little time that this instance will soon have run all
        of them: another that has less to do would have had them else.
        """
        claims = self._claims
        if claims is None or self._gatekeeper is not None or self._on_loop is not None:
            return []
        together = claims.together()
        if together is None:
            return []
        found: list[Mate] = []
        left = BRISK
        for channel, data in messages:
            message = read_request(data) if channel == self._runtime.name else None
            if self._admission.route_of(message) is None:
                break
            assert isinstance(message, Request)
            left -= self.pace.took(message.action)
            command = claims.command(message, data)
            if left < 0 or command is None:
                break
            found.append(together.add(message, command))
        return found if len(found) > 1 else []

    def parts(self, arrival: Arrival) -> list[Arrival]:
        """The parts of something that was set aside: itself, where it was dealt with in one place already."""
        whole = arrival.on_loop is None and arrival.admitted is None and self._on_loop is not None
        return self.split(arrival) if whole else [arrival]

    def lets_in(self, arrival: Arrival) -> bool:
        """Whether there is anything to be done about a message here and now, where a debugger may hold broadcasts."""
        gatekeeper = self._gatekeeper
        return gatekeeper is None or arrival.channel not in self._channels or gatekeeper.lets_hear(arrival)

    def handle(self, arrival: Arrival) -> None:
        """Handle one message to the end, on this thread, and with context variables of its own, as a task has them."""
        copy_context().run(self._handle, arrival)

    def _handle(self, arrival: Arrival) -> None:
        try:
            if arrival.admitted is not None:
                if self._admission.is_due(arrival, arrival.admitted):
                    self._run(arrival, arrival.admitted)
                return
            if arrival.hears and arrival.channel in self._channels:
                run_here(self._events.hear(arrival, self._here))
            if arrival.asks and arrival.channel == self._runtime.name:
                admitted = self._admission.admit(arrival)
                if admitted is not None and (self._gatekeeper is None or self._goes_on(arrival, admitted)):
                    self._run(arrival, admitted)
        except BaseException as error:  # noqa: BLE001 - a worker goes on
            self._failed(arrival, error)

    async def handle_on_loop(self, arrival: Arrival) -> None:
        """The same in a task of the event loop."""
        assert self._on_loop is not None
        try:
            if arrival.admitted is not None:
                if self._admission.is_due(arrival, arrival.admitted):
                    await self._run_on_loop(arrival, arrival.admitted, self._on_loop)
                return
            if arrival.hears and arrival.channel in self._channels:
                arrival.heard = True
                await self._events.hear(arrival, self._on_loop)
            if arrival.asks:
                if self._admission.waits(arrival):
                    admitted = await self._on_loop.waiting(self._admission.admit, arrival)
                else:
                    admitted = self._admission.admit(arrival)
                if admitted is not None and self._goes_on(arrival, admitted):
                    await self._run_on_loop(arrival, admitted, self._on_loop)
        except BaseException as error:  # noqa: BLE001 - the loop goes on
            arrival.must_go_on(error)
            self._failed(arrival, error)

    def call(self, function: Function) -> None:
        """Call a hook of the service itself; what is async runs on the loop, and is waited for."""
        run_here(self._here.call(function))

    def refuse(self, arrival: Arrival, code: str, text: str) -> bool:
        """See `Admission.refuse`."""
        return self._admission.refuse(arrival, code, text)

    def abandon(self, arrival: Arrival, code: str, text: str) -> None:
        """Answer for a handler that takes too long; what it sends later goes nowhere."""
        arrival.abandoned = True
        if arrival.response is not None:
            arrival.response.abandon(text, code)

    def _goes_on(self, arrival: Arrival, admitted: Admitted) -> bool:
        """Whether a debugger lets a request go on to its handler."""
        return self._gatekeeper is None or self._gatekeeper.lets_handle(arrival, admitted)

    async def _run_on_loop(self, arrival: Arrival, admitted: Admitted, calls: OnLoop) -> None:
        response = self._response(arrival, admitted)
        await self._links.run(arrival, admitted, response, calls)
        await response.out()

    def _run(self, arrival: Arrival, admitted: Admitted) -> None:
        """Handle a request on this thread."""
        action = admitted.request.action
        response = self._response(arrival, admitted)
        begun = self.pace.begin(arrival, action)
        try:
            run_here(self._links.run(arrival, admitted, response, self._here))
        finally:
            self.pace.end(action, begun)
            # The response knows the arrival: a circle, which would wait for the garbage collector.
            arrival.response = None

    def _response(self, arrival: Arrival, admitted: Admitted) -> Response:
        looks_soon = partial(self.pace.goes_on, arrival)
        response = Response(self._terms, admitted.request, looks_soon=looks_soon, holds=bool(admitted.route.after))
        gate = self._answer_gate
        if gate is not None:
            response.held = arrival.held
            response.past_gate = gate, arrival
        arrival.response = response
        return response

    def _failed(self, arrival: Arrival, error: BaseException) -> None:
        line = "%s: could not deal with a message on %r"
        note(log, logging.ERROR, line, self._runtime.name, arrival.channel, error=error)
        if arrival.response is not None:
            arrival.response.fail("the service could not deal with it", "handler_error")

    def _log_answer(self, request: Request, ok: bool, final: bool, seconds: float) -> None:
        if reply_channel(request, self._runtime.name) is None:
            # Nothing goes out: `Links` tells how it ended.
            return
        status = ("success" if ok else "error") + ("" if final else " (partial)")
        line = line_of(self._runtime.name, request)
        note(log, logging.DEBUG, "-> %s %s after %.1f ms", line, status, seconds * 1000, request=request)
