"""An app in a module of its own, and a capture of what it was asked and what it asked others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.console.cli.conftest import Console

SHOP = """
from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, RequestTimeout, broadcast, request

app = Daebus("orders")
payment, stock = DaebusCaller("payment"), DaebusCaller("stock")
async_payment = AsyncDaebusCaller("payment")
factor = 1


@app.action("place")
def place():
    print("placing")
    amount = request.payload["amount"] * factor
    paid = payment.send_request("charge", {"amount": amount, "token": request.payload.get("token")})
    stock.send_request("reserve", {"sku": "a"})
    broadcast.send("orders.created", {"receipt": paid["receipt"]})
    payment.send_message("note", {"amount": amount})
    return {"total": amount, "token": request.payload.get("token")}


@app.action("place_async")
async def place_async():
    return await async_payment.send_request("charge", {"amount": 1})


@app.action("parts")
def parts():
    yield {"n": 1}
    yield {"n": 2}


@app.action("boom")
def boom():
    found = {}
    return found["gone"]


@app.action("patient")
def patient():
    try:
        payment.send_request("charge", {"amount": 1}, timeout=300)
    except RequestTimeout:
        return {"paid": False}
    return {"paid": True}


@app.action("impatient")
def impatient():
    return payment.send_request("charge", {"amount": 1}, timeout=0.25)


@app.action("told")
def told():
    payment.send_message("note", {"told": request.payload["what"]})
"""


class Capture:
    """Lines of a capture, written one after the other: each message 10 ms after the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = [{"daebus_capture": 1, "redis": "redis://localhost:6379/0", "started": 1_700_000_000.0}]

    def add(self, channel: str, **message: Any) -> Capture:
        at = 1_700_000_000.0 + 0.01 * len(self.lines)
        self.lines.append({"at": at, "channel": channel, "data": json.dumps(message, separators=(",", ":"))})
        return self

    def ask(self, channel: str, action: str, payload: Any, id: str, parent: str | None = None, **more: Any) -> Capture:
        within = {} if parent is None else {"parent_id": parent}
        message = {"action": action, "payload": payload, "reply_to": f"caller:{id}", "request_id": id, "service": "web"}
        return self.add(channel, **message, **within, **more)

    def answer(self, id: str, payload: Any, status: str = "success", **more: Any) -> Capture:
        return self.add(f"caller:{id}", status=status, payload=payload, request_id=id, **more)

    def write(self) -> Path:
        self.path.write_text("".join(f"{json.dumps(line)}\n" for line in self.lines), encoding="utf-8")
        return self.path


def gave_up(capture: Capture, id: str = "i") -> Capture:
    """An action whose call was not answered in time, which its handler let rise."""
    text = f"no answer from 'payment' to 'charge' within 0.25 s (request {id}1); it may still be handled"
    capture.ask("orders", "impatient", {}, id).ask("payment", "charge", {"amount": 1}, f"{id}1", id, timeout=0.25)
    return capture.answer(id, {"error": text, "code": "handler_error", "type": "RequestTimeout"}, "error")


def placed(capture: Capture, id: str = "r", amount: int = 5) -> Capture:
    """An order as `place` handles it: five exchanges."""
    token = {"token": "s3cret"}
    # Long ago, for so long: whoever looked at that would refuse it as late.
    capture.ask("orders", "place", {"amount": amount, **token}, id, sent_at=1_700_000_000.0, timeout=0.5)
    capture.ask("payment", "charge", {"amount": amount, **token}, f"{id}1", id).answer(f"{id}1", {"receipt": 17})
    capture.ask("stock", "reserve", {"sku": "a"}, f"{id}2", id).answer(f"{id}2", {"left": 3})
    capture.add("orders.created", receipt=17)
    capture.add("payment", action="note", payload={"amount": amount}, service="orders", parent_id=id)
    return capture.answer(id, {"total": amount, **token})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program is started: it has the module of the app."""
    (tmp_path / "orders_app.py").write_text(SHOP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def capture(folder: Path) -> Capture:
    return Capture(folder / "bug.jsonl")


@pytest.fixture
def console() -> Console:
    """On a Redis that is not there: none is needed."""
    return Console("redis://127.0.0.1:1/0")
