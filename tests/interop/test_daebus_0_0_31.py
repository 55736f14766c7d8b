"""Both directions with the release that is in use: its caller and our service, our caller and its service."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import daebus
from daebus import (
    Daebus,
    DaebusCaller,
    Requester,
    RequestFailed,
    RequestTimeout,
    broadcast,
    request,
    response,
    telemetry,
)
from tests.support.framework_services import Program, program, serving, subscribers
from tests.support.gates import HOLD, Debugger, Shop
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("interop"), pytest.mark.timeout(400)]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture
def old_service(old_python: str, shared_redis: RedisServer, name: str) -> Iterator[str]:
    """The name of a service on 0.0.31 that runs."""
    script = str(HERE / "old_service.py")
    with program(script, name, str(shared_redis.port), python=old_python, serves=name, url=shared_redis.url):
        eventually(lambda: subscribers(shared_redis.url, f"{name}.events"))
        yield name


def test_our_caller_and_its_service(old_service: str, redis_url: str) -> None:
    with DaebusCaller(old_service, redis_url=redis_url, name="web") as caller:
        answer = caller.send_request("echo", {"a": [1, None, "é"]}, request_id="mine")
        assert answer == {"payload": {"a": [1, None, "é"]}, "service": "web", "request_id": "mine"}
        with pytest.raises(RequestFailed, match="no such record") as caught:
            caller.send_request("fail")
        assert (caught.value.code, caught.value.type) == (None, None)
        seen: list[Any] = []
        assert caller.send_request("steps", on_progress=seen.append) == {"done": True}
        assert seen == [{"step": 0}, {"step": 1}, {"step": 2}]
        assert list(caller.stream_request("steps")) == [*seen, {"done": True}]
        with pytest.raises(RequestTimeout):
            caller.send_request("unknown", timeout=0.5)
        # What stands beside the envelope it passes over.
        telemetry.instrument(TracerProvider(shutdown_on_exit=False))
        try:
            assert caller.send_request("echo", {"a": 1}, request_id="traced")["payload"] == {"a": 1}
        finally:
            telemetry.uninstrument()


def test_our_one_way_messages_and_broadcasts_reach_its_service(old_service: str, redis_url: str) -> None:
    with DaebusCaller(old_service, redis_url=redis_url) as caller:
        caller.send_to_service({"way": "service"}, action="note")
        caller.send_message("note", {"way": "message"})
        speaker = Daebus("speaker")
        with serving(speaker, redis_url, f"{old_service}.speaker"):
            assert broadcast.send(f"{old_service}.events", {"way": "broadcast"}) == 1
        ways = eventually(lambda: _all_three(caller.send_request("heard")["heard"]))
        assert ways == ["broadcast", "message", "service"]


def _all_three(heard: list[dict[str, str]]) -> list[str]:
    return sorted(note["way"] for note in heard) if len(heard) == 3 else []


def test_its_caller_and_our_service(old_python: str, shared_redis: RedisServer, name: str) -> None:
    app = Daebus(name)
    noted: list[Any] = []

    @app.action("echo")
    def echo() -> int:
        return response.send({"payload": request.payload, "service": request.service})

    @app.action("steps")
    def steps() -> int:
        for number in range(3):
            response.send({"step": number}, final=False)
            # 0.0.31 looks for replies every 10 ms and may take those of one look in any order.
            time.sleep(0.05)
        return response.send({"done": True})

    @app.action("error")
    def error() -> int:
        return response.error("no such record")

    @app.action("raise")
    def fail() -> None:
        raise ValueError("broken")

    @app.action("nothing")
    def nothing() -> None: ...

    @app.action("note")
    def note() -> None:
        noted.append(request.payload)

    @app.listen(f"{name}.events")
    def hear(data: Any) -> None:
        noted.append(data)

    with serving(app, shared_redis.url, name):
        script = Program(str(HERE / "old_caller.py"), name, str(shared_redis.port), python=old_python)
        begun = time.monotonic()
        assert script.wait(60) == 0, script.output
        assert time.monotonic() - begun < 30, "its errors are to come at once, not after its timeout of 10 s each"
        # Its log may go on in the same line.
        said, _end = json.JSONDecoder().raw_decode(script.output.partition("RESULT ")[2])
        assert said["echo"] == {"payload": {"a": [1, None, "é"]}, "service": name}
        assert said["progress"] == [{"step": 0}, {"step": 1}, {"step": 2}]
        assert said["final"] == {"done": True}
        assert said["error"] == "no such record"
        assert said["raise"] == "broken"
        assert "without a final response" in said["nothing"]
        assert "unknown action" in said["unknown"]
        assert (said["sent"], said["told"]) == (1, 1)
        eventually(lambda: len(noted) == 2)
        assert {"way": "service", "level": 3} in noted
        assert {"type": "old"} in noted


_PUBLIC = """
import json, daebus
homes = {"daebus": daebus.__all__}
homes |= {kind: [name for name in dir(getattr(daebus, kind)) if name[0] != "_"] for kind in KINDS}
print(json.dumps(homes))
"""


def test_each_public_name_of_it_is_ours_too_or_the_page_on_it_tells_what_is_in_its_place(old_python: str) -> None:
    program = f"KINDS = ['Daebus', 'Blueprint', 'DaebusCaller']{_PUBLIC}"
    told = subprocess.run(
        [old_python, "-I", "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    homes = json.loads(told)
    ours = {home: daebus if home == "daebus" else getattr(daebus, home) for home in homes}
    gone = {name for home, names in homes.items() for name in names if not hasattr(ours[home], name)}
    assert {"DaebusHttp", "attach"} <= gone
    table = re.findall(r"^\| (.+?) \|", (ROOT / "docs" / "from-0.0.31.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(table))) == gone


def test_an_old_service_is_told_from_one_of_ours(old_service: str, redis_url: str, name: str) -> None:
    ours = f"{name}.ours"
    with serving(Daebus("ours"), redis_url, ours), Requester(redis_url) as requester:
        assert subscribers(redis_url, f"daebus.control.{ours}") == 1
        assert subscribers(redis_url, f"daebus.control.{old_service}") == 0
        assert requester.call(f"daebus.control.{ours}", "info")["service"] == ours


def test_its_caller_is_sent_no_notices_of_what_is_held_and_is_let_go_in_time(
    old_python: str, shared_redis: RedisServer, name: str
) -> None:
    shop = Shop(name)
    with serving(shop.app, shared_redis.url, name), Requester(shared_redis.url) as requester:
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "where": [["n", "=", 1]]}, {**HOLD, "before_timeout": 2})
        script = Program(str(HERE / "old_patient.py"), name, str(shared_redis.port), python=old_python)
        held = eventually(lambda: debugger.ask("held")["held"], within=60)[0]
        assert held["asker"] == {"notified": False, "left": None}
        eventually(lambda: debugger.one()["held"] > 1.2)
        debugger.release(held["hold"], payload={"n": 7})
        # Nobody releases the second one.
        assert script.wait(60) == 0, script.output
        said, _end = json.JSONDecoder().raw_decode(script.output.partition("RESULT ")[2])
    assert said == {"first": {"got": {"n": 7}}, "second": {"got": {"n": 2}}, "progress": []}
