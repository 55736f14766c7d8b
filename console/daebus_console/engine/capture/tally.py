"""What of a recording is really in its file, where writing ended in the middle of something. Pure."""

from __future__ import annotations

import contextlib

import msgspec


def messages_in(text: bytes | bytearray) -> int:
    """How many messages a piece of a capture holds that begins with a line; the last one may lack its line end."""
    *lines, rest = bytes(text).split(b"\n")
    if rest:
        with contextlib.suppress(msgspec.DecodeError):
            msgspec.json.decode(rest, type=msgspec.Raw)
            lines.append(rest)
    # {"at":1.5,"channel":… is a message, {"at":1.5,"gap":… is none.
    return sum(line.split(b'"', 4)[3:4] == [b"channel"] for line in lines)
