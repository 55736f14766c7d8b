"""More than one console: what each sees of the other, asks before, and leaves alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping import presence
from daebus_console.engine.keeping.refused import GoneOn
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Debugging, Shop, known
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
