"""The ways to read everything off a bus that are compared: `python -m tests.benchmarks.subjects.readers NAME URL`.

Each runs until it is ended. Ours print what they counted when standard input closes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import redis
import redis.asyncio

from daebus.transport.address import RedisAddress
from daebus_console.cli import contexts as cli
from daebus_console.engine.live.sieve import Batch
from daebus_console.engine.live.tap import Tap
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings

KEPT = 1_000_000


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def on_batch(self, _at: float, batch: Batch) -> None:
        self.count += len(batch)

    def on_up(self, _at: float) -> None:
        print("ready", flush=True)

    def on_down(self, _at: float, reason: str) -> None:
        """Where the rate is too high, the server cuts it off: the rate is what is looked for."""

    def on_idle(self, _at: float) -> None:
        pass

    def on_refused(self, _at: float, reason: str) -> None:
        print(reason, file=sys.stderr)

    def on_whole(self, _at: float) -> None:
        pass

    def on_cause(self, _at: float, cause: str) -> None:
        pass


def _report(received: int) -> None:
    print(json.dumps({"received": received}), flush=True)


def tap_only(url: str) -> None:
    """Our tap, counting."""
    counter = _Counter()
    tap = Tap(RedisAddress(url), counter)
    tap.start()
    sys.stdin.read()
    tap.stop()
    _report(counter.count)


class _Correlating(_Counter):
    def __init__(self) -> None:
        super().__init__()
        self.correlator = Correlator(Journal(max_messages=KEPT))

    def on_batch(self, at: float, batch: Batch) -> None:
        super().on_batch(at, batch)
        self.correlator.take(at, batch)
        self.correlator.advance(at)


def correlating(url: str) -> None:
    """Our tap, envelopes, correlator and journal."""
    counter = _Correlating()
    tap = Tap(RedisAddress(url), counter)
    tap.start()
    sys.stdin.read()
    tap.stop()
    _report(counter.count)


def session(url: str) -> None:
    """All that the console has: the same with directory, figures and discovery."""
    with Session(url, Settings(max_messages=KEPT)) as running:
        running.wait_up(5)
        print("ready", flush=True)
        sys.stdin.read()
        _report(running.status.messages)


def recording(url: str) -> None:
    """The same, and everything written to a capture file."""
    with tempfile.TemporaryDirectory() as directory, Session(url, Settings(max_messages=KEPT)) as running:
        running.wait_up(5)
        Recorder(running, Path(directory) / "flood.jsonl")
        print("ready", flush=True)
        sys.stdin.read()
        _report(running.status.messages)


def redis_py_listen(url: str) -> None:
    """redis-py's `listen()` with hiredis, counting."""
    count = 0
    with redis.Redis.from_url(url, protocol=2, socket_timeout=None) as client:
        pubsub = client.pubsub()
        pubsub.psubscribe("*")
        for message in pubsub.listen():
            if message["type"] == "psubscribe":
                print("ready", flush=True)
            count += 1


def redis_py_asyncio(url: str) -> None:
    """redis-py's asyncio `listen()` with hiredis, counting."""

    async def read() -> None:
        count = 0
        client = redis.asyncio.Redis.from_url(url, protocol=2, socket_timeout=None)
        pubsub = client.pubsub()
        await pubsub.psubscribe("*")
        async for message in pubsub.listen():
            if message["type"] == "psubscribe":
                print("ready", flush=True)
            count += 1

    asyncio.run(read())


READERS: dict[str, Callable[[str], None]] = {
    "tap only": tap_only,
    "tap, correlation": correlating,
    "whole session": session,
    "session, recording": recording,
    "redis-py listen()": redis_py_listen,
    "redis-py asyncio": redis_py_asyncio,
}


def main() -> None:
    """Run the reader that is named; a reader whose connection was cut ends quietly, the server tells."""
    name, url = sys.argv[1:3]
    # As whoever runs the console sets them; the others have the same.
    gc.set_threshold(*cli._COLLECT_AFTER)
    sys.setswitchinterval(cli._SWITCH)
    with suppress(redis.ConnectionError):
        READERS[name](url)


if __name__ == "__main__":
    main()
