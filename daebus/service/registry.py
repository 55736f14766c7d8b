"""What an app or a blueprint has: actions, listeners, background tasks, threads, start and stop hooks.

Pure bookkeeping; the decorators are those of both `Daebus` and `Blueprint`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from types import FunctionType
from typing import Any, overload

from daebus.errors import RegistrationError
from daebus.wire import checks

from .fitting import ANSWERS, THREADS, must_be, must_fit, place
from .hooks import Handler, Hooks
from .kind import Function
from .typed.handler import bound, heard, settle


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """A function called every `interval` seconds, the first time after one interval."""

    name: str
    interval: float
    function: Function


@dataclass(frozen=True, slots=True)
class ThreadTask:
    """A function that runs in a thread of its own until `running()` turns false."""

    name: str
    function: Callable[[Callable[[], bool]], Any]
    auto_start: bool


class Registry(Hooks):
    """The handlers registered so far. A second handler for one name is an error, at once and not at run time."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = checks.name(name, "the name of an app or a blueprint", RegistrationError)
        self.action_handlers: dict[str, Function] = {}
        self.listen_handlers: dict[str, list[Function]] = {}
        self.background_tasks: dict[str, BackgroundTask] = {}
        self.thread_tasks: dict[str, ThreadTask] = {}
        self.start_hooks: list[Function] = []
        self.stop_hooks: list[Function] = []
        self._blueprints: list[Registry] = []

    def action(self, action_name: str) -> Callable[[Handler], Handler]:
        """Handle requests and messages to this service that name `action_name`.

        A handler takes no arguments, or fields of the payload as its annotations say (needs `daebus[typed]`): a payload
        that does not fit is answered with `bad_request` and does not get to it. One model takes the whole payload.

        A plain function runs on a worker thread, an `async def` on the event loop of the service. It answers with a
        dict that it returns, or `response`. A generator, of either sort, answers in parts: with each value that it
        yields, of which the last is the final answer unless it returns one.

        Raises RegistrationError where the action has a handler already, or this one cannot be called so.
        """
        _need_name(action_name, "an action", "action")

        def register(handler: Handler) -> Handler:
            what = f"the handler of action {action_name!r}"
            within = sys._getframe(1)
            if _only_makes_an_object(handler):
                written = f"{within.f_code.co_filename}:{within.f_lineno}"
                raise RegistrationError(f"{what} ({written}) is the class {handler.__name__}; {_METHOD}")
            called = bound(handler, what, within)
            kind = must_fit(called, what, kinds=ANSWERS)
            self._add(self.action_handlers, action_name, Function(called, kind, self), "action")
            return handler

        return register

    def listen(self, channel: str) -> Callable[[Handler], Handler]:
        """Hear broadcasts on `channel`, which may have several handlers.

        A handler takes the decoded object, in a parameter without annotation or with that of a dict, a Mapping or Any.
        With another annotation, or with several parameters, it takes fields of it, and in one model the whole, as an
        action does (needs `daebus[typed]`): for a broadcast that does not fit it is not called, and the log says so.
        Raises RegistrationError where it cannot be called so.
        """
        _need_name(channel, "a channel", "listen")

        def register(handler: Handler) -> Handler:
            what = f"the listener of {channel!r}"
            kind = must_be(handler, what)
            called = heard(handler, what, sys._getframe(1))
            must_fit(called, what, "the payload")
            self._changing()
            self.listen_handlers.setdefault(channel, []).append(Function(called, kind, self))
            return handler

        return register

    def background(self, name: str, interval: float) -> Callable[[Handler], Handler]:
        """Call the function every `interval` seconds, the first time after one interval, never overlapping itself.

        Raises RegistrationError where the name is taken, or the interval is not above 0.
        """
        _need_name(name, "a background task", "background")
        what = f"the interval of background task {name!r}"
        seconds = checks.seconds(interval, what, RegistrationError)
        if not 0 < seconds < math.inf:
            raise RegistrationError(f"{what} must be a number of seconds above 0, not {checks.shown(interval)}")

        def register(handler: Handler) -> Handler:
            kind = must_fit(handler, f"background task {name!r}")
            task = BackgroundTask(name, interval, Function(handler, kind, self))
            self._add(self.background_tasks, name, task, "background task")
            return handler

        return register

    def thread(self, name: str, auto_start: bool = True) -> Callable[[Handler], Handler]:
        """Run the function in a thread of its own; it takes `running`, a callable that is false when it should end.

        Without `auto_start` it waits for `start_thread`. Raises RegistrationError where the name is taken.
        """
        _need_name(name, "a thread", "thread")

        def register(handler: Handler) -> Handler:
            must_fit(handler, f"thread {name!r}", "running", kinds=THREADS)
            self._add(self.thread_tasks, name, ThreadTask(name, handler, auto_start), "thread")
            return handler

        return register

    @overload
    def on_start(self) -> Callable[[Handler], Handler]: ...

    @overload
    def on_start(self, hook: Handler) -> Handler: ...

    def on_start(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function once when the service starts, before it takes any message (with or without parentheses).

        An exception in it keeps the service from starting.
        """
        return self._hook(self.start_hooks, hook, "the on_start hook")

    @overload
    def on_stop(self) -> Callable[[Handler], Handler]: ...

    @overload
    def on_stop(self, hook: Handler) -> Handler: ...

    def on_stop(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function once when the service stops, after the last handler has finished."""
        return self._hook(self.stop_hooks, hook, "the on_stop hook")

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing in it that runs before it stops."""
        runs = (self.action_handlers, self.listen_handlers, self.background_tasks, self.thread_tasks, self.start_hooks)
        return not any(runs)

    @property
    def needs_loop(self) -> bool:
        """Whether any function of it runs on an event loop."""
        functions = [
            *self.action_handlers.values(),
            *(function for functions in self.listen_handlers.values() for function in functions),
            *(task.function for task in self.background_tasks.values()),
            *self.start_hooks,
            *self.stop_hooks,
            *(function for hooks in (self, *self._blueprints) for function in hooks.hook_functions()),
        ]
        return any(function.kind.on_loop for function in functions)

    def resolve_annotations(self) -> None:
        """Look for the names in annotations that were not known when handlers were registered.

        Raises RegistrationError, with file and line, where one is not there or cannot be used. A service does it
        when it starts.
        """
        for handler in [*self.action_handlers.values(), *chain.from_iterable(self.listen_handlers.values())]:
            settle(handler.call)

    def merge(self, other: Registry) -> None:
        """Take over everything that `other` has; nothing at all where one of its names is taken."""
        self._changing()
        if other in self._blueprints:
            raise RegistrationError(f"{self.name!r} has the blueprint {other.name!r} already")
        pairs: list[tuple[dict[str, Any], dict[str, Any], str]] = [
            (self.action_handlers, other.action_handlers, "action"),
            (self.background_tasks, other.background_tasks, "background task"),
            (self.thread_tasks, other.thread_tasks, "thread"),
        ]
        for mine, theirs, kind in pairs:
            for name, brought in theirs.items():
                if name in mine:
                    what = f"{kind} {name!r}{place(_function_of(brought))}"
                    there = f"{self.name!r} has already{place(_function_of(mine[name]))}"
                    raise RegistrationError(f"{other.name!r} brings {what}, which {there}")
        for mine, theirs, _kind in pairs:
            mine.update(theirs)
        self._blueprints.append(other)
        for channel, handlers in other.listen_handlers.items():
            self.listen_handlers.setdefault(channel, []).extend(handlers)
        self.start_hooks.extend(other.start_hooks)
        self.stop_hooks.extend(other.stop_hooks)

    def _add(self, handlers: dict[str, Any], name: str, handler: Any, kind: str) -> None:
        self._changing()
        if name in handlers:
            there = f"has a handler already in {self.name!r}{place(_function_of(handlers[name]))}"
            raise RegistrationError(f"{kind} {name!r} {there}; each may have only one")
        handlers[name] = handler


_METHOD = "an object of it is no answer: register a method of one"


def _only_makes_an_object(handler: object) -> bool:
    """Whether it is a class with nothing of its own that runs when it is called, and whose objects are no answers."""
    given: Any = handler
    bare: Any = object
    return (
        isinstance(handler, type)
        and type(handler).__call__ is type.__call__
        and (given.__new__, given.__init__) == (bare.__new__, bare.__init__)
    )


def _function_of(registered: Function | BackgroundTask | ThreadTask) -> Callable[..., Any]:
    """What was registered, as it was written."""
    function: Any = registered if isinstance(registered, Function) else registered.function
    return function.call if isinstance(function, Function) else function


def _need_name(name: object, what: str, decorator: str) -> None:
    if isinstance(name, FunctionType):
        function = name.__name__
        todo = f'write @app.{decorator}("{function}") above {function}, not @app.{decorator}'
        raise RegistrationError(f"{what} needs a name: {todo}")
    if not isinstance(name, str) or not name:
        raise RegistrationError(f"{what} needs a name (a non-empty str), not {checks.shown(name)}")
    checks.name(name, f"the name of {what}", RegistrationError)
