"""Answers that do not reach who asked: on another channel, with another id, or without one."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.why.asking import why_action, why_exchange
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import Watched


def told(exchange: Exchange, **fields: Any) -> dict[str, Any]:
    """An answer to it, with other fields than it should have."""
    return {"status": "success", "payload": {}, "request_id": exchange.request_id, **fields}


def begin(bus: Watched) -> None:
    """Half a minute passes, in which answers may come to what was asked before."""
    bus.say("news", {})
    bus.wait(31)


def sight(bus: Watched) -> Sight:
    session = bus.session
    return Sight(session.findings.world, session.findings.book, session.journal, bus.now)


def test_an_answer_on_another_channel(bus: Watched) -> None:
    asked = [bus.ask("legacy", "do") for _ in range(3)]
    for one in asked:
        bus.say("legacy.replies", told(one))
    bus.wait(8)
    bus.poll(legacy=1)
    assert bus.found() == []
    bus.wait(3)
    bus.poll(legacy=1)
    finding = bus.one("stray-answer")
    assert (finding.count, finding.evidence) == (3, [one.number for one in asked])
    assert finding.text == (
        "legacy do answers on 'legacy.replies', and who asked waits on 'caller:web': no answer reaches him"
    )
    assert finding.advice == "let legacy publish the answer on the reply_to of the request"
    cause = why_action(sight(bus), "legacy", "do")
    assert cause.name == "elsewhere"
    assert "3 of 3 that are remembered went wrong" in cause.evidence[-1]


@pytest.mark.parametrize("before", [True, False])
def test_a_copy_of_an_answer_is_none(bus: Watched, before: bool) -> None:
    for _ in range(3):
        asked = bus.ask("legacy", "do")
        for channel in ("audit", "caller:web") if before else ("caller:web", "audit"):
            bus.say(channel, told(asked))
    bus.wait(12)
    bus.poll(legacy=1)
    bus.session.findings.finish()
    assert bus.found() == []
    assert not why_action(sight(bus), "legacy", "do").found


def test_where_the_right_channel_is_not_read_nothing_is_said(bus: Watched) -> None:
    bus.session.correlator.answerable = lambda _request: False
    bus.say("audit", told(bus.ask("legacy", "do")))
    bus.wait(12)
    bus.poll(legacy=1)
    assert bus.found() == []


def test_what_is_published_elsewhere_long_before_the_answer_is_none(bus: Watched) -> None:
    asked = bus.ask("legacy", "do", timeout=5)
    bus.say("legacy.results", told(asked))
    bus.wait(4)
    bus.poll(legacy=1)
    bus.say("caller:web", told(asked))
    bus.wait(4)
    bus.poll(legacy=1)
    assert bus.found() == []


@pytest.mark.parametrize(("reply_to", "channel"), [("answers.*", "answers.web.1"), ("answers", "answers.web.1")])
def test_who_asked_may_read_by_a_pattern(bus: Watched, reply_to: str, channel: str) -> None:
    asked = bus.ask("legacy", "do", reply_to=reply_to, timeout=1)
    bus.say(channel, told(asked))
    bus.wait(4)
    bus.poll(legacy=1)
    assert bus.found() == []
    assert not why_exchange(sight(bus), asked).found


def test_of_very_many_some_are_told(bus: Watched) -> None:
    for _ in range(600):
        bus.say("legacy.replies", told(bus.ask("legacy", "do")))
    bus.wait(15)
    bus.poll(legacy=1)
    assert bus.one("stray-answer").count == 500


@pytest.mark.parametrize(("id_", "how"), [("own-{0}", "with the id 'own-1'"), (None, "without an id")])
def test_an_answer_with_another_id_or_none(bus: Watched, id_: str | None, how: str) -> None:
    asked = []
    begin(bus)
    for number in range(3):
        asked.append(bus.ask("legacy", "do", {"n": number}, timeout=1))
        bus.say("caller:web", told(asked[-1], request_id=id_ and id_.format(number)))
        bus.wait(1.5)
        assert len(bus.found()) == int(number > 0)
        if number == 1:
            assert bus.one("stray-answer").text.endswith(f" came on its reply channel {how}")
    finding = bus.one("stray-answer")
    assert finding.count == 3
    assert {one.number for one in asked} <= set(finding.evidence)
    assert finding.text.startswith("legacy do answers with other ids than it was asked with, or none: #")
    assert finding.advice == "let legacy put the request_id of the request into its answer, as it is"
    assert why_exchange(sight(bus), asked[0]).text == finding.text
    (orphan, *_) = [one for one in bus.session.journal.exchanges if one.kind.value == "response"]
    assert why_exchange(sight(bus), orphan).text == finding.text


def test_answers_that_come_at_other_times_explain_nothing(bus: Watched) -> None:
    """Of what this console does not read, say."""
    begin(bus)
    for number in range(4):
        bus.say("caller:web", {"status": "success", "payload": {}, "request_id": f"old-{number}"})
    for number in range(3):
        bus.ask("legacy", "do", {"n": number}, timeout=1)
        bus.say("caller:web", {"status": "success", "payload": {}, "request_id": f"late-{number}"})
        bus.wait(1.5)
    assert bus.found() == []


@pytest.mark.parametrize("gap", [False, True])
def test_answers_to_what_was_asked_before_anybody_looked_explain_nothing(bus: Watched, gap: bool) -> None:
    """A service that is behind by more than its callers wait."""
    if gap:
        begin(bus)
        bus.session.on_down(bus.now, "the connection was closed")
        bus.now += 1
        bus.session.on_up(bus.now)
    for number in range(20):
        bus.ask("legacy", "do", {"n": number}, timeout=1)
        bus.say("caller:web", {"status": "success", "payload": {}, "request_id": f"before-{number}"})
        bus.wait(1.2)
    assert "stray-answer" not in bus.names()


def test_a_service_that_answers_as_it_was_asked_as_well_is_none(bus: Watched) -> None:
    begin(bus)
    for number in range(5):
        missed = bus.ask("legacy", "do", {"n": number}, timeout=1)
        bus.say("caller:web", told(missed, request_id=f"x{number}"))
        bus.wait(1.5)
        bus.answer(bus.ask("legacy", "do"))
    assert bus.found() == []


def test_one_of_each_is_chance(bus: Watched) -> None:
    begin(bus)
    asked = bus.ask("legacy", "do", timeout=1)
    bus.say("caller:web", told(asked, request_id="x"))
    bus.wait(1.5)
    assert bus.found() == []


def test_one_that_another_service_gave_is_none(bus: Watched) -> None:
    begin(bus)
    for number in range(3):
        asked = bus.ask("legacy", "do", {"n": number}, timeout=1)
        bus.say("caller:web", told(asked, request_id=f"x{number}", service="users"))
        bus.wait(1.5)
    assert bus.found() == []


@pytest.mark.parametrize("after", [True, False])
def test_what_came_together_has_an_order(bus: Watched, after: bool) -> None:
    begin(bus)
    for number in range(2):
        request = {"action": "do", "payload": {"n": number}, "request_id": f"r{number}", "reply_to": "caller:web"}
        answer = {"status": "success", "payload": {}, "request_id": f"own{number}"}
        both: list[tuple[float, str, Any]] = [
            (bus.now, "users", {**request, "timeout": 1}),
            (bus.now, "caller:web", answer),
        ]
        bus.take(both if after else both[::-1])
        bus.wait(1.5)
    assert bus.names() == ["stray-answer"] * after
