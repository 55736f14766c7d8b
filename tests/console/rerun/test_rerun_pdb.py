"""rerun --pdb: Python's debugger at the first line of the handler, in whatever thread or task it runs, and after it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.console.cli.conftest import Console, Done
from tests.console.rerun.conftest import SHOP, Capture, placed


def debugged(console: Console, number: str, typed: str) -> Done:
    """A process of its own: the debugger is the interpreter's."""
    with console.start(
        "rerun", "bug.jsonl", number, "--app", "orders_app:app", "--pdb", stdin=subprocess.PIPE
    ) as process:
        out, err = process.communicate(typed, timeout=60)
    return Done(process.returncode, out, err)


@pytest.fixture
def started(capture: Capture, monkeypatch: pytest.MonkeyPatch) -> Capture:
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'console'}")
    return capture


def test_it_stops_at_the_first_line_and_goes_on(console: Console, started: Capture) -> None:
    placed(started).write()
    first = SHOP.splitlines().index('    print("placing")') + 1
    done = debugged(console, "#1", "n\nn\np amount\nc\n")
    assert done.status == 0, done.err
    assert f"orders_app.py({first})place()" in done.out
    assert "(Pdb) 5\n" in done.out
    assert '"total": 5' in done.out
    assert "the same as in #1" in done.err


def test_in_an_async_handler_and_after_an_exception(console: Console, started: Capture) -> None:
    started.ask("orders", "place_async", {}, "a").ask("payment", "charge", {"amount": 1}, "p", "a")
    started.answer("p", {"receipt": 1}).answer("a", {"receipt": 1})
    started.ask("orders", "boom", {}, "r").answer("r", {"error": "other"}, "error").write()
    done = debugged(console, "#1", "c\n")
    assert (done.status, done.out.count("(Pdb)")) == (0, 1), done.err
    assert "place_async()" in done.out
    done = debugged(console, "#3", "c\np found\nq\n")
    assert done.status == 1
    assert "-> found = {}" in done.out
    # Post mortem, in the frame that raised.
    assert '-> return found["gone"]' in done.out
    assert "(Pdb) {}\n" in done.out


def test_leaving_the_debugger_ends_it(console: Console, started: Capture) -> None:
    placed(started).write()
    done = debugged(console, "#1", "q\n")
    assert done.status == 130
    assert "the debugger was left" in done.err
