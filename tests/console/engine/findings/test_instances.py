"""What instances tell of themselves: queues, versions, actions, silence; and what became slower with a restart."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.instances import Instances
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.findings.watched import START, Watched
from tests.console.engine.records.told import batch, record


def tell(bus: Watched, *sizes: int, busy: int = 1, room: int = 1_000) -> None:
    """An instance with two workers tells how many wait, every ten seconds."""
    for size in sizes:
        bus.info("orders", workers={"max": 2, "busy": busy}, queue={"size": size, "max": room})
        bus.wait(10)


@pytest.mark.parametrize(
    ("sizes", "how", "severity"),
    [
        ([2, 8, 20, 45], {}, Severity.WARNING),
        ([0, 50], {"room": 50}, Severity.ERROR),
        ([3, 2], {"busy": 2}, Severity.INFO),
    ],
)
def test_a_queue_that_grows_or_is_full(bus: Watched, sizes: list[int], how: dict[str, int], severity: Severity) -> None:
    tell(bus, *sizes, **how)
    assert bus.one("queue-grows").severity is severity


@pytest.mark.parametrize(
    ("workers", "waiting", "text"),
    [(1, 1, "the only worker of orders is busy, and 1 waits"), (2, 3, "all 2 workers of orders are busy, and 3 wait")],
)
def test_one_and_many_are_told_as_such(bus: Watched, workers: int, waiting: int, text: str) -> None:
    for _ in range(2):
        bus.info("orders", workers={"max": workers, "busy": workers}, queue={"size": waiting, "max": 1_000})
        bus.wait(10)
    assert bus.one("queue-grows").text == text


@pytest.mark.parametrize(
    ("sizes", "how"), [([2, 8, 20, 19, 45], {}), ([1, 2, 3, 4], {}), ([3, 0, 3, 0], {"busy": 2}), ([0, 0], {"busy": 2})]
)
def test_one_that_goes_up_and_down_is_none(bus: Watched, sizes: list[int], how: dict[str, int]) -> None:
    tell(bus, *sizes, **how)
    assert bus.found() == []


def pair(bus: Watched, times: int, first: dict[str, Any], second: dict[str, Any]) -> None:
    """Two instances tell of themselves in turns."""
    for _ in range(times):
        bus.info("users", *first["actions"], instance="a", version=first.get("version", "1.0"))
        bus.info("users", *second["actions"], instance="b", version=second.get("version", "1.0"))
        bus.wait(10)


def test_instances_with_other_actions(bus: Watched) -> None:
    pair(bus, 2, {"actions": ["get", "list"]}, {"actions": ["get"]})
    finding = bus.one("instances-differ")
    assert (finding.severity, finding.about) == (Severity.WARNING, "actions")
    assert finding.text == "instances of users have not the same actions: list on some only"


def test_that_new_ones_come_beside_old_ones_for_a_moment_is_none(bus: Watched) -> None:
    """However often several consoles ask them meanwhile."""
    for _ in range(8):
        bus.info("users", "get", instance="old")
        bus.info("users", "get", "list", instance="new")
        bus.wait(0.5)
    bus.wait(10)
    bus.info("users", "get", "list", instance="new")
    assert bus.found() == []


def test_that_they_differ_no_more_is_said(bus: Watched) -> None:
    pair(bus, 2, {"actions": ["get", "list"]}, {"actions": ["get"], "version": "2.0"})
    for _ in range(2):
        bus.info("users", "get", "list", instance="a", version="2.0")
        bus.wait(10)
    finding = bus.one("instances-differ")
    assert finding.text == (
        "instances of users had not the same actions: list on some only; those that are there now do not differ"
    )
    assert finding.advice == "nothing is to be done where one took the place of the other"
    pair(bus, 2, {"actions": ["get", "list"], "version": "2.0"}, {"actions": ["get"], "version": "2.0"})
    assert bus.one("instances-differ").text == "instances of users have not the same actions: list on some only"


def test_instances_that_have_gone_differ_no_more(bus: Watched) -> None:
    pair(bus, 2, {"actions": ["get", "list"]}, {"actions": ["get"]})
    for _ in range(2):
        bus.info("users", "get", instance="b")
        bus.wait(10)
    before = bus.one("instances-differ").count
    for _ in range(3):
        bus.info("users", "get", instance="b")
        bus.wait(10)
    assert bus.one("instances-differ").count == before


@pytest.mark.parametrize(
    ("first", "second", "numbers"),
    [
        ("redis://localhost:6379/0", "redis://127.0.0.1:6379/3", "0 and 3"),
        ("rediss://user:***@redis.example:6379", "rediss://redis.example:6379/12", "0 and 12"),
        ("redis://localhost:6379", "redis://127.0.0.1:6379/0", None),
        ("unix:///run/redis.sock?db=1", "redis://localhost:6379/0", None),
        (None, "redis://localhost:6379/0", None),
    ],
)
def test_instances_on_other_databases(bus: Watched, first: str | None, second: str, numbers: str | None) -> None:
    for _ in range(2):
        for name, at in (("a", first), ("b", second)):
            bus.info("users", "get", instance=name, redis={"at": at})
        bus.wait(10)
    if numbers is None:
        assert bus.names() == []
        return
    finding = bus.one("instances-differ")
    assert (finding.severity, finding.about) == (Severity.WARNING, "databases")
    assert finding.text == (
        f"instances of users use different databases of Redis, {numbers}: what one puts into `cache` the other does not"
        " find"
    )


def test_instances_with_other_versions(bus: Watched) -> None:
    pair(bus, 2, {"actions": ["get"]}, {"actions": ["get"], "version": "2.0"})
    finding = bus.one("instances-differ")
    assert (finding.severity, finding.about) == (Severity.INFO, "versions")


def test_equal_ones_and_two_services_on_one_channel_are_none(bus: Watched) -> None:
    pair(bus, 3, {"actions": ["get", "list"]}, {"actions": ["list", "get"]})
    pair(bus, 3, {"actions": ["get", "list"]}, {"actions": ["mail"]})
    assert bus.found() == []


def test_one_that_takes_the_place_of_another_is_none(bus: Watched) -> None:
    for _ in range(3):
        bus.info("users", "get", instance="old")
        bus.wait(10)
    for _ in range(3):
        bus.info("users", "get", "list", instance="new", version="2.0")
        bus.wait(10)
    assert bus.found() == []


def test_a_subscriber_that_tells_nothing(bus: Watched) -> None:
    for _ in range(5):
        bus.poll(_users=2, _stock=1)
        bus.info("users", instance="a")
        bus.info("stock")
        bus.wait(10)
    finding = bus.one("silent-instance")
    assert finding.service == "users"
    assert finding.text == "an instance of users is subscribed and answers nothing"


def turns(bus: Watched, seconds: int, *answering: str, every: int = 10, subscribed: int = 2) -> None:
    """So many are subscribed, who is asked now and then, and these answer."""
    for second in range(seconds):
        bus.poll(_users=subscribed)
        for name in answering if second % every == 0 else ():
            bus.info("users", instance=name)
        bus.wait(1)


def test_one_that_hangs_is_told_when_it_has_missed_two_questions(bus: Watched) -> None:
    turns(bus, 30, "a", "b")
    turns(bus, 14, "a")
    assert bus.names() == []
    turns(bus, 4, "a")
    assert bus.one("silent-instance").text == "an instance of users is subscribed and answers nothing"
    turns(bus, 2, "a", "b")
    found = bus.one("silent-instance")
    assert found.text == "an instance of users answered nothing for a while; all that are there answer now"
    assert "restart" not in found.advice
    turns(bus, 60, "a")
    assert found.text == "an instance of users is subscribed and answers nothing"


def test_one_that_takes_the_place_of_another_long_after_is_not_silent(bus: Watched) -> None:
    turns(bus, 30, "a", "b")
    turns(bus, 35, "a", subscribed=1)
    bus.poll(_users=2)
    turns(bus, 3, "a")
    turns(bus, 40, "a", "c")
    assert bus.names() == []


def test_while_nobody_answers_it_is_not_their_fault(bus: Watched) -> None:
    for _ in range(8):
        bus.poll(_users=1, _stock=1)
        bus.wait(10)
    assert bus.found() == []


def test_all_that_answer_are_well(bus: Watched) -> None:
    for _ in range(8):
        bus.poll(_users=2)
        bus.info("users", instance="a")
        bus.info("users", instance="b")
        bus.wait(10)
    assert bus.found() == []


def answers(bus: Watched, count: int, instance: str, elapsed: float) -> None:
    for _ in range(count):
        bus.answer(bus.ask("users", "get"), instance=instance, elapsed=elapsed)
        bus.wait(0.02)


def test_slower_since_a_restart(bus: Watched) -> None:
    answers(bus, 40, "old", 0.01)
    answers(bus, 40, "new", 0.2)
    finding = bus.one("slower-since-restart")
    assert finding.text == "users get takes 200 ms since its service was restarted, and took 10 ms before"


@pytest.mark.parametrize(
    ("before", "after"), [((40, "old", 0.01), (40, "new", 0.012)), ((40, "a", 0.01), (40, "a", 0.2)),
                          ((10, "old", 0.01), (40, "new", 0.2)), ((40, "old", 0.001), (40, "new", 0.02))]
)  # fmt: skip
def test_as_fast_or_the_same_instance_or_few_or_quick_is_none(
    bus: Watched, before: tuple[int, str, float], after: tuple[int, str, float]
) -> None:
    answers(bus, *before)
    answers(bus, *after)
    assert bus.found() == []


def test_a_second_instance_is_no_restart(bus: Watched) -> None:
    bus.info("users", "get", instance="a")
    answers(bus, 40, "a", 0.01)
    bus.info("users", "get", instance="b")
    bus.info("users", "get", instance="a")
    for _ in range(40):
        answers(bus, 1, "a", 0.01)
        answers(bus, 1, "b", 0.3)
    assert bus.found() == []


def test_whatever_an_instance_tells_is_borne() -> None:
    told = Instances()
    for odd in (
        {},
        {"service": 7, "instance": "a"},
        {"service": "s", "instance": None},
        {"service": "", "instance": "a"},
    ):
        assert told.take(1.0, odd) is None
    found = told.take(
        1.0, {"service": "s", "instance": "a", "actions": [7, {"name": 8}, {"name": "get"}], "counts": []}
    )
    assert found is not None
    assert found[1].actions == {"get"}
    assert told.workers("s") is None
    assert told.actions("unknown") is None


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


def by(bus: Watched, instance: str, count: int, code: str | None = None) -> list[int]:
    """An instance answers so many requests, with an error where that has a code."""
    asked = [bus.ask("pay", "charge") for _ in range(count)]
    for one in asked:
        if code is None:
            bus.answer(one, instance=instance)
        else:
            bus.fail(one, code, instance=instance)
    return [one.number for one in asked]


def test_an_instance_that_fails_what_the_others_do_well(bus: Watched) -> None:
    bus.info("pay", "charge", instance="bad", host="box", pid=7)
    failed = []
    for _ in range(12):
        by(bus, "good", 1)
        by(bus, "best", 1)
        failed += by(bus, "bad", 1, "handler_error")
    found = bus.one("failing-instance")
    assert found.text == "the instance bad of pay fails charge, which others do well"
    assert (
        found.because == "12 of its latest 12 answers are errors, and 22 of 22 of the others in the same time are none"
    )
    assert found.advice.startswith("see what it (box:7) has, or lacks")
    assert found.evidence == failed[10:]
    assert found.filter == "to:pay action:charge status:error"


def test_instances_that_all_fail_or_that_refuse_or_of_which_little_is_known(bus: Watched) -> None:
    for _ in range(30):
        by(bus, "good", 1, "handler_error")
        by(bus, "bad", 1, "handler_error")
    bus.session.findings.lost()
    for _ in range(30):
        by(bus, "good", 1)
        by(bus, "bad", 1, "busy")
    bus.session.findings.lost()
    by(bus, "good", 40)
    by(bus, "bad", 9, "handler_error")
    bus.session.findings.lost()
    # What the others did well before it began to answer says nothing: what all need may have gone since.
    by(bus, "good", 40)
    by(bus, "bad", 30, "handler_error")
    bus.session.findings.lost()
    for _ in range(30):
        by(bus, "good", 1)
        by(bus, "bad", 1)
        by(bus, "bad", 1, "handler_error")
    assert "failing-instance" not in bus.names()


@pytest.mark.parametrize(
    "error",
    [
        {"error": "that key is another's"},
        {"error": "slow down", "code": "rate_limited"},
        {"error": "no such key", "code": "handler_error", "type": "KeyNotFound"},
        {"error": "slow down", "code": "handler_error", "type": "TooManyRequests"},
    ],
)
def test_instances_that_say_no_to_what_is_not_their_part(bus: Watched, error: dict[str, str]) -> None:
    for _ in range(40):
        by(bus, "owner", 1)
        bus.answer(bus.ask("pay", "charge"), error, status="error", instance="other")
    assert "failing-instance" not in bus.names()
