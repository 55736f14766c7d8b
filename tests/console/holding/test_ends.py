"""Consoles that end, instances that come and go, a Redis that is back: what is held then."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from threading import Thread

import pytest
import redis

from daebus import Daebus
from daebus.errors import DaebusError
from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping import presence
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Debugging, Shop, known
from tests.support.framework_services import program, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


def test_a_console_that_is_killed_holds_nothing_for_long(shop: Shop, redis_url: str) -> None:
    asked = []
    command = ["-m", "daebus_console", "--redis", redis_url, "break", shop.orders, "ping", "--json"]
    with program(*command) as console:
        lines: list[str] = []
        reader = Thread(target=lambda: lines.extend(iter(console.process.stdout.readline, "")), daemon=True)
        reader.start()
        eventually(lambda: any("Ctrl-C ends it" in line for line in lines), within=30)
        asked = [shop.ask("ping", {"n": n}, timeout=60) for n in range(10)]
        eventually(lambda: sum(line.startswith("{") for line in lines) == 10, within=30, what="ten are held")
        assert not shop.handled
        console.signal(signal.SIGKILL)
        assert [one.result(within=40) for one in asked] == [{"pong": True}] * 10
        reader.join(10)
    assert sorted(payload["n"] for _action, payload in shop.handled) == list(range(10))
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert {one["payload"]["n"] for one in told} == set(range(10))


def test_at_the_shell_it_ends_with_ctrl_c_and_all_goes_on(shop: Shop, redis_url: str) -> None:
    def run(*arguments: str) -> list[str]:
        return ["-m", "daebus_console", "--redis", redis_url, *arguments]

    with program(*run("break", shop.orders, "ping")) as console:
        first = shop.ask("ping", timeout=60)
        second = None

        def held() -> list[dict[str, object]]:
            with program(*run("held", "--json")) as looking:
                looking.wait(30)
                return [json.loads(line) for line in looking.output.splitlines() if line.startswith("{")]

        def waits() -> list[dict[str, object]]:
            nonlocal first
            if first.done:
                # It was asked before the rule stood.
                first = shop.ask("ping", timeout=60)
            return held()

        (one,) = eventually(waits, within=60)
        with program(*run("release", one["holds"][0])) as releasing:
            assert releasing.wait(30) == 0, releasing.output
        assert first.result() == {"pong": True}
        second = shop.ask("ping", timeout=60)
        eventually(held, within=60)
        console.signal(signal.SIGINT)
        assert second.result() == {"pong": True}
        assert console.wait(30) == Exit.INTERRUPTED


def test_at_the_shell_it_tells_of_its_own_and_ends_while_others_hold_theirs(
    console: Debugging, shop: Shop, redis_url: str
) -> None:
    assert console(f"break {shop.orders} ping payload.whose=ann") == Exit.DONE
    theirs = shop.ask("ping", {"whose": "ann"})
    console.holding()
    said = ["-m", "daebus_console", "--redis", redis_url, "break", shop.payment, "charge", "--once"]
    with program(*said) as shell:
        eventually(lambda: shop.payment in {one.service for one in console.known()}, within=60, what="its rule stands")
        asked = shop.ask("place", timeout=60)
        (one,) = console.holding(1, lambda held: held.first.service == shop.payment)
        assert console(f"release {one.number}") == Exit.DONE
        assert asked.result() == {"placed": True, "charged": 1}
        assert shell.wait(30) == Exit.DONE
        assert "ping" not in shell.output
    assert not theirs.done
    console("off")
    theirs.result()


def test_rules_are_set_again_once_redis_is_back(own_redis: RedisServer, name: str) -> None:
    with Shop(own_redis.url, name) as shop, Session(own_redis.url) as session:
        known(session, shop.orders)
        with prompting(session) as prompt:
            console = Debugging(session, prompt)
            assert console(f"break {shop.orders} ping") == Exit.DONE
            own_redis.kill()
            eventually(lambda: console.keeper.problem is not None, within=30, what="the console knows that it is gone")
            assert console("held") == Exit.NO_REDIS
            own_redis.start()
            eventually(lambda: console.keeper.problem is None, within=30, what="it is back")
            eventually(lambda: subscribers(own_redis.url, shop.orders) == 1, within=30, what="the service is back")

            def held() -> bool:
                asked = shop.ask("ping", timeout=60)
                try:
                    eventually(lambda: console.held() or asked.done, within=30)
                    return not asked.done
                finally:
                    console("release all")
                    asked.result(within=60)

            # A service that has come back sooner than we answers before the rule stands again.
            eventually(held, within=60, what="the rule stands again")
            under_way(session).close()


def test_an_instance_that_starts_has_our_rules_once_it_is_seen_and_what_gone_ones_met_counts_on(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RENEW_EVERY", 1000.0)

    def start() -> Daebus:
        app = Daebus(__name__, debugger=True)
        app.action("look")(dict)
        return shop.start(shop.audit, app)

    def taken(app: Daebus) -> bool:
        with console.session.lock:
            return console.keeper.desk.has_taken(shop.audit, app.instance or "")

    first, shop.orders = start(), shop.audit
    known(console.session, shop.audit)
    assert console(f"fault {shop.audit} look answer by=rule --times 3") == Exit.DONE
    for _ in range(2):
        assert shop.ask("look").result() == {"by": "rule"}
    console("breaks")
    first.stop()
    second = start()
    eventually(lambda: taken(second), what="the new one has taken the rule")
    assert shop.ask("look").result() == {"by": "rule"}
    eventually(lambda: not console.keeper.desk.settings, what="it has met three in all")
    assert console(f"suspend {shop.audit}") == Exit.DONE
    second.stop()
    third = start()

    def suspended() -> bool:
        with console.session.lock:
            report = console.keeper.desk.reports.get((shop.audit, third.instance or ""))
        return report is not None and bool(report.suspended)

    eventually(suspended, what="the new one is suspended as well")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("break {} look", "[1] {}.look held, in 1 of 2 instances; the other does not allow it; `unbreak 1` ends it"),
        ("fault {} look drop", "[1] {}.look dropped: never answered, in 1 of 2 instances; the other does not allow it"),
        ("suspend {}", "{} is suspended (in 1 of 2 instances; the other does not allow it): `release next`"),
    ],
)
def test_where_only_some_instances_allow_it_is_told(console: Debugging, shop: Shop, line: str, told: str) -> None:
    for allowed in (True, False):
        app = Daebus(__name__, debugger=allowed)
        app.action("look")(dict)
        shop.start(shop.audit, app)
    known(console.session, shop.audit)
    assert console(line.format(shop.audit)) == Exit.DONE
    assert console.heard.notes[-1].startswith(told.format(shop.audit))
    console("breaks")
    rows = [row for row in console.heard.lines if shop.audit in row]
    assert all("in 1 of 2 instances; the other does not allow it" in row for row in rows)
    assert bool(rows) == (not line.startswith("suspend"))
    console("breaks --json")
    assert [one["refused"] for one in console.heard.records] == [1] * len(rows)
    console("off")
    # Where none does not, nothing is said of it.
    app.stop()
    eventually(lambda: console("held") == Exit.DONE and not console.keeper.desk.reach(shop.audit).refusals)
    assert console(f"break {shop.audit} look") == Exit.DONE
    assert "instances" not in console.heard.notes[-1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("break {} look", "[1] {}.look held, 1 more on its channel cannot be debugged, and takes what comes: "),
        ("suspend {}", "{} is suspended (1 instance; 1 more on its channel cannot be debugged, and takes what comes: "),
    ],
)
def test_that_one_beside_them_knows_no_debugger_is_told(
    console: Debugging, shop: Shop, redis_url: str, line: str, told: str
) -> None:
    app = Daebus(__name__, debugger=True)
    app.action("look")(dict)
    shop.start(shop.audit, app)
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as older:
        older.subscribe(shop.audit)
        eventually(lambda: console.session.directory.others_of(shop.audit) == 1, what="the one of before is counted")
        assert console("services --json") == Exit.DONE
        (listed,) = [one for one in console.heard.records if one.get("service") == shop.audit]
        assert (listed["subscribers"], len(listed["instances"])) == (2, 1)
        assert console(line.format(shop.audit)) == Exit.DONE
        assert console.heard.notes[-1].startswith(told.format(shop.audit))
        # It makes no difference to what the service sends itself, and what it hears.
        assert console(f"break {shop.audit} anything --place call") == Exit.DONE
        assert "on its channel" not in console.heard.notes[-1]
        console("off")
    eventually(lambda: not console.session.directory.others_of(shop.audit), what="it has gone")
    listening = Daebus(__name__)
    listening.listen(shop.audit)(lambda _data: None)
    shop.start(f"{shop.audit}_heard", listening)
    eventually(lambda: console.session.directory.services[shop.audit].listening == 1, what="one listens there")
    assert console(line.format(shop.audit)) == Exit.DONE
    assert "on its channel" not in console.heard.notes[-1]


LISTENING = """
import sys
from daebus import Daebus
app = Daebus(__name__, debugger=True)
app.action("look")(dict)
app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""


