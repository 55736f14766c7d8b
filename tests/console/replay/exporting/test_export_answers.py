"""Exports that hold answers, over any names and payloads: a pytest module that passes, a capture that is equal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from daebus_console.engine.export import ExportOptions, export
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.source import Recording
from daebus_console.naming import from_bytes
from tests.console.engine.bus import Bus, answer, raw, request
from tests.console.replay.exporting.test_export_shells import CHANNELS, NAMES, PAYLOADS
from tests.support.redis_server import RedisServer


@pytest.fixture
def answered() -> list[Exchange]:
    """Requests with every name and payload, each with its answer."""
    bus = Bus()
    asked: list[tuple[str, str, Any]] = [(from_bytes(channel), "act", {"n": 1}) for channel in CHANNELS]
    asked += [("actions", action, {"n": 2}) for action in [*NAMES, "\udcff", "\ud83d"]]
    asked += [("payloads", f"a{number}", payload) for number, payload in enumerate(PAYLOADS)]
    for number, (channel, action, payload) in enumerate(asked):
        bus >> request(channel, action, id=f"r{number}", payload=payload, timeout=30)
        bus >> answer("caller:1", id=f"r{number}", payload={"back": payload, action: [action]})
    return list(bus.journal.exchanges)


@contextmanager
def answering(server: RedisServer, exchanges: list[Exchange]) -> Iterator[None]:
    """Services that give those answers again."""
    known = {}
    for one in exchanges:
        assert one.answer is not None
        known[os.fsencode(one.opened.channel), one.action] = json.loads(one.answer.data)["payload"]
    with redis.Redis.from_url(server.url) as client, client.pubsub(ignore_subscribe_messages=False) as asked:
        channels = {channel for channel, _action in known}
        asked.subscribe(*channels)
        for _ in channels:
            assert asked.get_message(timeout=5) is not None
        stopping = threading.Event()

        def answer_all() -> None:
            while not stopping.is_set():
                message = asked.get_message(timeout=0.1)
                if message is not None:
                    said = json.loads(message["data"])
                    payload = known[message["channel"], said["action"]]
                    back = {"status": "success", "request_id": said["request_id"], "payload": payload}
                    client.publish(said["reply_to"], json.dumps(back))

        thread = threading.Thread(target=answer_all)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def test_a_pytest_module_of_any_names_passes(answered: list[Exchange], own_redis: RedisServer, tmp_path: Path) -> None:
    options = ExportOptions(redis=own_redis.url)
    module = tmp_path / "test_again.py"
    module.write_text(export("pytest", answered, options), encoding="utf-8")
    assert options.left_out == []
    known = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environ = {**known, "PYTHONPATH": os.pathsep.join(sys.path)}
    environ.pop("DAEBUS_REDIS_URL", None)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(module)]
    with answering(own_redis, answered):
        done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert f"{len(answered)} passed" in done.stdout, done.stdout[-2000:] + done.stderr


def test_a_capture_of_anything_is_equal_byte_for_byte(answered: list[Exchange], tmp_path: Path) -> None:
    bus = Bus()
    bus.now = max(exchange.latest.at for exchange in answered) + 1
    bus.journal.next_seq = max(exchange.latest.seq for exchange in answered) + 1
    for channel in CHANNELS:
        for data in (
            b"",
            b"text",
            b"[1]",
            b"\xff\x00",
            b"\x81\xa1a\x01",
            b"\x1f\x8b\x08",
            b'{"a": 1.50}\n',
            b"a\x00b\xed\xb2\x80",
        ):
            bus >> raw(from_bytes(channel), data)
    exchanges = answered + list(bus.journal.exchanges)
    path = tmp_path / "copy.jsonl"
    path.write_text(export("capture", exchanges))
    again = Recording(path).exchanges()
    found = [(message.channel, message.data) for one in again for message in one.messages]
    assert found == [(message.channel, message.data) for one in exchanges for message in one.messages]
