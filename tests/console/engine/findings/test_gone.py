"""Services that end, go away, or are started anew, and what becomes of what was asked of them."""

from __future__ import annotations

import pytest

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.findings.watched import START, Watched
from tests.console.engine.records.told import batch, record


def test_a_service_that_went_away_while_it_was_asked(bus: Watched) -> None:
    bus.poll(_ledger=1)
    lost = [bus.ask("ledger", "book", timeout=5), bus.ask("ledger", "crash", timeout=5)]
    bus.wait(1)
    bus.poll(_ledger=1)
    bus.wait(0.5)
    bus.ask("ledger", "after", timeout=5)
    bus.wait(0.5)
    bus.poll()
    bus.wait(5)
    # One that is stopped may finish what runs, and answer it.
    assert "gone-meanwhile" not in bus.names()
    bus.wait(11)
    bus.poll()
    found = bus.one("gone-meanwhile")
    assert found.text == "'ledger' went away while requests to it were under way: they got no answer"
    assert (found.severity, found.count) == (Severity.ERROR, 2)
    assert found.evidence == [one.number for one in lost]
    assert found.filter == "to:ledger status:timeout"


def test_a_service_that_was_started_anew_while_it_was_asked(bus: Watched) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1)
    bus.ask("ledger", "book", timeout=70)
    bus.wait(61)
    bus.info("ledger", "book", instance="i2", started=bus.now - 1)
    bus.poll(_ledger=1)
    bus.wait(10)
    bus.wait(11)
    bus.poll(_ledger=1)
    assert "was started later" in bus.one("gone-meanwhile").because


def test_where_nobody_listed_subscribers_requests_may_have_been_sent_while_nobody_served_it(bus: Watched) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.ask("ledger", "book", timeout=5)
    bus.wait(4)
    bus.info("ledger", "book", instance="i2", started=bus.now - 0.5)
    bus.wait(2)
    bus.session.findings.finish()
    found = bus.one("gone-meanwhile")
    assert found.text.startswith("'ledger' was started anew while requests to it were under way, or just before that")
    assert found.advice.endswith("was it killed, or were they sent while it was not there?")


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("late", [0, 8])
def test_a_crash_that_nobody_noticed_since_it_was_started_anew_at_once(bus: Watched, listed: bool, late: int) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    if listed:
        bus.poll(_ledger=1)
    bus.wait(2)
    lost = bus.ask("ledger", "book", timeout=3)
    bus.answer(bus.ask("ledger", "book"), instance="i1")
    after = bus.ask("ledger", "book", timeout=3)
    bus.wait(0.5)
    began = bus.now
    if listed:
        bus.poll(_ledger=1)
    bus.wait(1.5 + late)
    bus.info("ledger", "book", instance="i2", started=began)
    for seconds in (4, 12):
        bus.wait(seconds)
        bus.call("users")
    found = bus.one("gone-meanwhile")
    assert (found.text, found.severity) == (
        "'ledger' went away while requests to it were under way: they got no answer", Severity.ERROR
    )  # fmt: skip
    assert found.evidence == [lost.number, after.number]


@pytest.mark.parametrize(("listed", "seconds"), [(True, 1.2), (False, 1.2), (False, 5)])
def test_a_message_that_ends_its_service_is_told_though_who_asked_gave_up_before_it_was_back(
    bus: Watched, listed: bool, seconds: float
) -> None:
    bus.info("parser", "parse", started=bus.now - 100)
    if listed:
        bus.poll(_parser=1)
    bus.answer(bus.ask("parser", "parse"), instance="i1")
    poison = bus.ask("parser", "parse", timeout=1)
    bus.wait(0.5)
    if listed:
        bus.poll(parser=0)
    bus.wait(seconds)
    bus.info("parser", "parse", instance="i2", started=bus.now)
    if listed:
        bus.poll(_parser=1)
    for later in (4, 12):
        bus.wait(later)
        bus.call("users")
    if seconds > 3:
        assert "gone-meanwhile" not in bus.names()
        return
    found = bus.one("gone-meanwhile")
    assert found.text == (
        "'parser' was started anew while requests to it were under way, or just before that: they got no answer"
    )
    assert found.evidence == [poison.number]


