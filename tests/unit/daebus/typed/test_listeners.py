"""Listeners that take a broadcast as their annotations say; those that take it as it is, as they always did."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NewType, TypedDict, TypeVar

import msgspec
import pytest
from pydantic import BaseModel

from daebus import Blueprint, Daebus, Misfit
from daebus.errors import RegistrationError

if TYPE_CHECKING:
    Elsewhere = dict[str, Any]

Payload = dict[str, Any]
Named = NewType("Named", dict)  # type: ignore[type-arg]
T = TypeVar("T")
Few = TypeVar("Few", bound=Mapping[str, Any])


@dataclass
class Order:
    order_id: int
    tags: list[str] = field(default_factory=list)


class Struct(msgspec.Struct):
    order_id: int


class Typed(TypedDict):
    order_id: int


class Model(BaseModel):
    order_id: int


class Plain:
    """Has no fields."""


GOOD = {"order_id": 7}


def told(app: Daebus, *payloads: Any) -> dict[str, int]:
    """What an app has counted when it was told of these."""
    with app.test_client() as client:
        for payload in payloads:
            if isinstance(payload, bytes):
                client.publish("orders", payload)
            else:
                client.broadcast("orders", payload)
        assert app._service is not None
        counts: dict[str, int] = app._service.info()["counts"]
    return {name: counts[name] for name in ("handled", "misfits", "errors") if counts[name]}


def hearing(annotation: Any, got: list[Any]) -> Callable[[Any], None]:
    def listener(order: Any) -> None:
        got.append(order)

    listener.__annotations__ = {"order": annotation}
    return listener


@pytest.mark.parametrize(
    "annotation",
    [
        Any,
        object,
        dict,
        dict[str, Any],
        dict[str, str],
        typing.Dict[str, Any],  # noqa: UP006
        Mapping,
        Mapping[str, Any],
        MutableMapping[str, object],
        Typed,
        dict | None,
        dict[str, Any] | Order,
        Named,
        T,
        Few,
        Annotated[dict[str, Any], "the order"],
        "Payload",
        "Elsewhere",
        "typing.Mapping[str, Nowhere]",
        "Mapping[str, Nowhere]",
        "an order",
    ],
    ids=str,
)
def test_one_parameter_of_any_object_is_given_that(annotation: Any) -> None:
    app, got = Daebus("shop"), list[Any]()
    app.listen("orders")(hearing(annotation, got))
    assert told(app, {"any": "thing"}) == {"handled": 1}
    assert got == [{"any": "thing"}]
    assert type(got[0]) is dict


got_plainly: list[Any] = []


class Shop:
    def hear(self, data: dict[str, Any]) -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        got_plainly.append(data)

    def __call__(self, data):  # type: ignore[no-untyped-def]
        got_plainly.append(data)


def with_a_second(data, more=None):  # type: ignore[no-untyped-def]
    got_plainly.append(data)


def with_an_annotated_second(data: dict[str, Any], dry_run: bool = False, *_rest: int, limit: int = 3) -> None:
    got_plainly.append(data)


def of_its_default(data="x"):  # type: ignore[no-untyped-def]
    got_plainly.append(data)


def by_position(data, /, **_more):  # type: ignore[no-untyped-def]
    got_plainly.append(data)


def of_all(*data):  # type: ignore[no-untyped-def]
    got_plainly.extend(data)


def typed_all(*data: int) -> None:
    got_plainly.extend(data)


def with_database(database: Plain, data: dict[str, Any]) -> None:
    got_plainly.append(data)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def giving(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(Plain(), *args, **kwargs)

    return wrapper


def of_the_payload(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(data: Any) -> Any:
        return function(data["id"])

    return wrapper


@of_the_payload
def of_an_id(order_id: int) -> None:
    got_plainly.append({"id": order_id})


@pytest.mark.parametrize(
    "listener",
    [
        Shop().hear,
        Shop(),
        with_a_second,
        with_an_annotated_second,
        of_its_default,
        by_position,
        of_all,
        typed_all,
        got_plainly.append,
        partial(with_database, Plain()),
        decorated(Shop().hear),
        decorated(of_all),
        giving(with_database),
        of_an_id,
        lambda data: got_plainly.append(data),
    ],
)
def test_what_was_always_called_with_the_payload_is_registered_as_it_is(listener: Any) -> None:
    app = Daebus("shop")
    assert app.listen("orders")(listener) is listener
    assert app.listen_handlers["orders"][0].call is listener
    got_plainly.clear()
    assert told(app, {"id": 3}) == {"handled": 1}
    assert got_plainly == [{"id": 3}]


@pytest.mark.parametrize("model", [Order, Struct, Model, "Order", Annotated[Order, "the whole"]], ids=str)
def test_one_model_is_the_whole_payload(model: Any) -> None:
    app, got = Daebus("shop"), list[Any]()
    app.listen("orders")(hearing(model, got))
    assert told(app, GOOD, {"order_id": "7"}, {}) == {"handled": 1, "misfits": 2}
    (order,) = got
    assert order == GOOD if isinstance(order, dict) else order.order_id == 7


def test_several_parameters_are_fields(caplog: pytest.LogCaptureFixture) -> None:
    app, got = Daebus("shop"), list[Any]()

    @app.listen("orders")
    def on_order(order_id: Annotated[int, msgspec.Meta(ge=1)], total: float = 0) -> None:
        got.append((order_id, total))

    wrong = [{"order_id": 0}, {"order_id": 1, "more": "secret"}, {"total": "secret"}]
    assert told(app, {"order_id": 1}, {"order_id": 2, "total": 3}, *wrong) == {"handled": 2, "misfits": 3}
    assert got == [(1, 0), (2, 3.0)]
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    listener = "not given to test_several_parameters_are_fields.<locals>.on_order"
    about = "shop: a message on 'orders': the payload does not fit:"
    assert lines == [
        f"{about} order_id must be a whole number of at least 1; {listener}",
        f"{about} more is not known; known: order_id, total; {listener}",
        f"{about} total must be a number, not text; order_id is missing; {listener}",
    ]
    assert all(record.exc_info is None for record in caplog.records)


def test_one_that_is_no_model_is_a_field_and_others_take_the_rest() -> None:
    app, got = Daebus("shop"), list[Any]()

    @app.listen("orders")
    def one(order_id: int) -> None:
        got.append(order_id)

    @app.listen("orders")
    def rest(order_id, **others: str):  # type: ignore[no-untyped-def]
        got.append((order_id, others))

    @app.listen("orders")
    def only_others(**others: Any) -> None:
        got.append(others)

    @app.listen("orders")
    def typed_rest(order_id: int, **others: str) -> None:
        got.append((order_id, others))

    assert told(app, {"order_id": 1, "by": "Ann"}) == {"handled": 3, "misfits": 1}
    # A parameter that can be given alone, and is not annotated, takes all there is.
    assert got == [({"order_id": 1, "by": "Ann"}, {}), {"order_id": 1, "by": "Ann"}, (1, {"by": "Ann"})]
    got.clear()
    assert told(app, {"order_id": 1}) == {"handled": 4}
    assert got == [1, ({"order_id": 1}, {}), {"order_id": 1}, (1, {})]


def test_without_annotations_fields_are_whatever_there_is() -> None:
    app, got = Daebus("shop"), list[Any]()
    app.listen("orders")(lambda order_id, total: got.append((order_id, total)))
    assert told(app, {"order_id": 1, "total": "x"}, {"order_id": 1}) == {"handled": 1, "misfits": 1}
    assert got == [(1, "x")]


def test_all_digits_are_there_and_what_a_hook_has_changed() -> None:
    app, got = Daebus("shop"), list[Any]()
    app.before_event(lambda payload: payload.pop("token", None))

    @app.listen("orders")
    async def on_order(price: Decimal, count: int = 1) -> None:
        got.append((str(price), count))

    assert told(app, b'{"token": "x", "price": 1.10}', b'{"price": 1e400, "count": 2}') == {"handled": 2}
    assert got == [("1.10", 1), ("1E+400", 2)]


def test_methods_partials_and_decorated_ones_of_either_sort() -> None:
    app, part, got = Daebus("shop"), Blueprint("part"), list[Any]()

    class Listener:
        def hear(self, order: Order) -> None:
            got.append(order.order_id)

        async def hear_async(self, order_id: int) -> None:
            await asyncio.sleep(0)
            got.append(order_id)

    def stored(database: Plain, order: Order) -> None:
        got.append(order.order_id)

    @decorated
    def with_more(order: Order) -> None:
        got.append(order.order_id)

    @decorated
    async def with_more_async(order_id: int, **_others: Any) -> None:
        got.append(order_id)

    for listener in (
        Listener().hear,
        Listener().hear_async,
        partial(stored, database=Plain()),
        partial(stored, Plain()),
        with_more,
        with_more_async,
    ):
        assert part.listen("orders")(listener) is listener
    app.register_blueprint(part)
    assert told(app, GOOD, {"order_id": None}) == {"handled": 6, "misfits": 6}
    assert got == [7] * 6


def test_hooks_run_as_they_do_for_actions_and_are_told() -> None:
    app, calls = Daebus("shop"), list[Any]()
    app.before_event(lambda payload: calls.append(("before", payload)))
    app.after_event(lambda payload, error: calls.append(("after", payload, error)))

    @app.listen("orders")
    def on_order(order: Order) -> None:
        calls.append(order.order_id)

    assert told(app, {"order_id": "x"}) == {"misfits": 1}
    before, after = calls
    assert before == ("before", {"order_id": "x"})
    assert after[:2] == ("after", {"order_id": "x"})
    assert isinstance(after[2], Misfit)
    assert after[2].fields == [{"path": "order_id", "reason": "must be a whole number, not text"}]


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ({"order": Plain}, "cannot be bound: order: Plain has no form in JSON; write a dataclass"),
        ({"order": list[Plain]}, "cannot be bound: order: Plain has no form in JSON"),
        ({"order": Order, "other": Struct}, "'order' and 'other' are models, and only one can be the payload"),
        ({"order": int, "other": Plain}, "cannot be bound: other: Plain has no form in JSON"),
    ],
)
@pytest.mark.parametrize("owner", [Daebus, Blueprint])
def test_what_cannot_be_bound_is_refused_with_file_and_line(
    owner: type[Daebus], annotations: dict[str, Any], why: str
) -> None:
    if len(annotations) == 1:

        def listener(order: Any) -> None: ...
    else:

        def listener(order: Any, other: Any) -> None: ...  # type: ignore[misc]

    listener.__annotations__ = annotations
    line = inspect.getsourcelines(listener)[1]
    registry = owner("shop")
    with pytest.raises(RegistrationError) as caught:
        registry.listen("orders")(listener)
    assert caught.match(rf"the listener of 'orders' \(.*test_listeners\.py:{line}\) .*{why}")
    assert registry.listen_handlers == {}


def test_other_things_that_are_refused() -> None:
    listen = Daebus("shop").listen("orders")

    def unbound(self, order: Order) -> None: ...  # type: ignore[no-untyped-def]

    def in_order(order_id: int, *rest: int) -> None: ...

    def by_position(order_id: int, /) -> None: ...

    def bad_default(order_id: int = "x") -> None: ...  # type: ignore[assignment]

    def generated(order_id: int) -> Iterator[int]:
        yield order_id

    for listener, why in (
        (unbound, "takes 'self'"),
        (in_order, r"takes \*rest, and fields of a payload have no order"),
        (by_position, "takes 'order_id' by its position only"),
        (bad_default, "the default of 'order_id' is not what it is annotated with"),
        (generated, "is a generator, which nothing would go through"),
    ):
        with pytest.raises(RegistrationError, match=why):
            listen(listener)


def test_a_name_that_comes_later_is_found_when_the_service_starts(caplog: pytest.LogCaptureFixture) -> None:
    app, got = Daebus("shop"), list[Any]()

    @app.listen("orders")
    def whole(order: Later) -> None:  # type: ignore[name-defined]  # noqa: F821
        got.append(order)

    @app.listen("orders")
    def plain(data: LaterPayload) -> None:  # type: ignore[name-defined]  # noqa: F821
        got.append(data)

    globals()["Later"], globals()["LaterPayload"] = Order, dict[str, Any]
    try:
        assert told(app, GOOD) == {"handled": 2}
    finally:
        del globals()["Later"], globals()["LaterPayload"]
    assert got == [Order(7), GOOD]
    assert caplog.records == []


def test_a_name_that_never_comes_is_told_of_once_and_refused_where_it_is_one_of_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, got = Daebus("shop"), list[Any]()

    @app.listen("orders")
    def whole(order: Never_) -> None:  # type: ignore[name-defined]  # noqa: F821
        got.append(order)

    for _twice in range(2):
        assert told(app, GOOD) == {"handled": 1}
    assert got == [GOOD, GOOD]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("the listener of 'orders' (")
    assert line.endswith(
        ") is given the payload as it is, as its annotation cannot be read: name 'Never_' is not defined"
    )

    @app.listen("orders")
    def fields(order_id: int, total: Never_ = 0) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(RegistrationError, match="has an annotation that is not known: name 'Never_' is not defined"):
        app.resolve_annotations()


def test_without_msgspec_it_is_said_what_to_install(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""
import sys
from dataclasses import dataclass
sys.modules["msgspec"] = None
from daebus import Daebus
app = Daebus("shop")
app.listen("orders")(lambda data: None)
@app.listen("orders")
def plain(data: dict) -> int: ...
@dataclass
class Order:
    order_id: int
try:
    @app.listen("orders")
    def on_order(order: Order): ...
except ValueError as error:
    print(error)
""")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=True)
    assert "program.py:14) takes fields of the payload: pip install 'daebus[typed]'" in done.stdout
    assert done.stderr == ""
