"""What held the workers of a service that refuses, or has too much to do: an action, and what it waited for."""

from __future__ import annotations

import pytest

from daebus_console.engine.findings.engine import Findings
from daebus_console.engine.why.asking import why_exchange
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, handled

SHARE = "100% of the time that its handlers took lately went to quote"


def quote(bus: Watched, below: float, above: float = 0.0, timeout: float = 60) -> None:
    """A quote, which waits so long for a price and takes so long itself; its caller may have given up meanwhile."""
    asked = bus.ask("web", "quote", timeout=timeout)
    price = bus.ask("pricing", "price", of=asked)
    bus.wait(below)
    bus.answer(price, elapsed=below)
    bus.wait(above)
    bus.answer(asked, elapsed=below + above)


def test_workers_that_wait_for_another_service(bus: Watched) -> None:
    for _ in range(5):
        quote(bus, 1.0)
    home = bus.fail(bus.ask("web", "home"), "expired")
    finding = bus.one("refused")
    assert finding.text == (
        "web home was refused with expired: no worker was free in time; its handlers were busy with quote, which waited"
        " for pricing price"
    )
    assert finding.because.endswith(f"; {SHARE}, and 100% of that to pricing price")
    assert finding.advice == "make pricing price quicker, or wait less long for it; or give web more workers"
    findings: Findings = bus.session.findings
    cause = why_exchange(Sight(findings.world, findings.book, bus.session.journal, bus.now), home)
    assert cause.evidence == ("it answered expired: no", f"{SHARE}, and 100% of that to pricing price")


def test_calls_of_those_whose_callers_gave_up_count_as_well(bus: Watched) -> None:
    for _ in range(3):
        quote(bus, 2.0, timeout=0.5)
    bus.fail(bus.ask("web", "home"), "busy")
    assert bus.one("refused").text.endswith("; its handlers were busy with quote, which waited for pricing price")


@pytest.mark.parametrize(
    ("queued", "where", "advice"),
    [
        (
            1.5,
            ", 1.5 s of it before its handler began; its handlers were busy with quote, which waited for pricing price",
            "make pricing price quicker, or wait less long for it; or give web more workers",
        ),
        (
            0.1,
            ", only 101 ms of it in the handler and before it began",
            "its process, or its connection, stood still: look at the log of web; or wait longer than 2 s",
        ),
    ],
)
def test_an_answer_that_was_late_since_it_waited(bus: Watched, queued: float, where: str, advice: str) -> None:
    for _ in range(3):
        quote(bus, 1.0)
    late = bus.ask("web", "home", timeout=1)
    bus.wait(2)
    bus.answer(late, elapsed=0.001)
    assert bus.one("late-answer").text.endswith(", only 1 ms of it in the handler")
    told = batch("web", handled(1, late.request_id or "", "home", bus.now, queued=queued, elapsed=0.001))
    bus.say(told.channel, told.data)
    finding = bus.one("late-answer")
    assert finding.text.endswith(where)
    assert (finding.advice, finding.count) == (advice, 1)
    again = bus.ask("web", "home", timeout=1)
    bus.wait(2)
    bus.answer(again, elapsed=0.001)
    # Until the service tells of that one, too, no guess takes the place of what it has told.
    finding = bus.one("late-answer")
    assert finding.text.endswith(where)
    assert (finding.advice, finding.count) == (advice, 2)
    assert finding.evidence == [late.number, again.number]


def test_workers_that_work(bus: Watched) -> None:
    for _ in range(5):
        quote(bus, 0.2, 0.8)
    bus.fail(bus.ask("web", "home"), "expired")
    finding = bus.one("refused")
    assert finding.text.endswith("; its handlers were busy with quote")
    assert finding.because.endswith(SHARE)
    assert finding.advice == "look at the workers of web: services web"


def test_workers_of_which_little_is_known_or_that_do_various_things(bus: Watched) -> None:
    quote(bus, 1.0)
    quote(bus, 1.0)
    bus.fail(bus.ask("web", "home"), "expired")
    assert bus.one("refused").text == "web home was refused with expired: no worker was free in time"
    for action in ("a", "b", "c", "d"):
        for _ in range(3):
            bus.answer(bus.ask("web", action), elapsed=1.0)
    bus.fail(bus.ask("web", "home"), "expired")
    assert bus.one("refused").text == "web home was refused with expired: no worker was free in time"


def test_what_was_long_ago_holds_nobody(bus: Watched) -> None:
    for _ in range(5):
        quote(bus, 1.0)
    bus.wait(60)
    bus.fail(bus.ask("web", "home"), "expired")
    assert bus.one("refused").text == "web home was refused with expired: no worker was free in time"


def test_a_queue_that_grows_says_what_its_workers_wait_for(bus: Watched) -> None:
    for _ in range(5):
        quote(bus, 1.0)
    for _ in range(2):
        bus.info("web", workers={"max": 4, "busy": 4}, queue={"size": 3, "max": 1_000})
        bus.wait(2)
    finding = bus.one("queue-grows")
    assert finding.text == (
        "all 4 workers of web are busy, and 3 wait; its handlers were busy with quote, which waited for pricing price"
    )
    assert finding.advice.startswith("make pricing price quicker, or wait less long for it; then more workers")


def together(bus: Watched, action: str, count: int, elapsed: float) -> None:
    """So many are handled at the same time."""
    for one in [bus.ask("web", action) for _ in range(count)]:
        bus.answer(one, elapsed=elapsed)


@pytest.mark.parametrize(("elapsed", "others"), [(0.04, 1), (0.06, 6)])
def test_workers_that_work_on_many_quick_ones(bus: Watched, elapsed: float, others: int) -> None:
    for _ in range(20):
        together(bus, "thumb", 100, elapsed)
        together(bus, "report", others, 0.3)
        bus.wait(0.1)
    bus.fail(bus.ask("web", "home"), "busy")
    assert bus.one("refused").text.endswith("; its handlers were busy with thumb")


@pytest.mark.parametrize("how", ["hardly", "async", "later"])
def test_what_holds_no_worker_is_not_named(bus: Watched, how: str) -> None:
    actions = [{"name": "quote", "async": how == "async"}, {"name": "home"}]
    bus.info("web", workers={"max": 2, "busy": 2}, actions=actions)
    for _ in range(20):
        # With `response.defer` answers come later, while their workers do other things.
        together(bus, "quote", 1 if how == "hardly" else 20, 0.002 if how == "hardly" else 1.0)
        bus.wait(0.1)
    bus.fail(bus.ask("web", "home"), "busy")
    assert bus.one("refused").text == "web home was refused with busy: its queue was full"


def test_a_loop_that_is_full_is_held_by_what_is_async(bus: Watched) -> None:
    actions = [{"name": "quote", "async": True}, {"name": "home", "async": True}, {"name": "list"}]
    bus.info("web", workers={"max": 2, "busy": 2}, actions=actions)
    for _ in range(5):
        together(bus, "quote", 20, 1.0)
        together(bus, "list", 20, 5.0)
        bus.wait(0.1)
    bus.fail(bus.ask("web", "home"), "busy")
    assert bus.one("refused").text.endswith("; its handlers were busy with quote")
