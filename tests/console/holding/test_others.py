"""More than one console, one that is killed, services that go, and the shell."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import redis

from daebus import Daebus
from daebus.errors import DaebusError
from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping import presence
from daebus_console.engine.keeping.refused import GoneOn
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Debugging, Shop, known
from tests.support.framework_services import program, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def other(redis_url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Debugging]:
    """A console of somebody else, who confirms what is asked at first, and nothing more."""
    monkeypatch.setattr(keeping, "owner", lambda: "bob@elsewhere:7")
    with Session(redis_url) as session:
        known(session, shop.orders, shop.payment)
        with prompting(session, "y") as prompt:
            other = Debugging(session, prompt)
            other("breaks")
            monkeypatch.undo()
            yield other
            under_way(session).close()


def test_each_sees_what_the_other_has(console: Debugging, other: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    other.heard.lines.clear()
    assert other("held") == Exit.DONE
    assert console.keeper.desk.owner in other.heard.lines[1]
    other.heard.lines.clear()
    assert other("breaks") == Exit.DONE
    assert other.heard.lines[1].startswith("[o1]")
    assert other("release next") == Exit.DONE
    assert "not by you" in other.prompt.asked.questions[0]
    assert asked.result() == {"pong": True}


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("release next", "was let go by bob@elsewhere:7"),
        ("release next answer pong:=2", "was answered by bob@elsewhere:7"),
        ("release next fail", "was failed by bob@elsewhere:7"),
    ],
)
def test_who_lets_go_what_we_hold_is_told(
    console: Debugging, other: Debugging, shop: Shop, line: str, how: str
) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    assert other(line) == Exit.DONE
    eventually(lambda: console.latest == f"H1 {shop.orders}.ping {how}")
    eventually(lambda: asked.done)
    # It was no hold of theirs.
    assert not other.news()


def test_what_we_let_go_ourselves_is_no_news(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    for line in ("release next", "release all", "off"):
        asked = shop.ask("ping")
        console.holding()
        console(line)
        asked.result()
        console.keeper.look([shop.orders])
    assert not console.news()


def test_what_another_suspends_is_not_said_to_go_on(console: Debugging, other: Debugging, shop: Shop) -> None:
    assert console(f"suspend {shop.orders}") == Exit.DONE
    assert other(f"suspend {shop.orders}") == Exit.DONE
    for _ in range(2):
        other.heard.notes.clear()
        assert other(f"resume {shop.orders}") == Exit.ERROR
        ours = console.keeper.desk.owner
        assert other.heard.errors[-1] == f"{shop.orders} stays suspended: by {ours}, not by you"
        assert not other.heard.notes
    other.heard.notes.clear()
    assert other("breaks") == Exit.DONE
    assert other.heard.notes[-1] == f"{shop.orders} is suspended by {ours}"
    assert console("breaks") == Exit.DONE
    assert console.heard.notes[-1] == f"{shop.orders} is suspended by you; `resume {shop.orders}` ends it"
    assert console("resume") == Exit.DONE
    assert console.heard.notes[-1] == f"{shop.orders} goes on"
    assert console("breaks") == Exit.DONE
    assert "suspended" not in console.heard.notes[-1]


def test_what_is_not_confirmed_is_left_to_the_other(console: Debugging, other: Debugging, shop: Shop) -> None:
    other.prompt.asked.answers = ["no", "no"]
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    assert other("release next") == Exit.USAGE
    assert other("unbreak o1") == Exit.USAGE
    assert len(console.held()) == 1
    console("off")
    asked.result()


@pytest.mark.parametrize("line", ["release all", "release {}"])
def test_of_several_those_of_another_are_asked_about_once_and_left_and_the_rest_goes_on(
    console: Debugging, other: Debugging, shop: Shop, line: str
) -> None:
    other.prompt.asked.answers = []
    console(f"break {shop.orders} ping payload.whose=ann")
    other(f"break {shop.orders} ping payload.whose=bob")
    asked = []
    for whose in ("ann", "bob", "ann", "bob"):
        asked.append(shop.ask("ping", {"whose": whose}))
        other.holding(len(asked))
    numbers = ",".join(str(one.number) for one in other.held())
    assert other(line.format(numbers)) == Exit.DONE
    assert len(other.prompt.asked.questions) == 1
    assert "not by you" in other.prompt.asked.questions[0]
    assert [asked[place].result() for place in (1, 3)] == [{"pong": True}] * 2
    assert other.heard.notes[-1] == f"2 are left to {console.keeper.desk.owner}"
    assert not asked[0].done
    console.holding(2)
    console("off")
    asked[0].result()


def test_what_is_ours_goes_on_also_where_that_of_another_leaves_it_no_room(
    console: Debugging, other: Debugging, shop: Shop
) -> None:
    other.prompt.asked.answers = []
    console(f"break {shop.orders} ping payload.n<50")
    other(f"break {shop.orders} ping payload.n>49")
    shop.crowd(50)
    desk = other.keeper.desk

    def count() -> int:
        with other.session.lock:
            return len(desk.held()) + desk.unlisted()

    eventually(lambda: count() == 50, what="those of the one are held")
    asked = shop.ask("ping", {"n": 50})
    eventually(lambda: count() == 51, what="that of the other is held")
    assert other("release all") == Exit.DONE
    assert asked.result() == {"pong": True}
    assert [payload["n"] for _action, payload in shop.handled] == [50]
    assert "1 more of yours, which had no room in an answer, goes on" in other.heard.notes
    console("off")
    eventually(lambda: len(shop.handled) == 51)


def test_a_rule_of_another_may_be_named_before_anybody_has_looked(
    console: Debugging, other: Debugging, shop: Shop
) -> None:
    console(f"break {shop.orders} ping")
    assert other("unbreak o1") == Exit.DONE
    assert other("unbreak o1") == Exit.USAGE
    assert shop.ask("ping").result() == {"pong": True}


def test_a_rule_of_another_keeps_its_name_and_takes_no_other_along(
    console: Debugging, other: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    console(f"break {shop.orders} ping payload.id=1")
    console(f"break {shop.orders} ping payload.id=2")
    other("breaks")
    # From here on it is not looked at by itself what there is.
    monkeypatch.setattr(keeping, "GLANCE_EVERY", 3600.0)
    monkeypatch.setattr(presence, "GLANCE_EVERY", 3600.0)
    monkeypatch.setattr(keeping, "LOOK_EVERY", 3600.0)
    console("unbreak 1")
    console(f"break {shop.orders} ping payload.id=3")
    assert other("unbreak o2") == Exit.DONE
    assert "payload.id=2" in other.heard.notes[-1]
    other.heard.lines.clear()
    other("breaks")
    assert [line.split()[0] for line in other.heard.lines[1:]] == ["[o1]"]
    assert "payload.id=3" in other.heard.lines[1]


@pytest.mark.parametrize("rule", ["break {} ping payload.id=1", "break {} ping --once", "fault {} ping drop --times 3"])
def test_a_rule_that_another_lifts_is_gone_and_told(
    console: Debugging, other: Debugging, shop: Shop, rule: str
) -> None:
    console(rule.format(shop.orders))
    console(f"break {shop.orders} ping payload.id=2")
    console("breaks")
    other("breaks")
    assert other("unbreak o1") == Exit.DONE
    told = f"somebody has lifted rule 1 on {shop.orders}"
    eventually(lambda: console.news() == [told], what="the rule is known to be gone")
    assert list(console.keeper.desk.settings) == [2]
    assert shop.ask("ping", {"id": 1}).result() == {"pong": True}


def test_a_rule_that_has_no_room_in_what_is_told_stands_and_hides_no_other(
    console: Debugging, other: Debugging, shop: Shop, tmp_path: Path
) -> None:
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"text": "x" * 150_000}))
    assert console(f"fault {shop.orders} ping answer @{large} --where payload.id=1") == Exit.DONE
    assert other(f"break {shop.orders} ping payload.id=2") == Exit.DONE
    assert len(shop.ask("ping", {"id": 1}).result()["text"]) == 150_000
    asked = shop.ask("ping", {"id": 2})
    other.holding()
    for one, rows in ((console, 3), (other, 2)):
        one.heard.lines.clear()
        assert one("breaks") == Exit.DONE
        assert len(one.heard.lines) == rows
        assert max(map(len, one.heard.lines)) < 400
        assert not one.news()
    eventually(lambda: console.known()[0].hits == 1, what="how often it was hit is known all the same")
    ours = console.keeper.desk.owner
    told = f"{shop.orders} has rules of {ours} that are too large to be told of"
    assert other.heard.notes[-1] == told
    other.heard.notes.clear()
    assert other("fault") == Exit.DONE
    assert other.heard.notes == [told]
    assert other("release next") == Exit.DONE
    assert asked.result() == {"pong": True}


def test_of_two_that_release_the_same_exactly_one_does(console: Debugging, other: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    other("held")
    ready = Barrier(2)
    ends: list[int] = []

    def release(one: Debugging, command: str) -> None:
        ready.wait(10)
        ends.append(one(command))

    threads = [
        Thread(target=release, args=(console, "release next answer by=ann")),
        Thread(target=release, args=(other, "release next answer by=bob")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    answer = asked.result()
    assert answer in ({"by": "ann"}, {"by": "bob"})
    loser = other if answer == {"by": "ann"} else console
    won = [text for text in loser.heard.notes if "is answered" in text]
    assert not won
    assert not shop.handled


def test_a_release_of_what_has_gone_on_says_so(console: Debugging, other: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    (held,) = console.holding()
    other("release next")
    asked.result()
    with pytest.raises(GoneOn, match="gone on already"):
        console.keeper.release(held)
    assert shop.handled == [("ping", {})]


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


def test_what_another_lets_go_is_not_held_at_a_prompt_that_has_only_looked(
    console: Debugging, other: Debugging, shop: Shop
) -> None:
    other(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    other.holding()
    assert console("held") == Exit.DONE
    assert len(console.held()) == 1
    assert other("off") == Exit.DONE
    assert asked.result() == {"pong": True}
    eventually(lambda: not console.held(), what="nobody is told that it is held still")


def test_running_and_why_at_the_shell_tell_what_another_console_holds(
    other: Debugging, shop: Shop, redis_url: str
) -> None:
    def told(*words: str) -> str:
        arguments = [sys.executable, "-m", "daebus_console", "--redis", redis_url, *words]
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        return subprocess.run(arguments, **streams, text=True, timeout=60, check=False).stdout

    def running() -> bool:
        # Where the machine is busy not all have told by then what they are.
        text = told("running")
        held = re.search(rf"^{shop.payment} \w+  nothing runs, 1 held$", text, re.MULTILINE)
        waits = re.search(rf"waits for {shop.payment} charge, held as H\d+ \(before its handler\)", text)
        return held is not None and waits is not None

    other(f"break {shop.payment} charge")
    asked = shop.ask(payload={"amount": 5}, timeout=120)
    other.holding()
    eventually(running, within=60, what="running tells it")
    held = f"a debugger holds a message to {shop.payment} charge: H1"
    eventually(lambda: told("why", shop.payment, "charge").startswith(held), within=60, what="why tells it")
    other("off")
    asked.result()


def test_who_only_reads_is_told_that_what_is_held_is_not_asked_for(session: Session, shop: Shop) -> None:
    with prompting(session, read_only=True) as prompt:
        for line in (f"why {shop.orders} ping", "running"):
            prompt.heard.notes.clear()
            prompt(line)
            assert "what debuggers hold is not asked for: this console is read-only (--read-only)" in prompt.heard.notes
