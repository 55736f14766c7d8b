"""What a debugger writes into messages: that they are held, what was done to them, another payload. Pure."""

from __future__ import annotations

from typing import Any

from .envelope import RequestId
from .objects import decode_object
from .writing import encode


def write_notice(request_id: RequestId, held: float, service: str, instance: str) -> bytes:
    """A notice to whoever asked: the answer is held up, for `held` seconds so far and until the next notice.

    It is a partial answer that says nothing: who understands it waits for so much longer.
    """
    message: dict[str, Any] = {"status": "success", "payload": {}, "request_id": request_id, "final": False}
    return encode({**message, "service": service, "instance": instance, "held": round(held, 3)})


def marked(data: bytes, mark: dict[str, Any]) -> bytes:
    """A message that the framework has written, with a `debug` beside its other fields, none of which is changed."""
    return data[:-1] + b',"debug":' + encode(mark, "mark") + b"}"


def rewritten(data: bytes, **fields: Any) -> bytes:
    """A message that the framework has written, with other values for some of its fields. Raises PayloadError."""
    message = decode_object(data)
    assert isinstance(message, dict)
    return encode({**message, **fields})


def payload_in(data: bytes) -> Any:
    """The payload of a message that the framework has written; None where it cannot be read."""
    message = decode_object(data)
    return message.get("payload") if isinstance(message, dict) else None
