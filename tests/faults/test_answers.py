"""A caller gets an error, whatever fails while its answer is made, and whatever the answer is."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller, RequestFailed, response
from tests.support.framework_services import serving

pytestmark = pytest.mark.fault


def failing(error: BaseException) -> Callable[..., Any]:
    """A method that raises it."""

    def method(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return method


def exception(base: type[BaseException] = Exception, **methods: Any) -> BaseException:
    return type("Hostile", (base,), methods)("some words")


class Text(str):
    """Text that cannot be used for anything."""

    __slots__ = ()
    __format__ = __len__ = __bool__ = __repr__ = failing(ZeroDivisionError("of a text"))  # type: ignore[assignment]


class Nameless(type):
    """A class that does not say its name."""

    @property
    def __name__(cls) -> str:
        raise LookupError("no name")


class WithoutName(Exception, metaclass=Nameless):
    """Its class has none."""


class Fields(dict):  # type: ignore[type-arg]
    """A dict that cannot be gone through."""

    items = keys = values = __iter__ = failing(LookupError("of the fields"))


class Unlike:
    """Not even what it is can be asked."""

    __class__ = property(failing(ZeroDivisionError("of the class")))  # type: ignore[assignment]


def within_itself() -> dict[str, Any]:
    value: dict[str, Any] = {"a": []}
    value["a"].append(value)
    return value


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


RAISED: dict[str, Callable[[], BaseException]] = {
    "str": lambda: exception(__str__=failing(ZeroDivisionError("of the text"))),
    "str_and_repr": lambda: exception(__str__=failing(OSError()), __repr__=failing(OSError())),
    "str_that_is_none": lambda: exception(__str__=lambda _self: 5),
    "str_that_exits": lambda: exception(__str__=failing(SystemExit(3))),
    "str_that_recurses": lambda: exception(__str__=lambda self: str(self)),
    "str_that_is_interrupted": lambda: exception(__str__=failing(KeyboardInterrupt())),
    "str_that_is_a_trap": lambda: exception(__str__=lambda _self: Text("trap")),
    "str_of_surrogates": lambda: exception(__str__=lambda _self: "\ud83d \udead \x00"),
    "str_that_is_huge": lambda: exception(__str__=lambda _self: "x" * 20_000_000),
    "notes": lambda: exception(__notes__=property(failing(SystemExit(4)))),
    "attributes": lambda: exception(__getattribute__=failing(KeyboardInterrupt())),
    "no_name": WithoutName,
    "syntax_error": lambda: exception(SyntaxError, lineno=property(failing(SystemExit(5)))),
    "exit": lambda: SystemExit(1),
    "interrupt": KeyboardInterrupt,
    "generator_exit": GeneratorExit,
    "bare": lambda: exception(BaseException),
    "group": lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), exception(__str__=failing(OSError()))]),
    "stop_iteration": StopIteration,
}
PAYLOADS: dict[str, Callable[[], Any]] = {
    "iteration": lambda: Fields(a=1),
    "inner_iteration": lambda: {"a": [Fields(a=1)]},
    "within_itself": within_itself,
    "deep": lambda: deep(200),
    "deeper": lambda: deep(900),
    "too_deep_to_write": lambda: deep(100_000),
    "surrogates": lambda: {"a": object()},
    "digits": lambda: {"a": 10**5000},
    "nan": lambda: {"a": float("nan")},
    "bytes": lambda: {"a": b"x"},
    "huge": lambda: {"a": "x" * 17_000_000},
}


def formatted(record: logging.LogRecord) -> bool:
    """What a handler does, which raises nothing but what is no Exception; the text is not for the report of a test."""
    with contextlib.suppress(Exception):
        logging.Formatter().format(record)
    return False


@pytest.fixture(params=[False, True], ids=["plain", "debug"])
def service(
    request: pytest.FixtureRequest, redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Daebus]:
    monkeypatch.setattr(logging.getLogger("daebus"), "filters", [formatted])
    app = Daebus(name, max_workers=2)
    with_name: dict[str, Callable[[], Any]] = {}
    app.__dict__["made"] = with_name

    @app.action("raise")
    def raising() -> None:
        raise with_name["raise"]()

    @app.action("error")
    def error() -> int:
        return response.error(with_name["raise"]())

    @app.action("return")
    def returning() -> Any:
        return with_name["payload"]()

    @app.action("send")
    def sending() -> int:
        return response.send(with_name["payload"]())

    @app.action("partly")
    def partly() -> dict[str, Any]:
        response.send(with_name["payload"](), final=False)
        return {}

    app.action("echo")(lambda: {"fine": True})
    with serving(app, redis_url, name, debug=request.param):
        yield app


def asked(app: Daebus, redis_url: str, action: str) -> RequestFailed:
    """The error that it is answered with; the service is well afterwards."""
    with DaebusCaller(app.name, redis_url=redis_url, timeout=30) as caller:
        with pytest.raises(RequestFailed) as caught:
            caller.send_request(action)
        for _ in range(4):
            assert caller.send_request("echo") == {"fine": True}
    return caught.value


@pytest.mark.parametrize("what", RAISED)
@pytest.mark.parametrize("action", ["raise", "error"])
def test_whatever_a_handler_raises_is_told(service: Daebus, redis_url: str, what: str, action: str) -> None:
    service.__dict__["made"]["raise"] = RAISED[what]
    error = asked(service, redis_url, action)
    assert error.message
    assert error.type
    if action == "raise":
        assert error.code == "handler_error"


@pytest.mark.parametrize("what", PAYLOADS)
@pytest.mark.parametrize("action", ["return", "send", "partly"])
def test_whatever_cannot_be_sent_is_told(service: Daebus, redis_url: str, what: str, action: str) -> None:
    service.__dict__["made"]["payload"] = PAYLOADS[what]
    error = asked(service, redis_url, action)
    assert (error.code, error.type) == ("handler_error", "PayloadError")
    assert "the payload" in error.message or "the message is too large" in error.message


def test_what_cannot_even_be_looked_at_is_told(service: Daebus, redis_url: str) -> None:
    service.__dict__["made"]["payload"] = Unlike
    assert asked(service, redis_url, "return").type == "ZeroDivisionError"


def test_logging_that_fails_keeps_no_answer_back(
    service: Daebus, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.__dict__["made"]["raise"] = lambda: ValueError("no")
    with monkeypatch.context() as patch:
        patch.setattr(logging.getLogger("daebus"), "filters", [failing(SystemExit(6))])
        assert asked(service, redis_url, "raise").message == "no"
