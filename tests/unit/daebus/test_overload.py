"""What is said of refusals and of lost answers: something, but never a line for each."""

from __future__ import annotations

import logging
import math
import time

import pytest

from daebus.envelope import Request
from daebus.errors import ConnectionLost, PermissionDenied, RedisUnavailable
from daebus.overload import EVERY, OverloadLog
from daebus.undelivered import Undelivered


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
