"""Stub: answers in place of a service, and remembers what it was asked."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daebus import context
from daebus.errors import ConfigurationError, PayloadError, RequestFailed
from daebus.service.options import Options
from daebus.service.registry import Registry
from daebus.service.service import Service
from daebus.wire import checks
from daebus.wire.writing import encode

from .messages import BusMessage
from .recorded import RecordedBus

GRACE = 2.0
"""Seconds that the functions of a stub get to finish at the end."""

OneAnswer = dict[str, Any] | Exception | type[Exception] | Callable[[dict[str, Any]], Any]
"""A payload, an exception, or a function of the payload that returns or raises one of these."""
Answer = OneAnswer | Sequence[OneAnswer]
"""One for all requests, or several in turn."""


class Stub:
    """Serves `service` on the bus from when it is made until `stop`.

    `answers` has for each action what to answer: a payload; an exception, for an error answer with its text and class
    (of a RequestFailed with its `code`); a function that takes the payload and returns or raises one of these, in which
    `response` is that of a handler; or a list of these, of which each is for one request. Raises ConfigurationError for
    what is none of them or where the service runs already, PayloadError for a payload that JSON cannot carry.
    """

    def __init__(self, service: str, answers: Mapping[str, Answer], bus: RecordedBus) -> None:
        self.service = checks.name(service, "service")
        if not isinstance(answers, Mapping):
            raise ConfigurationError(
                f"answers must be a dict with an answer for each action, not {checks.shown(answers)}"
            )
        if not isinstance(bus, RecordedBus):
            raise ConfigurationError(f"bus must be a RecordedBus, not {checks.shown(bus)}")
        self._bus = bus
        self._lock = threading.Lock()
        self._problems: list[str] = []
        self._registry = Registry(service)
        for action, answer in answers.items():
            checks.name(action, f"an action of stub {service!r}")
            self._registry.action(action)(self._handler(action, answer))
        if bus.bus.subscribers(service):
            raise ConfigurationError(f"{service!r} runs on this bus already; a stub would be a second one to answer")
        options = Options(grace=GRACE, debugger=True, stands_in=True)
        self._running = Service(service, self._registry, bus.bus, options, self.stop)
        self._running.start()

    def __repr__(self) -> str:
        return f"<Stub {self.service!r}>"

    @property
    def calls(self) -> list[BusMessage]:
        """What was asked of it, or told to it one-way, in order."""
        return self._bus.requests(self.service)

    @property
    def problems(self) -> list[str]:
        """What went wrong with it: it was asked for what it does not know, or has no answer for."""
        known = self._registry.action_handlers
        unknown = [each for each in self.calls if each.action not in known]
        names = ", ".join(map(repr, known)) or "no action"
        said = [
            f"stub {self.service!r} was asked for {each.action!r}, which it does not know: it has {names}\n  {each}"
            for each in unknown
        ]
        with self._lock:
            return said + self._problems

    def stop(self) -> None:
        """Serve no more."""
        running, self._running = self._running, None  # type: ignore[assignment]
        if running is not None:
            running.stop(GRACE)

    def _handler(self, action: str, answer: Answer) -> Callable[[], Any]:
        what = f"stub {self.service!r}: the answer to {action!r}"
        if not isinstance(answer, list | tuple):
            self._check(answer, what)
            return lambda: self._answer(action, answer)
        for number, each in enumerate(answer, 1):
            self._check(each, f"{what}, number {number} of {len(answer)},")
        left = list(answer)

        def in_turn() -> Any:
            with self._lock:
                found = left.pop(0) if left else None
            if found is None:
                had = f"all {len(answer)} have been given" if answer else "its list is empty"
                return self._has_none(f"stub {self.service!r} has no answer left for {action!r}: {had}")
            return self._answer(action, found)

        return in_turn

    def _check(self, answer: object, what: str) -> None:
        """Raise for what can be no answer."""
        if isinstance(answer, dict):
            try:
                encode(answer)
            except PayloadError as error:
                raise PayloadError(f"{what} can be none: {error}") from None
        elif _is_exception(answer):
            pass
        elif not callable(answer):
            raise ConfigurationError(
                f"{what} must be a dict, an exception, a function of the payload or a list of these, "
                f"not {checks.shown(answer)}"
            )
        else:
            what = f"{what.removesuffix(',')}, a function,"
            checks.plain_function(answer, what)
            try:
                inspect.signature(answer).bind("the payload")
            except TypeError as error:
                raise ConfigurationError(f"{what} cannot be called with the payload: {error}") from None
            except ValueError:
                # It does not tell its arguments.
                pass

    def _answer(self, action: str, answer: Any) -> Any:
        """Answer the request at hand; the result is that of a handler."""
        here = context.current()
        assert here is not None
        assert here.request is not None
        if callable(answer) and not _is_exception(answer):
            try:
                answer = answer(here.request.payload)
            except Exception as error:  # noqa: BLE001 - what it raises is its answer
                answer = error
        if here.response.finished:
            return None
        if isinstance(answer, RequestFailed):
            return here.response.error(answer.message, code=answer.code or "handler_error")
        if _is_exception(answer):
            return here.response.error(answer() if isinstance(answer, type) else answer, code="handler_error")
        try:
            return here.response.send({} if answer is None else answer)
        except PayloadError as error:
            return self._has_none(
                f"stub {self.service!r} cannot answer {action!r} with what its function returned: {error}"
            )

    def _has_none(self, problem: str) -> Any:
        here = context.current()
        assert here is not None
        with self._lock:
            self._problems.append(f"{problem}\n  asked: {here.request.payload if here.request else None}")
        return here.response.error(problem, code="handler_error")


def _is_exception(answer: object) -> bool:
    return isinstance(answer, Exception) or (isinstance(answer, type) and issubclass(answer, Exception))
