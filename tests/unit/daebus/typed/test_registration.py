"""Handlers with parameters as they are registered: what cannot be bound is refused at once, with file and line."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
import threading
import typing
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import InitVar, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypedDict

import msgspec
import pytest

from daebus import Blueprint, Daebus, response
from daebus.errors import RegistrationError, RequestFailed

from .support import ask, taking, wrong


class Plain:
    """Has no fields."""


class Speaks(Protocol):
    def speak(self) -> str: ...


class Mixed(Enum):
    A = 1
    B = "b"
    C = 1.5


@dataclass
class Holds:
    inner: list[Plain]


@dataclass
class WithTags:
    tags: list[str]


@dataclass(init=False)
class Wants:
    a: int

    def __init__(self, a: int, b: int) -> None:
        self.a = a + b


@dataclass
class WantsMore:
    a: int
    b: InitVar[int]


class Untagged(msgspec.Struct):
    a: int


class Other(msgspec.Struct):
    a: int


class Model(TypedDict):
    a: int


UNUSABLE: dict[Any, str] = {
    Plain: "Plain has no form in JSON; write a dataclass",
    Path: "Path has no form in JSON; write str",
    Callable[[], int]: "Callable has no form in JSON",
    Speaks: "Speaks has no form in JSON",
    complex: "complex has no form",
    deque: "deque has no form in JSON; write list",
    OrderedDict[str, int]: r"OrderedDict has no form in JSON; write dict\[...\]",
    Iterator[int]: r"Iterator has no form in JSON; write list\[...\]",
    type: "type has no form",
    Exception: "Exception has no form",
    list[Plain]: "Plain has no form",
    dict[str, Plain]: "Plain has no form",
    tuple[int, Plain]: "Plain has no form",
    Holds: "Holds.inner: Plain has no form",
    Holds | None: "Holds.inner: Plain has no form",
    Wants: "Wants cannot be made of its fields: missing a required argument: 'b'",
    WantsMore: "InitVar",
    set[list[int]]: "what is in a set must be hashable",
    frozenset[Model]: "what is in a set must be hashable",
    set[Holds]: "what is in a set must be hashable",
    dict[bool, int]: "names in an object of JSON are texts",
    dict[float, int]: "names in an object of JSON are texts",
    dict[tuple[int, int], int]: "(names in an object of JSON are texts|not supported)",
    Untagged | Other: "must be tagged",
    Path | str: "custom type",
    list[int] | set[int]: "more than one array-like",
    str | typing.Annotated[bytes, 1]: "more than one str-like",
    Literal[b"x"]: "Literal",
    Mixed: "Enum",
    ClassVar[int]: "ClassVar",
    typing.Self: "Self",
    msgspec.Raw: "Raw has no form",
    5: "not supported",
    len: "not supported",
}


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        ("list[", "has an annotation that cannot be read: SyntaxError"),
        ("sys.nowhere", "has an annotation that cannot be read: AttributeError"),
        (
            typing.Annotated[int, msgspec.Meta(extra_json_schema={"x": object()})],
            "cannot be bound: x: Encoding objects of type object",
        ),
    ],
)
def test_an_annotation_that_cannot_be_read_or_told_is_refused(annotation: Any, why: str) -> None:
    def handler(x: Any) -> None: ...

    handler.__annotations__["x"] = annotation
    with pytest.raises(RegistrationError, match=why):
        Daebus("typed").action("do")(handler)


@pytest.mark.parametrize("annotation", UNUSABLE)
def test_an_annotation_that_json_has_no_form_for_is_refused(annotation: Any) -> None:
    handler = taking(annotation)
    line = inspect.getsourcelines(handler)[1]
    with pytest.raises(RegistrationError, match=UNUSABLE[annotation]) as caught:
        Daebus("typed").action("do")(handler)
    assert caught.match(rf"^the handler of action 'do' \(.*support\.py:{line}\) cannot be bound: x: ")


Nested = dict[str, "Nested"] | int


@dataclass
class Nests:
    nested: Nested


@pytest.mark.parametrize("annotation", [Nested, Nests, list[Nests]])
def test_an_alias_that_contains_itself_is_told_as_that(annotation: Any) -> None:
    def handler(x: Any) -> None: ...

    handler.__annotations__["x"] = annotation
    with pytest.raises(RegistrationError, match="cannot be bound: x: an alias in it contains itself, which only a"):
        Daebus("typed").action("do")(handler)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no such aliases")
def test_a_type_that_contains_itself_is_told_as_that() -> None:
    found: dict[str, Any] = {}
    exec("type Tree = dict[str, Tree] | int\ndef handler(x: Tree) -> None: ...", found)
    with pytest.raises(RegistrationError, match="cannot be bound: x: an alias in it contains itself, which only a"):
        Daebus("typed").action("do")(found["handler"])


def test_what_is_returned_is_looked_at_as_well() -> None:
    def handler(x: int) -> Plain:
        return Plain()

    with pytest.raises(RegistrationError, match="what it returns: Plain has no form in JSON"):
        Daebus("typed").action("do")(handler)


class Shop:
    def method(self, x: int) -> dict[str, int]:
        return {"method": x}

    def __call__(self, x: int) -> dict[str, int]:
        return {"object": x}

    @classmethod
    def made(cls, x: int) -> dict[str, int]:
        return {"class": x}

    @staticmethod
    def free(x: int, y: int = 1) -> dict[str, int]:
        return {"free": x * y}


def with_star(a: int, *more: int) -> None: ...
def by_position(a: int, /) -> None: ...
def two_models(a: Untagged, b: Model, c: int = 0) -> None: ...
def text_for_int(a: int = "1") -> None: ...  # type: ignore[assignment]
def none_for_int(a: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013
def wrong_items(a: list[int] = ["x"]) -> None: ...  # type: ignore[list-item]  # noqa: B006
def no_member(a: Literal["x", "y"] = "z") -> None: ...  # type: ignore[assignment]
def no_form(a: int | None = object()) -> None: ...  # type: ignore[assignment]


@pytest.mark.parametrize("owner", [Daebus, Blueprint])
@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (with_star, r"takes \*more, and fields of a payload have no order"),
        (Shop.method, "takes 'self'; register the method of an object"),
        (by_position, "takes 'a' by its position only"),
        (two_models, "'a' and 'b' are models, and only one can be the payload"),
        (text_for_int, "the default of 'a' is not what it is annotated with: it must be a whole number, not text"),
        (none_for_int, "the default of 'a' is not what it is annotated with: it must be a whole number, not null"),
        (wrong_items, r"the default of 'a' is not .*: \[0\] must be a whole number, not text"),
        (no_member, "the default of 'a' is not what it is annotated with: it must be one of"),
        (no_form, "the default of 'a' has no form in JSON"),
    ],
)
def test_parameters_that_cannot_be_fields_are_refused(owner: Any, handler: Any, why: str) -> None:
    registry = owner("typed")
    with pytest.raises(RegistrationError, match=why) as caught:
        registry.action("do")(handler)
    assert caught.match(rf"\(.*test_registration\.py:{inspect.getsourcelines(handler)[1]}\)")
    registry.action("do")(dict)


def test_the_function_itself_is_left_as_it_is() -> None:
    def double(x: int) -> int:
        return 2 * x

    assert Daebus("typed").action("do")(double) is double
    assert double(4) == 8


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (Shop().method, {"method": 3}),
        (Shop(), {"object": 3}),
        (Shop.made, {"class": 3}),
        (Shop.free, {"free": 3}),
        (functools.partial(Shop.free, y=5), {"free": 15}),
        (lambda x: {"lambda": x}, {"lambda": 3}),
    ],
)
def test_whatever_can_be_called_with_fields_is_taken(handler: Any, answer: Any) -> None:
    assert ask(handler, {"x": 3}) == answer


def test_the_rest_of_the_fields_can_be_taken() -> None:
    def handler(x: int, **rest: int) -> dict[str, Any]:
        return {"x": x, "rest": rest}

    assert ask(handler, {"x": 1, "y": 2, "a-b": 3}) == {"x": 1, "rest": {"y": 2, "a-b": 3}}
    assert ask(handler, '{"x": 1, "y": "no", "a-b": null}')["fields"] == [
        {"path": "y", "reason": "must be a whole number, not text"},
        {"path": '["a-b"]', "reason": "must be a whole number, not null"},
    ]

    def all_of_it(**fields: Any) -> dict[str, Any]:
        return fields

    assert ask(all_of_it, {"any": ["thing"]}) == {"any": ["thing"]}


def test_a_model_alone_takes_the_whole_payload_and_among_others_a_field() -> None:
    def alone(model: Model) -> dict[str, Any]:
        return {"model": model}

    def among(model: Model, n: int = 0) -> dict[str, Any]:
        return {"model": model, "n": n}

    def with_default(model: Model = {"a": 7}) -> dict[str, Any]:  # noqa: B006
        return {"model": model}

    def optional(model: Model | None = None) -> dict[str, Any]:
        return {"model": model}

    assert ask(alone, {"a": 1}) == {"model": {"a": 1}}
    assert ask(alone, "{}")["fields"] == [{"path": "a", "reason": "is missing"}]
    assert ask(among, {"model": {"a": 1}}) == {"model": {"a": 1}, "n": 0}
    assert ask(with_default, {}) == {"model": {"a": 7}}
    assert ask(with_default, {"a": 1}) == {"model": {"a": 1}}
    assert ask(optional, {"model": {"a": 1}}) == {"model": {"a": 1}}


def test_what_could_be_called_without_arguments_still_is() -> None:
    def in_a_loop(name="tea") -> dict[str, Any]:  # type: ignore[no-untyped-def]
        return {"name": name}

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function("from the decorator", *args, **kwargs)

        return inner

    @decorated
    def injected(connection) -> dict[str, Any]:  # type: ignore[no-untyped-def]
        return {"connection": connection}

    assert ask(in_a_loop, {"name": "coffee", "other": 1}) == {"name": "tea"}
    assert ask(injected, {"a": 1}) == {"connection": "from the decorator"}


def test_without_arguments_an_annotation_of_the_answer_changes_nothing() -> None:
    def sends() -> int:
        return response.send({"sent": True})

    def gives() -> Model:
        return {"a": "not checked"}  # type: ignore[typeddict-item]

    def odd() -> Plain:
        return {"odd": True}  # type: ignore[return-value]

    def unknown() -> NotThere:  # type: ignore[name-defined]  # noqa: F821
        return {"unknown": True}

    assert [ask(each, {}) for each in (sends, gives, odd, unknown)] == [
        {"sent": True},
        {"a": "not checked"},
        {"odd": True},
        {"unknown": True},
    ]


def test_without_arguments_what_is_no_answer_by_its_annotation_is_told_with_the_reason() -> None:
    def plain() -> Plain:
        return Plain()

    async def either() -> Holds | WithTags | None:
        return Holds([])

    def unknown() -> NotThere:  # type: ignore[name-defined]  # noqa: F821
        return "text"

    def unreadable() -> Any:
        return "text"

    unreadable.__annotations__["return"] = "sys.nowhere"
    for handler, said in (
        (plain, r"\(Plain\) .*: Plain has no form in JSON; write a dataclass"),
        (either, r"\(Holds\) .*: Type unions may not contain more than one dataclass"),
        (unknown, r"\(str\) .*: name 'NotThere' is not defined"),
        (unreadable, r"\(str\) .*: AttributeError: module 'sys' has no attribute 'nowhere'"),
    ):
        with pytest.raises(RequestFailed, match=f"what was returned {said}") as caught:
            ask(handler, {})
        assert caught.value.code == "handler_error"

    def has_answered() -> Plain:
        response.send({"sent": True})
        return Plain()

    def answers_later() -> Plain:
        handle = response.defer(within=10)
        threading.Thread(target=handle.send, args=({"later": True},)).start()
        return Plain()

    assert [ask(each, {}) for each in (has_answered, answers_later)] == [{"sent": True}, {"later": True}]


def test_names_that_come_later_are_found_when_the_service_starts() -> None:
    app = Daebus("typed")

    @app.action("do")
    def handler(x: Later, y: int = 0) -> dict[str, Any]:
        return {"x": x.a}

    @app.action("again")
    def again(later: list[Later]) -> list[Later]:
        return later

    @dataclass
    class Later:
        a: int

    with app.test_client() as client:
        assert client.request("do", {"x": {"a": 5}}) == {"x": 5}
        assert client.request("again", {"later": [{"a": 5}]}) == [{"a": 5}]


def test_a_name_that_never_comes_keeps_the_service_from_starting() -> None:
    app = Daebus("typed")

    @app.action("do")
    def handler(x: NeverThere) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Has a typo."""

    with pytest.raises(
        RegistrationError, match=r"'do' \(.*test_registration.py:\d+\) has an annotation .*'NeverThere'"
    ):
        app.test_client().request("do")

    @app.action("other")
    def other(x: TooLate, y: int = 0) -> None:
        """Its annotation is found, and cannot be used."""

    class TooLate:
        """Has no fields."""

    del app.action_handlers["do"]
    with pytest.raises(RegistrationError, match=r"'other' .* cannot be bound: x: TooLate has no form in JSON"):
        app.test_client().request("do")


