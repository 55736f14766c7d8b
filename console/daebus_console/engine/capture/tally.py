"""What of a recording is really in its file, where writing ended in the middle of something. Pure."""

from __future__ import annotations

import contextlib
import zlib

import msgspec

WINDOW = 32 * 1024
"""Bytes that gzip looks back."""
_CRUMB = 64


def messages_in(text: bytes | bytearray) -> int:
    """How many messages a piece of a capture holds that begins with a line; the last one may lack its line end."""
    *lines, rest = bytes(text).split(b"\n")
    if rest:
        with contextlib.suppress(msgspec.DecodeError):
            msgspec.json.decode(rest, type=msgspec.Raw)
            lines.append(rest)
    # {"at":1.5,"channel":… is a message, {"at":1.5,"gap":… is none.
    return sum(line.split(b'"', 4)[3:4] == [b"channel"] for line in lines)


def unzipped(data: bytes, window: bytes) -> bytes:
    """What can be had of a piece of a gzip stream that begins behind a flush, before which `window` was written."""
    unzip = zlib.decompressobj(-15, zdict=window[-WINDOW:])
    texts = []
    with contextlib.suppress(zlib.error):
        for start in range(0, len(data), _CRUMB):
            texts.append(unzip.decompress(data[start : start + _CRUMB]))
    return b"".join(texts)
