"""What an app or a blueprint has called around its handlers, by the names that Flask gave it. Pure bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar, overload

from daebus.errors import Misfit, RegistrationError
from daebus.wire import checks

from .fitting import must_fit, place
from .kind import Function

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Hooks:
    """The hooks registered so far, in their order. Each may be a plain function or an async one."""

    name: str

    def __init__(self) -> None:
        self.before_requests: list[Function] = []
        self.after_requests: list[Function] = []
        self.teardowns: list[Function] = []
        self.before_events: list[Function] = []
        self.after_events: list[Function] = []
        self.error_handlers: dict[type[Exception], Function] = {}

    @overload
    def before_request(self) -> Callable[[Handler], Handler]: ...

    @overload
    def before_request(self, hook: Handler) -> Handler: ...

    def before_request(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function before the handler of each action; `request` and `response` are those of the action.

        It returns None, or a dict: that is the answer then, and neither further hooks of this kind nor the handler run.
        The same goes where it has answered with `response.send` or `response.error`. An exception is as one of the
        handler. Those of the app come first, then those of the blueprint, for its own actions only.
        """
        return self._hook(self.before_requests, hook, "the before_request hook")

    @overload
    def after_request(self) -> Callable[[Handler], Handler]: ...

    @overload
    def after_request(self, hook: Handler) -> Handler: ...

    def after_request(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function with the payload of each final answer, before it is sent; it returns None or another one.

        That other one is a dict, or of the kind of what it was given, such as the list with which a typed handler
        answers. What it is given may be the payload of an error, which has `error` and mostly `code`, and stays one.
        Where there are such hooks a final answer is sent when the handler has ended. An exception takes the place of
        the answer. They are called in reverse order, those of a blueprint before those of the app; for a message that
        has no answer, and one that is answered later (`response.defer`), not at all.
        """
        return self._hook(self.after_requests, hook, "the after_request hook", "the answer")

    @overload
    def teardown_request(self) -> Callable[[Handler], Handler]: ...

    @overload
    def teardown_request(self, hook: Handler) -> Handler: ...

    def teardown_request(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function when the handler of an action has ended and its answer is sent, whatever has become of it.

        One that is answered later (`response.defer`) has its answer after that. It takes the exception that nothing has
        handled, or None. What it returns is of no account; an exception in it is logged, and the others are called all
        the same. They are called in reverse order, as `after_request`.
        """
        return self._hook(self.teardowns, hook, "the teardown_request hook", "the exception")

    @overload
    def before_event(self) -> Callable[[Handler], Handler]: ...

    @overload
    def before_event(self, hook: Handler) -> Handler: ...

    def before_event(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function before each listener, with the payload that this is to hear.

        What it returns is of no account; where it raises, which is logged, the listener is not called.
        """
        return self._hook(self.before_events, hook, "the before_event hook", "the payload")

    @overload
    def after_event(self) -> Callable[[Handler], Handler]: ...

    @overload
    def after_event(self, hook: Handler) -> Handler: ...

    def after_event(self, hook: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
        """Call the function after each listener, with the payload and what was raised, or None.

        An exception in it is logged, and the others are called all the same; in reverse order, as `after_request`.
        """
        return self._hook(self.after_events, hook, "the after_event hook", "the payload", "the exception")

    def errorhandler(self, exception: type[Exception]) -> Callable[[Handler], Handler]:
        """Answer for actions that raise that exception, or one of its kind: the handler takes it and returns a dict.

        `request` and `response` are those of the action. Of several the one of the closest kind is called. Those of a
        blueprint are for its own actions only, and any of them comes before all of the app, as in Flask. What is
        handled is not logged as an error. A payload that does not fit a typed handler is left to that of `Misfit`
        alone, not to one of `Exception`.
        """
        given: object = exception
        if not (isinstance(given, type) and issubclass(given, Exception)):
            told = "errorhandler takes a subclass of Exception"
            if isinstance(given, FunctionType):
                raise RegistrationError(f"{told}: write @app.errorhandler(KeyError), say, above {given.__name__}")
            raise RegistrationError(f"{told}, not {checks.shown(given)}")

        def register(handler: Handler) -> Handler:
            kind = must_fit(handler, f"the error handler of {exception.__name__}", "the exception")
            self._changing()
            if exception in self.error_handlers:
                there = f"{self.name!r}{place(self.error_handlers[exception].call)}"
                raise RegistrationError(f"{exception.__name__} has an error handler already in {there}")
            self.error_handlers[exception] = Function(handler, kind, self)
            return handler

        return register

    def hook_functions(self) -> list[Function]:
        """All of them."""
        hooks = (self.before_requests, self.after_requests, self.teardowns, self.before_events, self.after_events)
        return [function for each in (*hooks, self.error_handlers.values()) for function in each]

    def _hook(
        self, hooks: list[Function], hook: Handler | None, what: str, *given: str
    ) -> Handler | Callable[[Handler], Handler]:
        def register(hook: Handler) -> Handler:
            kind = must_fit(hook, what, *given)
            self._changing()
            hooks.append(Function(hook, kind, self))
            return hook

        return register if hook is None else register(hook)

    def _changing(self) -> None:
        """Called before anything is registered; whoever must not change any more raises here."""


@dataclass(frozen=True, slots=True)
class Route:
    """A handler with what is called around it, in the order in which it is called.

    `place` is what it is called in texts: "action 'get_user'". `homes` are those whose error handlers answer for it,
    the closest first.
    """

    place: str
    function: Function
    before: tuple[Function, ...]
    after: tuple[Function, ...]
    teardown: tuple[Function, ...]
    homes: tuple[Hooks, ...]

    def error_handler(self, error: BaseException) -> Function | None:
        """What answers where that was raised; None where nothing does."""
        # A payload that does not fit is answered for as such, unless somebody wants to do that in particular.
        kinds = (Misfit,) if issubclass(type(error), Misfit) else type(error).__mro__
        found = (home.error_handlers[cls] for home in self.homes for cls in kinds if cls in home.error_handlers)
        return next(found, None)


def action_route(app: Hooks, action: str, function: Function) -> Route:
    """That of the handler of an action."""
    homes = _homes(app, function)
    return Route(
        f"action {action!r}",
        function,
        tuple(hook for home in reversed(homes) for hook in home.before_requests),
        tuple(hook for home in homes for hook in reversed(home.after_requests)),
        tuple(hook for home in homes for hook in reversed(home.teardowns)),
        homes,
    )


def event_route(app: Hooks, channel: str, function: Function) -> Route:
    """That of a listener."""
    homes = _homes(app, function)
    return Route(
        f"the listener of {channel!r}",
        function,
        tuple(hook for home in reversed(homes) for hook in home.before_events),
        tuple(hook for home in homes for hook in reversed(home.after_events)),
        (),
        homes,
    )


def _homes(app: Hooks, function: Function) -> tuple[Hooks, ...]:
    """The blueprint of a function, where it has one, and the app."""
    home = function.home
    return (home, app) if isinstance(home, Hooks) and home is not app else (app,)
