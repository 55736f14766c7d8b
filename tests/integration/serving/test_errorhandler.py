"""Exceptions of handlers that an app answers for in one place."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from daebus import Blueprint, Daebus, DaebusCaller, request, response
from daebus.errors import RegistrationError, RequestFailed
from tests.support.framework_services import serving


class ShopError(Exception):
    """Of the shop."""


class SoldOutError(ShopError):
    """Nothing is left."""


def raising(error: BaseException) -> Any:
    def handler() -> None:
        raise error

    return handler


def app_of(name: str) -> Daebus:
    app = Daebus(name)
    app.action("sold_out")(raising(SoldOutError("tea")))
    app.action("closed")(raising(ShopError("till nine")))
    app.action("lookup")(raising(KeyError("x")))
    app.action("exit")(raising(SystemExit(3)))

    @app.errorhandler(ShopError)
    def shop(error: ShopError) -> dict[str, Any]:
        return {"shop": str(error), "action": request.payload.get("n")}

    @app.errorhandler(SoldOutError)
    def sold_out(error: SoldOutError) -> None:
        response.error(f"no {error} left", code="sold_out")

    return app


def test_the_closest_kind_answers_for_the_action(redis_url: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving(app_of(name), redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        assert caller.send_request("closed", {"n": 7}) == {"shop": "till nine", "action": 7}
        with pytest.raises(RequestFailed, match="no tea left") as caught:
            caller.send_request("sold_out")
        assert caught.value.code == "sold_out"
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        # What nothing answers for is as ever, also what is no Exception.
        for action in ("lookup", "exit"):
            with pytest.raises(RequestFailed) as caught:
                caller.send_request(action)
            assert caught.value.code == "handler_error"
        info = caller._requester.call(f"daebus.control.{name}", "info")
        assert (info["counts"]["handled"], info["counts"]["errors"]) == (2, 2)


def test_a_one_way_message_is_seen_to_as_well(redis_url: str, name: str) -> None:
    seen: list[str] = []
    app = Daebus(name)
    app.action("fail")(raising(ShopError("closed")))
    app.errorhandler(Exception)(lambda error: seen.append(str(error)))
    with app.test_client() as client:
        assert client.send("fail") == 1
        assert seen == ["closed"]


def test_one_that_raises_leaves_the_error_of_the_action(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    app.action("fail")(raising(ShopError("closed")))

    @app.errorhandler(ShopError)
    def worse(_error: ShopError) -> None:
        raise LookupError("where am I")

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        with pytest.raises(RequestFailed, match="closed") as caught:
            caller.send_request("fail")
        assert (caught.value.code, caught.value.type) == ("handler_error", "ShopError")
    assert "the error handler of action 'fail' raised" in caplog.text
    assert "where am I" in caplog.text


@pytest.mark.parametrize(("returned", "told"), [(None, ""), (({}, 400), ": it returned tuple")])
def test_one_that_says_nothing_is_told_of_with_what_it_was_to_see_to(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture, returned: object, told: str
) -> None:
    app = Daebus(name)
    app.action("fail")(raising(ShopError("closed")))
    app.errorhandler(ShopError)(lambda _error: returned)
    with (
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
        pytest.raises(RequestFailed) as caught,
    ):
        caller.send_request("fail")
    said = f"the error handler of action 'fail' ended without a final response{told}"
    assert (caught.value.code, str(caught.value)) == ("no_response", said)
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.getMessage() == f"{name}: {said} (call response.send or return a dict)"
    assert line.exc_info is not None
    assert isinstance(line.exc_info[1], ShopError)


def test_after_the_final_answer_nothing_more_is_sent(redis_url: str, name: str) -> None:
    app = Daebus(name)
    seen: list[str] = []

    @app.action("late")
    def late() -> None:
        response.send({"done": True})
        raise ShopError("too late")

    @app.errorhandler(ShopError)
    def shop(error: ShopError) -> dict[str, Any]:
        seen.append(str(error))
        return {"never": "sent"}

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        assert caller.send_request("late") == {"done": True}
        assert caller.send_request("late") == {"done": True}
    assert seen == ["too late", "too late"]


def test_that_of_a_blueprint_is_for_its_own_actions(redis_url: str, name: str) -> None:
    app, part = Daebus(name), Blueprint("part")
    app.action("app")(raising(ShopError("a")))
    part.action("part")(raising(ShopError("p")))
    part.action("part_sold_out")(raising(SoldOutError("s")))
    part.action("part_lookup")(raising(KeyError("k")))
    part.errorhandler(ShopError)(lambda error: {"by": "part", "of": str(error)})
    app.errorhandler(ShopError)(lambda error: {"by": "app", "of": str(error)})
    app.errorhandler(SoldOutError)(lambda error: {"by": "app, closer", "of": str(error)})
    app.errorhandler(LookupError)(lambda error: {"by": "app", "of": repr(error)})
    app.register_blueprint(part)
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        assert caller.send_request("app") == {"by": "app", "of": "a"}
        assert caller.send_request("part") == {"by": "part", "of": "p"}
        # As in Flask: what the blueprint itself says of it comes before what the app says of that very kind.
        assert caller.send_request("part_sold_out") == {"by": "part", "of": "s"}
        assert caller.send_request("part_lookup") == {"by": "app", "of": "KeyError('k')"}


@pytest.mark.parametrize("exception", ["KeyError", KeyError("x"), BaseException, SystemExit, int, None, (KeyError,)])
def test_it_is_for_exceptions(exception: Any) -> None:
    with pytest.raises(RegistrationError, match="errorhandler takes a subclass of Exception"):
        Daebus("shop").errorhandler(exception)


def test_there_is_one_for_each_kind_and_it_takes_the_exception(redis_url: str, name: str) -> None:
    app = app_of(name)
    with pytest.raises(RegistrationError, match="ShopError has an error handler already"):
        app.errorhandler(ShopError)(lambda _error: {})

    def takes_nothing() -> dict[str, Any]:
        return {}

    with pytest.raises(RegistrationError, match=r"of KeyError .* cannot be called with the exception: too many"):
        app.errorhandler(KeyError)(takes_nothing)
    with serving(app, redis_url, name), pytest.raises(RegistrationError, match="is running"):
        app.errorhandler(KeyError)(lambda _error: {})


def test_the_code_that_another_service_has_chosen_goes_on_and_one_of_the_framework_does_not(
    redis_url: str, name: str
) -> None:
    bank, app = Daebus(f"{name}.bank"), Daebus(name)
    bank.action("charge")(lambda: response.error("no money", code=request.payload["code"]))

    @app.action("caught")
    def caught() -> None:
        try:
            DaebusCaller(bank.name, redis_url=redis_url).send_request("charge", request.payload)
        except RequestFailed as error:
            response.error(error, code=request.payload.get("instead"))

    @app.action("raised")
    def raised() -> None:
        DaebusCaller(bank.name, redis_url=redis_url).send_request(request.payload["action"], {"code": "declined"})

    @app.action("later")
    def later() -> None:
        response.defer().error(RequestFailed("no money", code="declined"))

    def code_of(action: str, payload: dict[str, Any]) -> str | None:
        with pytest.raises(RequestFailed) as failed:
            caller.send_request(action, payload)
        assert failed.value.type == "RequestFailed"
        return failed.value.code

    with (
        serving(bank, redis_url, bank.name),
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        assert code_of("caught", {"code": "declined"}) == "declined"
        assert code_of("caught", {"code": "declined", "instead": "unpaid"}) == "unpaid"
        # This service is not busy, and a caller with a Retry would ask it again.
        assert code_of("caught", {"code": "busy"}) is None
        assert code_of("caught", {"code": None}) is None
        assert code_of("later", {}) == "declined"
        assert code_of("raised", {"action": "charge"}) == "handler_error"

    for_all = Daebus(name)
    for_all.action("raised")(raised)
    for_all.errorhandler(RequestFailed)(lambda error: response.error(error))
    with (
        serving(bank, redis_url, bank.name),
        serving(for_all, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        assert code_of("raised", {"action": "charge"}) == "declined"
        assert code_of("raised", {"action": "chrage"}) is None
