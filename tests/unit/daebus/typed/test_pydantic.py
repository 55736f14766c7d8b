"""Models of pydantic as parameters and as answers: as strict as all else."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    RootModel,
    SecretStr,
    field_validator,
)
from pydantic.dataclasses import dataclass as checked

from daebus import Daebus
from daebus.errors import RegistrationError, RequestFailed
from daebus.service.typed.handler import described

from .support import ask, taking, wrong


class Item(BaseModel):
    sku: str = Field(min_length=1)
    price: Decimal = Decimal(0)


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    order_id: Annotated[UUID, Field(alias="orderId")]
    items: list[Item]
    at: datetime | None = None

    @field_validator("items")
    @classmethod
    def not_empty(cls, items: list[Item]) -> list[Item]:
        """At least one."""
        if not items:
            raise ValueError("nothing is ordered")
        return items


class Odd(BaseModel):
    n: int
    call: Callable[[], int] | None = None


class Login(BaseModel):
    password: SecretStr


@checked
class Span:
    start: int
    end: int = 0


ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


def place(order: Order) -> Order:
    """Place an order."""
    assert isinstance(order.items[0], Item)
    return order


def test_one_takes_the_whole_payload_and_is_answered() -> None:
    payload = {"orderId": ID, "items": [{"sku": "A", "price": "1.10", "other": 1}], "at": "2026-01-02T03:04:05Z"}
    assert ask(place, payload) == {
        "orderId": ID,
        "items": [{"sku": "A", "price": "1.10"}],
        "at": "2026-01-02T03:04:05Z",
    }


def test_every_wrong_field_is_named() -> None:
    payload = {"orderId": "secret", "items": [{"sku": 17}, {"sku": ""}, {}], "at": 1767312000, "zz": "secret"}
    found = wrong(place, payload)
    assert found == {
        "orderId": found["orderId"],
        "items[0].sku": "is refused: input should be a valid string",
        "items[1].sku": "is refused: string should have at least 1 character",
        "items[2].sku": "is missing",
        "at": found["at"],
        "zz": "is not known",
    }
    assert "secret" not in str(found)
    assert wrong(place, {"orderId": ID, "items": []}) == {"items": "is refused: value error, nothing is ordered"}
    assert wrong(place, f'{{"orderId": "{ID}", "items": [{{"sku": "a", "price": NaN}}]}}') == {
        "": "holds what JSON has no form for"
    }


def test_they_may_be_within_other_types() -> None:
    def handler(items: list[Item], span: Span | None = None) -> dict[str, Any]:
        return {"items": items, "span": span}

    assert ask(handler, {"items": [{"sku": "A"}], "span": {"start": 1}}) == {
        "items": [{"sku": "A", "price": "0"}],
        "span": {"start": 1, "end": 0},
    }
    assert wrong(handler, {"items": [{"sku": "A"}, {}, 3], "span": {"start": "1"}}) == {
        "items[1].sku": "is missing",
        "items[2]": "must be an object, not a whole number",
        "span.start": "is refused: input should be a valid integer",
    }


def test_a_model_that_cannot_be_used_is_refused() -> None:
    class Unready(BaseModel):
        later: NeverThere  # type: ignore[name-defined]  # noqa: F821

    app = Daebus("typed")

    @app.action("do")
    def handler(model: Unready) -> None:
        """Waits for a name that never comes."""

    with pytest.raises(RegistrationError, match=r"'do' .* has an annotation that is not known"):
        app.test_client().request("do")


@pytest.mark.parametrize("annotation", [AwareDatetime, HttpUrl, list[SecretStr], HttpUrl | None])
def test_what_pydantic_alone_reads_is_sent_into_a_model_of_it(annotation: Any) -> None:
    named = r"\w+ is read by pydantic alone; take a model of pydantic, or look at it in the handler"
    with pytest.raises(RegistrationError, match=f"cannot be bound: x: {named}$"):
        Daebus("typed").action("do")(taking(annotation))


def test_its_schema_is_told() -> None:
    app = Daebus("typed")
    app.action("do")(place)
    arguments = described(app.action_handlers["do"].call)["arguments"]
    assert arguments["$ref"] == "#/$defs/Order"
    order = arguments["$defs"]["Order"]
    assert sorted(order["required"]) == ["items", "orderId"]
    assert order["properties"]["items"]["items"] == {"$ref": "#/$defs/Item"}
    assert arguments["$defs"]["Item"]["required"] == ["sku"]


def test_one_that_has_no_schema_is_taken_all_the_same() -> None:
    def handler(model: Odd) -> dict[str, Any]:
        return {"n": model.n}

    assert ask(handler, {"n": 1}) == {"n": 1}
    app = Daebus("typed")
    app.action("do")(handler)
    assert described(app.action_handlers["do"].call)["arguments"]["$defs"] == {
        "Odd": {"type": "object", "title": "Odd"}
    }


def test_what_it_hides_stays_hidden() -> None:
    def login(login: Login) -> dict[str, Any]:
        return {"got": str(login.password), "length": len(login.password.get_secret_value())}

    assert ask(login, {"password": "hunter2"}) == {"got": "**********", "length": 7}


def test_pydantic_is_not_loaded_where_no_model_of_it_is() -> None:
    code = (
        "import sys\nfrom daebus import Daebus\n"
        "def typed(x: list[int]) -> list[int]: return x\n"
        "Daebus('a').action('typed')(typed)\nprint('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


class User(BaseModel):
    id: int
    name: str = "Ann"


class Named(User):
    more: int = 1


class Other(BaseModel):
    x: int


Listed = TypeVar("Listed")


class Page(BaseModel, Generic[Listed]):
    items: list[Listed]


class IntPage(Page[int]):
    pass


def answering(annotation: Any, value: Any) -> Callable[[int], Any]:
    def handler(n: int) -> Any:
        return value if n else None

    handler.__annotations__ = {"n": int, "return": annotation}
    return handler


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        (User, {"wrong": 1}, "id is missing"),
        (User, {"id": "x"}, "id is refused"),
        (User, Other(x=1), "it must be User, not another model"),
        (list[User], [User(id=1), {"wrong": 1}], "[1].id is missing"),
        (dict[str, User], {"a": Other(x=1)}, "a must be User, not another model"),
        (User | None, {"wrong": 1}, "id is missing"),
        (Span, {"wrong": 1}, "start is missing"),
        (Page[User], Page[int](items=[1]), "it must be Page[User], not another model"),
    ],
)
def test_what_is_no_such_model_is_not_answered(annotation: Any, value: Any, says: str) -> None:
    with pytest.raises(RequestFailed, match=re.escape(says)):
        ask(answering(annotation, value), {"n": 1})


@pytest.mark.parametrize(
    ("annotation", "value", "answered"),
    [
        (User, User(id=1), {"id": 1, "name": "Ann"}),
        (User, {"id": 1}, {"id": 1}),
        (User, Named(id=1), {"id": 1, "name": "Ann", "more": 1}),
        (dict[str, User | None], {"a": User(id=1), "b": None}, {"a": {"id": 1, "name": "Ann"}, "b": None}),
        (Span, Span(1), {"start": 1, "end": 0}),
        (Login, Login(password=SecretStr("x")), {"password": "**********"}),
        (Page[User], Page[User](items=[User(id=1)]), {"items": [{"id": 1, "name": "Ann"}]}),
        (Page[User], Page(items=[User(id=1)]), {"items": [{"id": 1, "name": "Ann"}]}),
        (list[Page[int]], [Page(items=[1]), IntPage(items=[2])], [{"items": [1]}, {"items": [2]}]),
    ],
)
def test_what_is_such_a_model_is_answered(annotation: Any, value: Any, answered: Any) -> None:
    assert ask(answering(annotation, value), {"n": 1}) == answered


class Ids(RootModel[list[int]]):
    pass


def test_a_model_that_is_no_object_is_a_field_or_an_answer() -> None:
    def count(ids: Ids) -> Ids:
        return Ids([sum(ids.root)])

    def beside(ids: Ids, n: int) -> dict[str, Ids]:
        return {"ids": ids}

    assert ask(count, {"ids": [1, 2]}) == [3]
    assert ask(beside, {"ids": [1, 2], "n": 1}) == {"ids": [1, 2]}
    assert wrong(count, {"ids": ["x"]}) == {"ids[0]": "is refused: input should be a valid integer"}


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Said(BaseModel):
    pet: Cat | Dog | None = Field(None, discriminator="kind")
    id: UUID | None = None
    url: AnyUrl | None = None
    web: HttpUrl | None = None
    at: datetime | None = None
    names: dict[str, int] = {}
    numbers: dict[int, int] = {}
    own: Annotated[str, AfterValidator(lambda _value: int("own words"))] = ""


QUOTING: dict[str, tuple[Any, str, str]] = {
    "tag": ({"pet": {"kind": "QZ"}}, "pet", "is refused: 'kind' must be one of 'cat', 'dog'"),
    "uuid": ({"id": "QZ"}, "id", "is refused: input should be a valid UUID"),
    "letter of one": (
        {"id": "7d444840-9dc0-11d1-b245-5ffdce74faQZ"},
        "id",
        "is refused: input should be a valid UUID",
    ),
    "url": ({"url": "QZ"}, "url", "is refused: input should be a valid URL"),
    "scheme": ({"web": "qz://a"}, "web", "is refused: URL scheme should be 'http' or 'https'"),
    "time": ({"at": "QZ"}, "at", "is refused: input should be a valid datetime"),
    "key": ({"numbers": {"QZ": 1}}, "numbers.QZ", "is a name that is refused: input should be a valid integer"),
    "value of a key": ({"names": {"a b": "QZ"}}, 'names["a b"]', "is refused: input should be a valid integer"),
    "own words": ({"own": "QZ"}, "own", "is refused: value error, invalid literal for int() with base 10: 'own words'"),
}


@pytest.mark.parametrize("what", QUOTING)
def test_what_is_wrong_is_told_without_the_value(what: str) -> None:
    def handler(said: Said) -> None: ...

    payload, path, why = QUOTING[what]
    found = wrong(handler, payload)
    assert list(found) == [path]
    assert found[path].startswith(why)
    assert "qz" not in found[path].lower()
