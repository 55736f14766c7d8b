"""Steps through two services, as in a browser; and what is said where one comes nowhere."""

from __future__ import annotations

import re

import pytest

from daebus import Daebus, DaebusCaller
from daebus_console.commands.context import Exit
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping import presence, stepping
from tests.console.holding.conftest import Debugging, Shop, known
from tests.support.framework_services import program
from tests.support.waiting import eventually


def test_into_over_out_run(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} place --once")
    asked = shop.ask(payload={"amount": 5})
    console.holding(where=lambda one: one.first.service == shop.orders)

    assert console("step into") == Exit.DONE
    (held,) = console.holding(where=lambda one: one.first.service == shop.payment)
    assert (held.first.place, held.first.payload) == ("request", {"amount": 5})
    eventually(lambda: console.latest == f"H{held.number}: stopped at {shop.payment}.charge")

    assert console("step over") == Exit.DONE
    (held,) = console.holding(where=lambda one: one.first.place == "answer")
    assert held.first.service == shop.payment
    eventually(lambda: console.latest.endswith(f"stopped at the answer of {shop.payment}.charge"))

    assert console("step out") == Exit.DONE
    (held,) = console.holding(where=lambda one: one.first.service == shop.orders)
    assert (held.first.place, held.first.payload) == ("answer", {"placed": True, "charged": 5})
    eventually(lambda: "answer of" in console.latest)

    assert console("step out") == Exit.USAGE
    assert "last answer of its conversation" in console.heard.mistakes[-1].message
    assert console("step run") == Exit.DONE
    assert asked.result() == {"placed": True, "charged": 5}
    assert [action for action, _payload in shop.handled] == ["place", "charge"]
    eventually(lambda: not console.keeper.desk.settings, what="no rule of a step is left")


def test_running_tells_that_what_a_handler_waits_for_is_held(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.payment} charge")
    asked = shop.ask(payload={"amount": 5})
    (held,) = console.holding()
    console.heard.lines.clear()
    assert console(f"running {shop.orders} {shop.payment}") == Exit.DONE
    told = "\n".join(console.heard.lines)
    assert re.search(rf"waits for {shop.payment} charge \(#\d+\), held as H{held.number} \(before its handler\)", told)
    assert re.search(rf"^{shop.payment} \w+  nothing runs, 1 held$", told, re.MULTILINE)
    console("release all")
    asked.result()


def test_a_step_may_edit(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} place --once")
    asked = shop.ask(payload={"amount": 5})
    console.holding()
    assert console("release next go amount:=9 --then into") == Exit.DONE
    (held,) = console.holding(where=lambda one: one.first.service == shop.payment)
    assert held.first.payload == {"amount": 9}
    console("release all")
    assert asked.result() == {"placed": True, "charged": 9}


def test_at_the_shell_a_step_stands_until_what_it_holds_has_gone_on(
    console: Debugging, shop: Shop, redis_url: str
) -> None:
    console(f"break {shop.orders} place --once")
    asked = shop.ask(payload={"amount": 5}, timeout=90)
    (held,) = console.holding()
    said = ["-m", "daebus_console", "--redis", redis_url, "release", held.first.hold, "--then", "over"]
    with program(*said) as shell:
        eventually(lambda: any(one.first.place == "answer" for one in console.held()), within=60)
        (answer,) = console.holding()
        assert console(f"release {answer.number}") == Exit.DONE
        assert asked.result() == {"placed": True, "charged": 5}
        assert shell.wait(30) == Exit.DONE
    assert f"{shop.orders}.place goes on; over: what comes next is held" in shell.output


