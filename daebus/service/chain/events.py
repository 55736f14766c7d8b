"""The chain around listeners: what hears a broadcast, and the hooks around it.

Where the service may be debugged, `Gatekeeper` stands before it (`Dispatcher.lets_in`): the place `event`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from daebus import telemetry
from daebus.context import Context, Runtime, enter, leave
from daebus.errors import Misfit
from daebus.logs import note
from daebus.service.counts import Counts
from daebus.service.hooks import Route
from daebus.service.kind import Function
from daebus.service.recording.notes import name_of, note_heard
from daebus.wire.objects import decode_object

from .arrival import Arrival
from .calls import Calls
from .pace import Pace

log = logging.getLogger("daebus")


class Events:
    """Gives broadcasts to the listeners of one service."""

    def __init__(
        self,
        runtime: Runtime,
        routes: Mapping[str, Sequence[Route]],
        counts: Counts,
        pace: Pace,
        *,
        debug: bool = False,
    ) -> None:
        self._runtime = runtime
        self._routes = routes
        self._counts = counts
        self._pace = pace
        self._debug = debug

    async def hear(self, arrival: Arrival, calls: Calls) -> None:
        """Give a broadcast to each of its listeners that runs where it is dealt with."""
        name = self._runtime.name
        payload = decode_object(arrival.data)
        if isinstance(payload, str):
            if arrival.channel != name and not arrival.second:
                self._counts.add("unreadable")
                note(log, logging.WARNING, "%s: a message on %r %s; dropped", name, arrival.channel, payload)
            return
        if self._debug and not arrival.second:
            line = "<- %s broadcast on %s (%d bytes)"
            note(log, logging.DEBUG, line, name, arrival.channel, len(arrival.data))
        place = f"the listener of {arrival.channel!r}"
        begun = self._pace.begin(arrival, place)
        heard: Any = payload
        try:
            for route in self._routes[arrival.channel]:
                if arrival.on_loop not in (None, route.function.kind.on_loop):
                    continue
                # What one makes of its payload is not heard by the next.
                given, heard = decode_object(arrival.data) if heard is None else heard, None
                if await self._give(arrival, place, route, calls, given):
                    self._counts.add("handled")
        finally:
            self._pace.end(place, begun)

    async def _give(self, arrival: Arrival, place: str, route: Route, calls: Calls, payload: Any) -> bool:
        """Call one listener, with its hooks, in a context of its own; False when it raised, which is logged."""
        context = Context(self._runtime, place, cause=f"listener {arrival.channel}")
        context.data = arrival.data
        token = enter(context)
        raised: BaseException | None = None
        try:
            with telemetry.hearing(self._runtime.name, arrival.channel) as span:
                try:
                    for hook in route.before:
                        await calls.call(hook, payload)
                    await calls.call(route.function, payload)
                except BaseException as error:  # noqa: BLE001 - also a SystemExit must not end a worker
                    arrival.must_go_on(error)
                    raised = error
                    span.failed(error)
                    self._raised(arrival, place, route, error)
                for hook in route.after:
                    await self._call_after(hook, place, calls, payload, raised)
        finally:
            note_heard(context, arrival, route.function.call, payload, raised)
            leave(token)
        return raised is None

    def _raised(self, arrival: Arrival, place: str, route: Route, error: BaseException) -> None:
        """Count it, and say so."""
        name = self._runtime.name
        # What an exception says of its class itself may be anything.
        if issubclass(type(error), Misfit):
            self._counts.add("misfits")
            line = "%s: a message on %r: %s; not given to %s"
            note(log, logging.WARNING, line, name, arrival.channel, error, name_of(route.function.call))
        elif not (arrival.abandoned and type(error) is asyncio.CancelledError):
            self._counts.add("errors")
            note(log, logging.ERROR, "%s: %s raised", name, place, error=error)

    async def _call_after(
        self, hook: Function, place: str, calls: Calls, payload: Any, raised: BaseException | None
    ) -> None:
        try:
            await calls.call(hook, payload, raised)
        except BaseException as problem:  # noqa: BLE001 - the others are to run as well
            self._counts.add("errors")
            note(log, logging.ERROR, "%s: an after_event hook of %s raised", self._runtime.name, place, error=problem)
