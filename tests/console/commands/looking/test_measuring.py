"""`stats`: what is beyond its rows, and how long messages waited as services told."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus
from daebus.client.caller import DaebusCaller
from daebus_console.commands.context import Exit
from tests.console.commands.looking.test_telling import shell
from tests.console.commands.remembered import remembered
from tests.console.engine.bus import answer, request
from tests.console.engine.records.told import batch, handled
from tests.support.framework_services import serving
from tests.support.waiting import eventually


def test_what_is_beyond_500_actions_is_no_service(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    lines = [json.dumps({"daebus_capture": 1})]
    for number in range(503):
        message = {"action": f"act{number}", "request_id": f"r{number}", "payload": {}, "reply_to": "caller:1"}
        lines.append(json.dumps({"at": 1000.0 + number, "channel": "orders", "data": json.dumps(message)}))
    file.write_text("\n".join(lines) + "\n")
    with remembered() as passed:
        assert passed(f"stats {file} --json") == Exit.DONE
        rows = passed.records
        assert [(row["service"], row["action"], row["count"]) for row in rows if row.get("others")] == [(None, None, 3)]
        assert sum(row["service"] == "orders" for row in rows) == 500
        assert passed(f"stats {file}") == Exit.DONE
        assert any("(others)" in line and "(beyond 500 actions)" in line for line in passed.prompt.heard.lines)


def test_how_long_messages_waited_is_counted_as_services_tell_it() -> None:
    with remembered() as passed:
        for number in range(3):
            passed >> request("users", "get", id=f"r{number}")
            passed >> request("users", "list", id=f"l{number}")
            passed.wait(0.1)
            passed >> answer("caller:1", id=f"r{number}", elapsed=0.01)
        told = [handled(number + 1, f"r{number}", "get", passed.now, queued=0.25) for number in range(3)]
        told.append(handled(9, "unseen", "get", passed.now, queued=99.0))
        passed.session.telling.watched([passed >> batch("users", *told)], 0.0)
        assert passed("stats --json") == Exit.DONE
        waited = {row["action"]: (row["queue_p50_ms"], row["queue_p95_ms"]) for row in passed.records}
        assert waited["list"] == (None, None)
        assert waited["get"] == (pytest.approx(250, rel=0.05), pytest.approx(250, rel=0.05))
        assert passed("stats action:list --json") == Exit.DONE
        assert [row["action"] for row in passed.records] == ["list"]
        passed.prompt.heard.width = 120
        assert passed("stats") == Exit.DONE
        assert "HANDLER P95" in passed.said
        assert "QUEUE P95" in passed.said


def test_what_a_narrow_terminal_has_no_room_for_is_left_out_and_named() -> None:
    with remembered() as passed:
        passed >> request("users", "get_user", id="a")
        passed.wait(0.1)
        passed >> answer("caller:1", id="a", elapsed=0.01)
        eighty = "QUEUE P95, HANDLER P95, P99"
        for width, columns in ((200, None), (80, eighty), (56, f"{eighty}, RATE/S, MAX, P95")):
            left_out = None if columns is None else f"no room for {columns}: --json has all"
            passed.prompt.heard.width = width
            assert passed("stats") == Exit.DONE
            assert max(map(len, passed.prompt.heard.lines)) <= width
            assert "P50" in passed.said
            assert ("P99" in passed.said) == (left_out is None)
            assert left_out is None or left_out in passed.notes


def write(file: Path, *lines: tuple[float, tuple[str, bytes]] | dict[str, Any]) -> None:
    with file.open("w") as written:
        print(json.dumps({"daebus_capture": 1}), file=written)
        for one in lines:
            if not isinstance(one, dict):
                at, (channel, data) = one
                one = {"at": at, "channel": channel, "data": data.decode()}
            print(json.dumps(one), file=written)


def test_a_capture_tells_how_long_messages_waited_where_it_has_it(tmp_path: Path) -> None:
    file = tmp_path / "told.jsonl"
    told = batch("users", handled(1, "a", "get", 1000.0, queued=0.25), handled(2, "zz", "other", 1000.0, queued=9.0))
    write(
        file,
        (1000.0, request("users", "get", id="a")),
        (1000.3, answer("caller:1", id="a")),
        (1000.4, told),
    )
    with remembered() as passed:
        assert passed(f"stats {file} --json") == Exit.DONE
        (row,) = passed.records
        assert (row["action"], row["queue_p95_ms"]) == ("get", pytest.approx(250, rel=0.05))


@pytest.mark.parametrize("far", [-3_600.0, 3_600.0])
def test_for_how_long_was_looked_is_of_each_clock_for_itself(tmp_path: Path, far: float) -> None:
    file = tmp_path / "stepped.jsonl"
    write(
        file,
        (10_000.0, request("users", "get", id="a", timeout=60)),
        (10_004.0, request("users", "get", id="b", timeout=60)),
        {"at": 10_005.0 + far, "gap": 0.0, "reason": "set", "lost": False},
        (10_006.0 + far, answer("caller:1", id="b")),
        (10_011.0 + far, request("users", "get", id="c", timeout=60)),
    )
    with remembered() as passed:
        assert passed(f"stats {file} --json") == Exit.DONE
        (row,) = passed.records
        # In ten seconds.
        assert (row["count"], row["rate"]) == (3, 0.3)


def test_at_the_shell_services_are_asked_to_tell_it(redis_url: str, name: str) -> None:
    app, over = Daebus(name), threading.Event()
    app.action("act")(dict)

    def ask() -> None:
        with DaebusCaller(name, redis_url=redis_url) as caller:
            while not over.is_set():
                caller.send_request("act", {})
                over.wait(0.01)

    def waited() -> bool:
        status, heard = shell(redis_url, f"stats service:{name} action:act --for 1 --json")
        assert status == Exit.DONE
        return any(row["queue_p95_ms"] is not None for row in heard.records)

    with serving(app, redis_url, name):
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            eventually(waited, within=60, what="the time in the queue is told")
        finally:
            over.set()
            asking.join()
