"""Recording a live session, and opening what was recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.filter import language as filters
from daebus_console.engine.message.exchange import State
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from daebus_console.engine.tripwire.wire import Tripwire
from tests.console.engine.dialects.test_pairing import event, kombu
from tests.console.live.conftest import Publish
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

OpenSession = Callable[..., Session]


def test_everything_is_recorded_as_it_was(open_session: OpenSession, publish: Publish, tmp_path: Path) -> None:
    session = open_session()
    with Recorder(session, tmp_path / "all.jsonl"):
        publish("news", {"text": "grüße ☃"})
        publish("news", b"\x00\xff")
        assert session.wait_for(lambda: session.status.messages >= 2, 5)
    frames = [frame for frame in CaptureReader(tmp_path / "all.jsonl") if isinstance(frame, Frame)]
    assert [(frame.channel, frame.data) for frame in frames] == [
        ("news", json.dumps({"text": "grüße ☃"}).encode()),
        ("news", b"\x00\xff"),
    ]


def test_with_a_filter_an_answer_brings_its_request_along(
    open_session: OpenSession, publish: Publish, tmp_path: Path
) -> None:
    session = open_session(timeout=0.3)
    with Recorder(session, tmp_path / "bad.jsonl", matching=filters.parse("status:error,timeout")):
        for number, status in ((1, "success"), (2, "error")):
            request = {"action": "get", "payload": {}, "reply_to": "caller:a", "request_id": str(number)}
            publish("users", {**request, "timeout": 60})
            publish("caller:a", {"status": status, "payload": {"error": "no"}, "request_id": str(number)})
        publish("users", {"action": "get", "payload": {}, "reply_to": "caller:a", "request_id": "3"})
        assert session.wait_for(lambda: session.status.messages >= 5 and session.correlator.pending == 0, 5)
    found = [json.loads(frame.data)["request_id"] for frame in CaptureReader(tmp_path / "bad.jsonl")
             if isinstance(frame, Frame)]  # fmt: skip
    assert found == ["2", "2", "3"]


@pytest.mark.parametrize("matching", ["", "dialect:celery", "status:ok"])
def test_what_tells_of_several_exchanges_is_recorded_once(
    open_session: OpenSession, publish: Publish, tmp_path: Path, matching: str
) -> None:
    """As Celery's events do, of which a frame holds many."""
    session = open_session()
    frames = [kombu([event("task-received", one, name="t") for one in "abc"])]
    frames.append(kombu([event("task-succeeded", one, runtime=0.5) for one in "ab"]))
    with Recorder(session, tmp_path / "once.jsonl", matching=filters.parse(matching)):
        for frame in frames:
            publish("/0.celeryev/task.multi", frame)
        assert session.wait_for(lambda: session.status.messages >= 2, 5)
    found = [one for one in CaptureReader(tmp_path / "once.jsonl") if isinstance(one, Frame)]
    assert [json.loads(one.data) for one in found] == frames
    told = [(one.request_id, one.state) for one in Recording(tmp_path / "once.jsonl").exchanges()]
    assert told[:3] == [("a", State.OK), ("b", State.OK), ("c", State.PENDING)]


def test_a_gap_is_recorded(open_session: OpenSession, own_redis: RedisServer, tmp_path: Path) -> None:
    session = open_session()
    with Recorder(session, tmp_path / "gap.jsonl"):
        own_redis.kill()
        assert session.wait_for(lambda: not session.status.up, 5)
        own_redis.start()
        assert session.wait_for(lambda: session.status.up, 10)
    (gap,) = [entry for entry in CaptureReader(tmp_path / "gap.jsonl") if isinstance(entry, Gap)]
    assert gap.end is not None
    assert gap.end > gap.start


_RECORD = """
import sys, threading
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
session = Session(sys.argv[1])
session.start()
assert session.wait_up(10)
Recorder(session, sys.argv[2])
print("ready", flush=True)
threading.Event().wait()
"""


def test_a_killed_recorder_loses_at_most_the_last_second(own_redis: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "killed.jsonl"
    command = [sys.executable, "-c", _RECORD, own_redis.url, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([".", "console"])}
    stop = threading.Event()
    sent = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as recorder, own_redis.client() as client:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"ready\n"

        def flood() -> None:
            nonlocal sent
            while not stop.wait(0.01):
                pipeline = client.pipeline(transaction=False)
                for number in range(sent, sent + 100):
                    pipeline.publish("events", json.dumps({"n": number}))
                pipeline.execute()
                sent += 100

        flooding = threading.Thread(target=flood)
        flooding.start()
        eventually(lambda: sent >= 5_000, within=30)
        marked = sent
        # A second after this point, all that was published before it must be in the file.
        stop.wait(1.0)
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
        stop.set()
        flooding.join()
    reader = CaptureReader(path)
    numbers = [
        json.loads(frame.data)["n"] for frame in reader if isinstance(frame, Frame) and frame.channel == "events"
    ]
    assert len(numbers) >= marked
    assert numbers == list(range(len(numbers)))


def test_the_header_keeps_the_options_of_the_url_and_no_password(own_redis: RedisServer, tmp_path: Path) -> None:
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "joe", "on", ">s3cret", "allchannels", "+@all")
    url = own_redis.url.replace("://", "://joe:s3cret@") + "?client_name=x&socket_timeout=5"
    path = tmp_path / "capture.jsonl"
    with Session(url) as session:
        assert session.wait_up(5)
        with Recorder(session, path):
            pass
    header = json.loads(path.read_text().splitlines()[0])
    assert header["redis"] == url.replace("s3cret", "***")


def test_what_is_unknown_by_a_gap_is_chosen_by_that(
    open_session: OpenSession, publish: Publish, own_redis: RedisServer, tmp_path: Path
) -> None:
    session, path = open_session(), tmp_path / "unknown.jsonl"
    matching = filters.parse("status:unknown")
    wire = Tripwire(session, matching)
    wire.start()
    with Recorder(session, path, matching=matching):
        for id in ("a", "b"):
            publish("users", {"action": "get", "payload": {}, "reply_to": "caller:a", "request_id": id, "timeout": 60})
        publish("caller:a", {"status": "success", "payload": {}, "request_id": "a"})
        assert session.wait_for(lambda: session.status.messages >= 3, 5)
        own_redis.kill()
        assert session.wait_for(lambda: not session.status.up, 5)
        own_redis.start()
        assert session.wait_for(lambda: session.status.up, 10)
    wire.stop()
    assert [(hit.number, hit.text) for hit in wire.take()] == [(2, "unknown")]
    found = [(one.request_id, one.state) for one in Recording(path).exchanges()]
    assert found == [("b", State.UNKNOWN), (None, State.GAP)]
