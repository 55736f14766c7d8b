"""The name of the control channel, and what answers on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from daebus.errors import DaebusError
from daebus.logs import note
from daebus.transport.publisher import Publisher
from daebus.wire.envelope import Request, Unreadable, error_payload, quoted
from daebus.wire.reading import read_request
from daebus.wire.writing import write_response

log = logging.getLogger("daebus")

CONTROL_PREFIX = "daebus.control."
"""What the names of control channels begin with. That there is one marks a service of this framework."""


def control_channel(service: str) -> str:
    """The control channel of a service."""
    return CONTROL_PREFIX + service


class BadAsk(DaebusError, ValueError):
    """What is asked cannot be; its text says why, and `code` which kind of error it is answered with."""

    def __init__(self, text: str = "", code: str = "bad_request") -> None:
        super().__init__(text)
        self.code = code


Verb = Callable[[Mapping[str, Any]], dict[str, Any] | None]
"""Given the payload of a request, returns the payload of the answer; None where another instance is meant.

Raises BadAsk for what cannot be.
"""


class Control:
    """Answers on the control channel: each action there is one of the `verbs`."""

    def __init__(self, service: str, instance: str, publisher: Publisher, verbs: Mapping[str, Verb]) -> None:
        self._service = service
        self._instance = instance
        self._publisher = publisher
        self._verbs = verbs

    def handle(self, data: bytes) -> None:
        """Answer one message, where it is a request that can be answered, and for this instance."""
        message = read_request(data)
        if isinstance(message, Request):
            self._handle(message)
        elif isinstance(message, Unreadable) and message.reply_to is not None:
            request = Request("", {}, message.reply_to, message.request_id)
            self._answer(request, error_payload(message.reason, "bad_request"), ok=False)

    def _handle(self, request: Request) -> None:
        instance = request.payload.get("instance")
        if isinstance(instance, str) and instance != self._instance:
            return
        verb = self._verbs.get(request.action)
        if verb is None:
            text = f"unknown control action {quoted(request.action)}; there are: {', '.join(self._verbs)}"
            self._answer(request, error_payload(text, "unknown_action"), ok=False)
            return
        try:
            if instance is not None and not isinstance(instance, str):
                raise BadAsk("`instance` must be the id of an instance")
            payload = verb(request.payload)
        except BadAsk as error:
            self._answer(request, error_payload(str(error), error.code), ok=False)
        except Exception as error:  # noqa: BLE001 - reading goes on
            note(log, logging.ERROR, "%s: %r could not be told", self._service, request.action, error=error)
            text = f"{quoted(request.action)} could not be told: {type(error).__name__}"
            self._answer(request, error_payload(text, "handler_error"), ok=False)
        else:
            if payload is not None:
                self._answer(request, payload, ok=True)

    def _answer(self, request: Request, payload: Any, ok: bool) -> None:
        if request.reply_to is None or request.reply_to.startswith(CONTROL_PREFIX):
            return
        try:
            data = write_response(
                payload, request_id=request.request_id, ok=ok, service=self._service, instance=self._instance
            )
            self._publisher.post(request.reply_to, data)
        except DaebusError as problem:
            log.error("%s: a control response could not be sent: %s", self._service, problem)
