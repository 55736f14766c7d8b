"""A function with parameters or an annotated answer, made a handler without arguments of the same kind."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from functools import partial
from types import FrameType
from typing import Any

from daebus.context import current
from daebus.errors import PayloadError, RegistrationError, class_of
from daebus.logs import note
from daebus.service.answering.receipt import Receipt
from daebus.service.fitting import cannot, place
from daebus.service.kind import USUAL, kind_of, streams

from . import signatures
from .signatures import Parameter, Taken
from .wrongs import RETURNED, Unusable

log = logging.getLogger("daebus")

_PLAN = "_daebus_plan"
_INSTALL = "pip install 'daebus[typed]'"
_GIVEN = "; a decorator that gives it says in its __signature__ what it takes of the payload"


def bound(function: Callable[..., Any], what: str, frame: FrameType | None) -> Callable[..., Any]:
    """The function itself where it wants nothing of a payload, else one without arguments that gives it what it wants.

    `frame` is where it is registered. Raises RegistrationError, with file and line, for what cannot be: an annotation
    that JSON has no form for, a default that does not fit, and msgspec that is not there. A name that is not known yet
    is looked for again by `settle`.
    """
    found = signatures.signature(function) if callable(function) else None
    if found is None:
        return function
    decorated = signatures.decorates(function)
    inner: Taken | None = None
    if signatures.takes_fields(found, decorated):
        plan = Plan(function, what, frame, signatures.taken(found, function, what))
    else:
        inner = signatures.within(function, found, what) if decorated else None
        if inner is None and signatures.is_open(signatures.returned(function, found)):
            return function
        plan = Plan(function, what, frame, inner or Taken([], None), lenient=inner is None, decorated=decorated)
    try:
        plan.settle(finally_=False)
    except _NotTyped as why:
        if not why.args:
            return function
        plan.leave(why)
    return _handler(function, plan)


def heard(function: Callable[..., Any], what: str, frame: FrameType | None) -> Callable[..., Any]:
    """The function itself where it takes the payload as it is, else one that takes it and gives what that wants.

    See `bound`. What returns from a listener is no answer, and its annotation is not looked at.
    """
    found = signatures.signature(function) if callable(function) else None
    if found is None or not found.parameters:
        return function
    inner = signatures.passed_on(function, found)
    first = signatures.whole(inner or found)
    written = function if inner is None else signatures.innermost(function)
    plain = None if first is None else _is_plain(written, first, frame)
    if plain:
        return function
    taken = signatures.taken(found, function, what) if inner is None else signatures.within(function, found, what)
    if taken is None:
        return function
    plan = HeardPlan(
        function,
        what,
        frame,
        taken,
        # A decorator that is given the payload may give what the function within wants.
        lenient=inner is not None and first is None and signatures.whole(found) is not None,
        decorated=inner is not None,
    )
    if first is not None and plain is None:
        plan.unknown = first.name
    try:
        plan.settle(finally_=False)
    except _NotTyped:
        return function

    def listener(payload: Any) -> Any:
        return function(payload) if plan.left else function(**plan.arguments(payload))

    return _standing_for(function, plan, listener)


def _is_plain(function: Callable[..., Any], first: Parameter, frame: FrameType | None) -> bool | None:
    """Whether a parameter takes a payload as it is; None where that is not known (yet)."""
    if first.kind is Parameter.VAR_POSITIONAL:
        return True
    try:
        return signatures.is_any_object(signatures.hints(function, frame, [first.name])[first.name])
    except Exception:  # noqa: BLE001 - it has none, or whatever the code of one raises
        return signatures.is_any_object(first.annotation) or None


def settle(handler: Callable[..., Any]) -> None:
    """Look again for the names that were not known when the handler was registered.

    Raises RegistrationError where one is not known yet, or what was found cannot be used.
    """
    plan: Plan | None = getattr(handler, _PLAN, None)
    if plan is None or plan.settled:
        return
    try:
        plan.settle(finally_=True)
    except _NotTyped as why:
        plan.leave(why)


def original(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The function that was registered."""
    plan: Plan | None = getattr(handler, _PLAN, None)
    return handler if plan is None else plan.function


