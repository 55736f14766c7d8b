"""rerun at the shell: the handler runs in the program itself, without a Redis."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from daebus_console.render import to_record
from tests.console.cli.conftest import Console
from tests.console.commands.remembered import Passed, remembered
from tests.console.engine.bus import raw
from tests.console.rerun.conftest import SHOP, Capture, gave_up, placed

APP = ("--app", "orders_app:app")


def test_the_same_as_then(console: Console, capture: Capture) -> None:
    placed(capture).write()
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert (done.status, json.loads(done.out)) == (0, {"total": 5, "token": "s3cret"})
    assert "2 calls answered from the capture: #2 payment charge, #3 stock reserve" in done.err
    assert "1 one-way message and 1 broadcast collected" in done.err
    assert "the same as in #1" in done.err
    # What the handler prints is no part of the result.
    assert "placing" in done.err


def test_what_has_changed_is_shown_as_diff_does(console: Console, capture: Capture, folder: Path) -> None:
    placed(capture).write()
    (folder / "orders_app.py").write_text(SHOP.replace("factor = 1", "factor = 2"))
    done = console("rerun", "bug.jsonl", "1", *APP)
    assert done.status == 1
    assert re.search(r"response.payload.total +5 → 10", done.out)
    assert re.search(r"calls\[0\].payload.amount +5 → 10", done.out)
    assert re.search(r"messages\[0\].payload.amount +5 → 10", done.out)
    assert console("rerun", "bug.jsonl", "#1", *APP, "--ignore", "payload.total,*.amount").status == 0


def test_for_programs(console: Console, capture: Capture) -> None:
    placed(capture).write()
    done = console("rerun", "bug.jsonl", "#1", *APP, "--json")
    record = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert (record["result"], record["status"], record["exchange"], record["exit"]) == ("same", "ok", 1, 0)
    assert record["calls"] == [{"name": "payment charge", "exchange": 2}, {"name": "stock reserve", "exchange": 3}]
    assert record["differences"] == []


def test_secrets_are_masked(console: Console, capture: Capture, folder: Path) -> None:
    placed(capture).write()
    (folder / "orders_app.py").write_text(SHOP.replace('.payload.get("token")', '.payload.get("token") + "-new"'))
    done = console("--redact", "token", "rerun", "bug.jsonl", "#1", *APP)
    assert done.status == 1
    assert re.search(r"calls\[0\].payload.token +\*\*\*", done.out.replace('"', ""))
    assert "s3cret" not in done.out + done.err


def test_calls_that_are_missing_or_come_in_another_order(console: Console, capture: Capture, folder: Path) -> None:
    capture.ask("orders", "place", {"amount": 5}, "r")
    capture.ask("stock", "reserve", {"sku": "a"}, "s", "r").answer("s", {"left": 3})
    capture.ask("payment", "charge", {"amount": 5, "token": None}, "p", "r").answer("p", {"receipt": 17})
    capture.ask("payment", "check", {}, "q", "r").answer("q", {})
    capture.answer("r", {"total": 5, "token": None}).write()
    done = console("rerun", "bug.jsonl", "#1", *APP, "--ignore", "broadcasts*,messages*")
    assert done.status == 1
    assert "calls.order" in done.out
    assert re.search(r'calls\[2\] +\{"service": ?"payment"', done.out)

    capture.lines = capture.lines[:1]
    capture.ask("orders", "place", {"amount": 5}, "r").answer("r", {"total": 5}).write()
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert done.status == 1
    assert "the call payment charge is not in the capture: it got an error (not_recorded)" in done.err
    assert "response.status" in done.out


def test_answers_that_never_came(console: Console, capture: Capture) -> None:
    # The handler gave up on the payment then, and does so now, at once; its own answer was not seen.
    capture.ask("orders", "patient", {}, "r").ask("payment", "charge", {"amount": 1}, "p", "r", timeout=0.001)
    capture.ask("orders", "parts", {}, "s").write()
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert (done.status, json.loads(done.out)) == (0, {"paid": False})
    assert "no answer was recorded then" in done.err


def test_a_call_that_was_not_answered_fails_with_the_words_of_then(console: Console, capture: Capture) -> None:
    gave_up(capture).write()
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert done.status == 0, done.err
    # What the framework raised is told where it was called, in the program.
    line = SHOP.splitlines().index('    return payment.send_request("charge", {"amount": 1}, timeout=0.25)') + 1
    assert f"it may still be handled at orders_app.py:{line} in impatient" in done.err


def test_handlers_of_every_sort(console: Console, capture: Capture) -> None:
    capture.ask("orders", "place_async", {}, "a").ask("payment", "charge", {"amount": 1}, "p", "a")
    capture.answer("p", {"error": "no money", "code": "declined"}, "error")
    capture.answer("a", {"error": "no money", "code": "handler_error", "type": "RequestFailed"}, "error")
    capture.ask("orders", "parts", {}, "b").answer("b", {"n": 1}, final=False).answer("b", {"n": 2})
    capture.add("orders", action="told", payload={"what": 1}, service="web", message_id="m")
    capture.add("payment", action="note", payload={"told": 1}, service="orders", parent_id="m").write()
    for number in ("#1", "#3", "#4"):
        done = console("rerun", "bug.jsonl", number, *APP, "--json")
        assert (done.status, json.loads(done.out)["differences"]) == (0, []), done.err


# Of a service with `debug` an error has its traceback.
@pytest.mark.parametrize("more", [{}, {"traceback": "Traceback (most recent call last): …"}], ids=["", "debug"])
def test_what_the_handler_raises_is_told_with_its_place(
    console: Console, capture: Capture, more: dict[str, str]
) -> None:
    error = {"error": "'gone'", "code": "handler_error", "type": "KeyError", **more}
    capture.ask("orders", "boom", {}, "r").answer("r", error, "error").write()
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert done.status == 0
    line = SHOP.splitlines().index('    return found["gone"]') + 1
    assert f"it raised KeyError: 'gone' at orders_app.py:{line} in boom" in done.err


def test_a_handler_that_gives_no_answer(console: Console, capture: Capture, folder: Path) -> None:
    placed(capture).write()
    slow = SHOP.replace('print("placing")', "import time; time.sleep(0.3)")
    (folder / "orders_app.py").write_text(slow)
    done = console("rerun", "bug.jsonl", "#1", *APP, "--timeout", "1ms", "--json")
    assert (done.status, json.loads(done.out)["result"]) == (4, "failed")


def test_an_app_of_another_name_is_told(console: Console, capture: Capture) -> None:
    capture.ask("other", "parts", {}, "r").answer("r", {"n": 1}, final=False).answer("r", {"n": 2}).write()
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert done.status == 0
    assert "the request was for 'other', and the app is 'orders': it is run as 'other'" in done.err


def test_a_torn_capture_says_so_and_is_run_as_far_as_it_goes(console: Console, capture: Capture) -> None:
    path = placed(capture).write()
    path.write_bytes(path.read_bytes()[:-20])
    done = console("rerun", "bug.jsonl", "#1", *APP)
    assert done.status == 0
    assert "bug.jsonl: " in done.err
    assert "no answer was recorded then" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bug.jsonl", "#99", *APP], "there is no exchange #99: the last one in bug.jsonl is #5"),
        (["bug.jsonl", "#4", *APP], "#4 cannot be run again: it is a broadcast"),
        (["bug.jsonl", "#2", *APP], "orders has no action 'charge'; it has boom, impatient, parts"),
        (["bug.jsonl", "#2", *APP], "is orders_app:app the app of another service?"),
        (["bug.jsonl", "x", *APP], "expected the number of an exchange"),
        (["bug.jsonl", *APP], "expected a capture and the number of an exchange in it"),
        (["#1", *APP], "#N is for prompts"),
        (["#1", "#2", *APP], "#N is for prompts"),
        (["bug.jsonl", "#1", "#2", *APP], "expected a capture and the number"),
        (["bug.jsonl", "#1"], "expected --app APP"),
        (["gone.jsonl", "#1", *APP], "there is no file gone.jsonl"),
        (["orders_app.py", "#1", *APP], "orders_app.py"),
        (["bug.jsonl", "#1", "--app", "gone:app"], "there is no module 'gone'"),
        (["bug.jsonl", "#1", "--app", "orders_app:factor"], "is no Daebus but a int"),
        (["bug.jsonl", "#1", "--app", "broken"], "'broken' cannot be imported: SyntaxError"),
        (["bug.jsonl", "#1", "--app", "asks"], "'asks' cannot be imported: nobody serves 'payment'"),
        (["bug.jsonl", "#1", "--app", "stuck"], "stuck cannot start: OSError: no database"),
        (["bug.jsonl", "#1", *APP, "--tolerance", "x"], "no tolerance"),
    ],
)
def test_bad_input(console: Console, capture: Capture, folder: Path, words: list[str], says: str) -> None:
    placed(capture).write()
    (folder / "broken.py").write_text("def (")
    (folder / "asks.py").write_text("from daebus import DaebusCaller\nDaebusCaller('payment').send_request('x', {})\n")
    (folder / "stuck.py").write_text(
        "from daebus import Daebus\napp = Daebus('orders')\napp.action('place')(dict)\n"
        "@app.on_start\ndef start():\n    raise OSError('no database')\n"
    )
    done = console("rerun", *words)
    assert (done.status, done.out) == (2, "")
    assert says in done.err
    assert "Traceback" not in done.err


REAL = """
from daebus import Daebus, DaebusCaller, broadcast, request