def test_into_what_makes_no_call_stops_at_its_answer_and_says_so(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping --once")
    asked = shop.ask("ping")
    console.holding()
    console("step into")
    (held,) = console.holding(where=lambda one: one.first.place == "answer")
    told = f"H{held.number}: no call was made that could be held: stopped at the answer of {shop.orders}.ping"
    eventually(lambda: console.latest == told)
    console("step run")
    asked.result()


def test_all_that_a_step_waits_to_hear_of_is_asked_of_until_it_stops(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    console(f"break {shop.orders} ping --once")
    asked = shop.ask("ping")
    console.holding()
    # Its rules for others go when it holds the answer, which nothing was called before as far as these tell.
    monkeypatch.setattr(keeping, "GLANCE_EVERY", 3600.0)
    monkeypatch.setattr(presence, "GLANCE_EVERY", 3600.0)
    monkeypatch.setattr(stepping, "_ON_ITS_WAY", 1.5)
    console("step into")
    eventually(lambda: "no call was made that could be held" in console.latest)
    console("step run")
    asked.result()


def test_a_call_to_what_cannot_be_debugged_is_gone_past_and_told(console: Debugging, shop: Shop) -> None:
    plain, shown = f"{shop.payment}_plain", Daebus(__name__)

    @shown.action("look")
    def look() -> dict[str, object]:
        return {"seen": True}

    shop.start(plain, shown)
    asking = Daebus(__name__, debugger=True)

    @asking.action("go")
    def go() -> dict[str, object]:
        caller = DaebusCaller(plain, redis_url=shop.url)
        try:
            return dict(caller.send_request("look", {}, timeout=10))
        finally:
            caller.close()

    shop.orders = f"{shop.orders}_asking"
    shop.start(shop.orders, asking)
    known(console.session, plain, shop.orders)
    console(f"break {shop.orders} go --once")
    asked = shop.ask("go")
    console.holding()
    console("step into")
    console.holding(where=lambda one: one.first.place == "answer")
    eventually(lambda: any(f"{plain}.look cannot be debugged: the step goes past it" in one for one in console.news()))
    console("release all")
    assert asked.result() == {"seen": True}


def test_into_a_message_that_nobody_answers_holds_that_and_not_the_answer_as_well(
    console: Debugging, shop: Shop
) -> None:
    asking = Daebus(__name__, debugger=True)
    payment = DaebusCaller(shop.payment, redis_url=shop.url)

    @asking.action("go")
    def go() -> dict[str, object]:
        # It does not wait, and its own answer leaves at once.
        payment.send_message("charge", {"amount": 1})
        return {"gone": True}

    shop.orders = f"{shop.orders}_asking"
    shop.start(shop.orders, asking)
    known(console.session, shop.orders)
    for _ in range(3):
        console(f"break {shop.orders} go --once")
        asked = shop.ask("go")
        console.holding()
        console("step into")
        assert asked.result() == {"gone": True}
        (held,) = console.holding()
        assert held.first.service == shop.payment
        eventually(lambda number=held.number: f"H{number}: stopped at {shop.payment}.charge" in console.news())
        assert console("step over") == Exit.USAGE
        assert "nobody answers a one-way message" in console.heard.mistakes[-1].message
        console("release all")
    payment.close()


def test_a_step_that_comes_nowhere_says_so(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping --once")
    asked = shop.ask("ping")
    console.holding()
    # Another fault is in the way of its answer.
    console(f"fault {shop.orders} ping answer --place answer early:=true")
    console("step over")
    eventually(lambda: any("came nowhere" in one for one in console.news()), what="the step says that it came nowhere")
    assert asked.result() == {"early": True}
    eventually(lambda: len(console.keeper.desk.settings) == 1, what="no rule of the step is left")


@pytest.mark.parametrize("how", ["break {payment} charge", "suspend {payment}"])
def test_a_step_comes_to_what_something_else_holds(console: Debugging, shop: Shop, how: str) -> None:
    console(f"break {shop.orders} place")
    console(how.format(payment=shop.payment))
    first, second = shop.ask(payload={"amount": 5}), shop.ask(payload={"amount": 6})
    (held, _other) = console.holding(2, where=lambda one: one.first.service == shop.orders)
    assert console(f"step into H{held.number}") == Exit.DONE
    (there,) = console.holding(where=lambda one: one.first.service == shop.payment)
    eventually(lambda: console.latest == f"H{there.number}: stopped at {shop.payment}.charge")
    eventually(lambda: all(not one.group for one in console.keeper.desk.settings.values()), what="the step is over")
    # The next one is of the same conversation, though another is held for longer.
    assert console("step over") == Exit.DONE
    (answer,) = console.holding(where=lambda one: one.first.place == "answer")
    eventually(lambda: console.latest == f"H{answer.number}: stopped at the answer of {shop.payment}.charge")
    console("off")
    assert {first.result()["charged"], second.result()["charged"]} == {5, 6}


def test_a_step_does_not_come_to_what_was_held_before(console: Debugging, shop: Shop) -> None:
    both, ways = f"{shop.orders}_both", Daebus(__name__, debugger=True)

    @ways.action("go")
    def go() -> dict[str, object]:
        caller = DaebusCaller(shop.payment, redis_url=shop.url)
        try:
            several = caller.map("charge", [{"amount": 1}, {"amount": 2}], timeout=30)
            return {"asked": len(list(several))}
        finally:
            caller.close()

    shop.start(both, ways)
    known(console.session, both)
    console(f"break {shop.payment} charge")
    shop.orders = both
    asked = shop.ask("go")
    one, other = console.holding(2)
    console(f"step over H{one.number}")
    (answer,) = console.holding(where=lambda held: held.first.place == "answer")
    eventually(lambda: console.latest == f"H{answer.number}: stopped at the answer of {shop.payment}.charge")
    # Into the next call of the parent: the other one has been there all the time.
    console(f"step into H{answer.number}")
    console(f"release H{other.number}")
    (last,) = console.holding(where=lambda held: held.first.service == both)
    told = f"H{last.number}: no call was made that could be held: stopped at the answer of {both}.go"
    eventually(lambda: console.latest == told)
    console("release all")
    assert asked.result() == {"asked": 2}


def test_a_step_takes_the_place_of_one_that_is_under_way(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} place")
    console(f"fault {shop.payment} charge delay 60s")
    first, second = shop.ask(payload={"amount": 1}), shop.ask(payload={"amount": 2})
    one, other = console.holding(2)
    console(f"step over H{one.number}")
    console(f"step over H{other.number}")
    groups = {setting.group for setting in console.keeper.desk.settings.values() if setting.group}
    assert len(groups) == 1, "of the first one no rule is left"
    console("off")
    first.result()
    second.result()


def test_a_call_that_a_fault_was_quicker_for_is_named(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} place --once")
    asked = shop.ask(payload={"amount": 5})
    console.holding()
    console(f"fault {shop.payment} charge answer charged:=0")
    console("step into")
    (held,) = console.holding(where=lambda one: one.first.place == "answer")
    told = f"{shop.payment}.charge was called and not held: stopped at the answer of {shop.orders}.place"
    eventually(lambda: console.latest.endswith(told), what="what was called is named")
    console(f"release H{held.number}")
    assert asked.result() == {"placed": True, "charged": 0}
