"""What is found in what services tell: each rule with a test for and against it, and `why` by the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.cycles import Cycle, Step
from daebus_console.engine.records.running import Doing, Wait, report_in
from daebus_console.engine.why.asking import why_action, why_exchange
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight
from tests.console.engine.bus import Sent
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, cast, handled, recent, record

TRACE = """Traceback (most recent call last):
  File "/srv/site-packages/daebus/service/chain/events.py", line 20, in run
    listener(data)
  File "C:\\shop\\mail.py", line 7, in on_order
    CARDS[data["sku"]]
  File "/srv/site-packages/cards/cards.py", line 9, in __getitem__
    raise KeyError(name)
  File "/usr/lib/python3.12/enum.py", line 9, in __getitem__
    raise KeyError(name)
KeyError: 'sku'
"""
ORDER = b'{"order": 7}'


def tell(bus: Watched, sent: Sent) -> None:
    bus.say(sent.channel, sent.data)


def heard(bus: Watched, number: int = 1, **fields: Any) -> dict[str, Any]:
    told = {"id": f"run{number}", "listener": "on_order", "elapsed": 0.001, "outcome": "ok"}
    return cast("heard", number, "orders", ORDER, bus.now + 0.002, **{**told, **fields})


def raised(bus: Watched, number: int = 1, **fields: Any) -> dict[str, Any]:
    return heard(bus, number, outcome="error", type="KeyError", error="'\x1b[31msku'", **fields)


def test_a_listener_that_raises(bus: Watched) -> None:
    order = bus.say("orders", ORDER)
    tell(bus, batch("mailer", raised(bus)))
    found = bus.one("listener-raised")
    assert found.text == "the listener on_order of mailer raised for 'orders': KeyError: '\\x1b[31msku'"
    assert (list(found.evidence), found.filter, found.severity.word) == ([order.number], "to:orders", "error")
    assert found.advice == f"logs #{order.number} shows where"
    tell(bus, batch("mailer", raised(bus, 2, id="other")))
    assert bus.one("listener-raised").count == 2
    tell(bus, batch("mailer", raised(bus, 3, id="more", traceback=TRACE)))
    assert bus.one("listener-raised").text.endswith('sku\', in mail.py:7, on_order: CARDS[data["sku"]]')


def test_what_is_cut_of_an_error_and_of_its_line_is_seen_to_be(bus: Watched) -> None:
    bus.say("orders", ORDER)
    trace = f'{TRACE[:35]}  File "mail.py", line 7, in on_order\n    {"raise " * 20}\nKeyError'
    tell(bus, batch("mailer", {**raised(bus, traceback=trace), "error": "e" * 300}))
    text = bus.one("listener-raised").text
    assert f": KeyError: {'e' * 189}…, in mail.py:7, on_order: " in text
    assert text.endswith("raise raise r…")


def tell_for_seconds(bus: Watched, off: float, count: int = 6, instance: str = "i1", first: int = 1) -> None:
    """A service that asks nobody tells what it did, by a clock that is off."""
    for number in range(first, first + count):
        tell(bus, batch("billing", handled(number, f"b{number}", at=bus.now + off), instance=instance))
        bus.wait(0.6)


@pytest.mark.parametrize(("off", "words"), [(90.0, "90 s ahead"), (-60.0, "60 s behind")])
def test_the_clock_of_a_service_that_only_answers(bus: Watched, off: float, words: str) -> None:
    tell_for_seconds(bus, off)
    found = bus.one("clocks-differ")
    assert (found.text, found.service) == (f"the clock of billing is {words}", "billing")
    assert (found.filter, found.evidence) == ("service:billing", [])
    assert found.because == (
        "the times of what it did say so, which it told 5 times in a row, against the clock of this console"
    )


def test_of_several_instances_the_one_whose_clock_is_off_is_named(bus: Watched) -> None:
    bus.info("billing", "bill", instance="i1")
    bus.info("billing", "bill", instance="i2")
    tell_for_seconds(bus, 0.0)
    assert bus.found() == []
    tell_for_seconds(bus, 90.0, instance="i2")
    assert bus.one("clocks-differ").text == "the clock of billing instance i2 is 90 s ahead"


@pytest.mark.parametrize("off", [0.9, -4.0])
def test_a_clock_that_is_nearly_right_or_what_is_told_late_is_fine(bus: Watched, off: float) -> None:
    tell_for_seconds(bus, off)
    assert bus.found() == []


def test_a_clock_that_was_set_right_is_not_told_for_ever(bus: Watched) -> None:
    tell_for_seconds(bus, 90.0, 30)
    tell_for_seconds(bus, 0.0, 40, first=31)
    count = bus.one("clocks-differ").count
    tell_for_seconds(bus, 0.0, 30, first=71)
    assert bus.one("clocks-differ").count == count


def test_a_listener_that_does_not(bus: Watched) -> None:
    bus.say("orders", ORDER)
    tell(bus, batch("mailer", heard(bus)))
    assert bus.names() == []


def test_a_handler_of_a_one_way_message(bus: Watched) -> None:
    sent = bus.send("mailer", "send", message_id="m")
    asked = bus.ask("mailer", "send")
    bus.fail(asked)
    tell(
        bus,
        batch(
            "mailer",
            handled(1, "m", "send", bus.now, outcome="handler_error", type="OSError", error="no route"),
            # Of a request the caller was told.
            handled(2, asked.request_id or "", "send", bus.now, outcome="handler_error", error="no"),
        ),
    )
    found = bus.one("listener-raised")
    assert found.text == "the handler of mailer send raised for a one-way message: OSError: no route"
    assert (found.count, list(found.evidence)) == (1, [sent.number])


def ran(number: int, **fields: Any) -> dict[str, Any]:
    told = {"id": f"t{number}", "what": "task", "name": "sync", "elapsed": 0.1, "outcome": "ok"}
    return record(number, "ran", 1_000.0, **{**told, **fields})


def test_a_task_that_raises_or_overruns(bus: Watched) -> None:
    bus.poll(_stock=1)
    bus.info("stock", background=[{"name": "sync", "interval": 1.0}, 7, {"name": "sync"}])
    tell(bus, batch("stock", ran(1, outcome="error", type="OSError", error="full")))
    assert bus.one("task-raised").text == "the task sync of stock raised: OSError: full"
    tell(bus, batch("stock", ran(8, outcome="error", type="OSError", error="full", traceback=TRACE)))
    assert bus.one("task-raised").text.endswith('full, in mail.py:7, on_order: CARDS[data["sku"]]')
    tell(bus, batch("stock", ran(2, elapsed=1.5)))
    assert len(bus.found()) == 1
    tell(bus, batch("stock", ran(3, elapsed=1.6)))
    (over,) = [one for one in bus.found() if one.severity.word == "warning"]
    assert over.text == "the task sync of stock takes 1.6 s, and is to run every 1 s"


def test_tasks_that_are_well_or_of_which_too_little_is_known(bus: Watched) -> None:
    bus.poll(_stock=1)
    bus.info("stock", background=[{"name": "sync", "interval": 1.0}, {"name": "odd", "interval": "often"}])
    slow = {"elapsed": 9.0}
    tell(
        bus, batch("stock", ran(1, **slow), ran(2), ran(3, **slow), *(ran(n, name="odd", **slow) for n in range(4, 8)))
    )
    tell(bus, batch("stock", *(ran(n, what="thread", **slow) for n in range(8, 12))))
    tell(bus, batch("users", *(ran(n, **slow) for n in range(1, 4))))
    assert bus.names() == []


@pytest.mark.parametrize("code", ["busy", "expired", "bad_request", "shutting_down", "made_up"])
def test_a_one_way_message_that_was_refused(bus: Watched, code: str) -> None:
    sent = bus.send("mailer", "send", message_id="m")
    tell(bus, batch("mailer", record(1, "refused", bus.now, id="m", action="send", code=code, queued=0.5)))
    found = bus.one("refused")
    assert found.text.startswith("mailer refused a one-way message for mailer send, and nobody was told: ")
    assert list(found.evidence) == [sent.number]
    cause = why(bus, sent)
    assert cause.name == code
    assert cause.text.startswith("mailer refused it")


def test_a_broadcast_that_was_refused_and_a_request_that_was(bus: Watched) -> None:
    order = bus.say("orders", ORDER)
    asked = bus.ask("mailer", "send")
    told = record(2, "refused", bus.now, id=asked.request_id, action="send", code="busy")
    tell(bus, batch("mailer", cast("refused", 1, "orders", ORDER, bus.now, code="busy", queued=0.0), told))
    assert bus.one("refused").text.startswith("mailer refused a broadcast on 'orders', and nobody was told")
    assert why(bus, order).text == "mailer refused it: its queue was full"


def test_a_broadcast_that_does_not_fit_one_of_its_listeners(bus: Watched) -> None:
    order = bus.say("orders", ORDER)
    about = {"id": "run2", "code": "bad_request", "queued": 0.0, "listener": "on_order"}
    tell(bus, batch("mailer", heard(bus, listener="audit"), cast("refused", 2, "orders", ORDER, bus.now, **about)))
    found = bus.one("refused")
    assert found.text == (
        "mailer refused a broadcast on 'orders', and nobody was told: it does not fit the listener on_order"
    )
    assert (list(found.evidence), found.advice) == ([order.number], f"logs #{order.number} tells more")
    cause = why(bus, order)
    assert (cause.name, cause.text) == ("bad_request", "it does not fit listener on_order of mailer")
    assert cause.evidence[0].endswith("noted bad_request of listener on_order, after it had waited 0 ms")
    assert cause.evidence[-1] == "these heard it: listener audit of mailer"
    assert cause.advice == f"logs #{order.number} says which of its fields"


def test_a_request_without_an_action_was_told_and_is_no_one_way_message(bus: Watched) -> None:
    bus.session.correlator.served = {"orders"}
    slip = bus.say("orders", {"actoin": "place", "payload": {}, "request_id": "w", "reply_to": "me"})
    other = bus.say("orders", {"pattern": "place", "payload": {}, "request_id": "v", "reply_to": "me"})
    tell(bus, batch("orders", record(1, "refused", bus.now, id="w", code="bad_request")))
    found = bus.one("refused")
    assert found.text == "orders refused a request that names no action"
    assert found.because.endswith(f"; #{slip.number} has the field 'actoin'")
    assert (found.advice, list(found.evidence)) == ("write 'action' where 'actoin' is sent", [slip.number])
    tell(bus, batch("orders", record(2, "refused", bus.now, id="v", code="bad_request")))
    assert bus.one("refused").advice == f"let whoever sent #{other.number} name an `action`"


def test_work_that_was_done_and_not_answered(bus: Watched) -> None:
    asked, other = bus.ask("users", "get", timeout=1), bus.ask("users", "get", timeout=1)
    bus.wait(2)
    tell(
        bus,
        batch(
            "users",
            handled(1, asked.request_id or "", "get", bus.now),
            handled(2, other.request_id or "", "get", bus.now, outcome="handler_error"),
        ),
    )
    assert list(bus.one("late-answer").evidence) == [asked.number]


def test_a_flood_of_failures_is_looked_at_in_part(bus: Watched) -> None:
    for first in range(1, 4_000, 1_000):
        tell(bus, batch("stock", *(ran(n, outcome="error", type="OSError") for n in range(first, first + 1_000))))
    assert bus.session.findings.skipped > 0
    assert bus.one("task-raised").count >= 1_000


@pytest.mark.parametrize("elapsed", [0.001, 0.5])
def test_what_went_well_hides_no_failure(bus: Watched, elapsed: float) -> None:
    order = bus.say("orders", ORDER)
    for first in range(1, 4_000, 1_000):
        # As services answer when a console asks for what was before.
        asked = {"action": "recent", "payload": {}, "request_id": f"q{first}", "reply_to": "caller:console"}
        bus.say("daebus.control.stock", asked)
        told = (handled(n, f"h{n}", "act", bus.now, elapsed=elapsed) for n in range(first, first + 1_000))
        tell(bus, recent("stock", *told, id=f"q{first}"))
    tell(bus, batch("mailer", raised(bus)))
    assert list(bus.one("listener-raised").evidence) == [order.number]
    assert bus.session.findings.skipped == 0


# Why -----------------------------------------------------------------------------------------------------------------


def why(bus: Watched, exchange: Exchange) -> Cause:
    session = bus.session
    told = session.telling
    world, book = session.findings.world, session.findings.book
    return why_exchange(Sight(world, book, session.journal, bus.now, told.of, told.standing, told.reports_of), exchange)


def test_why_a_broadcast_had_no_effect(bus: Watched) -> None:
    order = bus.say("orders", ORDER)
    tell(bus, batch("mailer", raised(bus), heard(bus, 2, listener="audit")))
    cause = why(bus, order)
    assert (cause.name, cause.advice) == ("handler_raised", f"logs #{order.number} shows where")
    assert cause.text.startswith("listener on_order of mailer raised, and nobody was told: KeyError")
    assert "these ended well: listener audit of mailer" in cause.evidence


def test_why_a_broadcast_had_an_effect_on_one_of_two(bus: Watched) -> None:
    for service in ("mailer", "push"):
        bus.info(service, listens=["orders"])
    order = bus.say("orders", ORDER)
    tell(bus, batch("mailer", heard(bus)))
    assert "push" in why(bus, order).text
    tell(bus, batch("push", heard(bus)))
    assert why(bus, order).text.startswith("nothing is wrong: ")


def test_why_broadcasts_had_no_effect_of_whose_latest_nothing_is_told_yet(bus: Watched) -> None:
    bus.info("mailer", listens=["orders"])
    bus.say("orders", ORDER)
    tell(bus, batch("mailer", cast("refused", 1, "orders", ORDER, bus.now + 0.002, code="busy")))
    bus.say("news", {"tea": "is ready"})
    bus.say("orders", b'{"order": 8}')
    findings = bus.session.findings
    sight = Sight(findings.world, findings.book, bus.session.journal, bus.now, bus.session.telling.of)
    cause = why_action(sight, "orders", None)
    assert (cause.name, cause.text) == ("refused", bus.one("refused").text)
    assert cause.evidence[1].startswith("1 time, the last at ")
    assert not why_action(sight, "news", None).found
    well = cast("heard", 2, "orders", b'{"order": 8}', bus.now, id="r", listener="on_order", outcome="ok")
    tell(bus, batch("mailer", {**well, "elapsed": 0.01}))
    assert why_action(sight, "orders", None).text == "nothing is wrong: listener on_order of mailer ended well"


def test_why_a_one_way_message_had_an_effect(bus: Watched) -> None:
    sent = bus.send("mailer", "send", message_id="m")
    assert why(bus, sent).found is False
    tell(bus, batch("mailer", handled(1, "m", "send", bus.now)))
    cause = why(bus, sent)
    assert (cause.found, cause.text) == (False, "nothing is wrong: send of mailer ended well")


def test_why_a_request_ran_out_before_a_worker_was_free(bus: Watched) -> None:
    asked = bus.ask("users", "get", timeout=1)
    bus.wait(2)
    tell(
        bus,
        batch("users", record(1, "refused", bus.now, id=asked.request_id, action="get", code="expired", queued=1.2)),
    )
    slow = {"id": "x", "action": "slow", "age": 3, "at": "/a/b/c.py:7 slow"}
    calls = {**slow, "id": "y", "waits_for": {"service": "stock", "action": "count"}}
    running = {"running": [slow, calls], "queue": {"size": 1}}
    said = {"status": "success", "payload": running, "service": "users", "instance": "i1"}
    report = report_in(bus.now, json.dumps(said).encode())
    assert report is not None
    bus.session.telling.reports["users", "i1"] = report
    cause = why(bus, asked)
    assert cause.name == "expired"
    assert cause.text == "users refused it after 1.2 s: no worker was free before its time was over"
    assert cause.evidence[1:] == (
        "busy with slow for 3 s, at b/c.py:7 slow",
        "busy with slow for 3 s, which waits for stock count, at b/c.py:7 slow",
    )


def test_why_a_request_hangs(bus: Watched) -> None:
    asked = bus.ask("users", "get", timeout=60)
    bus.wait(2)
    doing = {"id": asked.request_id, "action": "get", "age": 2, "at": "c.py:7 get", "waits_for": {"service": "stock"}}
    said = {"status": "success", "payload": {"running": [doing], "queue": {}}, "service": "users", "instance": "i1"}
    report = report_in(bus.now, json.dumps(said).encode())
    assert report is not None
    bus.session.telling.reports["users", "i1"] = report
    cause = why(bus, asked)
    assert cause.name == "running"
    assert cause.text.startswith("users get is in instance i1: in the handler for 2 s")
    assert cause.evidence == ("at c.py:7 get", "waits for stock ")


def doing(bus: Watched, asked: Exchange, age: float, **more: Any) -> None:
    """Its service tells that it is in its handler."""
    one = {"id": asked.request_id, "action": "get", "age": age, "at": "a/b/c.py:7 get", **more}
    question = {"action": "running", "payload": {}, "request_id": f"q{bus.now}", "reply_to": "caller:console"}
    bus.say("daebus.control.users", question)
    said = {"status": "success", "payload": {"running": [one], "queue": {}}, "service": "users", "instance": "i1"}
    bus.say("caller:console", {**said, "request_id": question["request_id"]})


def step(of: Exchange, waits: Exchange) -> Step:
    """The handler of one waits for the other, which gets no worker."""
    wait = Wait(waits.target or "", waits.action or "", waits.request_id)
    doing = Doing(of.request_id, of.action or "", "", "", 2.0, "", "", (), (wait,))
    return Step(of.target or "", "i1", doing, wait, True)


def test_a_circle_is_one_wherever_it_is_begun_with_and_why_tells_of_it(bus: Watched) -> None:
    for turn in range(2):
        first, second = bus.ask("a", "ask_b", timeout=60), bus.ask("b", "ask_a", timeout=60)
        again, other = bus.ask("b", "ask_a", timeout=60), bus.ask("a", "ask_b", timeout=60)
        steps = step(first, again), step(second, other)
        bus.session.findings.stood(bus.now, [(2.0, Cycle(steps if turn else steps[::-1]))])
    found = bus.one("waits-for-itself")
    assert (found.count, found.service, found.action) == (2, "a", "ask_b")
    bus.info("b", "ask_a", workers={"max": 2, "busy": 2}, queue={"size": 1})
    findings = bus.session.findings
    cause = why_action(Sight(findings.world, findings.book, bus.session.journal, bus.now), "b", "ask_a")
    assert (cause.name, cause.text) == ("waits_in_a_circle", found.text)
    later = bus.now + 40
    assert why_action(Sight(findings.world, findings.book, bus.session.journal, later), "b", "ask_a").name == "busy"


def test_a_handler_that_runs_on_long_after_its_caller_gave_up(bus: Watched) -> None:
    asked = bus.ask("users", "get", timeout=3)
    bus.wait(5)
    doing(bus, asked, 5)
    assert bus.found() == []
    bus.wait(3)
    doing(bus, asked, 8)
    found = bus.one("runs-on")
    assert found.text == (
        "the handler of users get runs on for nobody: its caller gave up after 3 s, and it has run for 8 s,"
        " at b/c.py:7 get"
    )
    assert (found.evidence, found.count, found.severity.word) == ([asked.number], 1, "warning")
    bus.wait(3)
    doing(bus, asked, 11)
    assert (bus.one("runs-on").count, "for 11 s" in bus.one("runs-on").text) == (1, True)
    cause = why(bus, asked)
    assert cause.text.startswith("users get is still in instance i1: in the handler for 11 s")
    assert cause.evidence == ("at b/c.py:7 get",)


def test_a_handler_that_ran_on_and_has_ended(bus: Watched) -> None:
    first, second = bus.ask("users", "get", timeout=1), bus.ask("users", "get", timeout=1)
    bus.wait(5)
    doing(bus, first, 5)
    doing(bus, second, 5)
    bus.answer(first, elapsed=6)
    assert " runs on for nobody" in bus.one("runs-on").text
    bus.wait(5)
    bus.answer(second, elapsed=10)
    found = bus.one("runs-on")
    assert found.text == (
        "the handler of users get ran on for nobody: its caller gave up after 1 s, and its answer came after 10 s"
    )
    assert found.because == f"users told that #{second.number} was in its handler"
    assert found.count == 2


def test_handlers_that_wait_for_a_call_or_for_whom_somebody_waits_do_not_run_on(bus: Watched) -> None:
    waiting, patient = bus.ask("users", "get", timeout=1), bus.ask("users", "get", timeout=60)
    undeclared = bus.ask("users", "get")
    bus.wait(40)
    doing(bus, waiting, 40, waits_for={"service": "stock", "action": "reserve"})
    doing(bus, patient, 40)
    doing(bus, undeclared, 40)
    # Under the same id another service was asked, which answers nobody.
    bus.ask("users", "get", timeout=60, request_id="twin")
    twin = bus.ask("orders", "get", timeout=1, request_id="twin")
    bus.wait(40)
    doing(bus, twin, 40)
    assert "runs-on" not in bus.names()


def went(bus: Watched, number: int, action: str, begun: float, elapsed: float, queued: float) -> Sent:
    """A handler of the service `patients` ended well, whose message had waited so long before it began."""
    end = bus.now + begun + elapsed
    return batch("patients", handled(number, f"h{number}", action, end, elapsed=elapsed, queued=queued))


def of_patients(bus: Watched, room: int = 100, busy: int = 1) -> None:
    told = [{"name": name, "doc": "", "async": name != "plain"} for name in ("lookup", "find", "plain")]
    bus.info("patients", actions=told, **{"async": {"max": room, "busy": busy}})


def test_an_async_handler_that_holds_the_loop(bus: Watched) -> None:
    of_patients(bus)
    for turn in range(6):
        assert bus.names() == []
        tell(bus, went(bus, turn + 1, "lookup", turn * 0.15, 0.15, 0.001 if turn == 0 else 0.15))
    found = bus.one("loop-held")
    assert found.text == (
        "the async handler of patients lookup holds the event loop of patients: others waited up to 150 ms to begin"
    )
    assert (found.service, found.action, found.count, found.filter) == (
        "patients", "lookup", 5, "to:patients action:lookup",
    )  # fmt: skip


def run_lookup(bus: Watched, turn: int, *, quick: int = 0, beside: bool = False, also: str = "") -> None:
    """A lookup takes a second, while which two requests come: one is refused as too late, one begins when it ends.

    `quick` ones went before it, in a fifth of the time; `beside` another one begins and ends while it runs. What is
    `also` told ended just then, too.
    """
    for number in range(quick):
        bus.answer(bus.ask("patients", "lookup", {"n": number}), instance="i1", elapsed=0.2)
    asked = bus.ask("patients", "lookup", {"turn": turn})
    if beside:
        bus.wait(0.5)
        bus.answer(bus.ask("patients", "find"), instance="i1")
    bus.wait(0.5 if beside else 1.0)
    bus.answer(asked, instance="i1", elapsed=1.0)
    end, first = bus.now, 10 * turn
    told = [
        handled(first + 1, asked.request_id or "", "lookup", end, elapsed=1.0, queued=0.001),
        record(first + 2, "refused", end, id="x", action="find", code="expired", queued=0.95),
        handled(first + 3, "y", "find", end + 0.01, elapsed=0.01, queued=0.9),
    ]
    others = {
        "ran": record(first, "ran", end, what="background", name="sweep", elapsed=0.96),
        "heard": cast("heard", first, "orders", ORDER, end, id="h", listener="on_order", elapsed=0.96, outcome="ok"),
    }
    tell(bus, batch("patients", *([others[also]] if also else []), *told))
    bus.wait(1)


def test_one_that_holds_the_loop_while_others_come(bus: Watched) -> None:
    of_patients(bus)
    for turn in range(2):
        run_lookup(bus, turn)
    assert bus.names() == []
    run_lookup(bus, 2)
    found = bus.one("loop-held")
    assert found.text.endswith("lookup holds the event loop of patients: others waited up to 950 ms to begin")
    assert found.count == 6


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"quick": 4}, id="quick most times"),
        pytest.param({"beside": True}, id="others go on"),
        pytest.param({"also": "ran"}, id="a background task may have held it"),
        pytest.param({"also": "heard"}, id="a listener may have held it"),
    ],
)
def test_one_that_is_held_itself_is_not_blamed(bus: Watched, how: dict[str, Any]) -> None:
    of_patients(bus)
    for turn in range(8):
        run_lookup(bus, turn, **how)
    assert "loop-held" not in bus.names()


def test_what_waits_for_the_event_loop_waits_for_no_worker(bus: Watched) -> None:
    of_patients(bus)
    asked = bus.fail(bus.ask("patients", "lookup"), "expired")
    found = bus.one("refused")
    assert found.text == "patients lookup was refused with expired: its event loop did not come to it in time"
    assert found.advice == "look for an async handler or task that does not await: running patients"
    assert why(bus, asked).advice == found.advice
    late = bus.ask("patients", "lookup", timeout=0.5)
    bus.wait(2)
    bus.answer(late, elapsed=0.1)
    tell(bus, batch("patients", handled(1, late.request_id or "", "lookup", bus.now, elapsed=0.1, queued=1.8)))
    assert bus.one("late-answer").advice == f"{found.advice}; or wait longer than 2 s"
    assert why(bus, late).text.endswith(": it waited for the event loop most of it")


@pytest.mark.parametrize(
    ("action", "room", "busy", "apart"),
    [
        pytest.param("plain", 100, 1, 0.15, id="on worker threads"),
        pytest.param("lookup", 2, 1, 0.15, id="few may run at once"),
        pytest.param("lookup", 100, 80, 0.15, id="many run already"),
        pytest.param("lookup", 100, 1, 0.05, id="it begins while the others run"),
    ],
)
def test_handlers_that_wait_for_something_else(bus: Watched, action: str, room: int, busy: int, apart: float) -> None:
    of_patients(bus, room, busy)
    for turn in range(20):
        tell(bus, went(bus, turn + 1, action, turn * apart, 0.15, 0.15))
    if apart < 0.15:
        tell(bus, went(bus, 50, action, 100.0, 0.15, 0.15))
    assert bus.names() == []


@pytest.mark.parametrize(
    ("queued", "where"),
    [(1.8, "it waited for a worker most of it"), (0.001, "most of it passed outside of its handler")],
)
def test_why_an_answer_came_late_as_its_service_tells(bus: Watched, queued: float, where: str) -> None:
    asked = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.answer(asked, elapsed=0.1)
    tell(bus, batch("payment", handled(1, asked.request_id or "", "refund", bus.now, elapsed=0.1, queued=queued)))
    assert why(bus, asked).text == f"the answer came 1.5 s too late: {where}"
