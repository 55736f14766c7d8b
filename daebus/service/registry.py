"""What handlers an app or a blueprint has: actions, listeners, background tasks, threads, start and stop hooks.

Pure bookkeeping; the decorators are those of both `Daebus` and `Blueprint`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from daebus.errors import Misfit, RegistrationError
from daebus.wire import checks

from .fitting import must_fit
from .typed.handler import bound, settle

Handler = TypeVar("Handler", bound=Callable[..., Any])
Hook = TypeVar("Hook", bound=Callable[[], Any])


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """A function called every `interval` seconds, the first time after one interval."""

    name: str
    interval: float
    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class ThreadTask:
    """A function that runs in a thread of its own until `running()` turns false."""

    name: str
    function: Callable[[Callable[[], bool]], Any]
    auto_start: bool


class Registry:
    """The handlers registered so far. A second handler for one name is an error, at once and not at run time."""

    def __init__(self, name: str) -> None:
        self.name = checks.name(name, "the name of an app or a blueprint", RegistrationError)
        self.action_handlers: dict[str, Callable[[], Any]] = {}
        self.listen_handlers: dict[str, list[Callable[[Any], Any]]] = {}
        self.background_tasks: dict[str, BackgroundTask] = {}
        self.thread_tasks: dict[str, ThreadTask] = {}
        self.start_hooks: list[Callable[[], Any]] = []
        self.stop_hooks: list[Callable[[], Any]] = []
        self.error_handlers: dict[type[Exception], Callable[[Any], Any]] = {}
        self._came_with: dict[str, Registry] = {}

    def action(self, action_name: str) -> Callable[[Handler], Handler]:
        """Handle requests and messages to this service that name `action_name`.

        A handler takes no arguments, or fields of the payload as its annotations say (needs `daebus[typed]`): a payload
        that does not fit is answered with `bad_request` and does not get to it. One model takes the whole payload.
        """
        _need_name(action_name, "an action")

        def register(handler: Handler) -> Handler:
            what = f"the handler of action {action_name!r}"
            called = bound(handler, what, sys._getframe(1))
            must_fit(called, what)
            self._add(self.action_handlers, action_name, called, "action")
            return handler

        return register

    def listen(self, channel: str) -> Callable[[Handler], Handler]:
        """Hear broadcasts on `channel`; the handler takes the decoded object. A channel may have several handlers."""
        _need_name(channel, "a channel")

        def register(handler: Handler) -> Handler:
            must_fit(handler, f"the listener of {channel!r}", "the payload")
            self._changing()
            self.listen_handlers.setdefault(channel, []).append(handler)
            return handler

        return register

    def background(self, name: str, interval: float) -> Callable[[Handler], Handler]:
        """Call the function every `interval` seconds, the first time after one interval, never overlapping itself."""
        _need_name(name, "a background task")
        what = f"the interval of background task {name!r}"
        seconds = checks.seconds(interval, what, RegistrationError)
        if not 0 < seconds < math.inf:
            raise RegistrationError(f"{what} must be a number of seconds above 0, not {checks.shown(interval)}")

        def register(handler: Handler) -> Handler:
            must_fit(handler, f"background task {name!r}")
            self._add(self.background_tasks, name, BackgroundTask(name, interval, handler), "background task")
            return handler

        return register

    def thread(self, name: str, auto_start: bool = True) -> Callable[[Handler], Handler]:
        """Run the function in a thread of its own; it takes `running`, a callable that is false when it should end."""
        _need_name(name, "a thread")

        def register(handler: Handler) -> Handler:
            must_fit(handler, f"thread {name!r}", "running")
            self._add(self.thread_tasks, name, ThreadTask(name, handler, auto_start), "thread")
            return handler

        return register

    def errorhandler(self, exception: type[Exception]) -> Callable[[Handler], Handler]:
        """Answer for actions that raise that exception, or one of its kind: the handler takes it and returns a dict.

        `request` and `response` are those of the action. Of several the one of the closest kind is called; that of a
        blueprint only for its own actions, and before that of the app. What it handles is not logged as an error.
        """
        if not (isinstance(exception, type) and issubclass(exception, Exception)):
            raise RegistrationError(f"errorhandler takes a subclass of Exception, not {checks.shown(exception)}")

        def register(handler: Handler) -> Handler:
            must_fit(handler, f"the error handler of {exception.__name__}", "the exception")
            self._changing()
            if exception in self.error_handlers:
                raise RegistrationError(f"{exception.__name__} has an error handler already in {self.name!r}")
            self.error_handlers[exception] = handler
            return handler

        return register

    def error_handler(self, action: str, error: BaseException) -> Callable[[Any], Any] | None:
        """What answers for that action where it raised that; None where nothing does."""
        own = self._came_with.get(action)
        # A payload that does not fit is answered for as such, unless somebody wants to do that in particular.
        for cls in (Misfit,) if issubclass(type(error), Misfit) else type(error).__mro__:
            for registry in (self,) if own is None else (own, self):
                if cls in registry.error_handlers:
                    return registry.error_handlers[cls]
        return None

    @overload
    def on_start(self) -> Callable[[Hook], Hook]: ...

    @overload
    def on_start(self, hook: Hook) -> Hook: ...

    def on_start(self, hook: Hook | None = None) -> Hook | Callable[[Hook], Hook]:
        """Call the function once when the service starts, before it takes any message (with or without parentheses).

        An exception in it keeps the service from starting.
        """
        return self._hook(self.start_hooks, hook)

    @overload
    def on_stop(self) -> Callable[[Hook], Hook]: ...

    @overload
    def on_stop(self, hook: Hook) -> Hook: ...

    def on_stop(self, hook: Hook | None = None) -> Hook | Callable[[Hook], Hook]:
        """Call the function once when the service stops, after the last handler has finished."""
        return self._hook(self.stop_hooks, hook)

    def resolve_annotations(self) -> None:
        """Look for the names in annotations that were not known when handlers were registered.

        Raises RegistrationError, with file and line, where one is not there or cannot be used. A service does it
        when it starts.
        """
        for handler in self.action_handlers.values():
            settle(handler)

    def merge(self, other: Registry) -> None:
        """Take over everything that `other` has; nothing at all where one of its names is taken."""
        self._changing()
        pairs: list[tuple[dict[str, Any], dict[str, Any], str]] = [
            (self.action_handlers, other.action_handlers, "action"),
            (self.background_tasks, other.background_tasks, "background task"),
            (self.thread_tasks, other.thread_tasks, "thread"),
        ]
        for mine, theirs, kind in pairs:
            for name in theirs:
                if name in mine:
                    raise RegistrationError(f"{other.name!r} brings {kind} {name!r}, which {self.name!r} has already")
        for mine, theirs, _kind in pairs:
            mine.update(theirs)
        self._came_with.update(dict.fromkeys(other.action_handlers, other))
        for channel, handlers in other.listen_handlers.items():
            self.listen_handlers.setdefault(channel, []).extend(handlers)
        self.start_hooks.extend(other.start_hooks)
        self.stop_hooks.extend(other.stop_hooks)

    def _hook(self, hooks: list[Callable[[], Any]], hook: Hook | None) -> Hook | Callable[[Hook], Hook]:
        def register(hook: Hook) -> Hook:
            must_fit(hook, "the hook")
            self._changing()
            hooks.append(hook)
            return hook

        return register if hook is None else register(hook)

    def _add(self, handlers: dict[str, Any], name: str, handler: Any, kind: str) -> None:
        self._changing()
        if name in handlers:
            raise RegistrationError(f"{kind} {name!r} has a handler already in {self.name!r}; each may have only one")
        handlers[name] = handler

    def _changing(self) -> None:
        """Called before anything is registered; whoever must not change any more raises here."""


def _need_name(name: object, what: str) -> None:
    if not isinstance(name, str) or not name:
        raise RegistrationError(f"{what} needs a name (a non-empty str), not {checks.shown(name)}")
    checks.name(name, f"the name of {what}", RegistrationError)
