"""What goes wrong while something is held, as the console shows it; and what is asked too much of it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from daebus import ConnectionLost, Daebus, DaebusCaller, request
from daebus_console.commands.context import Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping import presence
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console as ShellConsole
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Asked, Debugging, Shop, known
from tests.gates.test_faults import SERVICE, flood, handled
from tests.support.framework_services import Tap, program
from tests.support.instances import instances
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


def rows(console: Debugging) -> list[str]:
    """What `held` lists, as soon as it can be asked for."""

    def told() -> list[str]:
        console.heard.lines.clear()
        return list(console.heard.lines[1:]) if console("held") == Exit.DONE else []

    return eventually(told, what="what is held is known")


def records(console: Debugging, line: str = "held --json") -> list[dict[str, Any]]:
    """What a command tells as JSON."""
    console.heard.records.clear()
    assert console(line) == Exit.DONE
    found: list[dict[str, Any]] = list(console.heard.records)
    return found


@pytest.fixture
def frozen(own_redis: RedisServer, name: str) -> Iterator[tuple[Debugging, Shop, RedisServer]]:
    """A console and a shop on a Redis that may be stopped."""
    with Shop(own_redis.url, name) as shop, Session(own_redis.url) as session:
        known(session, shop.orders)
        with prompting(session) as prompt:
            yield Debugging(session, prompt), shop, own_redis
            own_redis.thaw()
            under_way(session).close()


def test_redis_that_stands_still_for_less_than_the_lease_changes_nothing(
    frozen: tuple[Debugging, Shop, RedisServer],
) -> None:
    console, shop, server = frozen
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping", {"n": 1}, timeout=60)
    (held,) = console.holding()
    server.freeze()
    begun = time.monotonic()
    eventually(lambda: time.monotonic() > begun + 2)
    assert [one.number for one in console.held()] == [held.number]
    server.thaw()
    assert [one["number"] for one in records(console)] == [held.number]
    assert not shop.handled
    assert console(f"release {held.number} go n:=2") == Exit.DONE
    assert asked.result() == {"pong": True}
    assert shop.handled == [("ping", {"n": 2})]


def test_what_is_held_is_not_said_to_be_gone_while_nobody_can_be_asked(
    frozen: tuple[Debugging, Shop, RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    console, shop, server = frozen
    monkeypatch.setattr(keeping, "LEASE", 30.0)
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping", {"n": 1}, timeout=60)
    (held,) = console.holding()
    last = console.keeper.desk.reports[shop.orders, held.first.instance].at
    server.freeze()
    eventually(lambda: time.monotonic() > last + presence.SILENCE + 1 and console.keeper.problem, what="it is noticed")
    server.thaw()
    eventually(lambda: console.keeper.problem is None, what="Redis is back")
    eventually(lambda: [one.number for one in console.held()] == [held.number])
    assert console("release all") == Exit.DONE
    assert asked.result() == {"pong": True}
    assert not console.news()


def test_whoever_lost_its_connection_while_it_was_held_is_not_said_to_wait_on(
    frozen: tuple[Debugging, Shop, RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    console, shop, server = frozen
    monkeypatch.setattr(keeping, "LEASE", 30.0)
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping", {"n": 1}, timeout=60)
    (held,) = console.holding()
    assert "waits on" in rows(console)[0]
    server.stop()
    with pytest.raises(ConnectionLost):
        asked.result()
    server.start()
    eventually(lambda: console.held() and console.held()[0].first.doubtful, what="it is known, and still held")
    assert [one.number for one in console.held()] == [held.number]
    after = shop.ask("ping", {"n": 2}, timeout=60)
    console.holding(2)
    first, second = rows(console)
    assert ("may have given up" in first, "waits on" in second) == (True, True)
    assert [(one["asker_waits"], one["asker_gone"]) for one in records(console)] == [(False, False), (True, False)]
    assert console("release all") == Exit.DONE
    assert after.result() == {"pong": True}
    eventually(lambda: [one["n"] for _name, one in shop.handled] == [1, 2])


def test_redis_that_stands_still_for_longer_lets_it_go_and_the_rule_comes_back(
    frozen: tuple[Debugging, Shop, RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    console, shop, server = frozen
    # As long as ten seconds are, for whoever cannot wait: the lease that services are given.
    monkeypatch.setattr(keeping, "LEASE", 1.0)
    monkeypatch.setattr(keeping, "RENEW_EVERY", 0.2)
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping", {"n": 1}, timeout=60)
    (held,) = console.holding()
    server.freeze()
    eventually(lambda: shop.handled == [("ping", {"n": 1})], what="it goes on while nobody can say so")
    server.thaw()
    assert asked.result() == {"pong": True}
    eventually(lambda: not console.held(), what="the console knows")
    assert console.latest.startswith(
        f"H{held.number} {shop.orders}.ping is held no more: the lease was not renewed for 1 s, since "
    )
    assert console(f"release {held.number}") == Exit.USAGE
    assert "is not held" in console.heard.mistakes[-1].message

    def again() -> bool:
        other = shop.ask("ping", {"n": 2}, timeout=60)
        eventually(lambda: console.held() or other.done)
        console("release all")
        other.result()
        return other.done and len(console.heard.notes) > 0 and bool(console.keeper.log)

    eventually(again, within=60, what="the rule stands again")
    assert shop.handled.count(("ping", {"n": 1})) == 1


@pytest.mark.parametrize("shift", [86400.0, -86400.0], ids=["a day ahead", "a day back"])
def test_a_step_of_the_clock_changes_no_time_that_is_shown(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    console(f"break {shop.orders} ping --hold 100s")
    asked = shop.ask("ping", timeout=60)
    (held,) = console.holding()
    gone: list[object] = []
    forget = console.keeper.desk.gone
    monkeypatch.setattr(console.keeper.desk, "gone", lambda *which: (gone.append(which), forget(*which)))
    real, before = time.time, console.session.clock()
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    eventually(lambda: abs(console.session.clock() - before) > 80_000, what="the console has seen it")
    for _ in range(3):
        (one,) = records(console)
        assert 0 <= one["held_s"] < 40
        assert 50 < one["left_s"] <= 100
        assert one["number"] == held.number
    assert gone == []
    assert console("release next") == Exit.DONE
    assert asked.result() == {"pong": True}


def test_a_service_that_stands_still_and_one_that_is_told_to_stop(
    console: Debugging, redis_url: str, name: str
) -> None:
    service = f"{name}_apart"
    with program("-c", SERVICE, service, redis_url, serves=service, url=redis_url, forked=True) as running:
        known(console.session, service)
        assert console(f"break {service} echo") == Exit.DONE
        asked = Asked(redis_url, service, "echo", {"n": 1}, 60.0)
        (held,) = console.holding()
        running.signal(signal.SIGSTOP)
        eventually(lambda: not console.held(), within=40, what="nothing is said to be held by what does not answer")
        for line in ("held", "breaks", "release all"):
            console.heard.notes.clear()
            assert console(line) == Exit.TIMEOUT
            assert console.heard.errors[-1] == (
                f"no answer within 2 s from {service}: what is held there, and by which rules, is not known"
            )
            assert not console.heard.notes, "nor that nothing is held"
        running.signal(signal.SIGCONT)
        eventually(lambda: asked.done or console.held())
        if console.held():
            # Its lease has not ended meanwhile: it is the same that was held before, and is rung for no second time.
            assert [one.number for one in console.held()] == [held.number]
            assert console.keeper.desk.rang == 1
        running.signal(signal.SIGTERM)
        assert asked.result() == {"got": {"n": 1}}
        eventually(lambda: not console.held())
        eventually(lambda: running.process.poll() is not None, what="the service has ended")
        assert running.process.poll() == 0
    assert handled(running) == [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("line", ["break {} ping", "suspend {}", "fault {} ping delay 60s"])
def test_what_a_console_at_the_shell_holds_goes_on_when_a_signal_ends_it(
    shop: Shop, redis_url: str, line: str, number: signal.Signals
) -> None:
    arguments = [sys.executable, "-m", "daebus_console", "--redis", redis_url, *line.format(shop.orders).split()]
    asking = DaebusCaller(f"daebus.control.{shop.orders}", redis_url=redis_url)
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as console, asking:
        assert console.stderr is not None
        next(told for told in console.stderr if "Ctrl-C ends it" in told)
        asked = shop.ask("ping", timeout=60)
        eventually(lambda: asking.send_request("held", {})["count"] == 1)
        console.send_signal(number)
        assert console.wait(60) == 128 + number
        left = asking.send_request("held", {})
    assert (left["count"], left["rules"], left["suspended"]) == (0, [], [])
    assert asked.result() == {"pong": True}


@pytest.mark.parametrize("line", ["break {} ping --json", "suspend {}", "fault {} ping delay 60s"])
def test_what_a_console_at_the_shell_holds_goes_on_when_nobody_reads_any_more_what_that_is(
    shop: Shop, redis_url: str, line: str
) -> None:
    arguments = [sys.executable, "-m", "daebus_console", "--redis", redis_url, *line.format(shop.orders).split()]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    asking = DaebusCaller(f"daebus.control.{shop.orders}", redis_url=redis_url)
    with subprocess.Popen(arguments, text=True, **pipes) as console, asking:
        assert console.stdout is not None
        assert console.stderr is not None
        next(told for told in console.stderr if "Ctrl-C ends it" in told)
        asked = shop.ask("ping", timeout=60)
        eventually(lambda: asking.send_request("held", {})["count"] == 1)
        console.stdout.close()
        assert console.wait(60) == Exit.DONE
        left = asking.send_request("held", {})
    assert (left["count"], left["rules"], left["suspended"]) == (0, [], [])
    assert asked.result() == {"pong": True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("line", ["break {} ping", "suspend {}"])
def test_a_console_at_the_shell_that_is_ended_while_it_waits_for_instances_leaves_nothing(
    shop: Shop, redis_url: str, line: str, number: signal.Signals
) -> None:
    arguments = [sys.executable, "-m", "daebus_console", "--redis", redis_url, *line.format(shop.orders).split()]
    control = f"daebus.control.{shop.orders}"
    with (
        redis.Redis.from_url(redis_url) as client,
        client.pubsub() as mute,
        DaebusCaller(control, redis_url=redis_url) as asking,
    ):
        # One that listens and never answers is waited for.
        mute.subscribe(control)
        mute.get_message(timeout=10)

        def left() -> list[Any]:
            told = asking.send_request("held", {})
            return [*told["rules"], *told["suspended"]]

        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as console:
            eventually(lambda: len(left()) == 1)
            console.send_signal(number)
            assert console.wait(60) == 128 + number
        assert left() == []


def test_of_a_service_that_has_told_nothing_it_is_said_that_nothing_is_known(redis_url: str, name: str) -> None:
    with program("-c", SERVICE, name, redis_url, serves=name, url=redis_url, forked=True) as running:
        running.signal(signal.SIGSTOP)
        with Session(redis_url) as session, prompting(session) as prompt:
            eventually(lambda: name in session.directory.services)
            assert prompt("held") == Exit.TIMEOUT
            assert f"no answer within 2 s from {name}:" in prompt.heard.errors[-1]
            running.signal(signal.SIGCONT)
            known(session, name)
            assert prompt("held") == Exit.DONE
            assert prompt.heard.notes[-1].startswith("nothing is held")
            under_way(session).close()


@pytest.mark.timeout(120)
def test_a_flood_on_a_rule_is_held_in_part_counted_wholly_and_let_go(
    console: Debugging, shop: Shop, redis_url: str
) -> None:
    count, seen = 10_000, []
    service = f"{shop.orders}_flooded"
    app = Daebus(__name__, debugger=True, max_queue=2 * count, recorder=0)
    app.action("look")(lambda: seen.append(request.payload["n"]))
    shop.start(service, app)
    known(console.session, service)
    assert console(f"break {service} look") == Exit.DONE
    flood(redis_url, service, [{"action": "look", "payload": {"n": n}} for n in range(count)])
    eventually(lambda: len(seen) == count - 200, within=60)
    told = records(console)
    left_out = [note for note in console.heard.notes if "more are held than have room" in note]
    assert len(told) == 200 or left_out
    assert console.keeper.desk.passed() == count - 200
    assert console.news() == [f"{service} holds no more, for want of room: other messages go by"]
    console.heard.notes.clear()
    assert console("held") == Exit.DONE
    assert console.heard.notes[-1] == "9,800 messages went by that were to be held: there was no room (200, or 16 MiB)"
    (rule,) = records(console, "breaks --json")
    assert rule["hits"] == 200
    assert console("release all") == Exit.DONE
    eventually(lambda: len(seen) == count, within=60)
    assert sorted(seen) == list(range(count))


def test_a_large_message_is_held_looked_at_and_edited(console: Debugging, shop: Shop, redis_url: str) -> None:
    """Of 12 MB; of 20 MB it goes by, and is counted, since an instance holds no more than 16 MiB."""
    console(f"break {shop.orders} ping")
    with DaebusCaller(shop.orders, redis_url=redis_url, max_message=28_000_000) as caller:
        caller.send_message("ping", {"text": "x" * 20_000_000})
        eventually(lambda: len(shop.handled) == 1)
        caller.send_message("ping", {"text": "y" * 12_000_000, "n": 1})
    (held,) = console.holding()
    assert held.first.length > 12_000_000
    assert console.keeper.desk.passed() == 1
    (one,) = records(console, f"held {held.number} --json")
    assert len(one["payload"]["text"]) == 12_000_000
    assert console(f"release {held.number} go n:=2") == Exit.DONE
    eventually(lambda: len(shop.handled) == 2, within=30)
    assert shop.handled[1][1] == {"text": "y" * 12_000_000, "n": 2}


@pytest.mark.parametrize(
    "line",
    [
        "break {orders} ping payload.x=" + "9" * 5_000,
        "break {orders} ping payload.x=1e999",
        "break {orders} ping 'payload.x~" + "*a" * 5_000 + "'",
        "break {orders} ping 'payload." + ".".join("a" * 500) + "'",
        "break {orders} ping payload.x=" + "z" * 20_000,
        "break {orders} " + "p" * 5_000,
        "break {orders} ping 'payload.\u202e\x00\x1b[2J=\ud800'",
        "break {orders} ping --from " + "*?" * 2_000,
        "fault {orders} ping fail '\x1b]0;x\x07' --code " + "c" * 3_000,
        "fault {orders} ping answer x:=" + "[" * 500 + "]" * 500,
        "fault {orders} ping delay 1e400s",
        "fault {orders} ping drop --skip 99999999999999999999",
    ],
    ids=["digits", "infinite", "stars", "deep", "long", "name", "control", "sender", "error", "nested", "late", "skip"],
)
def test_hostile_values_are_taken_or_refused_in_words_and_harm_nobody(
    console: Debugging, shop: Shop, line: str
) -> None:
    assert console("breaks") == Exit.DONE
    try:
        status = console(line.format(orders=shop.orders))
        told = [*console.heard.errors, *(one.message for one in console.heard.mistakes)]
    except CommandError as mistake:
        status, told = Exit.USAGE, [mistake.message]
    # Refused by the console, or by the service; or it stands.
    assert status in (Exit.DONE, Exit.USAGE, Exit.ERROR)
    assert bool(told) is (status != Exit.DONE)
    assert bool(console.keeper.desk.settings) is (status == Exit.DONE)
    assert all(0 < len(one) < 1_000 for one in told)
    assert console("breaks") == Exit.DONE
    assert console("off") == Exit.DONE
    assert shop.ask("ping", {"x": 1}).result() == {"pong": True}


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "not shared"])
def test_three_instances_hold_one_or_one_each_and_the_console_shows_one(
    console: Debugging, redis_url: str, name: str, shared: bool
) -> None:
    service = f"{name}_three"
    with instances(redis_url, service, 3, shared=shared, debugger=True) as several:

        def all_told() -> bool:
            with console.session.lock:
                found = console.session.directory.services.get(service)
                return found is not None and len(found.instances) == 3

        eventually(all_told)
        assert console(f"break {service} echo") == Exit.DONE
        asked = Asked(redis_url, service, "echo", {"n": 1}, 60.0)
        copies = 1 if shared else 3
        (held,) = eventually(lambda: [one for one in console.held() if one.instances == copies])
        console.heard.lines.clear()
        assert console("held") == Exit.DONE
        assert len(console.heard.lines) == 2
        assert ("×3" in console.heard.lines[1]) is not shared
        assert console(f"release {held.number}") == Exit.DONE
        asked.result()
        eventually(lambda: sum(len(one.handled) for one in several) == copies)
        eventually(lambda: not console.held())


def test_a_caller_of_0_0_31_is_shown_with_the_time_that_it_usually_waits(
    console: Debugging, shop: Shop, redis_url: str
) -> None:
    console(f"break {shop.orders} ping")
    reply_to = f"{shop.orders}_replies"
    ask = {"action": "ping", "payload": {}, "reply_to": reply_to, "request_id": "r1", "service": "old"}
    with redis.Redis.from_url(redis_url) as client, Tap(redis_url, reply_to) as tap:
        client.publish(shop.orders, json.dumps(ask))
        console.holding()
        (one,) = records(console)
        assert one["asker_guessed"] is True
        assert one["asker_left_s"] == pytest.approx(5 - one["held_s"], abs=0.5)
        console.heard.lines.clear()
        console("held")
        assert "may give up in" in console.heard.lines[1] or "may have given up" in console.heard.lines[1]
        console("release next")
        answers = [json.loads(data) for _channel, data in eventually(tap.collect)]
    assert [(each["final"], "held" in each) for each in answers] == [(True, False)]


def test_what_is_held_of_an_async_handler(console: Debugging, shop: Shop) -> None:
    service = f"{shop.orders}_async"
    app = Daebus(__name__, debugger=True)

    @app.action("look")
    async def look() -> dict[str, Any]:
        return {"n": request.payload["n"]}

    shop.start(service, app)
    known(console.session, service)
    console(f"break {service} look")
    console(f"break {service} look --place answer")
    asked = Asked(shop.url, service, "look", {"n": 1}, 60.0)
    console.holding(where=lambda one: one.first.place == "request")
    console("release next go n:=2")
    console.holding(where=lambda one: one.first.place == "answer")
    console("release next go n:=3")
    assert asked.result() == {"n": 3}


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("break {} ping", "what is held goes on when it is so for 10 s, and nothing more is held then"),
        ("mock nobody_there ping", "nothing is heard or answered meanwhile"),
    ],
)
def test_what_stays_at_the_shell_says_that_redis_is_away(
    own_redis: RedisServer, name: str, line: str, means: str
) -> None:
    with Shop(own_redis.url, name) as shop:
        with ShellConsole(own_redis.url).start(*line.format(shop.orders).split()) as process:
            assert process.stderr is not None
            told = iter(process.stderr.readline, "")
            next(one for one in told if "Ctrl-C ends it" in one)
            own_redis.kill()
            assert re.fullmatch(r"Redis is away \(.*[^.]\): (.*)\n", next(told))[1] == means  # type: ignore[index]  # it is
            own_redis.start()
            assert next(told) == "Redis is back\n"
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert process.returncode == Exit.INTERRUPTED
