"""What became of what was held: told once, and true, in whichever order console, service and Redis learn of it."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

import pytest
import redis

from daebus import Daebus, DaebusCaller, response
from daebus.errors import RequestFailed
from daebus.gates.gates import MOST_HELD
from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping import presence
from daebus_console.engine.keeping.asking import Question
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Asked, Debugging, Shop, known
from tests.gates.test_faults import SERVICE
from tests.support.framework_services import program
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

NEVER = 3600.0


@pytest.fixture
def lapsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases last for a second, and are not renewed."""
    monkeypatch.setattr(keeping, "LEASE", 1.0)
    monkeypatch.setattr(keeping, "RENEW_EVERY", NEVER)


def _one_held(console: Debugging, shop: Shop) -> Asked:
    """A request that a rule of the console holds."""
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    return asked


def _lapsed(console: Debugging, shop: Shop, number: int = 1) -> list[str]:
    why = "the lease was not renewed for 1 s, since this console stood still"
    return [f"H{number} {shop.orders}.ping is held no more: {why}"]


@pytest.mark.usefixtures("lapsing")
def test_a_lease_that_has_lapsed_is_told_where_the_service_says_so_before_the_keeper_looks(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = keeping.Keeper._look_whether_lapsed
    monkeypatch.setattr(keeping.Keeper, "_look_whether_lapsed", lambda _self, _service: None)
    asked = _one_held(console, shop)
    eventually(lambda: not console.held(), what="the service has said that nothing is held")
    assert console.news() == _lapsed(console, shop)
    monkeypatch.setattr(keeping.Keeper, "_look_whether_lapsed", looks)
    with console.session.lock:
        console.keeper._look_whether_lapsed(shop.orders)
    console.keeper.look([shop.orders])
    assert console.news() == _lapsed(console, shop)
    assert asked.result() == {"pong": True}


@pytest.mark.usefixtures("lapsing")
def test_a_lease_that_has_lapsed_is_told_where_the_keeper_looks_before_the_service_says_so(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _one_held(console, shop)
    monkeypatch.setattr(keeping, "LOOK_EVERY", NEVER)
    eventually(lambda: not console.held(), what="the keeper has looked")
    assert console.news() == _lapsed(console, shop)
    assert asked.result() == {"pong": True}
    console.keeper.look([shop.orders])
    assert console.news() == _lapsed(console, shop)


@pytest.mark.usefixtures("lapsing")
def test_a_lease_that_has_lapsed_is_told_where_a_rule_is_set_before_anybody_looks(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _one_held(console, shop)
    monkeypatch.setattr(keeping.Keeper, "_round", lambda _self, _now: None)
    assert asked.result() == {"pong": True}
    assert console(f"break {shop.orders} place") == Exit.DONE
    console.keeper.look([shop.orders])
    assert not console.held()
    assert console.news() == _lapsed(console, shop)


@pytest.mark.usefixtures("lapsing")
def test_what_had_gone_on_by_itself_before_the_lease_lapsed_is_told_as_that(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LOOK_EVERY", 0.05)
    console(f"break {shop.orders} ping --hold 700ms")
    asked = shop.ask("ping")
    console.holding()
    monkeypatch.setattr(keeping, "LOOK_EVERY", NEVER)
    assert asked.result() == {"pong": True}
    eventually(lambda: not console.held(), what="the keeper has looked")
    (told,) = console.news()
    assert told.startswith(f"H1 {shop.orders}.ping went on by itself: it is held for ")


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "one of two"])
def test_what_a_service_holds_that_comes_back_later_than_the_console_is_not_said_to_be_gone(
    own_redis: RedisServer, name: str, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LEASE", 30.0)
    monkeypatch.setattr(presence, "SILENCE", NEVER)
    url = own_redis.url
    with program("-c", SERVICE, name, url, serves=name, url=url, forked=True) as running, Session(url) as session:
        known(session, name)
        with prompting(session) as prompt:
            console = Debugging(session, prompt)
            console(f"break {name} echo")
            Asked(url, name, "echo", {"n": 1}, 60.0)
            (held,) = console.holding()
            running.signal(signal.SIGSTOP)
            own_redis.kill()
            eventually(lambda: console.keeper.problem is not None, within=30, what="the console knows that it is gone")
            own_redis.start()
            app = Daebus(__name__, debugger=True)
            if others:
                app.start(name, redis_url=url)
            asked_in_vain: list[Question] = []
            post = console.keeper._asker.post

            def posted(service: str, verb: str, *more: Any) -> Question:
                question = post(service, verb, *more)
                if verb == "held" and question.subscribed == others:
                    asked_in_vain.append(question)
                return question

            monkeypatch.setattr(console.keeper._asker, "post", posted)
            eventually(lambda: len([one for one in asked_in_vain if len(one.answers) == others]) > 1, within=30)
            assert [one.number for one in console.held()] == [held.number]
            running.signal(signal.SIGCONT)
            seen = console.keeper.now()
            key = (name, held.first.instance)
            eventually(lambda: console.keeper.desk.reports[key].at > seen + 1, within=30, what="the service is back")
            assert [one.number for one in console.held()] == [held.number]
            assert not console.news()
            console("off")
            app.stop()
            under_way(session).close()


def test_what_a_service_holds_that_makes_a_new_connection_is_not_said_to_be_gone(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there for a moment; who is not there for longer is gone."""
    monkeypatch.setattr(presence, "SILENCE", 1.0)
    monkeypatch.setattr(presence.Presence, "forget_silent", lambda _self, _active: None)
    asked = _one_held(console, shop)
    eventually(console.keeper._presence.is_steady)
    for away, numbers in ((NEVER, [1]), (-NEVER, [])):
        monkeypatch.setattr(presence, "AWAY", away)
        with console.session.lock:
            console.keeper._presence.only(shop.orders)
            assert [one.number for one in console.keeper.desk.held()] == numbers
            assert len(console.keeper.desk.news) == 1 - len(numbers)
    console("off")
    asked.result()


def _by_hand(shop: Shop) -> DaebusCaller:
    return DaebusCaller(f"daebus.control.{shop.orders}", redis_url=shop.url)


def test_who_has_let_go_is_told_and_not_who_came_too_late(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    (held,) = console.holding()
    with _by_hand(shop) as control:
        told = {"hold": held.first.hold}
        control.send_request("release", {**told, "owner": "carl"})
        with pytest.raises(RequestFailed):
            control.send_request("release", {**told, "owner": "dora"})
    eventually(lambda: console.news() == [f"H1 {shop.orders}.ping was let go by carl"])
    asked.result()


def test_who_has_let_go_is_told_however_much_passes_meanwhile(console: Debugging, shop: Shop, name: str) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    (held,) = console.holding()
    with console.session.lock, _by_hand(shop) as control, redis.Redis.from_url(shop.url) as client:
        # All of it has passed before anything is looked at.
        control.send_request("release", {"hold": held.first.hold, "owner": "carl"})
        with client.pipeline(transaction=False) as several:
            for _ in range(1_000):
                several.publish(f"{name}_else", "{}")
            several.execute()
    eventually(lambda: console.news() == [f"H1 {shop.orders}.ping was let go by carl"])
    asked.result()


def test_what_all_is_let_go_by_another_is_told_in_one_sentence_and_nothing_that_came_later_is_among_it(
    console: Debugging, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LOOK_EVERY", 0.05)
    console(f"break {shop.orders} ping --hold 1500ms")
    asked = [shop.ask("ping") for _ in range(3)]
    console.holding(3)
    with _by_hand(shop) as control:
        control.send_request("release", {"all": True})
    assert [one.result() for one in asked] == [{"pong": True}] * 3
    eventually(lambda: console.news() == ["H1, H2, H3 were let go by somebody else"])
    later = shop.ask("ping")
    console.holding()
    assert later.result() == {"pong": True}
    eventually(lambda: console.latest.startswith(f"H4 {shop.orders}.ping went on by itself: it is held for "))
    assert len(console.news()) == 2


def test_who_lets_go_what_we_hold_is_told_where_more_is_held_than_can_be_listed(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    shop.crowd(50)

    def unlisted() -> int:
        with console.session.lock:
            return console.keeper.desk.unlisted() if len(console.keeper.desk.held()) < 50 else 0

    eventually(unlisted, what="not all are listed")
    first = console.held()[0]
    with _by_hand(shop) as control:
        control.send_request("release", {"hold": first.first.hold, "owner": "carl"})
    eventually(lambda: console.news() == [f"H{first.number} {shop.orders}.ping was let go by carl"])
    assert unlisted()
    console("off")


def test_what_a_suspension_of_ours_held_is_told_when_its_time_is_over_and_not_when_we_end_it(
    console: Debugging, shop: Shop
) -> None:
    assert console(f"suspend {shop.orders}") == Exit.DONE
    asked = shop.ask("ping")
    console.holding()
    console(f"resume {shop.orders}")
    asked.result()
    eventually(lambda: not console.held())
    assert not console.news()
    assert console(f"suspend {shop.orders} --for 2s") == Exit.DONE
    asked = shop.ask("ping")
    console.holding()
    assert asked.result() == {"pong": True}
    eventually(lambda: console.news() == [f"H2 {shop.orders}.ping went on: {shop.orders} is suspended no more"])


def test_a_lease_that_somebody_ends_is_told_of_what_it_held_and_no_rule_is_said_to_be_lifted(
    console: Debugging, shop: Shop
) -> None:
    """So it is where an instance is asked while it is stopping."""
    asked = _one_held(console, shop)
    with _by_hand(shop) as control:
        control.send_request("rules", {"owner": console.keeper.desk.owner, "lease": 0})
    why = f"the lease on {shop.orders} was ended, or not renewed in time"
    eventually(lambda: console.news() == [f"H1 {shop.orders}.ping is held no more: {why}"])
    asked.result()
    assert list(console.keeper.desk.settings) == [1]
    eventually(lambda: console.known()[0].instances == 1, what="it is set again")
    assert len(console.news()) == 1


def test_that_a_release_which_nobody_answered_has_come_through_is_told(
    console: Debugging, redis_url: str, name: str
) -> None:
    service = f"{name}_apart"
    with program("-c", SERVICE, service, redis_url, serves=service, url=redis_url, forked=True) as running:
        known(console.session, service)
        console(f"break {service} echo")
        asked = Asked(redis_url, service, "echo", {"n": 1}, 60.0)
        console.holding()
        running.signal(signal.SIGSTOP)
        assert console("release 1") == Exit.ERROR
        assert console.heard.errors[-1].endswith("answered: nobody knows whether it went on")
        running.signal(signal.SIGCONT)
        assert asked.result() == {"got": {"n": 1}}
        eventually(lambda: console.news() == [f"H1 {service}.echo was let go by you"])


def test_an_answer_that_goes_on_for_want_of_room_behind_it_is_told_as_that(console: Debugging, shop: Shop) -> None:
    app, go_on = Daebus(__name__, debugger=True), Event()

    @app.action("count")
    def count() -> dict[str, Any]:
        for n in range(MOST_HELD + 1):
            response.progress({"n": n})
            if n == 0:
                go_on.wait(30)
        return {}

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    console(f"break {shop.audit} count --place answer --once")
    shop.orders = shop.audit
    asked = shop.ask("count")
    console.holding()
    go_on.set()
    assert asked.result() == {}
    eventually(lambda: not console.held())
    told = f"H1 {shop.audit}.count is held no more: there was no room for what waits behind it"
    assert told in console.news()
    assert sum("H1" in one for one in console.news()) == 1
