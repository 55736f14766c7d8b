"""Why there is no answer, or a wrong one, where a debugger had a hand in it; and circles that are there just now."""

from __future__ import annotations

from contextlib import suppress
from threading import Event
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller, RequestFailed, RequestTimeout
from daebus_console.commands.context import Exit
from daebus_console.engine.message.exchange import Exchange, Flag
from tests.console.holding.conftest import Asked, Debugging, Shop, known
from tests.support.waiting import eventually


def why(console: Debugging, what: str) -> list[str]:
    """What is printed for it, as a cause."""
    before = len(console.heard.lines)
    assert console(f"why {what}") == Exit.DONE
    return list(console.heard.lines[before:])


def latest(console: Debugging, action: str, wanted: int = 1) -> Exchange:
    """The newest exchange with that action, once so many are there."""

    def found() -> list[Exchange]:
        with console.session.lock:
            return [one for one in console.session.journal.exchanges if one.action == action and not one.has(control)]

    control = Flag.CONTROL
    eventually(lambda: len(found()) >= wanted, what=f"{wanted} of {action}")
    return found()[-1]


def silent(asked: Asked) -> None:
    with pytest.raises(RequestTimeout):
        asked.result()


def unanswered(console: Debugging, shop: Shop, rule: str) -> Exchange:
    """What became of a ping while that rule stood: its time ran out."""
    console(f"fault {shop.orders} ping {rule}")
    silent(shop.ask("ping", timeout=0.5))
    asked = latest(console, "ping")
    eventually(lambda: asked.state != "pending")
    return asked


@pytest.mark.parametrize(("deed", "what"), [("drop", "drops it"), ("drop-answer", "drops its answer")])
def test_a_rule_of_ours_that_drops_all_is_the_cause(console: Debugging, shop: Shop, deed: str, what: str) -> None:
    asked = unanswered(console, shop, deed)
    head, evidence, advice = why(console, f"#{asked.number}")
    assert head == f"your rule {what}"
    assert evidence.startswith(f"  · [1] {shop.orders}.ping ")
    assert evidence.endswith("; hit 1 time, by you")
    assert advice == "→ unbreak 1 ends that"
    assert why(console, f"{shop.orders} ping")[0] == f"#{asked.number}: your rule {what}"


def test_a_rule_that_came_later_is_not_the_cause(console: Debugging, shop: Shop) -> None:
    held = Event()
    app = Daebus(__name__, debugger=True)

    @app.action("wait")
    def wait() -> dict[str, bool]:
        held.wait(20)
        return {"waited": True}

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    silent(Asked(shop.url, shop.audit, "wait", {}, 0.3))
    first = latest(console, "wait")
    console(f"fault {shop.audit} wait drop")
    silent(Asked(shop.url, shop.audit, "wait", {}, 0.3))
    second = latest(console, "wait", 2)
    eventually(lambda: second.state != "pending")
    held.set()
    # The service may have told it already, which is as certain.
    kept = f"a debugger kept it from its handler in {shop.audit}"
    assert why(console, f"#{second.number}")[0] in ("your rule drops it", kept)
    console(f"why #{first.number}")
    assert "your rule drops it" not in console.heard.lines[-4:]


def test_a_rule_with_a_condition_may_be_the_cause(console: Debugging, shop: Shop) -> None:
    """Where the service keeps no records, which would tell."""
    app = Daebus(__name__, debugger=True, recorder=0)

    @app.action("ping")
    def ping() -> dict[str, Any]:
        return {}

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    console(f"fault {shop.audit} ping drop-answer --probability 0.999999")
    silent(Asked(shop.url, shop.audit, "ping", {}, 0.3))
    asked = latest(console, "ping")
    eventually(lambda: asked.state != "pending")
    before = len(console.heard.lines)
    assert console(f"why #{asked.number}") == Exit.ERROR
    told = "\n".join(console.heard.lines[before:])
    assert "no cause is known" in told
    assert "a rule of a debugger may have dropped it: [1]" in told


