"""What handlers return, by their annotations, and what they answer with."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from typing_extensions import TypeAliasType

from daebus import Daebus, Receipt, response
from daebus.errors import PayloadError, RequestFailed
from daebus.service.typed.handler import bound, described
from daebus.wire.objects import RawJson

from .support import ask, wrong


class Color(Enum):
    RED = "red"


@dataclass
class User:
    name: str
    born: datetime | None = None


class Row(TypedDict):
    n: int


class Camel(msgspec.Struct, rename="camel"):
    user_id: int


@dataclass
class Line:
    qty: int
    price: Decimal
    total: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.total = self.qty * self.price


@dataclass
class Admin(User):
    rights: list[str] = field(default_factory=list)


class Place(NamedTuple):
    row: int


@dataclass(frozen=True)
class Counted:
    """Counts what is made, and is not made again of what has become of its field."""

    text: str
    made: ClassVar[list[str]] = []

    def __post_init__(self) -> None:
        if self.text.isupper():
            raise ValueError("it is loud already")
        self.made.append(self.text)
        object.__setattr__(self, "text", self.text.upper())


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    user_id: int


class Stricter(Strict, rename="camel"):
    user_name: str = "Ann"


def giving(annotation: Any, value: Any) -> Callable[..., Any]:
    def handler(x: int = 0) -> Any:
        return value

    handler.__annotations__["return"] = annotation
    return handler


BORN = datetime(2001, 2, 3, tzinfo=UTC)
ANSWERS: list[tuple[Any, Any, Any]] = [
    (User, User("Ann", BORN), {"name": "Ann", "born": "2001-02-03T00:00:00Z"}),
    (User | None, None, None),
    (User, {"name": "Ann"}, {"name": "Ann"}),
    (Row, {"n": 1}, {"n": 1}),
    (Camel, Camel(7), {"userId": 7}),
    (list[User], [User("Ann")], [{"name": "Ann", "born": None}]),
    (dict[int, Color], {1: Color.RED}, {"1": "red"}),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (set[int], {3}, [3]),
    (int, 17, 17),
    (str, "text", "text"),
    (bool, False, False),
    (float, 2, 2),
    (Decimal, Decimal("1.10"), "1.10"),
    (UUID, UUID(int=1), str(UUID(int=1))),
    (dict[str, Any], {"path": Path("a")}, {"path": "a"}),
    (dict, {"a": 1}, {"a": 1}),
    (Line, Line(2, Decimal("1.50")), {"qty": 2, "price": "1.50", "total": "3.00"}),
    (list[Line | None], [Line(1, Decimal(1)), None], [{"qty": 1, "price": "1", "total": "1"}, None]),
    (User, Admin("Ann", rights=["all"]), {"name": "Ann", "born": None, "rights": ["all"]}),
    (dict[str, User], {"a": Admin("Ann")}, {"a": {"name": "Ann", "born": None, "rights": []}}),
    (Strict, Stricter(7), {"userId": 7, "userName": "Ann"}),
]


@pytest.mark.parametrize(("annotation", "value", "answer"), ANSWERS)
def test_it_is_answered_as_json(annotation: Any, value: Any, answer: Any) -> None:
    assert ask(giving(annotation, value), {}) == answer


@pytest.mark.parametrize(
    ("annotation", "value", "why"),
    [
        (User, "Ann", "it must be an object, not text"),
        (User, User(17), "name must be text, not a whole number"),  # type: ignore[arg-type]
        (User, {"nam": "Ann"}, "name is missing; nam is not known"),
        (Line, {"qty": 2, "price": "1", "totl": "2"}, "totl is not known; known: price, qty, total"),
        (Line, {"qty": 2, "price": "1", "total": True}, "total must be a number, or a text that is one"),
        (list[int], [1, "2"], r"\[1\] must be a whole number, not text"),
        (int, {"a": 1}, "it must be a whole number, not an object"),
        (float, float("nan"), "it must be a number"),
        (list[User], [object()], "cannot be written as JSON: Object of type object is not"),
    ],
)
def test_what_the_annotation_does_not_say_is_an_error_of_the_handler(annotation: Any, value: Any, why: str) -> None:
    with pytest.raises(RequestFailed, match=f"what was returned .*{why}") as caught:
        ask(giving(annotation, value), {})
    assert (caught.value.code, caught.value.type) == ("handler_error", "PayloadError")


@dataclass
class Endless:
    inner: Any = None


def test_what_contains_itself_is_told_as_that() -> None:
    value = Endless()
    value.inner = [value]
    for annotation in (Endless, dict[str, Any], Any):
        with pytest.raises(RequestFailed, match="what was returned is nested too deeply for JSON, or contains itself"):
            ask(giving(annotation, value), {})


def test_what_is_answered_is_not_made_a_second_time() -> None:
    def counts(one: Counted = Counted("default")) -> tuple[set[Counted], Counted, list[Place]]:
        return {Counted("a")}, one, [Place(1)]

    Counted.made.clear()
    assert ask(counts, {}) == [[{"text": "A"}], {"text": "DEFAULT"}, [[1]]]
    assert ask(counts, {"text": "b"}) == [[{"text": "A"}], {"text": "B"}, [[1]]]
    assert Counted.made == ["a", "b", "a"]


class Even(msgspec.Struct):
    n: int

    def __post_init__(self) -> None:
        if self.n % 2:
            raise ValueError("it is odd")


@pytest.mark.parametrize("made", [False, True])
def test_a_dict_in_the_place_of_an_object_is_to_be_one_by_its_own_code(made: bool) -> None:
    even = Even(2) if made else {"n": 2}
    assert ask(giving(Even, even), {}) == {"n": 2}
    assert ask(giving(dict[str, Even | None], {"a": even, "b": None}), {}) == {"a": {"n": 2}, "b": None}
    assert ask(giving(Line, {"qty": 2, "price": "1", "total": "2"}), {}) == {"qty": 2, "price": "1", "total": "2"}
    assert ask(giving(Line, {"qty": 2, "price": Decimal("1")}), {}) == {"qty": 2, "price": "1"}
    for annotation, value in ((Even, {"n": 1}), (list[Even], [{"n": 1}])):
        with pytest.raises(RequestFailed, match=r"what was returned .* is refused: it is odd"):
            ask(giving(annotation, value), {})


def test_what_a_dataclass_sets_by_itself_may_be_in_a_default_and_in_no_payload() -> None:
    def adds(line: Line = Line(1, Decimal(2))) -> Line:  # noqa: B008 - nothing changes it
        return line

    assert ask(adds, {}) == {"qty": 1, "price": "2", "total": "2"}
    assert ask(adds, {"qty": 3, "price": 1}) == {"qty": 3, "price": "1", "total": "3"}
    assert wrong(adds, {"qty": 3, "price": 1, "total": 4}) == {"total": "is not known; known: price, qty"}


def test_what_a_generator_returns_that_does_not_fit_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def several(x: int) -> Generator[User, None, Row]:
        yield User("Ann")
        return {"n": "s3cret"}  # type: ignore[typeddict-item]

    app = Daebus("typed")
    app.action("do")(several)
    with app.test_client() as client, pytest.raises(RequestFailed, match="n must be a whole number, not text"):
        client.request("do", {"x": 1})
    assert "action 'do' raised" in caplog.text
    assert "s3cret" not in caplog.text


def test_without_an_annotation_a_model_is_answered_and_a_dict_as_it_is() -> None:
    def models(n: int) -> Any:
        return [User("Ann"), Camel(7), RawJson('{"a": 1.10}')][n]

    assert ask(models, {"n": 0}) == {"name": "Ann", "born": None}
    assert ask(models, {"n": 1}) == {"userId": 7}
    assert ask(models, {"n": 2}) == {"a": 1.1}


def test_a_handler_may_answer_by_itself() -> None:
    def sends(n: int) -> None:
        response.send({"n": n})

    def sends_more(n: int) -> User:
        response.progress({"n": n})
        return response.error("no such user", code="unknown")  # type: ignore[return-value]

    def says_nothing(n: int) -> User:
        return None  # type: ignore[return-value]

    assert ask(sends, {"n": 3}) == {"n": 3}
    with pytest.raises(RequestFailed, match="no such user"):
        ask(sends_more, {"n": 3})
    with pytest.raises(RequestFailed, match=r"ended without a final response$"):
        ask(says_nothing, {"n": 3})


def test_it_may_be_annotated_to_answer_by_itself_as_well() -> None:
    def find(n: int) -> User | Receipt | None:
        return User("Ann") if n else response.error("no such user", code="unknown")

    def finds() -> list[User] | Receipt:
        return [User("Ann")]

    def sends(n: int) -> Receipt:
        return response.send({"n": n})

    def several(n: int) -> Iterator[User | Receipt]:
        yield response.progress({"n": n})
        yield User("Ann")

    ann = {"name": "Ann", "born": None}
    assert ask(find, {"n": 1}) == ann
    with pytest.raises(RequestFailed, match="no such user"):
        ask(find, {"n": 0})
    assert [ask(finds, {}), ask(sends, {"n": 3}), ask(several, {"n": 3})] == [[ann], {"n": 3}, ann]

    found = TypeAliasType("Found", User | Receipt)
    titled = Annotated[User | Receipt, msgspec.Meta(title="the one")]
    for annotation in (found, titled, found | None, titled | None, Annotated[found, msgspec.Meta(title="the one")]):
        assert ask(giving(annotation, User("Ann")), {}) == {**ann, "born": None}
        with pytest.raises(RequestFailed, match="what was returned is not what the annotation says"):
            ask(giving(annotation, [1]), {})
    assert described(bound(giving(titled, None), "a handler", None))["answer"]["title"] == "the one"
    assert ask(giving(Annotated[Receipt, "it has sent it"], {"n": 1}), {}) == {"n": 1}

    def half(n: int) -> int | Receipt:
        return response.progress({"n": n})

    with pytest.raises(RequestFailed, match=r"ended without a final response$"):
        ask(half, {"n": 3})


def test_a_number_of_one_without_parameters_is_no_answer_and_the_error_says_what_it_returned() -> None:
    def counts() -> int:
        return 7

    with pytest.raises(RequestFailed, match=r"ended without a final response: it returned int$"):
        ask(counts, {})


def test_a_forgotten_await_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    async def looked_up() -> dict[str, int]:
        return {"n": 1}

    made = []

    async def forgets() -> Any:
        made.append(looked_up())
        return made[0]

    with pytest.raises(RequestFailed, match=r"it returned coroutine, which nothing awaits$"):
        ask(forgets, {})
    assert "(await what it returns, and return a dict)" in caplog.text
    made[0].close()


def test_json_default_writes_what_else_is_there() -> None:
    app = Daebus("typed")
    app.json_default(lambda value: str(value) if isinstance(value, complex) else _refuse())

    @app.action("do")
    def handler(x: int) -> list[Any]:
        return [1j]

    @app.action("now")
    def now() -> list[datetime]:
        return [BORN]

    with app.test_client() as client:
        assert client.request("do", {"x": 1}) == ["1j"]
        assert client.request("now") == ["2001-02-03T00:00:00Z"]


def _refuse() -> Any:
    raise TypeError


def test_an_async_handler_and_generators_keep_their_kind() -> None:
    """They are run by what awaits them, or goes through them."""
    app = Daebus("typed")
    closed: list[str] = []

    async def one(x: int) -> User:
        await asyncio.sleep(0)
        return User(str(x))

    def several(x: int) -> Generator[User, None, Row]:
        try:
            for number in range(x):
                yield User(str(number))
            return {"n": x}
        finally:
            closed.append("several")

    async def stream(x: int) -> AsyncIterator[list[User]]:
        try:
            for number in range(x):
                yield [User(str(number))]
        finally:
            closed.append("stream")

    def wrong_item(x: int) -> Iterator[User]:
        yield x  # type: ignore[misc]

    made: list[Any] = []

    @app.action("make")
    def make(x: int) -> None:
        for function in (one, several, stream, wrong_item):
            made.append(bound(function, "the handler", None)())
        made.append(contextvars.copy_context())
        response.send({})

    def run(function: Callable[[], Any]) -> Any:
        return made[4].run(function)

    with app.test_client() as client:
        client.request("make", {"x": 2})
        coroutine, generator, agen, wrong = made[:4]
        # What has been answered already is not answered again, and not looked at.
        assert run(lambda: asyncio.run(coroutine)) is None

        def through() -> Iterator[Any]:
            yield (yield from generator)

        assert run(lambda: list(through())) == [
            {"name": "0", "born": None},
            {"name": "1", "born": None},
            {"n": 2},
        ]
        assert closed == ["several"]

        async def first() -> Any:
            found = await anext(agen)
            await agen.aclose()
            return found

        assert run(lambda: asyncio.run(first())) == [{"name": "0", "born": None}]
        assert closed == ["several", "stream"]
        with pytest.raises(PayloadError, match="it must be an object, not a whole number"):
            run(lambda: next(wrong))