def test_a_name_that_a_class_in_a_function_has_from_there_is_told_to_be_looked_for_in_its_module() -> None:
    app = Daebus("typed")

    @dataclass
    class Line:
        sku: str

    @dataclass
    class Ordered:
        lines: list[Line]

    @app.action("do")
    def handler(order: Ordered) -> None: ...

    said = "name 'Line' is not defined; it stands in a class, and is looked for in the module of that$"
    with pytest.raises(RegistrationError, match=said):
        app.test_client().request("do")


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_without_msgspec_what_needs_it_says_so_and_nothing_else_does() -> None:
    said = _run(
        "import sys; sys.modules['msgspec'] = None\n"
        "from daebus import Daebus\n"
        "app = Daebus('a')\n"
        "app.action('plain')(lambda: {})\n"
        "def answers() -> list[int]: return [1]\n"
        "app.action('answers')(answers)\n"
        "def typed(x: int) -> None: ...\n"
        "try: app.action('typed')(typed)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "with app.test_client() as client:\n"
        "    try: client.request('answers')\n"
        "    except Exception as error: print(error)\n"
        "print(list(app.action_handlers))"
    )
    assert "what was returned (list) is not answered by its annotation: pip install 'daebus[typed]' (" in said
    assert "RegistrationError the handler of action 'typed' (<string>:7) takes fields of the payload: pip" in said
    assert "'daebus[typed]'" in said
    assert said.endswith("['plain', 'answers']\n")


