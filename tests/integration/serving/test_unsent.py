"""What handlers return when they have answered already is not sent, and not left without a word."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from daebus import Daebus, Receipt, request, response
from daebus.errors import PayloadError, RequestFailed

TOLD = "returned an answer after its final one, and only that was sent: a part has final=False"
TOLD_OF_ERRORS = "raised LookupError after its final answer: what its error handler returned was not sent"


@dataclass
class Done:
    n: int


def plain() -> dict[str, int]:
    response.send({"n": 1})
    return {"n": 2}


async def on_the_loop() -> dict[str, int]:
    response.send({"n": 1})
    return {"n": 2}


def streams() -> Generator[dict[str, int], None, dict[str, int]]:
    yield {"n": 0}
    response.send({"n": 1})
    return {"n": 2}


def typed(n: int) -> Done:
    response.send({"n": 1})
    return Done(n)


def typed_without_parameters() -> Done:
    response.send({"n": 1})
    return Done(2)


def typed_and_streams(n: int) -> Generator[Done, None, Done]:
    yield Done(0)
    response.send({"n": 1})
    return Done(n)


def by_its_error_handler() -> None:
    response.send({"n": 1})
    raise LookupError("too late")


@pytest.mark.parametrize(
    "handler",
    [plain, on_the_loop, streams, typed, typed_without_parameters, typed_and_streams, by_its_error_handler],
    ids=lambda handler: handler.__name__,
)
def test_it_is_said_once_for_each_action(handler: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = Daebus("shop")
    app.action("one")(handler)
    app.action("other")(handler)
    app.errorhandler(LookupError)(lambda _error: {"n": 2})
    with app.test_client() as client:
        for action in ("one", "one", "other"):
            payload = {"n": 2} if handler in (typed, typed_and_streams) else {}
            assert client.request(action, payload) == {"n": 1}
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    told = TOLD_OF_ERRORS if handler is by_its_error_handler else TOLD
    assert said == [f"shop: action 'one' {told}", f"shop: action 'other' {told}"]


def sends() -> Receipt:
    return response.send({"n": 1})


def sends_and_returns_nothing() -> None:
    response.send({"n": 1})


def sends_and_returns_a_number() -> int:
    response.send({"n": 1})
    return 1


def sends_a_part_and_returns() -> dict[str, int]:
    response.send({"n": 0}, final=False)
    return {"n": 1}


def sends_as_typed(n: int = 1) -> Done | Receipt | None:
    return response.send({"n": n})


def yields_what_it_sends() -> Iterator[Receipt]:
    yield response.send({"n": 0}, final=False)
    yield response.send({"n": 1})


def returns_what_it_sends() -> Generator[dict[str, int], None, Receipt]:
    yield {"n": 0}
    return response.send({"n": 1})


def returns_a_part_that_it_sends() -> Generator[dict[str, int], None, Receipt]:
    yield {"n": 1}
    return response.send({"n": 0}, final=False)


async def streams_on_the_loop() -> AsyncIterator[dict[str, int]]:
    yield {"n": 0}
    response.send({"n": 1})


@pytest.mark.parametrize(
    "handler",
    [
        sends,
        sends_and_returns_nothing,
        sends_and_returns_a_number,
        sends_a_part_and_returns,
        sends_as_typed,
        yields_what_it_sends,
        returns_what_it_sends,
        streams_on_the_loop,
    ],
    ids=lambda handler: handler.__name__,
)
def test_nothing_is_said_of_what_is_no_further_answer(handler: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = Daebus("shop")
    app.action("one")(handler)
    with app.test_client() as client:
        assert client.request("one") == {"n": 1}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_receipt_of_a_part_that_a_generator_returns_is_no_answer() -> None:
    app = Daebus("shop")
    app.action("one")(returns_a_part_that_it_sends)
    with app.test_client() as client, pytest.raises(RequestFailed, match="ended without a final response"):
        client.request("one")


@pytest.mark.parametrize("second", ["not_found", 404])
@pytest.mark.parametrize("how", ["send", "error"])
def test_what_is_meant_as_a_code_does_not_count_as_final(how: str, second: Any) -> None:
    app, raised = Daebus("shop"), list[PayloadError]()

    @app.action("find")
    def find() -> None:
        try:
            getattr(response, how)({"n": 1}, second)
        except PayloadError as error:
            raised.append(error)
        response.error("no such thing", bool(request.payload["final"]), "not_found")

    with app.test_client() as client, pytest.raises(RequestFailed) as failed:
        client.request("find", {"final": 1})
    assert failed.value.code == "not_found"
    assert str(raised[0]) == f'final must be True or False, not {second!r}; a code is given as code="..."'
