"""Records as services tell them, to be put on a bus without a broker."""

from __future__ import annotations

import json
import zlib
from typing import Any

from tests.console.engine.bus import Sent


def record(seq: int, kind: str, at: float = 1_000.0, **fields: Any) -> dict[str, Any]:
    return {"seq": seq, "at": at, "kind": kind, **{name.rstrip("_"): value for name, value in fields.items()}}


def handled(seq: int, id: str, action: str = "act", at: float = 1_000.0, **fields: Any) -> dict[str, Any]:
    told = {"id": id, "action": action, "queued": 0.002, "elapsed": 0.01, "outcome": "ok"}
    return record(seq, "handled", at, **{**told, **fields})


def cast(kind: str, seq: int, channel: str, data: bytes, at: float = 1_000.0, **fields: Any) -> dict[str, Any]:
    """A record about a broadcast with these bytes."""
    about = {"channel": channel, "digest": f"{zlib.crc32(data):08x}", "length": len(data)}
    return record(seq, kind, at, **{**about, **fields})


def batch(service: str, *records: Any, instance: str = "i1", **fields: Any) -> Sent:
    """What a service publishes while it is watched."""
    told = {"service": service, "instance": instance, "seq": len(records), **fields, "records": list(records)}
    return Sent(f"daebus.watch.{service}", json.dumps(told).encode())


def recent(service: str, *records: Any, instance: str = "i1", id: str = "asked", **fields: Any) -> Sent:
    """What it answers to `recent`."""
    payload = {"seq": len(records), "lost": 0, "more": False, **fields, "records": list(records)}
    told = {"status": "success", "payload": payload, "request_id": id, "service": service, "instance": instance}
    return Sent("caller:console", json.dumps(told).encode())
