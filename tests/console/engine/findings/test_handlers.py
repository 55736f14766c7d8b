"""Handlers of requests that fail by a mistake, that end without an answer, or that raise when they have answered."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.dates import clock
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.why.asking import why_exchange
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, handled

TRACE = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.12/site-packages/daebus/service/chain/links.py", line 74, in run
    returned = route.function.call()
  File "/srv/shop/users.py", line 15, in get
    user["discount"] = DISCOUNTS[customer]
                       ~~~~~~~~~^^^^^^^^^^
KeyError: 'c-7'
"""


def raised(bus: Watched, kind: str, error: str, payload: Any = None, **fields: Any) -> Exchange:
    asked = bus.ask("users", "get", payload)
    answer = {"error": error, "code": "handler_error", "type": kind, **fields}
    return bus.answer(asked, answer, status="error")


def tell(bus: Watched, *records: dict[str, Any]) -> None:
    sent = batch("users", *records)
    bus.say(sent.channel, sent.data)


def test_a_mistake_is_told_with_what_was_asked(bus: Watched) -> None:
    bus.call("users", "get", {"customer": "c-1"})
    failed = raised(bus, "KeyError", "'c-7'", {"customer": "c-7"})
    found = bus.one("handler-raised")
    assert found.text == "the handler of users get raised KeyError: 'c-7'"
    assert found.because == (
        f"the key that is missing is payload.customer of #{failed.number}, and its caller got the error"
    )
    assert found.advice == (
        f"logs #{failed.number} shows where; contrast to:users action:get status:error tells which requests fail"
    )
    assert found.filter == "to:users action:get status:error payload.type:KeyError"
    assert (found.severity.word, list(found.evidence), found.count) == ("error", [failed.number], 1)


def test_the_line_that_raised_is_told_as_soon_as_the_service_tells_it(bus: Watched) -> None:
    failed = raised(bus, "KeyError", "'c-7'")
    told = {"outcome": "handler_error", "type": "KeyError", "error": "'c-7'", "traceback": TRACE}
    tell(bus, handled(1, failed.request_id or "", "get", bus.now, **told))
    found = bus.one("handler-raised")
    assert found.text == (
        "the handler of users get raised KeyError: 'c-7', in users.py:15, get: user[\"discount\"] = DISCOUNTS[customer]"
    )
    assert found.count == 1
    raised(bus, "KeyError", "'c-8'")
    assert (bus.one("handler-raised").count, "users.py:15" in bus.one("handler-raised").text) == (2, True)


def test_a_field_that_is_misspelled(bus: Watched) -> None:
    failed = raised(bus, "KeyError", "'items'", {"itmes": [1], "order": 2})
    found = bus.one("handler-raised")
    assert found.because.startswith(f"#{failed.number} has the field 'itmes', and none that is called 'items'")
    assert found.advice == "write 'items' where 'itmes' is sent"


@pytest.mark.parametrize("error", ["'a' and 'b'", "__import__('os')", "('", "9" * 5_000, "'\x1b[2J'", ""])
def test_a_key_error_may_say_anything(bus: Watched, error: str) -> None:
    raised(bus, "KeyError", error, {"items": [1]})
    found = bus.one("handler-raised")
    assert found.because == "nothing handled the KeyError, and its caller got the error"
    assert "\x1b" not in found.text


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ValueError", "handler_error"),
        ("CardDeclined", "handler_error"),
        ("RequestFailed", "handler_error"),
        ("KeyError", "not_found"),
    ],
)
def test_what_may_be_meant_as_an_answer_is_none(bus: Watched, kind: str, code: str) -> None:
    raised(bus, kind, "no", code=code)
    assert bus.names() == []


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("ConnectionRefusedError", "see whether what it needs is there, and can be reached from where it runs"),
        ("OperationalError", "see whether what it needs is there, and can be reached from where it runs"),
        ("OutOfMemoryError", "Redis has no memory left: see what fills it, and its maxmemory"),
    ],
)
def test_what_a_handler_needs_and_cannot_have(bus: Watched, kind: str, advice: str) -> None:
    failed = raised(bus, kind, "no route")
    found = bus.one("handler-raised")
    assert (found.severity.word, found.text) == ("warning", f"the handler of users get raised {kind}: no route")
    assert found.because == f"{kind} is raised where something that it needs is not to be had"
    assert found.advice == f"{advice}; contrast to:users action:get status:error tells which requests fail"
    tell(
        bus,
        handled(1, failed.request_id or "", "get", bus.now, outcome="handler_error", type=kind, traceback=TRACE),
    )
    assert bus.one("handler-raised").text.endswith('in users.py:15, get: user["discount"] = DISCOUNTS[customer]')