def described(handler: Callable[..., Any]) -> dict[str, Any]:
    """The schemas of a handler: of its `arguments`, of its `answer`, and whether it `streams`; empty without any."""
    plan: Plan | None = getattr(handler, _PLAN, None)
    return {} if plan is None else plan.schemas


class _NotTyped(Exception):
    """What is not said to be typed turns out not to be, and is called as it is.

    Its text says why, where there is an annotation, which cannot be used.
    """


class Plan:
    """What a handler is given and answers, once its annotations are known. Until then, and where they turn out to say
    nothing that can be used by a `lenient` one, it is called as it is.

    A `decorated` one is given what the function within takes.
    """

    hears = False
    """Whether it is that of a listener."""

    def __init__(
        self,
        function: Callable[..., Any],
        what: str,
        frame: FrameType | None,
        taken: Taken,
        *,
        lenient: bool = False,
        decorated: bool = False,
    ) -> None:
        self.function = function
        self.kind = kind_of(function)
        self._annotated = signatures.innermost(function) if decorated else function
        self._instead = _GIVEN if decorated and not lenient else ""
        self._what = what
        self._frame = frame
        self._taken = taken
        self._lenient = lenient
        self.settled = False
        self.schemas: dict[str, Any] = {}
        self.arguments: Callable[..., dict[str, Any]] = dict
        self.final: Callable[[Any], Any] = _as_it_is
        self.part: Callable[[Any], Any] = _as_it_is
        self.last: Callable[[Any], Any] = _as_it_is

    def settle(self, *, finally_: bool) -> None:
        """Read the annotations; with `finally_` a name that is not known is an error."""
        hints = None
        try:
            hints = self._hints()
            if self._says_nothing(hints):
                raise _NotTyped
            self._read(hints)
        except NameError as error:
            if not finally_:
                return
            name = str(error).partition("\n")[0]
            if self._lenient or (self._forgiving and hints is None):
                raise _NotTyped(name) from None
            if hints is not None:
                # What it says itself is known: it is one of its classes that says more.
                name = f"{name}; it stands in a class, and is looked for in the module of that"
            raise self._cannot(f"has an annotation that is not known: {name}") from None
        self._frame = None
        self.settled = True

    def leave(self, why: Exception) -> None:
        """Have it called as it is, and say why where what it returns would be an answer if it were typed."""
        self.settled, self._frame = True, None
        if why.args:
            self.final = partial(_unanswered, why)

    @property
    def _forgiving(self) -> bool:
        """Whether it is called as it is where its annotations cannot be read."""
        return self._lenient

    def _says_nothing(self, hints: dict[str, Any]) -> bool:
        return self._lenient and not self._taken.parameters and signatures.is_open(hints.get("return"))

    def _annotated_names(self) -> list[str] | None:
        """Those whose annotations are looked at; None for all."""
        return None

    def _hints(self) -> dict[str, Any]:
        try:
            return signatures.hints(self._annotated, self._frame, self._annotated_names())
        except NameError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the code of an annotation raises
            if self._forgiving:
                raise _NotTyped(f"{class_of(error)}: {error}") from None
            raise self._cannot(f"has an annotation that cannot be read: {class_of(error)}: {error}") from None

    def _read(self, hints: dict[str, Any]) -> None:
        try:
            from .reading import read
        except ImportError as error:
            if self._lenient:
                raise _NotTyped(f"{_INSTALL} ({error})") from None
            raise self._cannot(f"takes fields of the payload: {_INSTALL} ({error})") from None
        try:
            trusting = not self._taken.parameters
            found = read(self._taken, hints, streams=streams(self.function), trusting=trusting, hears=self.hears)
        except Unusable as error:
            if self._lenient:
                raise _NotTyped(str(error).removeprefix(f"{RETURNED}: ")) from None
            raise self._cannot(f"cannot be bound: {error}{self._instead}") from None
        self.arguments, self.schemas = found.arguments, found.schemas
        self.final, self.part, self.last = found.result.final, found.part.part, found.last.part

    def _cannot(self, why: str) -> RegistrationError:
        return cannot(self._what, self.function, why)


