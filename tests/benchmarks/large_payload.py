"""How soon an answer of 10 MB is seen and how long it holds up the keys, in each tab of the detail pane.

Run as `python -m tests.benchmarks.large_payload [--json FILE]`. The console runs without a terminal, on a real Redis.
Each step is timed from its last key to its text on the screen; all the while the event loop is asked every 2 ms how
late it is: a key pressed then would have waited as long. No step may fail to show its text.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import redis

from daebus_console.engine.session import Session
from daebus_console.tui.app import ConsoleApp
from tests.console.tui.support import Driver
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

MEGABYTES = 10
STEP = 0.002
NEEDLE = "needle"


def records() -> Any:
    """Many objects in a list: what a query gives."""
    rows = [
        {"id": number, "name": f"person {number}", "tags": ["a", "b"], "address": {"city": "Bern", "zip": 3000}}
        for number in range(MEGABYTES * 11_000)
    ]
    return {"rows": rows, "last": NEEDLE}


def numbers() -> Any:
    """A list of numbers: the most values for the bytes."""
    return {"values": list(range(MEGABYTES * 135_000)), "last": NEEDLE}


def keys() -> Any:
    """An object with very many keys."""
    return {**{f"key-{number:06d}": number * 7 for number in range(MEGABYTES * 45_000)}, "last": NEEDLE}


def text() -> Any:
    """One text on one line."""
    return {"text": "lorem ipsum " * (MEGABYTES * 87_000), "last": NEEDLE}


def deep() -> Any:
    """Chains of objects, each 50 deep."""
    chain: Any = "end"
    for level in range(50):
        chain = {f"level{level}": chain}
    return {"chains": [chain] * (MEGABYTES * 1_550), "last": NEEDLE}


def escapes() -> Any:
    """What has to be cleaned before it may be shown."""
    return {"text": "\x1b[31mred\u202e\u0301\n" * (MEGABYTES * 35_000), "last": NEEDLE}


PAYLOADS: dict[str, Callable[[], Any]] = {
    "records": records, "numbers": numbers, "keys": keys, "text": text, "deep": deep, "escapes": escapes
}  # fmt: skip
STEPS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("select", ("up",), "▾ answer"),
    ("request", ("enter", "1"), "request_id"),
    ("answer again", ("2",), "▾ answer"),
    ("find", ("slash", *NEEDLE, "enter"), f'"{NEEDLE}"'),
    ("wrap", ("escape", "g", "w"), "▾ answer"),
    ("raw text", ("w", "4"), '{"status"'),
    ("find in raw", ("slash", "enter"), f'"{NEEDLE}"'),
    ("raw hex", ("escape", "x"), "00000000"),
)


class Taken(NamedTuple):
    """Milliseconds until it was seen, and the longest a key would have waited meanwhile."""

    seen: float
    held: float


async def step(console: Driver, keys: tuple[str, ...], shows: str) -> Taken:
    """Press the keys and wait for what they show."""
    loop = asyncio.get_running_loop()
    lags = [0.0]

    async def probe() -> None:
        while True:
            due = loop.time() + STEP
            await asyncio.sleep(STEP)
            lags.append(loop.time() - due)

    probing = asyncio.create_task(probe())
    await console.press(*keys[:-1])
    begun = time.perf_counter()
    await console.press(keys[-1])
    while shows not in console.text:
        await asyncio.sleep(STEP)
        if time.perf_counter() - begun > 60:
            raise AssertionError(f"never seen: {shows}\n{console.text}")
    seen = time.perf_counter() - begun
    await asyncio.sleep(0.3)
    probing.cancel()
    return Taken(round(seen * 1000, 1), round(max(lags) * 1000, 1))


async def walk(url: str, answer: bytes) -> dict[str, Taken]:
    """All steps on one answer."""
    with Session(url) as session, redis.Redis.from_url(url, socket_timeout=60) as client:
        eventually(lambda: session.status.up, what="the session is up")
        app = ConsoleApp(session)
        async with app.run_test(size=(120, 40)) as pilot:
            console = Driver(app, pilot, client)
            console.request("people", "list", 1)
            await asyncio.to_thread(client.publish, "caller:test", answer)
            await console.until(lambda: "✓ ok" in console.text, within=60)
            return {name: await step(console, keys, shows) for name, keys, shows in STEPS}


def main() -> None:
    """Measure every payload and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("names", nargs="*", help=", ".join(PAYLOADS))
    options = parser.parse_args()
    results: dict[str, dict[str, dict[str, float]]] = {}
    print("  payload    step           seen after   keys held up by   ms")
    for name in options.names or PAYLOADS:
        with closing(RedisServer().start()) as server:
            answer = {"status": "success", "payload": PAYLOADS[name](), "request_id": "r1", "final": True}
            data = json.dumps(answer).encode()
            del answer
            # As the console does when it starts.
            gc.freeze()
            taken = asyncio.run(walk(server.url, data))
        results[name] = {what: one._asdict() for what, one in taken.items()}
        for what, one in taken.items():
            print(f"  {name:<10} {what:<14} {one.seen:>10,.0f} {one.held:>17,.0f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
