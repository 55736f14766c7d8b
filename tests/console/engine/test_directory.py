"""Who is on the bus: from polls, from what services tell of themselves, and from the traffic."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from daebus_console.engine.directory import Directory
from daebus_console.engine.listeners import listeners_in
from daebus_console.engine.rate import Rate
from tests.console.engine.bus import Bus, answer, raw, request
from tests.console.engine.findings.watched import Watched


@pytest.fixture
def directory() -> Directory:
    return Directory()


def info(service: Any = "orders", instance: Any = "i-1", **more: Any) -> dict[str, Any]:
    return {"service": service, "instance": instance, **more}


# Polls ----------------------------------------------------------------------------------------------------------------


def test_a_control_channel_is_a_service_and_is_asked_once(directory: Directory) -> None:
    channels = {"orders": 1, "daebus.control.orders": 1}
    assert directory.poll(1.0, channels) == {"orders"}
    assert directory.poll(2.0, channels) == set()
    orders = directory.services["orders"]
    assert (orders.framework, orders.subscribers, orders.first_seen, orders.gone) == (True, 1, 1.0, None)
    assert directory.channels == {}


@pytest.mark.parametrize("told", [True, False])
def test_a_service_that_others_asked_first_is_ours_all_the_same(told: bool) -> None:
    bus = Watched()
    bus.say("orders", {"pattern": "orders", "data": 1, "id": "a" * 21})
    orders = bus.session.directory.services["orders"]
    assert (orders.framework, orders.dialect) == (False, "nest")
    if told:
        bus.info("orders", "place")
    else:
        bus.poll(_orders=1)
    assert (orders.framework, orders.dialect) == (True, "daebus")


def test_another_number_of_instances_is_asked_again(directory: Directory) -> None:
    directory.poll(1.0, {"daebus.control.orders": 1})
    assert directory.poll(2.0, {"daebus.control.orders": 2}) == {"orders"}


def test_a_service_that_leaves_is_gone_since_then_and_asked_when_it_is_back(directory: Directory) -> None:
    directory.poll(1.0, {"daebus.control.orders": 1})
    directory.info(1.5, info())
    directory.poll(2.0, {})
    orders = directory.services["orders"]
    assert (orders.gone, orders.subscribers, orders.instances) == (2.0, 0, {})
    directory.poll(3.0, {})
    assert orders.gone == 2.0
    assert directory.poll(4.0, {"daebus.control.orders": 1}) == {"orders"}
    assert orders.gone is None


@pytest.mark.parametrize(
    ("counts", "complete", "framework"),
    [
        ({"orders": 1}, True, False),
        ({"orders": 1, "daebus.control.orders": 0}, False, False),
        ({"orders": 1}, False, True),
    ],
)
def test_one_that_cannot_be_asked_in_the_place_of_one_that_could(
    directory: Directory, counts: dict[str, int], complete: bool, framework: bool
) -> None:
    directory.poll(1.0, {"orders": 3, "daebus.control.orders": 2})
    directory.info(1.5, info())
    orders = directory.services["orders"]
    assert (orders.subscribers, orders.others) == (2, 1)
    directory.poll(2.0, counts, complete=complete)
    assert (orders.subscribers, orders.others, orders.gone) == (1, 0, None)
    assert (orders.framework, bool(orders.instances)) == (framework, framework)
    asked = directory.poll(3.0, {"orders": 1, "daebus.control.orders": 1})
    assert (asked, orders.framework) == (set() if framework else {"orders"}, True)


@pytest.mark.parametrize("told_first", [False, True])
def test_those_that_only_listen_on_the_channel_of_a_service_take_none_of_its_requests(
    directory: Directory, told_first: bool
) -> None:
    counts = {"orders": 5, "daebus.control.orders": 2, "mailer": 2, "daebus.control.mailer": 2}
    for number in (1, 2) if told_first else ():
        directory.info(0.5, info(service="mailer", instance=f"m-{number}", actions=[], listens=["orders"]))
    directory.poll(1.0, counts)
    directory.info(1.5, info(listens=["orders"]))
    for number in (1, 2):
        directory.info(1.5, info(service="mailer", instance=f"m-{number}", actions=[], listens=["orders"]))
    orders = directory.services["orders"]
    for _ in range(2):
        assert (orders.subscribers, orders.others, orders.listening, directory.others_of("orders")) == (2, 1, 2, 1)
        assert (orders.takers, orders.everybody, directory.subscribers_of("orders")) == (3, 5, 5)
        directory.poll(2.0, counts)
    directory.poll(3.0, {"orders": 3, "daebus.control.orders": 2})
    assert (orders.others, orders.listening) == (1, 0)


def test_what_another_instance_has_no_more_is_not_the_service_s_any_more(directory: Directory) -> None:
    bus = Bus()
    channels = {"daebus.control.orders": 1}
    directory.poll(1.0, channels)
    before = [{"name": name, "doc": "It was."} for name in ("keep", "asked", "renamed")]
    directory.info(1.5, info(actions=before, listens=["news", "old news"]))
    directory.saw([bus >> request("orders", "asked", id="a")])
    directory.poll(2.0, {})
    assert set(directory.services["orders"].actions) == {"keep", "asked", "renamed"}, "what it had"
    directory.poll(3.0, channels)
    directory.info(3.5, info(instance="i-2", actions=[{"name": "keep"}, {"name": "new"}], listens=["news"]))
    found = {one.name: (one.declared, one.doc) for one in directory.services["orders"].actions.values()}
    assert found == {"keep": (True, ""), "new": (True, ""), "asked": (False, "")}
    assert {one.name: one.listeners for one in directory.channels.values()} == {"news": {"orders"}, "old news": set()}


def test_what_one_of_several_instances_has_is_the_service_s(directory: Directory) -> None:
    directory.poll(1.0, {"daebus.control.orders": 2})
    directory.info(1.5, info(actions=[{"name": "old"}], listens=["old news"]))
    directory.info(1.6, info(instance="i-2", actions=[{"name": "new"}]))
    assert {one.name for one in directory.services["orders"].actions.values() if one.declared} == {"old", "new"}
    assert directory.channels["old news"].listeners == {"orders"}
    directory.poll(10.0, {"daebus.control.orders": 1})
    directory.info(10.5, info(instance="i-2", actions=[{"name": "new"}]))
    assert set(directory.services["orders"].actions) == {"new"}
    assert directory.channels["old news"].listeners == set()


def test_what_its_actions_take_is_kept_and_asked_for_again_of_another_instance(directory: Directory) -> None:
    channels = {"daebus.control.orders": 1}
    assert directory.poll(1.0, channels) == {"orders"}
    told = {"name": "place", "doc": "Place.", "description": "Place.", "arguments": {"type": "object"}}
    directory.info(1.5, info(actions=[told]))
    directory.info(11.0, info(actions=[{"name": "place", "doc": "Place."}]))
    place = directory.services["orders"].actions["place"]
    assert place.told == told
    assert directory.poll(12.0, channels) == set()
    # It was started anew, and no poll saw it gone.
    directory.info(21.0, info(instance="i-2", actions=[{"name": "place", "doc": "Place."}]))
    assert directory.poll(22.0, channels) == {"orders"}
    directory.info(22.5, info(instance="i-2", actions=[{**told, "arguments": {}}]))
    assert place.told == {**told, "arguments": {}}
    # One that tells no schemas is not asked for ever.
    directory.info(31.0, info(instance="i-3", actions=[{"name": "place"}]))
    assert directory.poll(32.0, channels) == {"orders"}
    directory.info(32.5, info(instance="i-3", actions=[{"name": "place"}]))
    assert directory.poll(33.0, channels) == set()


def test_an_instance_that_answers_and_has_not_told_of_itself_is_asked(directory: Directory) -> None:
    """It took the place of another one between two looks."""
    channels = {"daebus.control.orders": 1}
    directory.poll(1.0, channels)
    directory.info(1.1, info(instance="one"))

    bus = Bus()

    def answered(by: str | None) -> None:
        asked = bus >> request("orders", "create", id=uuid.uuid4().hex)
        bus >> answer("caller:1", id=asked.request_id, instance=by)
        directory.answered({("orders", "create"): [asked]})

    for by in ("one", None):
        answered(by)
        assert directory.poll(20.0, channels) == set()
    answered("two")
    assert directory.poll(21.0, channels) == {"orders"}
    # Where it does not tell, it is not asked for ever.
    answered("two")
    assert directory.poll(30.0, channels) == set()
    directory.info(31.0, info(instance="two"))
    assert set(directory.services["orders"].instances) == {"two"}


def test_reply_channels_are_counted_and_not_listed(directory: Directory) -> None:
    directory.poll(1.0, {"caller:a": 1, "caller:b": 1, "orders.responses": 1, "news": 2}, patterns=3)
    assert (directory.reply_channels, directory.pattern_subscribers, directory.polled) == (2 + 1, 3, 1.0)
    assert list(directory.channels) == ["news"]
    assert directory.channels["news"].subscribers == 2


def test_a_channel_without_subscribers_is_gone(directory: Directory) -> None:
    directory.poll(1.0, {"news": 1})
    directory.poll(2.0, {})
    assert (directory.channels["news"].subscribers, directory.channels["news"].gone) == (0, 2.0)
    directory.poll(3.0, {"news": 1})
    assert directory.channels["news"].gone is None


# What services tell ---------------------------------------------------------------------------------------------------


def test_actions_are_declared_with_their_first_line(directory: Directory) -> None:
    directory.info(1.0, info(actions=[{"name": "create", "doc": "Make one."}, {"name": "list"}], listens=["news"]))
    actions = directory.services["orders"].actions
    assert (actions["create"].doc, actions["create"].declared, actions["list"].doc) == ("Make one.", True, "")
    assert directory.listened == {"news"}
    assert directory.channels["news"].listeners == {"orders"}


@pytest.mark.parametrize(
    "payload",
    [{}, {"service": 5}, {"service": ""}, info(actions="x"), info(actions=[1, {"name": 2}]), info(listens={"a": 1}),
     info(listens=[1]), info(instance=None), info(instance=[1])],
)  # fmt: skip
def test_anything_may_be_missing_or_odd_in_it(directory: Directory, payload: dict[str, Any]) -> None:
    directory.info(1.0, payload)
    assert all(not service.actions for service in directory.services.values())


def test_each_instance_is_kept_and_the_one_that_left_is_not(directory: Directory) -> None:
    directory.poll(1.0, {"daebus.control.orders": 2})
    directory.info(1.0, info(instance="one", pid=1))
    directory.info(1.0, info(instance="two", pid=2))
    assert set(directory.services["orders"].instances) == {"one", "two"}
    directory.poll(10.0, {"daebus.control.orders": 1})
    directory.info(10.0, info(instance="two", pid=2))
    directory.info(10.1, info(instance="two", pid=2))
    assert set(directory.services["orders"].instances) == {"two"}


# The traffic ----------------------------------------------------------------------------------------------------------


def test_a_channel_that_is_asked_is_a_service(directory: Directory) -> None:
    bus = Bus()
    directory.poll(1.0, {"orders": 1})
    assert "orders" in directory.channels
    directory.saw([bus >> request("orders", "create", id="a")])
    assert "orders" not in directory.channels
    orders = directory.services["orders"]
    assert (orders.framework, orders.subscribers) == (False, 1)
    entry = orders.actions["create"]
    assert (entry.requests, entry.declared) == (1, False)
    assert entry.last_seen is not None
    assert b"create" in entry.last_seen


def test_errors_and_timeouts_are_counted_for_the_action(directory: Directory) -> None:
    bus = Bus()
    asked = [bus >> request("orders", "create", id=str(number)) for number in range(3)]
    directory.saw(asked)
    bus >> answer("caller:1", id="0", status="error")
    bus >> answer("caller:1", id="1")
    directory.settled(asked[:2])
    directory.settled(bus.wait(20))
    orders = directory.services["orders"]
    assert (orders.errors, orders.timeouts) == (1, 1)
    assert (orders.actions["create"].errors, orders.actions["create"].timeouts) == (1, 1)


def test_control_traffic_makes_no_service_and_broadcasts_make_channels(directory: Directory) -> None:
    bus = Bus()
    directory.saw([bus >> request("daebus.control.orders", "info", id="a"), bus >> raw("news", '{"a": 1}')])
    assert directory.services == {}
    assert list(directory.channels) == ["news"]


def test_there_is_an_end_to_what_is_remembered(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.directory.MOST", 5)
    monkeypatch.setattr("daebus_console.engine.entries._MOST_ACTIONS", 3)
    bus = Bus()
    directory.saw([bus >> request(f"s{number}", id=f"s{number}") for number in range(9)])
    directory.saw([bus >> request("s0", f"a{number}", id=f"a{number}") for number in range(9)])
    assert len(directory.services) == 5
    assert directory.forgotten == 4
    directory.saw([bus >> request("s7", id="again")])
    directory.poll(bus.now, {"daebus.control.s8": 1, **{f"news.{number}": 1 for number in range(7)}})
    assert directory.forgotten == 5, "each once, and no more than can be remembered"
    assert len(directory.services["s0"].actions) == 3


# Rates ----------------------------------------------------------------------------------------------------------------


def test_a_rate_is_of_the_last_whole_seconds() -> None:
    rate = Rate()
    for second in range(10):
        rate.add(100.5 + second, 20)
    assert rate.per_second(110.0) == 20
    assert rate.per_second(112.0) == 12
    assert rate.per_second(130.0) == 0
    assert rate.total == 200


def test_a_history_is_oldest_first_and_forgets() -> None:
    rate = Rate()
    rate.add(100.0, 1)
    rate.add(102.0, 3)
    assert rate.history(104.0, 4) == [1, 0, 3, 0]
    assert rate.history(500.0, 4) == [0, 0, 0, 0]


# Names that differ in an id only -----------------------------------------------------------------------------------


def task(number: int) -> str:
    return f"celery-task-meta-{uuid.UUID(int=number)}"


def test_names_that_differ_in_an_id_only_are_one_entry(directory: Directory) -> None:
    bus = Bus()
    directory.saw([bus >> raw(task(number), '{"status": "SUCCESS"}') for number in range(300)])
    directory.saw([bus >> raw("news", "{}")])
    assert list(directory.channels) == ["news"]
    (tasks,) = directory.alike()
    assert (tasks.pattern.text, tasks.names, tasks.rate.total) == ("celery-task-meta-*", 300, 300)


def test_a_few_of_them_are_listed_one_by_one(directory: Directory) -> None:
    bus = Bus()
    directory.saw([bus >> raw(task(number), "{}") for number in range(3)])
    directory.saw([bus >> raw(f"shard-{number}", "{}") for number in range(12)])
    assert directory.alike() == []
    assert len(directory.channels) == 15


def test_how_many_of_them_have_subscribers_is_counted(directory: Directory) -> None:
    directory.poll(1.0, {task(number): 1 for number in range(300)})
    directory.poll(2.0, {task(number): 1 for number in range(300)})
    (tasks,) = directory.alike()
    assert (tasks.names, tasks.subscribers, tasks.gone) == (300, 300, None)
    directory.poll(3.0, {task(1): 1})
    assert (tasks.names, tasks.subscribers, tasks.gone) == (300, 1, None)
    directory.poll(4.0, {})
    assert (tasks.subscribers, tasks.gone) == (0, 4.0)


def test_what_a_service_listens_to_is_never_one_of_many(directory: Directory) -> None:
    declared = task(7)
    directory.info(1.0, info(listens=[declared]))
    directory.poll(2.0, {task(number): 1 for number in range(30)})
    assert directory.channels[declared].listeners == {"orders"}


def test_channels_that_have_gone_are_forgotten_in_time_and_services_are_not(directory: Directory) -> None:
    directory.info(1.0, info(listens=["declared"]))
    here = {"news": 1, "quiet": 1, "daebus.control.orders": 1, **{task(number): 1 for number in range(30)}}
    directory.poll(1.0, here)
    directory.poll(2.0, {"news": 1})
    directory.poll(200.0, {"news": 1})
    assert set(directory.channels) == {"news", "quiet", "declared"}
    assert len(directory.alike()) == 1
    directory.poll(400.0, {"news": 1})
    assert set(directory.channels) == {"news", "declared"}
    assert directory.alike() == []
    assert directory.services["orders"].gone == 2.0


def test_what_has_gone_makes_room_for_what_is_there(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.directory.MOST", 4)
    bus = Bus()
    directory.saw([bus >> request("user:1", id="a")])
    directory.poll(1.0, {"daebus.control.here": 1, "daebus.control.first": 1, "daebus.control.second": 1})
    directory.poll(2.0, {"daebus.control.here": 1, "daebus.control.second": 1})
    directory.poll(3.0, {"daebus.control.here": 1})
    directory.saw([bus >> request("user:2", id="b")])
    assert set(directory.services) == {"here", "first", "second", "user:1"}
    for number, left in enumerate(["first", "second", "user:1"]):
        there = {"daebus.control.here": 1, **{f"daebus.control.new{new}": 1 for new in range(number + 1)}}
        assert all(directory.keeps(name) for name in there)
        directory.poll(4.0 + number, there)
        assert left not in directory.services
        assert f"new{number}" in directory.services
        assert directory.services[f"new{number}"].gone is None
    assert not directory.keeps("daebus.control.more")
    assert directory.forgotten == 4, "user:2 as well"


def test_ids_take_no_room_from_other_names(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.directory.MOST", 10)
    bus = Bus()
    directory.saw([bus >> raw(task(number), "{}") for number in range(500)])
    directory.saw([bus >> raw("news", "{}")])
    assert "news" in directory.channels
    assert directory.forgotten == 0


def test_who_is_subscribed_by_pattern_is_read_from_the_list_of_clients() -> None:
    lines = [
        b"id=3 addr=127.0.0.1:5 name=daebus:console sub=1 psub=1 lib-name= lib-ver=",
        b"id=4 addr=127.0.0.1:6 name=daebus:console sub=0 psub=1",
        b"id=5 addr=127.0.0.1:7 name= sub=0 psub=2 lib-name=redis-py lib-ver=8.1.0",
        b"id=6 addr=127.0.0.1:8 name=worker sub=3 psub=0",
        b"id=7 addr=[::1]:9 name=\xff psub=12",
        b"psub=x",
        b"psub",
        b"",
    ]
    found = listeners_in(b"\n".join(lines), "daebus:console")
    assert found == [
        ("", "127.0.0.1:7", "redis-py 8.1.0", 2),
        ("daebus:console", "127.0.0.1:6", "", 1),
        ("\udcff", "[::1]:9", "", 12),
    ]
