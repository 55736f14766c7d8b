"""What is said of refusals and of lost answers: something, but never a line for each."""

from __future__ import annotations

import logging
import math
import time

import pytest

from daebus.errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable
from daebus.service.answering.undelivered import Undelivered
from daebus.service.overload import EVERY, OverloadLog
from daebus.service.refusals import Refusals
from daebus.wire.envelope import Request


def test_a_thousand_refusals_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    overload = OverloadLog("svc", 5)
    for _ in range(1000):
        overload.refused()
    assert caplog.messages == [
        "svc: busy: all workers are at work and 5 messages wait; refused 1 since this was last said"
    ]


def test_refusals_that_go_on_are_counted_in_another_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    overload = OverloadLog("svc", 5)
    overload.refused()
    for _ in range(9):
        overload.refused()
    now = time.monotonic() + EVERY + 1
    monkeypatch.setattr(time, "monotonic", lambda: now)
    overload.refused()
    assert len(caplog.messages) == 2
    assert caplog.messages[1].endswith("refused 10 since this was last said")


def test_the_rest_of_them_is_told_when_it_is_time_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    overload = OverloadLog("svc", 5)
    for _ in range(4):
        overload.refused()
    overload.say(time.monotonic())
    assert (len(caplog.messages), overload.pending) == (1, 3)
    overload.say(time.monotonic() + EVERY + 1)
    assert caplog.messages[1].endswith("refused 3 since this was last said")
    overload.refused()
    overload.end()
    overload.end()
    assert [text.rpartition("refused ")[2] for text in caplog.messages[2:]] == ["1 since this was last said"]


def test_lost_answers_are_said_with_the_return_and_once() -> None:
    lost = Undelivered("svc")
    assert lost.said() == ""
    lost.add(Request("act", {}), RedisUnavailable("gone"))
    assert lost.said() == "; 1 answer could not be sent meanwhile"
    for _ in range(3):
        lost.add(Request("act", {}), RedisUnavailable("gone"))
    assert lost.said() == "; 3 answers could not be sent meanwhile"
    assert lost.said() == ""


def test_answers_that_were_sent_and_not_confirmed_are_not_said_to_be_unsent() -> None:
    lost = Undelivered("svc")
    lost.add(Request("act", {}), ConnectionLost("gone"))
    assert lost.said() == "; 1 answer was sent and not confirmed"
    lost.add(Request("act", {}), RedisUnavailable("gone"))
    for _ in range(2):
        lost.add(Request("act", {}), ConnectionLost("gone"))
    assert lost.pending == 3
    assert lost.said() == "; 1 answer could not be sent meanwhile; 2 answers were sent and not confirmed"


def test_lost_answers_are_said_by_themselves_only_where_no_return_will_say_it(caplog: pytest.LogCaptureFixture) -> None:
    lost = Undelivered("svc")
    lost.add(Request("act", {}), RedisUnavailable("gone"))
    lost.say(time.monotonic())
    assert caplog.messages == []
    lost.say(math.inf)
    lost.say(math.inf)
    assert caplog.messages == ["svc: 1 answer could not be sent; the connection for answers was lost"]


def test_missing_rights_are_said_each_time_and_at_once(caplog: pytest.LogCaptureFixture) -> None:
    lost = Undelivered("svc")
    lost.add(Request("act", {}, request_id="r\n1"), PermissionDenied("NOPERM"))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "svc: the answer to 'act' (request 'r\\n1') could not be sent: NOPERM")
    ]
    assert lost.pending == 0


def refused(code: str) -> RedisRefused:
    return RedisRefused(f"Redis failed: {code} no", code)


def test_a_refusal_is_said_once_and_once_more_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("svc")
    for _ in range(3):
        refusals.met("claiming", refused("OOM"), "nobody is served")
    refusals.dropped("claiming")
    refusals.over("answering")
    refusals.over("claiming")
    refusals.over("claiming")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "svc: Redis failed: OOM no; as long as that lasts, nobody is served"),
        (
            "WARNING",
            "svc: Redis allows claiming again after 0.0 s (refused 3 times; 1 of them for messages that nobody "
            "waits for, and that were dropped)",
        ),
    ]
    assert not refusals.lasting


def test_what_is_forbidden_at_one_place_makes_nobody_wait_at_another() -> None:
    refusals = Refusals("svc")
    refusals.met("answering", refused("NOPERM"), "they wait", "elsewhere")
    assert refusals.may_meet("answering", "elsewhere")
    assert not refusals.may_meet("answering", "caller:1")
    assert not refusals.may_meet("claiming")


def test_what_is_refused_everywhere_is_over_when_it_is_done_anywhere() -> None:
    refusals = Refusals("svc")
    refusals.met("answering", refused("BUSY"), "they wait", "caller:1")
    assert refusals.may_meet("answering", "caller:2")
    refusals.over("answering", "caller:2")
    assert not refusals.lasting


def test_another_refusal_of_the_same_is_said_too(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("svc")
    for code in ("OOM", "OOM", "MISCONF", "MISCONF"):
        refusals.met("claiming", refused(code), "nobody is served")
    assert len(caplog.messages) == 2


def test_what_is_refused_at_one_place_is_not_over_when_it_is_done_at_another(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("svc")
    refusals.met("answering", refused("NOPERM"), "they wait", "caller:1")
    refusals.over("answering", "caller:2")
    refusals.met("answering", refused("NOPERM"), "they wait", "caller:1")
    assert len(caplog.messages) == 1
    assert refusals.lasting
    refusals.end()
    assert caplog.messages[1:] == ["svc: stopped while Redis refused answering, for 0.0 s (refused 2 times)"]
    assert not refusals.lasting