def reach(bus: Watched, payload: dict[str, Any], kind: str = "ConnectionRefusedError") -> None:
    """A handler could not reach something."""
    failed = raised(bus, kind, "[Errno 101] unreachable", payload)
    told = handled(failed.number, failed.request_id or "", "get", bus.now, outcome="handler_error", type=kind)
    tell(bus, {**told, "traceback": TRACE})


@pytest.mark.parametrize("kind", ["ConnectionRefusedError", "gaierror", "OSError"])
@pytest.mark.parametrize(
    "payload", [{"host": "db-3"}, {"check": [{"url": "http://a.example/x"}]}, {"at": "10.0.0.9:22"}]
)
def test_what_is_asked_whether_it_can_be_reached_may_not(bus: Watched, payload: dict[str, Any], kind: str) -> None:
    for _ in range(4):
        for _ in range(12):
            reach(bus, payload, kind)
        bus.call("users", "get", {"host": "up"})
    assert "handler-raised" not in bus.names()


@pytest.mark.parametrize(
    ("payload", "first"),
    [
        ({"host": "db-3"}, 20),
        ({"url_count": 3}, 1),
        ({}, 1),
        ({"host": "", "note": "10.0.0.9 is"}, 1),
        ({"address": "1 Main Street", "email_address": "ann@example.org"}, 1),
    ],
)
def test_what_can_never_be_reached_is_told(bus: Watched, payload: dict[str, Any], first: int) -> None:
    for number in range(1, 25):
        reach(bus, payload)
        assert ("handler-raised" in bus.names()) is (number >= first)
    found = bus.one("handler-raised")
    assert found.count == 24
    assert found.text.endswith('in users.py:15, get: user["discount"] = DISCOUNTS[customer]')


def turn(bus: Watched, error: str) -> list[Exchange]:
    """What went well forty times fails from now on, with that error; returns the first that do."""
    for _ in range(40):
        bus.call("users", "get", {"n": 1})
    failed = []
    for number in range(25):
        failed.append(raised(bus, "ApiError", error, {"n": number}))
        bus.wait(0.1)
    return failed


def test_an_action_that_fails_since_a_moment(bus: Watched) -> None:
    failed = turn(bus, "401: token\x1b expired")
    found = bus.one("fails-since")
    assert found.text.startswith("users get fails every time since ")
    assert found.text.endswith(", with ApiError: 401: token\\x1b expired")
    assert found.because == "40 of 40 answers before that were no errors, and each of the 25 since then is the same"
    assert (found.count, found.evidence[:5]) == (25, [one.number for one in failed[:5]])
    answer = failed[0].answer
    assert answer is not None
    assert found.first == answer.at


def test_an_action_that_failed_for_a_while(bus: Watched) -> None:
    failed = turn(bus, "401")
    well = bus.call("users", "get", {"n": 1})
    found = bus.one("fails-since")
    assert failed[0].answer is not None
    assert well.answer is not None
    began, ended = clock(failed[0].answer.at), clock(well.answer.at)
    assert found.text == f"users get failed every time from {began} to {ended}, with ApiError: 401"
    assert found.because == "40 of 40 answers before that were no errors, and each of the 25 until then is the same"
    assert found.count == 25


