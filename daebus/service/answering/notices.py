"""Telling whoever asked that a debugger holds things up, so that it waits for longer.

Sent only to those who say how long they wait (`timeout` in the envelope): that is how callers of this framework say
that they understand. Those of 0.0.31 say nothing, and would take a notice for a partial answer.
"""

from __future__ import annotations

import logging

from daebus.errors import DaebusError
from daebus.gates.held import Asker
from daebus.transport.publisher import Publisher
from daebus.wire.envelope import Request
from daebus.wire.held import write_notice

log = logging.getLogger("daebus")


class Notices:
    """Sends the notices of one instance. Waits for nothing: what cannot go out at once is not sent."""

    def __init__(self, publisher: Publisher, service: str, instance: str) -> None:
        self._publisher = publisher
        self._service = service
        self._instance = instance

    def understands(self, request: Request) -> bool:
        """Whether whoever sent a request understands notices."""
        return request.timeout is not None and request.reply_to not in (None, self._service)

    def asker(self, request: Request, left: float | None, before: float) -> Asker | None:
        """Whoever waits for the answer to a request, for `left` seconds more; None where nobody does.

        `before` is for how many seconds it has been held up already.
        """
        if request.reply_to is None and request.request_id is None:
            return None
        if not self.understands(request):
            return Asker(left)
        return Asker(left, lambda seconds: self.send(request, before + seconds))

    def send(self, request: Request, seconds: float) -> None:
        """Tell it that it is held up for so many seconds in all."""
        if request.reply_to is None or not self._publisher.ready:
            return
        try:
            data = write_notice(request.request_id, seconds, self._service, self._instance)
            self._publisher.post(request.reply_to, data, failed=lambda _error: None)
        except DaebusError as error:
            log.debug("%s: a notice could not be sent: %s", self._service, error)
