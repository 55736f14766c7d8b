"""What the tests of typed handlers share: a handler asked with a payload, and what was wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from daebus import Daebus
from daebus.testing import TestClient


def taking(annotation: Any) -> Callable[[Any], Any]:
    """A handler whose field `x` is annotated so; it answers with the repr of what it got."""

    def handler(x: Any) -> dict[str, str]:
        return {"got": repr(x)}

    handler.__annotations__ = {"x": annotation}
    return handler


def ask(handler: Callable[..., Any], payload: Any) -> Any:
    """The answer of the handler to that payload: a dict, or a whole message as it is on the wire."""
    app = Daebus("typed")
    app.action("do")(handler)
    with app.test_client() as client:
        if isinstance(payload, str):
            return answered(client, payload)
        return client.request("do", payload)


def answered(client: TestClient, payload: str) -> Any:
    """The payload of the answer to one that is given as its text."""
    message = f'{{"action": "do", "payload": {payload}, "reply_to": "asker", "request_id": "r"}}'
    client.publish(client.service, message)
    (answer,) = client.broadcasts("asker")
    return answer["payload"]


def wrong(handler: Callable[..., Any], payload: Any) -> dict[str, str]:
    """What is wrong with the payload: reasons by their paths."""
    answer = ask(handler, payload if isinstance(payload, str) else json.dumps(payload))
    assert answer.get("code") == "bad_request", answer
    assert answer["type"] == "Misfit"
    return {field["path"]: field["reason"] for field in answer["fields"]}