class HeardPlan(Plan):
    """That of a listener. One that was always called with the payload, and has an annotation of it (the parameter is
    the `unknown` one) that turns out not to be known, still is.
    """

    hears = True
    unknown: str | None = None
    left = False
    """Whether it is called with the payload."""

    @property
    def _forgiving(self) -> bool:
        return self._lenient or self.unknown is not None

    def leave(self, why: Exception) -> None:
        """Have it called with the payload, and say why where that is not what its annotation says."""
        super().leave(why)
        self.left = True
        if why.args:
            line = "%s%s is given the payload as it is, as its annotation cannot be read: %s"
            note(log, logging.WARNING, line, self._what, place(self.function), why)

    def _says_nothing(self, hints: dict[str, Any]) -> bool:
        return self.unknown is not None and signatures.is_any_object(hints.get(self.unknown, Any))

    def _annotated_names(self) -> list[str]:
        rest = [] if self._taken.rest is None else [self._taken.rest]
        return [parameter.name for parameter in (*self._taken.parameters, *rest)]


def _as_it_is(value: Any) -> Any:
    return value


def _unanswered(why: Exception, value: Any) -> Any:
    """What was returned where the annotation cannot be used: a dict may be an answer, and nothing else."""
    context = current()
    response = None if context is None else context.response
    if type(value) in USUAL or isinstance(value, dict) or response is None or response.channel is None:
        return value
    if not (response.finished or response.deferred):
        raise PayloadError(f"what was returned ({type(value).__name__}) is not answered by its annotation: {why}")
    return value


def _handler(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    """What gives the function what the plan says, and goes on by it with whatever that returns."""

    def handler() -> Any:
        return _answered(function(**plan.arguments()), plan)

    return _standing_for(function, plan, handler)


def _standing_for(function: Callable[..., Any], plan: Plan, handler: Callable[..., Any]) -> Callable[..., Any]:
    functools.update_wrapper(handler, function)
    # It takes what it takes, whatever the function says of itself.
    handler.__dict__.pop("__signature__", None)
    setattr(handler, _PLAN, plan)
    return handler


def _answered(returned: Any, plan: Plan) -> Any:
    """The answer; or what awaits it or goes through it, as what was returned wants it.

    What wants to be awaited is left as it is on a thread, where nothing does: that is told where it is called.
    """
    if type(returned) in USUAL:
        return plan.final(returned)
    if inspect.isgenerator(returned):
        return _streamed(returned, plan)
    if inspect.isasyncgen(returned):
        return _streamed_async(returned, plan) if plan.kind.on_loop else returned
    if inspect.isawaitable(returned):
        return _awaited(returned, plan) if plan.kind.on_loop else returned
    return plan.final(returned)


async def _awaited(returned: Awaitable[Any], plan: Plan) -> Any:
    return _answered(await returned, plan)


def _streamed(items: Generator[Any, Any, Any], plan: Plan) -> Generator[Any, Any, Any]:
    try:
        while True:
            try:
                item = next(items)
            except StopIteration as end:
                last = end.value
                break
            yield _unless_sent(item, plan.part)
        # Not while that is handled: what is wrong with the value would be logged with it.
        return _unless_sent(last, plan.last)
    finally:
        items.close()


def _unless_sent(item: Any, converted: Callable[[Any], Any]) -> Any:
    """One answer of several; what `response` has sent already is none."""
    return item if isinstance(item, Receipt) else converted(item)


async def _streamed_async(items: AsyncGenerator[Any, Any], plan: Plan) -> AsyncIterator[Any]:
    try:
        async for item in items:
            yield _unless_sent(item, plan.part)
    finally:
        await items.aclose()