@pytest.mark.parametrize(
    "how", ["texts", "between", "little", "before", "mistake", "meant", "missing", "limit", "one job"]
)
def test_errors_that_may_be_answers_or_are_told_already(bus: Watched, how: str) -> None:
    for number in range(5 if how == "little" else 40):
        if how == "before" and number % 4 == 0:
            raised(bus, "ApiError", "401")
        bus.call("users", "get", {"n": 1})
    for number in range(60):
        kind = {"mistake": "KeyError", "meant": "RequestFailed", "missing": "UserNotFound", "limit": "RateLimited"}.get(
            how, "ApiError"
        )
        asked = {"job": 7 if how == "one job" else number}
        raised(bus, kind, f"no user {number}" if how == "texts" else "401", asked)
        if how == "between" and number % 15 == 0:
            bus.call("users", "get", {"n": 1})
        bus.wait(0.1)
    assert "fails-since" not in bus.names()


def test_where_a_part_alone_is_looked_at_nothing_fails_every_time(bus: Watched) -> None:
    for _ in range(40):
        bus.call("users", "get", {"n": 1})
    for _ in range(30):
        bus.session.findings.world.in_part = bus.now + 1
        raised(bus, "ApiError", "401")
        bus.wait(0.1)
    assert "fails-since" not in bus.names()


def test_what_fails_among_what_goes_well_does_not_fail_every_time(bus: Watched) -> None:
    passed: list[tuple[float, str, Any]] = []
    for number in range(200):
        at = bus.now + number / 100
        asked = {"action": "get", "payload": {}, "request_id": f"m{number}", "reply_to": "caller:web", "service": "web"}
        error = {"error": "401", "code": "handler_error", "type": "ApiError"}
        bad = number > 60 and number % 2
        end = {"status": "error" if bad else "success", "payload": error if bad else {}, "request_id": f"m{number}"}
        passed += [(at, "users", asked), (at + 0.005, "caller:web", end)]
    bus.take(passed)
    assert bus.names() == []


def test_a_handler_that_forgets_to_answer(bus: Watched) -> None:
    failed = bus.fail(bus.ask("payment", "charge"), "no_response")
    found = bus.one("handler-raised")
    assert found.text == "the handler of payment charge ended without an answer, and its caller got an error"
    assert found.filter == "to:payment action:charge status:error code:no_response"
    assert list(found.evidence) == [failed.number]


def test_a_handler_that_lets_go_of_the_handle_it_was_to_answer_with(bus: Watched) -> None:
    said = {"error": "action 'charge' dropped its handle without a final answer", "code": "no_response"}
    asked = bus.answer(bus.ask("payment", "charge"), said, status="error")
    found = bus.one("handler-raised")
    assert "what response.defer gave was let go of" in found.because
    findings = bus.session.findings
    cause = why_exchange(Sight(findings.world, findings.book, bus.session.journal, bus.now), asked)
    assert cause.text == "payment charge: what response.defer gave was let go of, unanswered"
    assert cause.advice == found.advice.partition("; contrast")[0]
    assert found.advice.startswith("keep the handle that response.defer gives, and let every way through what keeps it")


def test_a_handler_that_raises_when_it_has_answered(bus: Watched) -> None:
    asked = bus.ask("users", "get")
    bus.answer(asked, {"n": 1}, instance="one")
    told = {"outcome": "handler_error", "type": "AlreadyAnswered", "error": "it was answered"}
    sent = batch("users", handled(1, asked.request_id or "", "get", bus.now, **told), instance="one")
    bus.say(sent.channel, sent.data)
    found = bus.one("handler-raised")
    assert found.text == "the handler of users get raised after it had answered: AlreadyAnswered: it was answered"
    assert found.advice == "send one final answer: those before it with final=False"
    assert list(found.evidence) == [asked.number]