def test_what_was_sent_after_the_last_that_was_answered_may_have_reached_nobody(bus: Watched) -> None:
    bus.poll(_ledger=1)
    bus.info("ledger", "book", started=bus.now - 100)
    runs = bus.ask("ledger", "book")
    bus.wait(0.5)
    bus.ask("ledger", "book", timeout=3)
    # It has been told to stop: it answers what runs, and gets nothing more.
    bus.answer(runs, instance="i1")
    bus.wait(0.5)
    bus.info("ledger", "book", instance="i2", started=bus.now - 0.2)
    for seconds in (4, 12):
        bus.wait(seconds)
        bus.call("users")
    assert ", or just before that: they got no answer" in bus.one("gone-meanwhile").text


def test_what_is_never_answered_is_not_missed_when_a_service_is_started_anew(bus: Watched) -> None:
    """Services that share a channel may each ignore what it does not know."""
    bus.poll(_ledger=1)
    bus.info("ledger", "book", started=bus.now - 100)
    bus.answer(bus.ask("ledger", "book"), instance="i1")
    bus.wait(2)
    bus.ask("ledger", "other", timeout=3)
    bus.wait(0.5)
    bus.info("ledger", "book", instance="i2", started=bus.now - 0.2)
    for seconds in (4, 12):
        bus.wait(seconds)
        bus.call("users")
    assert "gone-meanwhile" not in bus.names()


@pytest.mark.parametrize("name", [None, "old"])
@pytest.mark.parametrize("listed", [True, False])
def test_one_that_does_not_tell_of_itself_stays_beside_one_that_comes(
    bus: Watched, name: str | None, listed: bool
) -> None:
    """A service of 0.0.31, say, or one whose answers are not in the capture."""
    if listed:
        bus.poll(ledger=1)
    bus.answer(bus.ask("ledger", "book"), instance=name)
    slow = bus.ask("ledger", "book", timeout=10)
    bus.wait(5)
    began = bus.now
    for _ in range(3):
        if listed:
            bus.poll(ledger=1, _ledger=1)
        bus.info("ledger", "book", instance="new", started=began)
        for instance in (name, "new"):
            bus.answer(bus.ask("ledger", "book"), instance=instance)
        bus.wait(8)
    bus.session.findings.finish()
    assert (slow.answer, bus.names()) == (None, [])


def test_one_that_cannot_be_asked_takes_the_place_of_one_that_could(bus: Watched) -> None:
    for second in range(90):
        bus.poll(_users=1, **{"_ledger" if second < 30 else "ledger": 1})
        if second % 10 == 0:
            bus.info("users", instance="a")
            if second < 30:
                bus.info("ledger", instance="b")
        bus.wait(1)
    assert bus.names() == []


@pytest.mark.parametrize("started", [START + 100, START + 400])
def test_an_instance_was_there_since_it_first_told_of_itself_whatever_its_clock(bus: Watched, started: float) -> None:
    """Its clock is ahead: it seems to have been started since."""
    bus.poll(_ledger=1)
    for _ in range(8):
        bus.info("ledger", "book", started=started)
        bus.wait(10)
    bus.ask("ledger", "book", timeout=40)
    bus.wait(25)
    bus.info("ledger", "book", started=started)
    bus.wait(20)
    bus.wait(12)
    bus.call("users")
    assert "gone-meanwhile" not in bus.names()


def test_a_service_that_went_away_just_before_the_end(bus: Watched) -> None:
    bus.poll(_ledger=1)
    bus.ask("ledger", "book", timeout=5)
    bus.wait(1)
    bus.poll(_ledger=1)
    bus.wait(1)
    bus.poll()
    bus.wait(5)
    bus.session.findings.finish()
    found = bus.one("gone-meanwhile")
    assert (found.severity, found.text.endswith("they got no answer yet")) == (Severity.WARNING, True)


