"""Exchanges sent again to a real service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis

from daebus import Daebus, DaebusCaller
from daebus.transport.address import RedisAddress
from daebus_console.commands.doing.again.reporting import report_lines
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.filter.language import parse
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.message.steady import Steady
from daebus_console.engine.replay.links import SessionLinks
from daebus_console.engine.replay.pace import Pace, Timing
from daebus_console.engine.replay.plan import Choice, Plan
from daebus_console.engine.replay.replay import Outcome, Replay
from daebus_console.engine.replay.report import Report, Result
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from tests.console.engine.bus import Bus, raw, request
from tests.console.replay.conftest import Shop
from tests.support.framework_services import serving, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

Record = Callable[[Callable[[], Any]], Path]
EVERYTHING = Choice(frozenset({Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST}))


def replayed(url: str, exchanges: Any, **options: Any) -> tuple[Replay, list[Outcome]]:
    """Replay them, and what came of each in the order of their origins."""
    found: list[Outcome] = []
    options.setdefault("pace", Pace(asap=True))
    replay = Replay(exchanges, RedisAddress(url), on_outcome=found.append, **options)
    replay.run()
    return replay, sorted(found, key=lambda one: one.origin.number)


def test_a_capture_is_asked_again_and_nothing_differs_but_the_time(
    shop: Shop, caller: DaebusCaller, capture: Record
) -> None:
    def shopping() -> None:
        for index in range(30):
            caller.send_request("price", {"sku": f"s{index}"})
            list(caller.stream_request("count", {"to": index % 4}))
            with pytest.raises(Exception, match="no money"):
                caller.send_request("fail", {"what": "money"})

    path = capture(shopping)
    recording = Recording(path)
    plan = Plan().add_all(recording.exchanges(), Choice())
    assert plan.kinds[Kind.REQUEST] == 90
    assert plan.services == {shop.name: 90}

    report = Report(Rules())
    _replay, outcomes = replayed(shop.url, Choice().of(Recording(path).exchanges()))
    for outcome in outcomes:
        report.add(outcome)
    assert report.counts == {Result.SAME: 60, Result.CHANGED: 30}
    (place,) = [place for row in report.rows() for place in row.places.values()]
    assert (place.path, place.count) == ("response.payload.at", 30)

    report = Report(Rules(["payload.at"]))
    for outcome in outcomes:
        report.add(outcome)
    assert not report.differs
    assert report.counts == {Result.SAME: 90}


def test_one_service_changed_on_purpose_is_all_that_is_told(shop: Shop, caller: DaebusCaller, capture: Record) -> None:
    path = capture(lambda: [caller.send_request(action, {"sku": "a"}) for action in ("price", "echo", "price")])
    shop.price = 101
    report = Report(Rules(["*.at"]))
    for outcome in replayed(shop.url, Choice().of(Recording(path).exchanges()))[1]:
        report.add(outcome)
    assert report.counts == {Result.CHANGED: 2, Result.SAME: 1}
    data = report.as_data()
    assert [row["action"] for row in data["actions"] if row["changed"]] == ["price"]
    (difference,) = data["actions"][0]["differences"]
    assert difference["path"] == "response.payload.cents"
    assert (difference["before"], difference["after"], difference["count"]) == (100, 101, 2)
    assert data["actions"][0]["then"]["p50_ms"] is not None
    assert data["actions"][0]["now"]["p95_ms"] > 0


def test_one_way_messages_and_broadcasts_go_out_as_they_were_only_when_asked_for(
    shop: Shop, caller: DaebusCaller, capture: Record, publish: Callable[[dict[str, Any]], None]
) -> None:
    def telling() -> None:
        caller.send_request("echo", {"n": 1})
        caller.send_message("note", {"n": 2})
        publish({"n": 3})
        eventually(lambda: len(shop.told) == 2, what="both are told")

    path = capture(telling)
    shop.told.clear()
    plan = Plan().add_all(Recording(path).exchanges(), Choice())
    assert plan.describe().startswith("1 request to 1 service, 1 one-way and 1 broadcast left out")
    replayed(shop.url, Choice().of(Recording(path).exchanges()))
    _replay, outcomes = replayed(shop.url, EVERYTHING.of(Recording(path).exchanges()))
    assert [outcome.answer.status for outcome in outcomes] == ["ok", "sent", "sent"]
    eventually(lambda: len(shop.told) == 2, what="both are told again, once")
    assert sorted(told["n"] for told in shop.told) == [2, 3]


def test_the_spacing_is_kept(shop: Shop) -> None:
    bus = Bus()
    for index in range(150):
        bus >> request(shop.name, "echo", id=f"r{index}", payload={"n": index})
        bus.wait(0.01 if index % 10 else 0.05)
    # In which order they are sent, that is: the workers of a service may overtake one another.
    with redis.Redis.from_url(shop.url) as client, client.pubsub(ignore_subscribe_messages=True) as sent:
        sent.subscribe(shop.name)
        eventually(lambda: subscribers(shop.url, shop.name) == 2)
        begun = time.monotonic()
        replay, outcomes = replayed(shop.url, list(bus.journal.exchanges), pace=Pace(speed=2))
        seen = [json.loads(message["data"])["payload"]["n"] for message in islice(sent.listen(), 150)]
    assert [outcome.answer.status for outcome in outcomes] == ["ok"] * 150
    assert seen == list(range(150))
    # How exact it is depends on the machine, and is measured; but none goes out before its time.
    assert replay.timing.errors.count == 150
    assert time.monotonic() - begun >= (135 * 0.01 + 14 * 0.05) / 2


def test_one_that_is_late_makes_none_after_it_late() -> None:
    timing = Timing(Pace(speed=2), 100.0)
    assert [timing.due(index, at) for index, at in enumerate((7.0, 7.5, 9.0))] == [100.0, 100.25, 101.0]
    timing.sent(100.0, 100.75)
    assert timing.due(3, 11.0) == 102.0
    assert timing.errors.quantile(0.5) == pytest.approx(0.75, rel=0.1)


def test_speed_rate_and_asap() -> None:
    assert Pace(speed=2).due(5, 3.0) == 1.5
    assert Pace(rate=10).due(5, 3.0) == 0.5
    assert Pace(asap=True).due(5, 3.0) == 0
    assert Pace(rate=10).seconds(101, 3.0) == 10


def test_no_more_than_so_many_are_under_way(shop: Shop) -> None:
    bus = Bus()
    for index in range(12):
        bus >> request(shop.name, "sleep", id=f"r{index}", payload={"seconds": 0.05})
    most = 0

    def look(outcome: Outcome) -> None:
        nonlocal most
        most = max(most, replay.progress.in_flight + 1)

    replay = Replay(
        list(bus.journal.exchanges), RedisAddress(shop.url), on_outcome=look, in_flight=3, pace=Pace(asap=True)
    )
    progress = replay.run()
    assert (progress.sent, progress.answered, progress.failed) == (12, 12, 0)
    assert 1 < most <= 3
    assert progress.held > 0


def test_a_replay_can_be_paused_and_cancelled(shop: Shop) -> None:
    bus = Bus()
    for index in range(1000):
        bus >> request(shop.name, "echo", id=f"r{index}", payload={"n": index})
        bus.wait(0.01)
    found: list[Outcome] = []
    replay = Replay(list(bus.journal.exchanges), RedisAddress(shop.url), on_outcome=found.append)
    thread = threading.Thread(target=replay.run)
    thread.start()
    try:
        eventually(lambda: replay.progress.answered > 3, what="it runs")
        replay.pause()
        eventually(lambda: replay.progress.in_flight == 0, what="nothing is under way")
        time.sleep(0.05)
        sent = replay.progress.sent
        time.sleep(0.3)
        assert replay.progress.sent == sent
        replay.resume()
        eventually(lambda: replay.progress.sent > sent, what="it goes on")
        # What was due during the pause is not made up for at once.
        assert replay.progress.sent < sent + 20
    finally:
        replay.cancel()
        thread.join(5)
    assert not thread.is_alive()
    assert len(found) == replay.progress.sent < 1000


def test_both_know_each_other_and_the_new_one_is_ours(shop: Shop, caller: DaebusCaller) -> None:
    with Session(shop.url) as session:
        assert session.wait_up(10)
        caller.send_request("echo", {"n": 1})
        origin = eventually(lambda: _first(session, shop.name, State.OK), what="seen")
        links = SessionLinks(session)
        _replay, (outcome,) = replayed(shop.url, [origin], links=links)
        assert outcome.answer.payload == {"n": 1}
        new = eventually(lambda: session.correlator.find(outcome.request_id), what="the new one is seen")
        assert new.has(Flag.OURS)
        assert new.aside.origin == origin.number
        assert origin.aside.replays == [new.number]
        assert new.request_id != origin.request_id
        assert new.reply_to != origin.reply_to
        eventually(lambda: new.state is State.OK, what="its answer belongs to it")


def _first(session: Session, service: str, state: State) -> Exchange | None:
    with session.lock:
        return next(
            (
                one
                for one in session.journal.exchanges
                if one.target == service and one.state is state and not one.has(Flag.CONTROL)
            ),
            None,
        )


def test_nobody_there_and_no_answer_are_failures(redis_url: str, shop: Shop, name: str) -> None:
    bus = Bus()
    bus >> request(f"{name}_gone", "x", id="a")
    bus >> request(shop.name, "sleep", id="b", payload={"seconds": 1})
    bus >> request(shop.name, "echo", id="c", payload={"n": float("nan")})
    bus >> raw(f"{name}.news", '{"a": NaN}')
    replay, outcomes = replayed(redis_url, list(bus.journal.exchanges), timeout=0.2)
    assert [outcome.answer.status for outcome in outcomes] == ["nobody", "timeout", "unsent", "unsent"]
    assert "nobody serves" in outcomes[0].reason
    assert "NaN" in outcomes[2].reason
    report = Report(Rules())
    for outcome in outcomes:
        report.add(outcome)
    assert report.counts[Result.FAILED] == 4
    assert replay.progress.failed == 4
    (told,) = report.as_data()["broadcasts"]
    assert told == {"channel": f"{name}.news", "failures": [{"reason": outcomes[3].reason, "count": 1}]}
    lines = ["".join(span.text for span in line) for line in report_lines(report, replay, 200)]
    assert lines[-3:-1] == [f"broadcasts on {name}.news", f"  failed 1×  {outcomes[3].reason}"]
    assert lines[-1].startswith("2 sent again, 2 could not be sent: 0 same, 4 failed")


def test_what_holds_no_number_is_left_out_of_the_plan() -> None:
    bus = Bus()
    for text in ("NaN", "-Infinity", '"NaN and Infinity"'):
        bus >> request("users", "get", id=text, payload=json.loads(f'{{"n": {text}}}'))
        bus >> raw("users", f'{{"action": "note", "payload": {{"n": {text}}}}}')
        bus >> raw("news", f'{{"n": [{text}]}}')
    plan = Plan().add_all(bus.journal.exchanges, EVERYTHING)
    assert (plan.total, plan.unsendable) == (3, {"it holds NaN or Infinity, which are read but never written": 6})
    assert [one.number for one in EVERYTHING.of(bus.journal.exchanges)] == [7, 8, 9]


def test_only_what_is_made_for_something_that_is_sent_is_said_to_be_made_again() -> None:
    bus = Bus()
    bus >> request("orders", "place", id="a")
    bus >> request("stock", "reserve", id="b", parent_id="a")
    bus >> request("users", "get", id="c", parent_id="b")
    bus >> request("mailer", "send", reply_to=..., message_id="d")
    bus >> request("users", "get", id="e", parent_id="d")
    exchanges = list(bus.journal.exchanges)
    assert Plan().add_all(exchanges, Choice()).nested == 2
    assert Plan().add_all(exchanges, EVERYTHING).nested == 3
    assert Plan().add_all(exchanges, Choice(matching=parse("to:users"))).nested == 0
    assert Plan().add_all(exchanges, Choice(matching=parse("to:stock,users"))).nested == 1


def test_redis_going_meanwhile_ends_it_and_says_what_is_unknown(own_redis: RedisServer, name: str) -> None:
    shop = Shop(name, own_redis.url)
    shop.app.start(service=name, redis_url=own_redis.url)
    try:
        bus = Bus()
        for index in range(500):
            bus >> request(name, "sleep" if index % 2 else "echo", id=f"r{index}", payload={"seconds": 0.5})
            bus.wait(0.01)
        found: list[Outcome] = []
        replay = Replay(list(bus.journal.exchanges), RedisAddress(own_redis.url), on_outcome=found.append)
        thread = threading.Thread(target=replay.run)
        thread.start()
        eventually(lambda: replay.progress.answered > 5, what="it runs")
        own_redis.kill()
        thread.join(10)
        assert not thread.is_alive()
        assert replay.lost is not None
        statuses = {outcome.answer.status for outcome in found}
        assert "ok" in statuses
        assert "lost" in statuses
        assert len(found) < 500
    finally:
        shop.app.stop(grace=0)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_where_the_clock_stepped_the_spacing_is_that_of_each_clock(shop: Shop, tmp_path: Path, step: float) -> None:
    path = tmp_path / "stepped.jsonl"
    with CaptureWriter(path, "redis://localhost", 0.0) as writer:
        for number, at in enumerate((10_000.0, 10_000.2, 10_000.4 + step, 10_000.6 + step)):
            if number == 2:
                writer.gap(10_000.3 + step, 0.0, "the clock of this machine was set", lost=False)
            writer.write(at, *request(shop.name, "echo", id=f"r{number}"))
    choice = Choice()
    assert Plan().add_all(Recording(path).exchanges(), choice).seconds == pytest.approx(0.5)
    found: list[Outcome] = []
    replay = Replay(
        choice.with_gaps(Recording(path).exchanges()), RedisAddress(shop.url), on_outcome=found.append, pace=Pace()
    )
    thread = threading.Thread(target=replay.run)
    thread.start()
    try:
        # None waits for an hour.
        eventually(lambda: len(found) == 4, what="all are sent")
    finally:
        replay.cancel()
        thread.join(5)
    assert [outcome.answer.status for outcome in found] == ["ok"] * 4
    times = Steady()
    at = [times.at(one) for one in choice.with_gaps(Recording(path).exchanges())]
    assert at == pytest.approx([10_000.0, 10_000.2, 10_000.2, 10_000.3, 10_000.5])


def test_what_a_debugger_holds_meanwhile_is_waited_for_and_its_notices_are_no_parts(
    redis_url: str, name: str, capture: Record
) -> None:
    name = f"{name}_held"
    app = Daebus(name, debugger=True)

    @app.action("count")
    def count() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        yield {"n": 2}

    with (
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
        DaebusCaller(f"daebus.control.{name}", redis_url=redis_url) as control,
    ):
        path = capture(lambda: list(caller.stream_request("count", timeout=1.0)))
        rule = {"place": "request", "action": "count", "hold": True, "for": 2.5}
        control.send_request("rules", {"owner": "ann", "lease": 30, "rules": [rule]})
        _replay, (outcome,) = replayed(redis_url, Choice().of(Recording(path).exchanges()))
    assert (outcome.answer.status, outcome.late) == ("ok", False), outcome.reason
    assert outcome.answer.stream == ({"n": 1},)
