"""The control channel: `daebus.control.<service>` marks a service of this framework and answers `info`."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

from daebus.errors import DaebusError
from daebus.transport.publisher import Publisher
from daebus.wire.envelope import Request, Unreadable, error_payload, quoted, read_request, write_response

from .registry import Registry
from .typed.handler import described, original

log = logging.getLogger("daebus")

CONTROL_PREFIX = "daebus.control."


def control_channel(service: str) -> str:
    """The control channel of a service."""
    return CONTROL_PREFIX + service


def first_line(handler: Callable[..., Any]) -> str:
    """The first line of a handler's own docstring, or an empty text."""
    return whole_docstring(handler).partition("\n")[0].strip()


def whole_docstring(handler: Callable[..., Any]) -> str:
    """A handler's own docstring, or an empty text.

    Of a `functools.partial` it is that of its function, and of an object that can be called that of its `__call__`
    or of its class; what Python says of such objects in general says nothing of the handler.
    """
    while isinstance(handler, functools.partial) and "__doc__" not in handler.__dict__:
        handler = handler.func
    told: Any = handler
    if not (inspect.isroutine(handler) or inspect.isclass(handler) or "__doc__" in getattr(handler, "__dict__", ())):
        call = type(handler).__call__
        told = call if call.__doc__ and inspect.isfunction(call) else type(handler)
        if told is type(handler) and not inspect.isfunction(call):
            return ""
    try:
        return (inspect.getdoc(told) or "").strip()
    except Exception:  # noqa: BLE001 - a docstring may be anything, and a listing must not end with one
        return ""


def describe_handlers(registry: Registry, *, schemas: bool = False) -> dict[str, Any]:
    """The part of `info` that says what a service has; with all that is known of its actions where `schemas` is true.

    That is the `description` of each, and, of what takes arguments or has an annotated answer, JSON Schemas.
    """
    actions = []
    for name, handler in registry.action_handlers.items():
        told: dict[str, Any] = {"name": name, "doc": first_line(original(handler.call))}
        if schemas:
            told |= {"description": whole_docstring(original(handler.call)), **described(handler.call)}
        actions.append(told)
    return {
        "actions": actions,
        "listens": list(registry.listen_handlers),
        "background": [{"name": task.name, "interval": task.interval} for task in registry.background_tasks.values()],
    }


class Control:
    """Answers on the control channel. Runs on the reader thread, so it works while all workers are busy."""

    def __init__(
        self, service: str, instance: str, publisher: Publisher, info: Callable[[bool], dict[str, Any]]
    ) -> None:
        self._service = service
        self._instance = instance
        self._publisher = publisher
        self._info = info

    def handle(self, data: bytes) -> None:
        """Answer one message, where it is a request that can be answered."""
        message = read_request(data)
        if isinstance(message, Request):
            if message.action == "info":
                self._answer(message, self._info(message.payload.get("schemas") is True), ok=True)
            else:
                text = f"unknown control action {quoted(message.action)}"
                self._answer(message, error_payload(text, "unknown_action"), ok=False)
        elif isinstance(message, Unreadable) and message.reply_to is not None:
            request = Request("", {}, message.reply_to, message.request_id)
            self._answer(request, error_payload(message.reason, "bad_request"), ok=False)

    def _answer(self, request: Request, payload: Any, ok: bool) -> None:
        if request.reply_to is None or request.reply_to.startswith(CONTROL_PREFIX):
            return
        data = write_response(
            payload, request_id=request.request_id, ok=ok, service=self._service, instance=self._instance
        )
        try:
            self._publisher.post(request.reply_to, data)
        except DaebusError as problem:
            log.error("%s: a control response could not be sent: %s", self._service, problem)