def test_what_the_service_notes_of_it_is_told_where_no_rule_is_certain(console: Debugging, shop: Shop) -> None:
    asked = unanswered(console, shop, "drop --probability 0.999999")
    head, evidence, advice = why(console, f"#{asked.number}")
    assert head == f"a debugger kept it from its handler in {shop.orders}"
    assert evidence.startswith(f"  · {shop.orders} ")
    assert "noted that" in evidence
    assert advice == "→ breaks lists the rules that stand"
    assert asked.has(Flag.DEBUGGED)
    assert not list(console.session.findings.book)
    before = len(console.heard.lines)
    console(f"logs {shop.orders}")
    assert "ping was kept from its handler by a debugger" in "\n".join(console.heard.lines[before:])


@pytest.mark.parametrize("deed", ["drop-answer --probability 0.999999", "drop --place answer"])
def test_a_dropped_answer_is_told_by_its_service_and_is_no_fault_of_it(
    console: Debugging, shop: Shop, deed: str
) -> None:
    asked = unanswered(console, shop, deed)
    console("unbreak")
    told = f"a debugger dropped its answer in {shop.orders}"
    assert why(console, f"#{asked.number}")[0] == told
    assert asked.has(Flag.DEBUGGED)
    assert not list(console.session.findings.book)
    before = len(console.heard.lines)
    console(f"logs {shop.orders}")
    lines = "\n".join(console.heard.lines[before:])
    assert "ping was handled, and its answer dropped by a debugger" in lines
    assert "ping: ended well" in lines


def test_an_error_that_a_debugger_answered_is_no_handlers(console: Debugging, shop: Shop) -> None:
    console(f'fault {shop.orders} ping fail "card declined" --code declined')
    with pytest.raises(RequestFailed):
        shop.ask("ping").result()
    asked = latest(console, "ping")
    eventually(lambda: asked.state == "error")
    head, evidence, _advice = why(console, f"#{asked.number}")
    assert head == "a debugger failed it, and no handler: card declined"
    assert evidence.startswith("  · its answer says so: failed, by ")


def test_what_is_held_waits_for_a_debugger(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    waiting = shop.ask("ping")
    console.holding()
    asked = latest(console, "ping")
    eventually(lambda: asked.has(Flag.DEBUGGED), what="its asker was told that it is held")
    for what in (f"#{asked.number}", f"{shop.orders} ping", shop.orders):
        head, evidence, advice = why(console, what)
        assert head.startswith("a debugger holds ")
        assert head.endswith("H1")
        assert evidence.startswith("  · H1 is held for ")
        assert "so far, by you" in evidence
        assert advice == "→ release H1 lets it go on"
    console("release H1")
    assert waiting.result() == {"pong": True}
    console(f"why {shop.orders} ping")
    assert "holds" not in "".join(console.heard.lines[-3:])


def test_what_was_let_go_with_drop_is_known(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping", timeout=0.5)
    console.holding()
    console("release H1 drop")
    silent(asked)
    found = latest(console, "ping")
    eventually(lambda: found.state != "pending")
    assert why(console, f"#{found.number}")[0] == "you dropped it, before its handler"


def test_a_service_that_waits_for_its_only_worker(console: Debugging, shop: Shop) -> None:
    console.heard.width = 400
    app = Daebus(__name__, max_workers=1)
    caller = DaebusCaller(shop.audit, redis_url=shop.url)

    @app.action("outer")
    def outer() -> dict[str, bool]:
        return dict(caller.send_request("inner", timeout=5))

    @app.action("inner")
    def inner() -> dict[str, bool]:
        return {"ok": True}

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    try:
        waiting = Asked(shop.url, shop.audit, "outer", {}, 5)
        latest(console, "inner")
        eventually(lambda: why(console, shop.audit)[0].startswith("a circle: "), what="inner is in the queue")
        head, advice = why(console, shop.audit)
        assert head.startswith(f"a circle: {shop.audit} waits for its own workers: {shop.audit} outer (#")
        assert advice.startswith("→ let one of them answer without waiting")
    finally:
        # So `outer` waits no more.
        caller.close()
    with suppress(RequestTimeout, RequestFailed):
        waiting.result()
    eventually(lambda: console(f"why {shop.audit}") is not None and "circle" not in "".join(console.heard.lines[-3:]))
