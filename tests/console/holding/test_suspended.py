"""Services that are suspended, and messages by the dozen: one at a time, in an order, all at once."""

from __future__ import annotations

from daebus import Daebus
from daebus_console.commands.context import Exit
from tests.console.cli.conftest import Console
from tests.console.holding.conftest import Asked, Debugging, Shop, known
from tests.support.framework_services import serving
from tests.support.waiting import eventually


def test_one_instance_of_a_suspended_service_goes_on_for_good(console: Debugging, shop: Shop) -> None:
    handled: list[int] = []
    for number in range(2):
        listening = Daebus(__name__, debugger=True)

        listening.listen(shop.placed)(lambda _payload, number=number: handled.append(number))
        shop.start(shop.audit, listening)
    services = console.session.directory.services
    eventually(lambda: shop.audit in services and len(services[shop.audit].instances) == 2)
    first, second = sorted(services[shop.audit].instances)
    console(f"suspend {shop.audit}")
    assert console(f"resume {shop.audit} {first}") == Exit.DONE
    assert set(console.keeper.desk.suspended.of(shop.audit)) == {second}
    # As it does every few seconds.
    console.keeper._suspending.renew(shop.audit)
    console(f"broadcast {shop.placed} n:=1")
    (held,) = console.holding()
    eventually(lambda: len(handled) == 1, what="the other one has heard it")
    assert [hold.instance for hold in held.holds] == [second]
    console("resume")
    eventually(lambda: len(handled) == 2)
    assert console(f"resume {shop.audit}") == Exit.DONE
    assert console.heard.notes[-1] == f"{shop.audit} is not suspended"
    told = f"each instance of {shop.audit} counts for itself: the first that it gets go by"
    console(f"break {shop.audit} {shop.placed} --place event --skip 2")
    assert console.heard.notes[-1] == told
    console(f"break {shop.orders} ping --skip 2")
    assert "counts for itself" not in console.heard.notes[-1]


def test_at_the_shell_an_instance_is_known_by_the_beginning_of_its_id(console: Debugging, shop: Shop) -> None:
    (instance,) = console.session.directory.services[shop.orders].instances
    shell = Console(shop.url)
    done = shell("suspend", shop.orders, instance[:4], "--for", "100ms")
    assert (done.status, done.err.splitlines()[0]) == (Exit.DONE, f"{shop.orders} is suspended (1 instance)")
    done = shell("suspend", shop.orders, "zzz")
    assert done.status == Exit.USAGE
    assert f"zzz is no instance of {shop.orders}: there are {instance}" in done.err


def test_what_goes_while_it_is_suspended_is_resumed_all_the_same(
    console: Debugging, shop: Shop, redis_url: str
) -> None:
    service = f"{shop.orders}_late"

    def app() -> Daebus:
        made = Daebus(__name__, debugger=True)
        made.action("ping")(lambda: {"pong": True})
        return made

    with serving(app(), redis_url, service):
        known(console.session, service)
        assert console(f"suspend {service}") == Exit.DONE
    assert console(f"resume {service}") == Exit.DONE
    assert console.heard.notes[-1] == f"{service} is suspended no more; nobody is there"
    assert not console.keeper.desk.suspended
    with serving(app(), redis_url, service):
        assert Asked(redis_url, service, "ping", {}, 10.0).result() == {"pong": True}
    assert console("resume") == Exit.DONE
    assert console.heard.notes[-1] == "nothing is suspended by us"


def test_suspended_one_at_a_time(console: Debugging, shop: Shop) -> None:
    assert console(f"suspend {shop.orders}") == Exit.DONE
    first = shop.ask("ping", {"n": 1})
    console.holding(1)
    second = shop.ask("ping", {"n": 2})
    console.holding(2)
    assert console("release next") == Exit.DONE
    assert first.result() == {"pong": True}
    assert not second.done
    assert [payload for _action, payload in shop.handled] == [{"n": 1}]
    assert console("resume") == Exit.DONE
    assert second.result() == {"pong": True}
    assert console("resume") == Exit.DONE
    assert console.heard.notes[-1] == "nothing is suspended by us"


def test_a_suspension_ends_by_itself(console: Debugging, shop: Shop) -> None:
    assert console(f"suspend {shop.orders} --for 1s") == Exit.DONE
    asked = shop.ask("ping", {"n": 1})
    console.holding(1)
    assert asked.result() == {"pong": True}
    assert console("resume") == Exit.DONE
    assert console.heard.notes[-1] == "nothing is suspended by us"


def test_several_in_an_order_of_ones_own(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = []
    for n in range(3):
        asked.append(shop.ask("ping", {"n": n}))
        console.holding(n + 1)
    numbers = [one.number for one in console.held()]
    assert console(f"release {numbers[2]},{numbers[0]},{numbers[1]}") == Exit.DONE
    for one in asked:
        one.result()
    assert len(shop.handled) == 3


def test_a_broadcast_before_its_listener(console: Debugging, shop: Shop, redis_url: str) -> None:
    heard: list[object] = []
    app = Daebus(__name__, debugger=True)

    @app.listen(shop.placed)
    def listen(data: object) -> None:
        heard.append(data)

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    assert console(f"break {shop.audit} {shop.placed} --place event") == Exit.DONE
    assert console(f"broadcast {shop.placed} order:=1") == Exit.DONE
    (held,) = console.holding()
    assert held.first.place == "event"
    assert not heard
    assert console("held") == Exit.DONE
    assert "before its listener" in console.heard.lines[-1]
    assert "?" not in console.heard.lines[-1], "nobody signs a broadcast"
    for verdict in ("answer x=1", "fail"):
        assert console(f"release {held.number} {verdict}") == Exit.USAGE
        told = f"H{held.number} {shop.audit} on {shop.placed}: a broadcast has no answer"
        assert console.heard.mistakes[-1].message == told
    assert console(f"release {held.number} go order:=2") == Exit.DONE
    eventually(lambda: heard == [{"order": 2}])
    eventually(lambda: any(one.target == shop.placed for one in console.session.journal.exchanges))
    number = next(one.number for one in console.session.journal.exchanges if one.target == shop.placed)
    console("unbreak")
    assert console(f"break #{number} --once") == Exit.DONE
    assert console.keeper.desk.settings[2].rule.channel == shop.placed


def all_held(console: Debugging, count: int = 50) -> None:
    """Wait until so many are held, listed or not."""

    def told() -> bool:
        with console.session.lock:
            return len(console.keeper.desk.held()) + console.keeper.desk.unlisted() == count

    eventually(told, what=f"{count} are held")


def test_all_go_on_also_those_that_had_no_room_among_what_is_told(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    shop.crowd(50)
    all_held(console)
    assert console("held --json") == Exit.DONE
    listed = len(console.heard.records)
    assert listed < 50
    assert [one["unlisted"] for one in console.heard.records] == [50 - listed] * listed
    assert console("release all") == Exit.DONE
    eventually(lambda: len(shop.handled) == 50, what="all of them go on")
    assert sorted(payload["n"] for _action, payload in shop.handled) == list(range(50))
    assert len([text for text in console.heard.notes if "goes on" in text]) == 50
    assert console("held") == Exit.DONE
    assert console.heard.notes[-1].startswith("nothing is held")


def test_off_counts_also_those_that_had_no_room(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    shop.crowd(50)
    all_held(console)
    assert console("off") == Exit.DONE
    assert console.heard.notes[-1] == "off: 1 rule taken away, 50 held messages let go"
    eventually(lambda: len(shop.handled) == 50)
