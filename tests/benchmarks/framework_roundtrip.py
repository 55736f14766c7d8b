"""The median round trip of a request, beside that of a plain redis-py ping-pong on the same Redis.

Run with `python -m tests.benchmarks.framework_roundtrip [REDIS_URL]`; without a URL it starts a private Redis.
Both are measured in turns, so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from daebus import DaebusCaller, ServiceUnavailable
from tests.support.redis_server import RedisServer

ROUNDS, CALLS, WARM_UP = 10, 500, 200
PAYLOAD = {"id": "user123", "text": "x" * 80}

SERVICE = """
import sys
from daebus import Daebus, request, response
app = Daebus("roundtrip")

@app.action("echo")
def echo():
    return response.send(request.payload)

app.run(service="roundtrip", redis_url=sys.argv[1])
"""

PONG = """
import sys
import redis
client = redis.Redis.from_url(sys.argv[1])
pubsub = client.pubsub()
pubsub.subscribe("roundtrip.ping")
for message in pubsub.listen():
    if message["type"] == "message":
        client.publish("roundtrip.pong", message["data"])
"""


@contextmanager
def program(source: str, url: str) -> Iterator[None]:
    """A Python process that runs while the block does."""
    process = subprocess.Popen([sys.executable, "-c", source, url], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def timed(call: Callable[[], object], count: int) -> list[float]:
    """Seconds of each of `count` calls, one after the other."""
    durations = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        durations.append(time.perf_counter() - begun)
    return durations


def measure(url: str) -> tuple[list[float], list[float]]:
    """Seconds of every ping-pong and of every request."""
    client = redis.Redis.from_url(url)
    pubsub = client.pubsub()
    pubsub.subscribe("roundtrip.pong")
    messages = pubsub.listen()
    next(messages)
    caller = DaebusCaller("roundtrip", redis_url=url)
    body = b"x" * 200

    def ping() -> None:
        client.publish("roundtrip.ping", body)
        next(messages)

    def ask() -> None:
        caller.send_request("echo", PAYLOAD)

    plain: list[float] = []
    ours: list[float] = []
    try:
        while not client.publish("roundtrip.ping", body):
            time.sleep(0.01)
        next(messages)
        while True:
            try:
                ask()
                break
            except ServiceUnavailable:
                time.sleep(0.01)
        timed(ping, WARM_UP)
        timed(ask, WARM_UP)
        for _ in range(ROUNDS):
            plain += timed(ping, CALLS)
            ours += timed(ask, CALLS)
    finally:
        caller.close()
        pubsub.close()
        client.close()
    return plain, ours


def main() -> None:
    """Print both and their ratio."""
    server = None if len(sys.argv) > 1 else RedisServer().start()
    url = server.url if server else sys.argv[1]
    try:
        with program(PONG, url), program(SERVICE, url):
            plain, ours = measure(url)
    finally:
        if server:
            server.close()
    for name, durations in (("redis-py ping-pong", plain), ("daebus request", ours)):
        p99 = statistics.quantiles(durations, n=100)[98]
        print(f"{name:20} median {statistics.median(durations) * 1e6:6.0f} us   p99 {p99 * 1e6:6.0f} us")
    print(f"ratio of the medians {statistics.median(ours) / statistics.median(plain):.2f}")


if __name__ == "__main__":
    main()