def test_a_service_that_is_back_before_it_is_told(bus: Watched) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1)
    bus.wait(1)
    bus.ask("ledger", "book", timeout=5)
    bus.wait(1)
    bus.poll(_ledger=1)
    bus.wait(1)
    bus.poll()
    bus.wait(5)
    bus.info("ledger", "book", instance="i2", started=bus.now)
    bus.poll(_ledger=1)
    bus.wait(11)
    bus.poll(_ledger=1)
    assert bus.one("gone-meanwhile").because.startswith("Redis listed no subscriber of its channel any more at ")


def crash(bus: Watched, *, down: float = 0.5) -> Exchange:
    """A service is sent something between two looks at who is there, ends by it, and is started anew."""
    bus.poll(_ledger=1)
    bus.info("ledger", "book", started=bus.now - 100)
    bus.answer(bus.ask("ledger", "book"), instance="i1")
    bus.wait(1)
    bus.poll(_ledger=1)
    bus.wait(0.4)
    lost = bus.ask("ledger", "book", {"file": "IMG_7.heic"}, timeout=3)
    bus.wait(0.6)
    bus.poll()
    bus.wait(down)
    began = bus.now
    bus.wait(0.5)
    bus.poll(_ledger=1)
    bus.info("ledger", "book", instance="i2", started=began)
    return lost


def test_what_was_sent_last_to_a_service_that_ended_by_it(bus: Watched) -> None:
    lost = crash(bus)
    bus.wait(3)
    bus.wait(11)
    bus.poll(_ledger=1)
    found = bus.one("gone-meanwhile")
    assert found.evidence == [lost.number]
    assert ", or just before that: they got no answer" in found.text


def test_what_reached_nobody_as_its_asker_tells_was_not_under_way(bus: Watched) -> None:
    lost = crash(bus)
    missed = record(1, "called", bus.now, id=lost.request_id, service="ledger", action="book", outcome="unavailable")
    told = batch("web", missed)
    bus.say(told.channel, told.data)
    bus.wait(3)
    bus.wait(11)
    bus.poll(_ledger=1)
    assert "gone-meanwhile" not in bus.names()


@pytest.mark.parametrize("back_after", [1, 7])
def test_a_service_that_lost_its_way_to_redis_for_a_while(bus: Watched, back_after: float) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1)
    bus.ask("ledger", "book", timeout=5)
    bus.wait(1)
    bus.poll(_ledger=1)
    bus.wait(1)
    bus.poll()
    bus.wait(back_after)
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1)
    bus.wait(6)
    bus.wait(11)
    bus.poll(_ledger=1)
    assert "gone-meanwhile" not in bus.names()


@pytest.mark.parametrize("anew", [True, False])
def test_a_service_that_is_stopped_and_answers_too_late(bus: Watched, anew: bool) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1)
    asked = bus.ask("ledger", "book", timeout=70)
    bus.wait(61)
    bus.poll(_ledger=1)
    bus.wait(1)
    if anew:
        bus.info("ledger", "book", instance="i2", started=bus.now)
        bus.poll(_ledger=1)
    else:
        bus.poll()
    bus.wait(9)
    bus.answer(asked)
    bus.wait(11)
    bus.poll()
    assert bus.names().count("late-answer") == 1
    assert "gone-meanwhile" not in bus.names()


def test_services_that_are_still_there_or_were_not_there_before(bus: Watched) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1, _other=1)
    bus.ask("ledger", "book", timeout=2)
    asked = bus.ask("other", "act", timeout=2)
    bus.wait(1)
    bus.answer(asked)
    bus.poll(_ledger=1)
    bus.wait(1.5)
    bus.poll(_ledger=1)
    bus.ask("other", "act", timeout=2)
    bus.wait(5)
    bus.poll()
    bus.wait(11)
    bus.poll()
    assert "gone-meanwhile" not in bus.names()


def test_what_was_sent_while_a_service_was_started_anew_reached_nobody(bus: Watched) -> None:
    bus.info("ledger", "book", started=bus.now - 100)
    bus.poll(_ledger=1)
    bus.wait(1)
    bus.poll()
    bus.ask("ledger", "book", timeout=70)
    bus.wait(61)
    bus.info("ledger", "book", instance="i2", started=bus.now - 1)
    bus.poll(_ledger=1)
    bus.wait(10)
    bus.wait(11)
    bus.poll(_ledger=1)
    assert "gone-meanwhile" not in bus.names()
