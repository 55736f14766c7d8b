"""What runs on when a test with the fixtures is over: it is ended, and told where that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from daebus import ConfigurationError, Daebus, DaebusCaller, broadcast
from daebus.testing import LocalBus, TestRun
from daebus.testing.local import LocalListener
from tests.plugin.conftest import Run


def stuck_handler(app: Daebus, stuck: Callable[[], None]) -> None:
    app.action("wait")(stuck)


def stuck_listener(app: Daebus, stuck: Callable[[], None]) -> None:
    app.listen("wait")(lambda _payload: stuck())


def stuck_task(app: Daebus, stuck: Callable[[], None]) -> None:
    app.background("wait", 0.01)(stuck)


def stuck_thread(app: Daebus, stuck: Callable[[], None]) -> None:
    app.thread("wait")(lambda _running: stuck())


@pytest.mark.parametrize(
    ("add", "name"),
    [(stuck_handler, r"\d"), (stuck_listener, r"\d"), (stuck_task, "wait"), (stuck_thread, "wait")],
)
@pytest.mark.parametrize("ends", [False, True], ids=["for ever", "a little later"])
def test_what_runs_on_after_the_grace_fails_the_test(
    monkeypatch: pytest.MonkeyPatch, add: Callable[[Daebus, Callable[[], None]], None], name: str, ends: bool
) -> None:
    monkeypatch.setattr("daebus.testing.run.THREADS_WITHIN", 0.01)
    app = Daebus("slow", grace=0.01)
    began, gate = threading.Event(), threading.Event()

    def stuck() -> None:
        began.set()
        gate.wait(30)

    add(app, stuck)
    if ends:
        # Once the grace is over, and before anybody looks which threads there are.
        app.on_stop(gate.set)
    run = TestRun(LocalBus())
    run.__enter__()
    run.service(app)
    if add is stuck_handler:
        DaebusCaller("slow").send_message("wait")
    broadcast.send("wait", {})
    assert began.wait(30)
    with pytest.raises(ConfigurationError, match=f"ran when the grace of their service was over: daebus-slow-{name}$"):
        run.__exit__()
    gate.set()


def test_a_handler_that_overruns_is_told_in_a_line_with_what_the_service_says_of_it(run: Run) -> None:
    result = run("""
        import threading
        from daebus import Daebus

        app, gate, began = Daebus("slow", grace=0.01), threading.Event(), threading.Event()

        @app.action("wait")
        def wait():
            began.set()
            gate.wait(30)

        app.on_stop(gate.set)

        def test_it(service, bus):
            from daebus import DaebusCaller

            service(app)
            DaebusCaller("slow").send_message("wait")
            assert began.wait(30)
    """)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "threads still ran when the grace of their service was over: daebus-slow-0",
            "*had to stop before these had ended: action 'wait'",
            "what went over the bus:",
        ]
    )
    result.stdout.no_fnmatch_line("*in __exit__*")
    result.stdout.no_fnmatch_line("*another exception*")


def test_a_thread_of_ours_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus.testing.run.THREADS_WITHIN", 0.01)
    gate = threading.Event()
    run = TestRun(LocalBus())
    run.__enter__()
    run.service(Daebus("shop"))
    threading.Thread(target=gate.wait, args=(30,), name="daebus-shop-left", daemon=True).start()
    with pytest.raises(ConfigurationError, match=r"threads still run after the end of the test: daebus-shop-left$"):
        run.__exit__()
    gate.set()


class Lasting(threading.Thread):
    """One that nobody may wait for."""

    def join(self, timeout: float | None = None) -> None:
        raise AssertionError(f"{self.name} was waited for")


@pytest.mark.parametrize(("wider", "name"), [("shop", "shop"), ("shop", "other"), ("shop-web", "shop")])
def test_threads_of_what_was_there_before_the_test_may_last(wider: str, name: str) -> None:
    before, app, gate = Daebus(wider), Daebus(name), threading.Event()
    for each in (before, app):
        each.action("greet")(lambda: {"hello": True})
    with before.test_client() as client:
        with TestRun(LocalBus()) as run:
            assert run.service(app).request("greet") == {"hello": True}
            assert client.request("greet") == {"hello": True}
            for thread in (f"daebus-{wider}-1", "daebus-test"):
                Lasting(target=gate.wait, args=(30,), name=thread, daemon=True).start()
        gate.set()
        assert client.request("greet") == {"hello": True}


def test_a_handler_has_its_grace_on_the_bus_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    drained = []

    def drain(listener: LocalListener, deadline: float) -> bool:
        drained.append(before(listener, deadline))
        return drained[-1]

    before = LocalListener.drain
    monkeypatch.setattr(LocalListener, "drain", drain)
    app = Daebus("slow", grace=0.01)
    began, gate = threading.Event(), threading.Event()

    @app.action("wait")
    def wait() -> None:
        began.set()
        gate.wait(30)

    with TestRun(LocalBus()) as run:
        run.service(app)
        DaebusCaller("slow").send_message("wait")
        assert began.wait(30)
        app.stop()
        gate.set()
    # What had come was taken, which waits for no handler.
    assert drained == [True]


ENDING = """
import threading
from daebus import DaebusCaller
from shop import app

def test_an_app_is_started(bus):
    app.start()
    DaebusCaller("shop").send_message("nope")

def test_it_has_ended(bus):
    assert not app.running
    assert app.start().running
    assert bus.messages == []

def test_it_has_ended_once_more(bus):
    assert not app.running

asking = []
said = []

def hold(shop, gate):
    asking.append(threading.Thread(target=lambda: said.append(shop.request("buy", {"amount": 5})["paid"])))
    asking[-1].start()
    gate.wait()

def test_what_the_first_holds(service, stub, fault):
    stub("payments", {"charge": {"ok": True}})
    gate = fault("payments", "charge", hold=True)
    hold(service(app), gate)

def test_what_the_last_holds(service, stub, fault):
    gate = fault("payments", "charge", hold=True)
    shop = service(app)
    stub("payments", {"charge": {"ok": True}})
    hold(shop, gate)

def test_goes_on():
    for each in asking:
        each.join()
    assert said == [{"ok": True}] * 2
"""


@pytest.mark.parametrize("where", ["memory", "redis"])
def test_what_a_test_leaves_is_ended(where: str, run: Run, redis_url: str) -> None:
    options = [] if where == "memory" else ["--daebus-redis", redis_url.replace("/0", "/4")]
    run(ENDING, *options).assert_outcomes(passed=6)


def test_a_fault_for_nobody_is_told_after_the_end_too() -> None:
    with TestRun(LocalBus()) as run:
        run.fault("payments", drop=True)
    assert run.new_problems() == ["a fault was set at 'payments', which did not run"]