orders, payment = Daebus("NAME"), Daebus("NAME_payment")
caller = DaebusCaller("NAME_payment")


@orders.action("place")
def place():
    paid = caller.send_request("charge", {"amount": request.payload["amount"]})
    broadcast.send("NAME.created", paid)
    return {"receipt": paid["receipt"]}


@payment.action("charge")
def charge():
    return {"receipt": request.payload["amount"]}
"""


def test_a_recording_of_a_real_bus(redis_url: str, name: str, folder: Path, console: Console) -> None:
    """Two services on a Redis are recorded; one of them is run again when all of it is gone."""

    def is_the_order(one: Exchange) -> bool:
        # The console itself asks the service what it is.
        return one.target == name and one.action == "place"

    module = folder / "real.py"
    module.write_text(REAL.replace("NAME", name))
    made = runpy.run_path(str(module))
    with Session(redis_url) as session:
        assert session.wait_up(10)
        with Recorder(session, folder / "real.jsonl"):
            for app in (made["payment"], made["orders"]):
                app.start(redis_url=redis_url)
            with DaebusCaller(name, redis_url=redis_url) as caller:
                assert caller.send_request("place", {"amount": 7}) == {"receipt": 7}
            session.wait_for(lambda: any(is_the_order(one) and one.answer for one in session.journal.exchanges), 10)
            for key in ("orders", "payment"):
                made[key].stop()
            made["caller"].close()
    number = next(one.number for one in Recording("real.jsonl").exchanges() if is_the_order(one))
    done = console("rerun", "real.jsonl", f"#{number}", "--app", "real:orders", "--json")
    assert done.out, done.err
    record = json.loads(done.out)
    assert (done.status, record["result"], record["payload"]) == (0, "same", {"receipt": 7}), done.err
    assert [call["name"] for call in record["calls"]] == [f"{name}_payment charge"]
    assert record["broadcasts"] == 1


# At a prompt --------------------------------------------------------------------------------------------------


@pytest.fixture
def passed(folder: Path, capture: Capture) -> Iterator[Passed]:
    """A prompt beside which the order has passed, after others."""
    with remembered() as passed:
        placed(capture, "other", amount=9)
        placed(capture).write()
        for line in capture.lines[1:]:
            passed.wait(0.01)
            passed >> raw(line["channel"], line["data"])
        yield passed


def test_at_a_prompt_another_process_does_it(passed: Passed, folder: Path) -> None:
    assert passed("rerun #6 --app orders_app:app --json") == 0, passed.prompt.heard.errors
    (record,) = passed.records
    assert (record["exchange"], record["result"]) == (6, "same")
    assert [call["exchange"] for call in record["calls"]] == [7, 8]
    written = json.loads(to_record(record))
    assert (written["exchange"], [call["exchange"] for call in written["calls"]]) == (6, [7, 8])
    assert "placing" in passed.notes
    (folder / "orders_app.py").write_text(SHOP.replace("factor = 1", "factor = 1 + 2"))
    # It is as its file is now.
    assert passed("rerun #6 --app orders_app:app") == 1
    assert re.search(r"response.payload.total +5 → 15", passed.said)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rerun #6", "expected --app APP"),
        ("rerun #99 --app orders_app:app", "there is no exchange #99"),
        ("rerun #9 --app orders_app:app", "#9 cannot be run again: it is a broadcast"),
        ("rerun #6 #7 --app orders_app:app", "only one exchange at a time"),
        ("rerun bug.jsonl --app orders_app:app", "expected a capture and the number"),
        ("rerun #6 --app orders_app:app --pdb", "a debugger needs the terminal for itself"),
    ],
)
def test_bad_input_at_a_prompt(passed: Passed, line: str, says: str) -> None:
    assert passed(line) == 2
    assert says in "\n".join([*passed.prompt.heard.errors, *(one.message for one in passed.prompt.heard.mistakes)])


def test_what_the_other_process_says_is_passed_on(passed: Passed) -> None:
    assert passed("rerun #6 --app gone:app") == 2
    assert any("there is no module 'gone'" in note for note in passed.notes)
