"""The envelope of kombu, Celery's transport: JSON whose body is base64 of something else. Pure."""

from __future__ import annotations

import binascii
from typing import Any, NamedTuple

from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire


class Envelope(NamedTuple):
    """The text of the message around its body, and the body."""

    before: str
    after: str
    body: bytes
    content_type: str


def read(data: bytes) -> Envelope | None:
    """The envelope; None where the marks of kombu are not all there, or the body is no base64."""
    if b'"body_encoding"' not in data:
        return None
    try:
        text = wire.text_of(data)
        members = {member.name: member for member in jsontext.read_members(text)}
    except (wire.Unreadable, ValueError, RecursionError):
        return None
    body, content_type = members.get("body"), _value(members, "content-type")
    properties = _value(members, "properties")
    if body is None or not isinstance(body.value, str) or not isinstance(content_type, str):
        return None
    if not isinstance(properties, dict) or properties.get("body_encoding") != "base64":
        return None
    try:
        packed = binascii.a2b_base64(body.value.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return Envelope(text[: body.start], text[body.end :], packed, content_type)


def _value(members: dict[str, Any], name: str) -> Any:
    member = members.get(name)
    return member.value if member is not None else None
