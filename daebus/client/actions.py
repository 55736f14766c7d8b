"""Calling a service as if its actions were functions, and one action for many payloads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from daebus.errors import DaebusError, PayloadError
from daebus.wire import checks

from .call import Call

Answer = TypeVar("Answer")


class Actions(Generic[Answer]):
    """The actions of a service as functions: `actions.get_user(user_id=17)` asks for `get_user` with that payload.

    A name that is no identifier of Python goes in brackets (`actions["get-user"](...)`), a payload whose names are none
    comes first (`actions.find({"user.id": 17})`). Called itself it gives the same with other options:
    `actions(timeout=2).get_user(user_id=17)`.
    """

    def __init__(self, ask: Callable[..., Answer], options: Mapping[str, Any] | None = None) -> None:
        self._ask = ask
        self._options = dict(options or {})

    def __call__(
        self,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Any], Any] | None = None,
        idempotent: bool | None = None,
    ) -> Actions[Answer]:
        """The same with a time limit in seconds, with something to be told of partial payloads, or `idempotent`.

        What is not given stays as it was.
        """
        given = {"timeout": timeout, "on_progress": on_progress, "idempotent": idempotent}
        return Actions(self._ask, {**self._options, **{name: one for name, one in given.items() if one is not None}})

    def __getitem__(self, action: str) -> Callable[..., Answer]:
        def ask(payload: Mapping[str, Any] | None = None, /, **fields: Any) -> Answer:
            """Ask, and return the final payload. Raises what `send_request` raises."""
            if payload is not None and not isinstance(payload, Mapping):
                raise PayloadError(
                    f"the payload must be a dict, not {type(payload).__name__}; "
                    f"fields are given by their names, as in {action}(name=...)"
                )
            return self._ask(action, {**(payload or {}), **fields}, **self._options)

        ask.__name__ = ask.__qualname__ = str(action)
        return ask

    def __getattr__(self, action: str) -> Callable[..., Answer]:
        if action.startswith("__"):
            # Python itself asks for such, to find out what this can do.
            raise AttributeError(action)
        return self[action]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many requests: its `answer`, or the `error` that it ended with."""

    payload: Any
    """What was asked with."""
    answer: Any = None
    error: DaebusError | None = None

    @property
    def ok(self) -> bool:
        """Whether it was answered, and not with an error."""
        return self.error is None

    def result(self) -> Any:
        """The answer; raises the error where it ended with one."""
        if self.error is not None:
            raise self.error
        return self.answer


def outcomes(start: Callable[[Any], Call], payloads: Iterable[Any], in_flight: int) -> Iterator[Outcome]:
    """What became of each, in the order of the payloads; so many are under way at once, and as many taken ahead.

    One that fails is an outcome like others. What is not waited for any more is cancelled. Raises ConfigurationError,
    PayloadError where there are no payloads to go through.
    """
    return _outcomes(start, gone_through(payloads, in_flight), in_flight)


def gone_through(payloads: Iterable[Any], in_flight: int) -> Iterator[Any]:
    """The payloads, one after the other. Raises as `outcomes` does."""
    checks.whole(in_flight, "in_flight", _MOST_IN_FLIGHT)
    if isinstance(payloads, dict):
        raise PayloadError(f"payloads must be several, such as a list of dicts, not one: {checks.shown(payloads)}")
    try:
        return iter(payloads)
    except TypeError:
        raise PayloadError(f"payloads must be iterable, not {checks.shown(payloads)}") from None


def _outcomes(start: Callable[[Any], Call], rest: Iterator[Any], in_flight: int) -> Iterator[Outcome]:
    under_way: deque[tuple[Any, Call | DaebusError]] = deque()
    try:
        while True:
            while len(under_way) < in_flight and (found := next(rest, END)) is not END:
                try:
                    under_way.append((found, start(found)))
                except DaebusError as error:
                    under_way.append((found, error))
            if not under_way:
                return
            yield _outcome(*under_way.popleft())
    finally:
        for _payload, call in under_way:
            if isinstance(call, Call):
                call.cancel()


END = object()
_MOST_IN_FLIGHT = 1_000_000


def _outcome(payload: Any, call: Call | DaebusError) -> Outcome:
    if isinstance(call, DaebusError):
        return Outcome(payload, error=call)
    try:
        return Outcome(payload, call.result())
    except DaebusError as error:
        return Outcome(payload, error=error)
    except BaseException:
        call.cancel()
        raise