def test_msgspec_is_loaded_where_a_handler_needs_it_only() -> None:
    said = _run(
        "import sys\n"
        "from typing import Any\n"
        "from daebus import Daebus\n"
        "app = Daebus('a')\n"
        "def plain() -> dict[str, Any]: return {}\n"
        "app.action('plain')(plain)\n"
        "app.action('other')(lambda: {})\n"
        "app.resolve_annotations()\n"
        "print('msgspec' in sys.modules)\n"
        "app.action('typed')(lambda x: {})\n"
        "print('msgspec' in sys.modules)"
    )
    assert said.split() == ["False", "True"]


def test_what_stands_for_a_function_is_bound_as_that() -> None:
    asked: list[str] = []

    class Users:
        @staticmethod
        def get_user(user_id: int, verbose: bool = False) -> dict[str, Any]:
            return {"id": user_id, "verbose": verbose}

    @functools.cache
    def rate(currency: str) -> dict[str, Any]:
        asked.append(currency)
        return {"rate": 1.5}

    assert ask(vars(Users)["get_user"], {"user_id": 7}) == {"id": 7, "verbose": False}
    assert wrong(vars(Users)["get_user"], {"user_id": "x"}) == {"user_id": "must be a whole number, not text"}
    assert (ask(rate, {"currency": "EUR"}), ask(rate, {"currency": "EUR"})) == ({"rate": 1.5}, {"rate": 1.5})
    assert asked == ["EUR"]


@pytest.mark.parametrize("make", [staticmethod, functools.cache])
def test_it_must_fit_as_that(make: Callable[[Any], Any]) -> None:
    app = Daebus("svc")
    with pytest.raises(RegistrationError, match="without arguments"):
        app.background("tidy", 60)(make(lambda wants: wants))