def test_of_an_instance_that_goes_nothing_is_held_once_all_others_have_answered(
    console: Debugging, shop: Shop, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever says nothing for long is taken to be gone as well; not here.
    monkeypatch.setattr(presence.Presence, "forget_silent", lambda _self, _active: None)
    service = f"{shop.audit}_killed"
    path = tmp_path / "listening.py"
    path.write_text(LISTENING)
    app = Daebus(__name__, debugger=True)
    app.action("look")(dict)
    shop.start(service, app)
    with program(str(path), service, redis_url) as running:
        services = console.session.directory.services
        eventually(lambda: service in services and len(services[service].instances) == 2, what="both are known")
        assert console(f"break {service} look") == Exit.DONE
        shop.orders = service
        asked = shop.ask("look")
        eventually(lambda: [one.instances for one in console.held()] == [2], what="both hold it")
        running.signal(signal.SIGKILL)
        eventually(lambda: [one.instances for one in console.held()] == [1], what="one holds it")
        assert [hold.instance for hold in console.held()[0].holds] == [app.instance]
        console("release all")
        assert asked.result() == {}


@pytest.mark.parametrize("place", ["request", "answer"])
def test_whoever_asked_and_was_killed_does_not_wait_on(
    console: Debugging, shop: Shop, redis_url: str, place: str
) -> None:
    asking = f"from daebus import DaebusCaller; DaebusCaller({shop.orders!r}, redis_url={redis_url!r})"
    console(f"break {shop.orders} ping --place {place}")
    with program("-c", f"{asking}.send_request('ping', {{}}, timeout=60)") as asker:
        console.holding()
        for _ in range(3):
            assert console("held --json") == Exit.DONE
            assert (console.heard.records[-1]["asker_waits"], console.heard.records[-1]["asker_gone"]) == (True, False)
            # It is there, whenever the channels are listed.
            polled = console.session.directory.polled
            eventually(lambda polled=polled: console.session.directory.polled != polled)
        asker.signal(signal.SIGKILL)
        eventually(lambda: console.held()[0].first.deserted, what="it has gone")
        console.heard.lines.clear()
        assert console("held") == Exit.DONE
        assert "has gone" in console.heard.lines[1]
        assert "waits on" not in console.heard.lines[1]
    console("off")


def test_a_service_that_goes_takes_what_it_holds_with_it_and_nothing_is_said_to_be_held(
    console: Debugging, shop: Shop, redis_url: str, tmp_path: Path
) -> None:
    service = f"{shop.audit}_killed"
    app = tmp_path / "held_app.py"
    app.write_text(
        "import sys\nfrom daebus import Daebus\napp = Daebus(__name__, debugger=True)\n"
        "app.action('look')(dict)\napp.run(service=sys.argv[1], redis_url=sys.argv[2])\n"
    )
    with program(str(app), service, redis_url, serves=service, url=redis_url) as running:
        known(console.session, service)
        assert console(f"break {service} look") == Exit.DONE
        shop.orders = service
        asked = shop.ask("look", timeout=2.0)
        console.holding(1)
        running.signal(signal.SIGKILL)
        with pytest.raises(DaebusError):
            asked.result()
        eventually(lambda: not console.held(), within=40, what="nothing of it is said to be held")
        told = f"H1 is held no more: the instance of {service} that held it has gone, or is out of reach"
        assert console.news() == [told]
        assert console("release next") == Exit.DONE
        assert console.heard.notes[-1] == "nothing is held"
