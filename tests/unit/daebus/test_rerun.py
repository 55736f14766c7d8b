"""Running a handler again: its calls are answered from a record, and nothing leaves the process."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from daebus import (
    AsyncDaebusCaller,
    Blueprint,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    PayloadError,
    RawJson,
    RequestFailed,
    RequestTimeout,
    broadcast,
    request,
    response,
)
from daebus.testing import RecordedCall, rerun, rerun_message

payment = DaebusCaller("payment")
CHARGED = RecordedCall("payment", "charge", {"amount": 5}, {"receipt": 17})


@pytest.fixture
def app() -> Daebus:
    return Daebus("orders")


def test_calls_are_answered_from_the_record(app: Daebus) -> None:
    @app.action("place")
    def place() -> dict[str, Any]:
        paid = payment.send_request("charge", {"amount": request.payload["amount"]})
        broadcast.send("orders.created", paid)
        payment.send_message("note", {"n": 1})
        return {"receipt": paid["receipt"], "asked_by": request.service}

    done = rerun(app, "place", {"amount": 5}, calls=[CHARGED], asker="web")
    assert (done.status, done.answer) == ("ok", {"receipt": 17, "asked_by": "web"})
    assert [(call.name, call.payload, call.recorded) for call in done.calls] == [
        ("payment.charge", {"amount": 5}, CHARGED)
    ]
    assert [(each.name, each.payload) for each in done.broadcasts] == [("orders.created", {"receipt": 17})]
    assert [(each.name, each.payload) for each in done.messages] == [("payment.note", {"n": 1})]
    assert (done.not_made, done.unrecorded, done.raised) == ([], [], None)


def test_a_call_that_is_not_in_the_record_is_told_so(app: Daebus) -> None:
    told: list[RequestFailed] = []

    @app.action("place")
    def place() -> dict[str, Any]:
        payment.send_request("charge", {"amount": 5})
        with pytest.raises(RequestFailed) as caught:
            payment.send_request("charge", {"amount": 5})
        told.append(caught.value)
        payment.send_request("refund", {})
        return {}

    done = rerun(app, "place", calls=[CHARGED])
    assert [error.code for error in told] == ["not_recorded"]
    assert done.status == "error"
    assert done.answer["error"].startswith("payment.refund is not in the record")
    assert [call.name for call in done.unrecorded] == ["payment.charge", "payment.refund"]
    assert isinstance(done.raised, RequestFailed)


def test_the_one_with_the_same_payload_before_the_next_in_order(app: Daebus) -> None:
    calls = [RecordedCall("payment", "charge", {"amount": each}, {"for": each}) for each in (1, 2, 3)]

    @app.action("place")
    def place() -> dict[str, Any]:
        return {"for": [payment.send_request("charge", {"amount": each})["for"] for each in (3, 9)]}

    done = rerun(app, "place", calls=calls)
    assert done.answer == {"for": [3, 1]}
    assert done.not_made == [calls[1]]


def test_answers_that_were_errors_streams_or_never_came(app: Daebus) -> None:
    calls = [
        RecordedCall("payment", "refuse", {}, {"error": "no money", "code": "declined"}, "error"),
        RecordedCall("payment", "parts", {}, {"part": 3}, stream=[{"part": 1}, {"part": 2}]),
        RecordedCall("payment", "hang", {}, status="unanswered", request_id="abc"),
    ]

    @app.action("place")
    def place() -> dict[str, Any]:
        with pytest.raises(RequestFailed, match="no money") as refused:
            payment.send_request("refuse", {})
        parts = list(payment.stream_request("parts", {}))
        # Nobody waits for that long.
        with pytest.raises(RequestTimeout, match=r"no answer from 'payment' to 'hang' within 300 s \(request abc\)"):
            payment.send_request("hang", {}, timeout=300)
        return {"code": refused.value.code, "parts": [each["part"] for each in parts]}

    assert rerun(app, "place", calls=calls).answer == {"code": "declined", "parts": [1, 2, 3]}


def test_async_handlers_and_generators_of_both_sorts(app: Daebus) -> None:
    caller = AsyncDaebusCaller("payment")
    hang = RecordedCall("payment", "hang", {}, status="unanswered")

    @app.action("place")
    async def place() -> dict[str, Any]:
        with pytest.raises(RequestTimeout):
            await caller.send_request("hang", {}, timeout=300)
        return dict(await caller.send_request("charge", {"amount": 5}))

    @app.action("parts")
    def parts() -> Iterator[dict[str, Any]]:
        yield {"n": 1}
        yield payment.send_request("charge", {"amount": 5})

    @app.action("async_parts")
    async def async_parts() -> AsyncIterator[dict[str, Any]]:
        yield {"n": 1}
        yield await caller.send_request("charge", {"amount": 5})

    assert rerun(app, "place", calls=[CHARGED, hang]).answer == {"receipt": 17}
    for action in ("parts", "async_parts"):
        done = rerun(app, action, calls=[CHARGED])
        assert (done.stream, done.answer) == ([{"n": 1}], {"receipt": 17})


def test_typed_handlers_and_hooks_run_as_ever() -> None:
    app, blueprint, ran = Daebus("orders"), Blueprint("more"), list[str]()

    @blueprint.action("twice")
    def twice(number: int) -> dict[str, int]:
        return {"number": 2 * number}

    @blueprint.before_request
    def before() -> None:
        ran.append("before")

    @app.after_request
    def after(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "seen": True}

    @app.on_start
    def start() -> None:
        ran.append("start")

    @app.on_stop
    def stop() -> None:
        ran.append("stop")

    app.register_blueprint(blueprint)
    assert rerun(app, "twice", {"number": 4}).answer == {"number": 8, "seen": True}
    assert ran == ["start", "before", "stop"]
    misfit = rerun(app, "twice", {"number": "4"})
    assert (misfit.status, misfit.answer["code"]) == ("error", "bad_request")


def test_nothing_else_of_the_app_runs_and_it_is_as_before(app: Daebus) -> None:
    heard: list[Any] = []

    @app.listen("news")
    def hear(data: dict[str, Any]) -> None:
        heard.append(data)

    @app.thread("poller")
    def poll(running: Any) -> None:
        heard.append("thread")

    @app.action("tell")
    def tell() -> dict[str, Any]:
        return {"receivers": broadcast.send("news", {"n": 1})}

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        pass

    before = (dict(app.listen_handlers), dict(app.thread_tasks), list(app.teardowns))
    assert rerun(app, "tell").answer == {"receivers": 1}
    assert heard == []
    assert (app.listen_handlers, app.thread_tasks, app.teardowns) == before
    with app.test_client() as client:
        client.broadcast("news", {"n": 2})
    assert {"n": 2} in heard


def test_requests_to_its_own_service_are_answered_from_the_record_too(app: Daebus) -> None:
    own = DaebusCaller("orders")
    calls = [RecordedCall("orders", "inner", {}, {"from": "the record"})]

    @app.action("inner")
    def inner() -> dict[str, Any]:
        raise AssertionError("it ran")

    @app.action("outer")
    def outer() -> Any:
        return own.send_request("inner", {})

    assert rerun(app, "outer", calls=calls).answer == {"from": "the record"}


def test_one_way_messages_and_answers_that_come_later(app: Daebus) -> None:
    @app.action("note")
    def note() -> None:
        payment.send_message("note", dict(request.payload))

    @app.action("later")
    def later() -> None:
        handle = response.defer(within=30)
        threading.Thread(target=lambda: handle.send({"late": True})).start()

    done = rerun(app, "note", {"n": 1}, one_way=True)
    assert (done.status, done.answer, done.replies) == ("unanswered", None, [])
    assert [each.payload for each in done.messages] == [{"n": 1}]
    assert rerun(app, "later").answer == {"late": True}


def test_what_a_handler_raises_is_given_back(app: Daebus) -> None:
    @app.action("boom")
    def boom() -> None:
        raise LookupError("gone")

    @app.action("handled")
    def handled() -> None:
        raise KeyError("seen to")

    @app.errorhandler(KeyError)
    def seen_to(error: KeyError) -> dict[str, Any]:
        return {"seen": str(error)}

    done = rerun(app, "boom")
    assert (done.status, done.answer["type"], repr(done.raised)) == ("error", "LookupError", "LookupError('gone')")
    done = rerun(app, "handled")
    assert (done.answer, done.raised) == ({"seen": "'seen to'"}, None)
    assert rerun(app, "nothing").answer["code"] == "unknown_action"


def test_a_handler_that_takes_too_long_is_left_alone(app: Daebus) -> None:
    left = threading.Event()

    @app.action("hang")
    def hang() -> dict[str, Any]:
        # Until a moment after it was given up.
        left.wait(0.2)
        return {}

    done = rerun(app, "hang", timeout=0)
    assert (done.status, done.answer) == ("unanswered", None)
    assert not app.running


def test_a_message_as_it_was_on_the_wire(app: Daebus) -> None:
    @app.action("echo")
    def echo() -> dict[str, Any]:
        return {"got": request.payload, "id": request.request_id, "parent": request.raw.get("parent_id")}

    text = b'{"action":"echo","a":1,"reply_to":"caller:x","request_id":7}'
    assert rerun_message(app, text).answer == {"got": {"a": 1}, "id": 7, "parent": None}
    text = b'{"action":"echo","payload":"{\\"a\\":1}","reply_to":"caller:x","request_id":"r","parent_id":"p"}'
    assert rerun_message(app, text).answer == {"got": {"a": 1}, "id": "r", "parent": "p"}
    assert rerun_message(app, b'{"action":"echo","payload":[],"reply_to":"c","request_id":1}').status == "error"
    assert rerun_message(app, b"no JSON").status == "unanswered"


def test_answers_go_out_as_their_text(app: Daebus) -> None:
    raw = RawJson('{"price": 19.90}')

    @app.action("place")
    def place() -> dict[str, Any]:
        return dict(payment.send_request("price", {}))

    done = rerun(app, "place", calls=[RecordedCall("payment", "price", {}, raw)])
    assert done.answer == {"price": 19.9}


def test_a_start_hook_that_raises_is_told(app: Daebus) -> None:
    @app.on_start
    def start() -> None:
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        rerun(app, "place")
    assert not app.running


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"app": 5}, "app must be a Daebus"),
        ({"action": ""}, "action"),
        ({"payload": ["x"]}, "payload must be a dict"),
        ({"payload": {"a": object()}}, "cannot be written"),
        ({"calls": 5}, "calls must be a list of RecordedCall"),
        ({"calls": [{}]}, "calls must be a list of RecordedCall"),
        ({"service": ""}, "service must be"),
        ({"asker": 5}, "asker must be"),
        ({"timeout": -1}, "timeout must be"),
    ],
)
def test_what_cannot_be_run_is_refused(app: Daebus, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises((ConfigurationError, PayloadError), match=says):
        rerun(**{"app": app, "action": "place", **wrong})
    with pytest.raises(ConfigurationError, match="data must be bytes"):
        rerun_message(app, "text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"service": 5}, "service must be"),
        ({"action": ""}, "action must be"),
        ({"payload": None}, "payload must be a dict"),
        ({"payload": {"a": object()}}, "the payload cannot be written"),
        ({"answer": float("nan")}, "the answer cannot be written"),
        ({"status": "gone"}, "status must be one of ok, error and unanswered"),
        ({"stream": "parts"}, "stream must be a list"),
        ({"stream": [object()]}, "the stream cannot be written"),
    ],
)
def test_a_record_that_cannot_be_one_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises((ConfigurationError, PayloadError), match=says):
        RecordedCall(**{"service": "payment", "action": "charge", "payload": {}, **wrong})
