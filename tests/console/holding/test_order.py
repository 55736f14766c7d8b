"""What was held and in which order it was let go, written as a pytest, which does it again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daebus import Daebus, RequestFailed, RequestTimeout
from daebus_console.commands.context import Exit
from daebus_console.engine.message.exchange import State
from tests.console.holding.conftest import Asked, Debugging, Shop, known
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]


def run_pytest(path: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run the module as its user would, with nothing of ours."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(path)]
    environ = {**os.environ, "DAEBUS_REDIS_URL": url, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=120, check=False, cwd=path.parent
    )


def test_an_order_of_ones_own_is_done_again(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    console(f"break {shop.orders} place")
    console(f"break {shop.payment} charge")
    first = shop.ask(payload={"amount": 1})
    console.holding(1)
    second = shop.ask(payload={"amount": 2})
    console.holding(2)
    # The second order is charged first, and the first one more than it asked for.
    assert console("release 2,1") == Exit.DONE
    charges = console.holding(2, lambda one: one.first.service == shop.payment)
    by_amount = {one.first.payload["amount"]: one.number for one in charges}
    assert console(f"release {by_amount[2]}") == Exit.DONE
    assert second.result()["charged"] == 2
    assert console(f"release {by_amount[1]} go amount:=10") == Exit.DONE
    assert first.result()["charged"] == 10
    answered = [one for one in console.session.journal.exchanges if one.action == "place"]
    eventually(lambda: all(one.answer for one in answered))
    path = tmp_path / "test_race.py"
    assert console(f"release save {path}") == Exit.DONE
    assert console.heard.notes[-1] == f"4 releases, in their order, written to {path} as a pytest that does it again"
    assert console(f"release save {path}") == Exit.USAGE
    console("off")

    shop.handled.clear()
    done = run_pytest(path, shop.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(action for action, _payload in shop.handled) == ["charge", "charge", "place", "place"]
    assert [payload for action, payload in shop.handled if action == "charge"] == [{"amount": 2}, {"amount": 10}]
    path.write_text(
        path.read_text().replace("'charged': 10", "'charged': 11").replace('"charged": 10', '"charged": 11')
    )
    again = run_pytest(path, shop.url)
    assert again.returncode == 1, "a test that cannot fail"


def test_what_was_dropped_is_not_answered_again(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    console(f"break {shop.orders} place")
    asked = shop.ask(payload={"amount": 1}, timeout=0.5)
    (held,) = console.holding()
    assert console(f"release {held.number} drop") == Exit.DONE
    path = tmp_path / "test_race.py"
    (exchange,) = [one for one in console.session.journal.exchanges if one.action == "place"]
    with pytest.raises(RequestTimeout):
        asked.result()
    eventually(lambda: exchange.state is State.TIMEOUT, what="its time is over")
    assert console(f"release save {path}") == Exit.DONE
    console("off")
    done = run_pytest(path, shop.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.handled == []


def test_what_is_not_answered_yet_is_waited_for(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    console(f"break {shop.orders} place")
    console(f"break {shop.payment} charge")
    asked = shop.ask()
    (held,) = console.holding()
    console(f"release {held.number}")
    console.holding(where=lambda one: one.first.service == shop.payment)
    (exchange,) = [one for one in console.session.journal.exchanges if one.action == "place"]
    path = tmp_path / "test_race.py"
    assert console(f"release save {path}") == Exit.USAGE
    assert console.heard.mistakes[-1].message == f"#{exchange.number} {shop.orders}.place is not answered yet"
    console("off")
    asked.result()
    eventually(lambda: exchange.answer, what="it is answered")
    assert console(f"release save {path}") == Exit.DONE


def test_without_a_release_there_is_nothing_to_write(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "test_race.py"
    assert console(f"release save {path}") == Exit.USAGE
    assert "nothing was let go yet" in console.heard.mistakes[-1].message
    assert console("release save") == Exit.USAGE
    assert not path.exists()


def written(console: Debugging, tmp_path: Path) -> Path:
    """The test that is written of what was let go, when all that was asked for is answered."""
    path = tmp_path / "test_race.py"
    eventually(lambda: console(f"release save {path}") == Exit.DONE, what="all of it is answered")
    console("off")
    return path


@pytest.mark.parametrize("how", ["payload.amount=2", "--once", ""])
def test_what_was_not_held_or_not_let_go_then_is_not_now(
    console: Debugging, shop: Shop, tmp_path: Path, how: str
) -> None:
    console(f"break {shop.payment} charge {how}")
    asked = [shop.ask(payload={"amount": 2})]
    (held,) = console.holding()
    eventually(lambda: how != "--once" or not console.keeper.desk.settings, what="the rule is spent")
    # Another one, at the same time; where all are held it goes on by `off` below.
    asked.append(shop.ask(payload={"amount": 1}))
    if how:
        assert asked[1].result()["charged"] == 1
    else:
        console.holding(2)
    assert console(f"release {held.number}") == Exit.DONE
    assert asked[0].result()["charged"] == 2
    if not how:
        console("off")
        assert asked[1].result()["charged"] == 1
    path = written(console, tmp_path)
    # As if the other one had been asked for as well: a message that is like it and was not let go.
    path.write_text(
        path.read_text()
        .replace("ASKED: list", "ASKED_THEN: list")
        .replace(
            "# What is held",
            "ASKED = [*ASKED_THEN, {**ASKED_THEN[0], 'payload': {'amount': 1},"
            " 'answer': {'placed': True, 'charged': 1}}]\n# What is held",
        )
    )
    shop.handled.clear()
    done = run_pytest(path, shop.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(payload["amount"] for action, payload in shop.handled if action == "charge") == [1, 2]


def test_the_rule_is_held_to_its_condition(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    console(f"break {shop.payment} charge payload.amount>1 --skip 1")
    shop.ask(payload={"amount": 2}).result()
    asked = shop.ask(payload={"amount": 3})
    (held,) = console.holding()
    console(f"release {held.number}")
    asked.result()
    text = written(console, tmp_path).read_text()
    assert "'where': [[['amount'], '>', 1]]" in text or '"where": [[["amount"], ">", 1]]' in text
    assert "skip" not in text


def test_where_an_error_arose_is_no_part_of_what_is_to_come_again(
    console: Debugging, shop: Shop, tmp_path: Path
) -> None:
    """Only a service with `debug` tells it, and its lines move with every edit."""
    app = Daebus(__name__, debugger=True)

    @app.action("fail")
    def fail() -> None:
        raise ValueError("no money")

    with app.start(shop.audit, debug=True, redis_url=shop.url):
        known(console.session, shop.audit)
        console(f"break {shop.audit} fail")
        asked = Asked(shop.url, shop.audit, "fail", {}, 30.0)
        (held,) = console.holding()
        assert console(f"release {held.number}") == Exit.DONE
        with pytest.raises(RequestFailed) as caught:
            asked.result()
        assert "traceback" in caught.value.payload
        path = written(console, tmp_path)
    with app.start(shop.audit, redis_url=shop.url):
        done = run_pytest(path, shop.url)
        assert done.returncode == 0, done.stdout + done.stderr


def test_broadcasts_that_were_let_go_are_said_to_be_left_out(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    app = Daebus(__name__, debugger=True)
    heard: list[object] = []
    app.listen(shop.placed)(heard.append)
    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    console(f"break {shop.audit} {shop.placed} --place event")
    console(f"broadcast {shop.placed} n:=1")
    (held,) = console.holding()
    assert console(f"release {held.number}") == Exit.DONE
    path = tmp_path / "test_race.py"
    assert console(f"release save {path}") == Exit.USAGE
    assert "a broadcast does not say what sent it" in console.heard.mistakes[-1].message
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    (held,) = console.holding()
    assert console(f"release {held.number}") == Exit.DONE
    asked.result()
    path = written(console, tmp_path)
    assert console.heard.notes[-3].startswith("1 release written to")
    assert console.heard.notes[-2] == "1 of 2 is left out: a broadcast does not say what sent it"
    done = run_pytest(path, shop.url)
    assert done.returncode == 0, done.stdout + done.stderr
