"""Publishes request/response pairs of 225 bytes a message at a steady rate.

Run as `python -m tests.benchmarks.subjects.flood PORT COUNT RATE`. Every pair has an id of its own, as on a real bus.
RATE is messages a second, 0 for as fast as possible.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

SIZE = 225
PAIRS_A_WRITE = 100
_ID = "@" * 32


def _messages() -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """A request and its answer, (channel, data) each, with _ID in place of the id."""
    reply_to = f"caller:{1:032x}"
    request = {
        "action": "get_user",
        "payload": {"id": 7},
        "reply_to": reply_to,
        "request_id": _ID,
        "service": "gateway",
        "timeout": 5.0,
    }
    response = {
        "status": "success",
        "payload": {"id": 7, "name": "Ann"},
        "request_id": _ID,
        "final": True,
        "service": "users",
        "instance": "a1b2c3d4e5f6",
        "elapsed": 0.002,
    }
    asked, answered = (json.dumps(message).ljust(SIZE).encode() for message in (request, response))
    assert len(asked) == len(answered) == SIZE, (len(asked), len(answered))
    return ("users", asked), (reply_to, answered)


def _publish(channel: str, data: bytes) -> bytes:
    name = channel.encode()
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(name), name, len(data), data)


def pairs(first: int, count: int) -> list[tuple[str, bytes]]:
    """The messages (channel, data) of `count` pairs from that number on, as `flood` publishes them; fresh bytes."""
    (service, asked), (caller, answered) = _messages()
    found = []
    for number in range(first, first + count):
        request_id = b"%032x" % number
        found += [
            (service, asked.replace(_ID.encode(), request_id)),
            (caller, answered.replace(_ID.encode(), request_id)),
        ]
    return found


def flood(port: int, count: int, rate: float) -> float:
    """Publish `count` messages and return the seconds that took."""
    sock = socket.create_connection(("127.0.0.1", port))

    def drain() -> None:
        while sock.recv(1 << 20):
            pass

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    first, middle, last = b"".join(_publish(*message) for message in _messages()).split(_ID.encode())
    sent = 0
    started = time.perf_counter()
    while sent < count:
        parts: list[bytes] = []
        for number in range(sent, sent + PAIRS_A_WRITE):
            request_id = b"%032x" % number
            parts += (first, request_id, middle, request_id, last)
        sock.sendall(b"".join(parts))
        sent += 2 * PAIRS_A_WRITE
        if rate:
            ahead = sent / rate - (time.perf_counter() - started)
            if ahead > 0:
                time.sleep(ahead)
    seconds = time.perf_counter() - started
    sock.shutdown(socket.SHUT_WR)
    reader.join()
    sock.close()
    return seconds


if __name__ == "__main__":
    print(json.dumps({"seconds": flood(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))}))
