"""What a service says of its handlers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from daebus.service.registry import Registry
from daebus.service.typed.handler import described, original


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
        if handler.kind.on_loop:
            told["async"] = True
        if schemas:
            told |= {"description": whole_docstring(original(handler.call)), **described(handler.call)}
        actions.append(told)
    return {
        "actions": actions,
        "listens": list(registry.listen_handlers),
        "background": [{"name": task.name, "interval": task.interval} for task in registry.background_tasks.values()],
    }