def test_another_instance_that_raised_has_not_answered(bus: Watched) -> None:
    asked = bus.ask("users", "get")
    bus.answer(asked, {"n": 1}, instance="one")
    told = {"outcome": "handler_error", "type": "KeyError", "error": "'n'"}
    sent = batch("users", handled(1, asked.request_id or "", "get", bus.now, **told), instance="two")
    bus.say(sent.channel, sent.data)
    assert bus.names() == []


def taking(bus: Watched, times: list[float], **how: Any) -> None:
    """Calls of an action whose handler takes so long each time."""
    for number, seconds in enumerate(times):
        asked = bus.ask("feed", "add", {"n": number})
        for service in how.get("calls", ()):
            bus.call(service, of=asked)
        bus.answer(asked, elapsed=seconds, instance=how.get("instance", "i1"))
        bus.wait(0.02)


def growing(count: int, step: float = 0.001) -> list[float]:
    return [0.001 + number * step for number in range(count)]


def test_a_handler_that_takes_longer_and_longer(bus: Watched) -> None:
    taking(bus, growing(200))
    found = bus.one("slower-and-slower")
    assert found.text == "the handler of feed add takes longer and longer: 26 ms at first, and 186 ms now"
    assert found.because == "5 times in a row most of 32 took longer than most of those before"
    assert (found.severity.word, found.filter) == ("warning", "to:feed action:add")


def test_time_is_never_even(bus: Watched) -> None:
    taking(bus, [seconds + 0.01 * (number % 6 == 0) for number, seconds in enumerate(growing(200))])
    assert "slower-and-slower" in bus.names()


def test_of_handlers_that_run_at_once_those_that_take_less_answer_first(bus: Watched) -> None:
    asked = [bus.ask("feed", "add", {"n": number}, timeout=100) for number in range(240)]
    for one, seconds in zip(asked, growing(240, 0.01), strict=True):
        bus.now = 1_001.0 + seconds
        bus.answer(one, elapsed=seconds, instance="i1")
    assert "slower-and-slower" not in bus.names()


def test_handlers_that_wait_for_each_other_take_longer_the_more_of_them_there_are(bus: Watched) -> None:
    for at_once in (1, 2, 4, 8, 16, 32, 64):
        for _ in range(max(1, 32 // at_once)):
            asked = [bus.ask("feed", "add", timeout=100) for _ in range(at_once)]
            for number, one in enumerate(asked, 1):
                bus.wait(0.01)
                bus.answer(one, elapsed=0.01 * at_once + number * 0.0001, instance="i1")
                assert "slower-and-slower" not in bus.names()


def test_where_more_is_asked_each_time_a_handler_may_take_longer(bus: Watched) -> None:
    for number, seconds in enumerate(growing(240)):
        asked = bus.ask("feed", "add", {"text": "x" * 10 * number})
        bus.wait(seconds)
        bus.answer(asked, elapsed=seconds, instance="i1")
    assert "slower-and-slower" not in bus.names()


def test_instances_are_followed_each_by_itself(bus: Watched) -> None:
    for number, seconds in enumerate(growing(240)):
        taking(bus, [seconds], instance="old")
        taking(bus, [0.001 + number % 3 / 1000], instance="new")
    assert "slower-and-slower" in bus.names()


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(growing(240, 0.00005), id="quick"),
        pytest.param(growing(160), id="not for long"),
        pytest.param(
            [seconds if number % 4 else 0.002 for number, seconds in enumerate(growing(240))], id="now and then"
        ),
        pytest.param([*growing(160), *growing(160)], id="started anew"),
        pytest.param([0.001 if number < 128 else 0.2 for number in range(256)], id="at once"),
    ],
)
def test_a_handler_that_does_not_take_longer_each_time(bus: Watched, times: list[float]) -> None:
    taking(bus, times)
    assert "slower-and-slower" not in bus.names()


def test_one_that_calls_others_may_wait_for_those(bus: Watched) -> None:
    taking(bus, growing(240), calls=["stock"])
    assert "slower-and-slower" not in bus.names()
