"""export --as pytest --with-calls: what is exported is run, with no Redis anywhere."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import daebus.testing as daebus_testing
from daebus_console.engine.hiding.redact import Redactor
from tests.console.cli.conftest import Console
from tests.console.commands.remembered import remembered
from tests.console.engine.bus import raw
from tests.console.rerun.conftest import SHOP, Capture, gave_up, placed

Tried = Callable[..., tuple[int, str]]
_PLUGINS = [word for name in ("cacheprovider", "xdist", "timeout", "hypothesispytest") for word in ("-p", f"no:{name}")]
# Kept between the runs in this process, each of which forgets what it has imported itself.
assert daebus_testing


_CAST = 'broadcast.send("orders.created", {"receipt": paid["receipt"]})'


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    (pytester.path / "orders_app.py").write_text(SHOP, encoding="utf-8")
    monkeypatch.syspath_prepend(str(pytester.path))
    # Nobody is there.
    monkeypatch.setenv("DAEBUS_REDIS_URL", "redis://127.0.0.1:1/0")
    return pytester.path


@pytest.fixture
def tried(folder: Path, pytester: pytest.Pytester) -> Tried:
    """Runs the exported module with the app as it is now; the status of pytest, and what it said."""

    def run() -> tuple[int, str]:
        # Two versions of a file within a second may be of the same length.
        importlib.invalidate_caches()
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        result = pytester.runpytest_inprocess("-q", *_PLUGINS, "test_bug.py")
        return int(result.ret), result.stdout.str()

    return run


def exported(console: Console, *options: str) -> str:
    done = console(
        "export", "bug.jsonl", "to:orders", "--as", "pytest", "--with-calls", "-o", "test_bug.py", "--force", *options
    )
    assert done.status == 0, done.err
    return Path("test_bug.py").read_text()


def test_it_passes_and_fails_as_the_handler_does(
    console: Console, capture: Capture, folder: Path, tried: Tried
) -> None:
    placed(capture)
    # As a service with `debug` answers.
    error = {"error": "'gone'", "code": "handler_error", "type": "KeyError", "traceback": "Traceback: …"}
    capture.ask("orders", "boom", {}, "b").answer("b", error, "error")
    capture.ask("orders", "parts", {}, "c").answer("c", {"n": 1}, final=False).answer("c", {"n": 2})
    capture.ask("orders", "patient", {}, "d").ask("payment", "charge", {"amount": 1}, "e", "d", timeout=0.001)
    capture.answer("d", {"paid": False})
    gave_up(capture)
    capture.add("orders", action="told", payload={"what": 1}, service="web", message_id="m")
    capture.add("payment", action="note", payload={"told": 1}, service="orders", parent_id="m").write()
    text = exported(console, "--app", "orders_app:app")
    assert "RecordedCall('payment', 'charge', {'amount': 5, 'token': 's3cret'}, answer={'receipt': 17})" in text
    status, said = tried()
    assert (status, "6 passed" in said) == (0, True), said

    (folder / "orders_app.py").write_text(SHOP.replace("factor = 1", "factor = 2"))
    status, said = tried()
    assert status == 1
    assert "response.payload.total: 5 was expected, and it is 10" in said
    assert "calls[0].payload.amount: 5 was expected, and it is 10" in said
    assert "messages[0].payload.amount: 5 was expected, and it is 10" in said
    assert "1 failed, 5 passed" in said


def test_rules_hold_and_calls_that_are_new_or_gone_are_told(
    console: Console, capture: Capture, folder: Path, tried: Tried
) -> None:
    placed(capture).write()
    exported(console, "--app", "orders_app:app", "--ignore", "*.total,*.amount")
    changed = SHOP.replace("factor = 1", "factor = 2")
    (folder / "orders_app.py").write_text(changed)
    assert tried()[0] == 0
    (folder / "orders_app.py").write_text(changed.replace('stock.send_request("reserve"', 'stock.send_request("look"'))
    status, said = tried()
    assert status == 1
    assert "calls[1]: stock.reserve is not called any more" in said
    assert "request stock.look from orders" in said


@pytest.mark.parametrize("told", [False, True])
def test_broadcasts_that_a_filter_kept_out_of_the_capture_fail_no_test(
    console: Console, capture: Capture, folder: Path, tried: Tried, told: bool
) -> None:
    placed(capture)
    capture.lines = [line for line in capture.lines if line.get("channel") != "orders.created"]
    if told:
        record = {
            "kind": "published",
            "channel": "orders.created",
            "digest": "0",
            "length": 14,
            "parent": "r",
            "seq": 1,
        }
        capture.add("daebus.watch.orders", service="orders", instance="i", records=[record])
    capture.write()
    exported(console, "--app", "orders_app:app")
    assert tried()[0] == 0
    assert console("rerun", "bug.jsonl", "1", "--app", "orders_app:app").status == 0
    (folder / "orders_app.py").write_text(SHOP.replace(_CAST, "pass"))
    status, said = tried()
    # What was told is missed; of what else was broadcast nobody knows.
    assert status == int(told), said
    assert ("orders.created is not sent any more" in said) is told
    assert console("rerun", "bug.jsonl", "1", "--app", "orders_app:app").status == int(told)


def test_a_broadcast_that_has_an_action_is_a_broadcast_all_the_same(
    console: Console, capture: Capture, folder: Path, tried: Tried
) -> None:
    (folder / "orders_app.py").write_text(SHOP.replace('{"receipt": paid', '{"action": "created", "receipt": paid'))
    placed(capture)
    (line,) = [line for line in capture.lines if line.get("channel") == "orders.created"]
    line["data"] = '{"action":"created","receipt":17}'
    capture.write()
    exported(console, "--app", "orders_app:app")
    assert console("rerun", "bug.jsonl", "1", "--app", "orders_app:app").status == 0
    assert tried()[0] == 0
    (folder / "orders_app.py").write_text(SHOP.replace('{"receipt": paid', '{"action": "made", "receipt": paid'))
    status, said = tried()
    assert status == 1
    assert 'action: "created" was expected, and it is "made"' in said


def test_without_an_app_the_test_says_what_to_do(
    console: Console, capture: Capture, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(capture).write()
    exported(console)
    status, said = tried()
    assert status == 1
    assert "say which app has the handlers" in said
    monkeypatch.setenv("DAEBUS_APP", "orders_app:app")
    assert tried()[0] == 0


def test_an_app_whose_module_serves_when_it_is_imported_fails_the_test_and_says_so(
    console: Console, capture: Capture, folder: Path, tried: Tried
) -> None:
    placed(capture)
    capture.write()
    exported(console, "--app", "orders_app:app")
    (folder / "orders_app.py").write_text(f'{SHOP}\n\napp.run(service="orders")\n')
    status, said = tried()
    assert status == 1
    assert "app.run() is called while the module is imported" in said


def test_texts_digits_and_what_cannot_be_said(console: Console, capture: Capture) -> None:
    odd = "it's \"quoted\" \\ \n\t€ \u202e # '''"
    capture.ask("orders", "parts", {"text": odd}, "r").ask("payment", "charge", {"text": odd}, "p", "r")
    capture.answer("p", {"text": odd}).answer("r", {"text": odd})
    capture.ask("orders", "parts", {}, "s").ask("payment", "x", {}, "q", "s")
    capture.add("caller:q", status="success", payload=float("nan"), request_id="q").answer("s", {})
    capture.ask("orders", "parts", {}, "t").write()
    text = exported(console)
    compile(text, "test_bug.py", "exec")
    assert "# #3 is left out: call #4 (payment x) has NaN or Infinity in it" in text
    assert "# #5 is left out: no answer was seen" in text
    assert repr(odd) in text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--as", "json", "--with-calls"], "--with-calls goes with --as pytest, and this is json"),
        (["--as", "pytest", "--app", "x:app"], "--app goes with --as pytest --with-calls"),
    ],
)
def test_bad_input(console: Console, capture: Capture, options: list[str], says: str) -> None:
    placed(capture).write()
    done = console("export", "bug.jsonl", *options)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


def test_at_a_prompt_by_number_and_masked(capture: Capture, folder: Path) -> None:
    with remembered(redact=Redactor(["token"])) as passed:
        for line in placed(capture).lines[1:]:
            passed.wait(0.01)
            passed >> raw(line["channel"], line["data"])
        assert passed("export #1 --as pytest --with-calls --app orders_app:app -o test_bug.py") == 0
    text = (folder / "test_bug.py").read_text()
    assert "RecordedCall('stock', 'reserve', {'sku': 'a'}, answer={'left': 3})" in text
    assert "'token': '***'" in text
    assert "s3cret" not in text
