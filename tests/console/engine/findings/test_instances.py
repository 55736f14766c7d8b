"""What instances tell of themselves: queues, versions, actions, silence; and what became slower with a restart."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.instances import Instances
from tests.console.engine.findings.watched import Watched


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
