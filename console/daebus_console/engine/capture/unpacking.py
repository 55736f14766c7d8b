"""From the bytes of a file to those of the capture in it, gzipped, compressed by zstd or plain; bounded. Pure.

How it is compressed is told by the first bytes, not by the name.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Generator, Iterator
from itertools import chain
from typing import Any, NamedTuple

from daebus_console.files.packing import salvaged, zstd


class Trouble(NamedTuple):
    """What kept it from being read further; whether that is only that it `ended` there."""

    text: str
    ended: bool = False


Texts = Generator[bytes, None, Trouble | None]
"""Texts one after the other, and in the end what is wrong with them, if anything is."""

_GZIP = b"\x1f\x8b"
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL).match
"""A frame, or one to be skipped (RFC 8878, 3.1.2), with which some programs begin."""
_MAGIC = 4
"""Bytes of those."""
_CANNOT = {
    "too much memory": "it takes more memory than zstd allows by default; compress it without --long or --ultra",
    "ictionary": "it needs the dictionary that it was compressed with",
}
"""What is no damage, by words of the library."""
_BLOCK = 256 * 1024
_PIECE = 16 * 1024
"""What is handed to zstd at once: where a piece is damaged, no more than what comes of it is lost."""


def is_packed(first: bytes) -> bool:
    """Whether a file that begins so is compressed."""
    return first.startswith(_GZIP) or _ZSTD(first) is not None


def unpacked(raw: Iterator[bytes]) -> Texts:
    """What is in those bytes. What cannot be read since zstd is not there comes as it is."""
    first = next(raw, b"")
    while len(first) < _MAGIC and (more := next(raw, b"")):
        first += more
    blocks = chain((first,), raw)
    if first.startswith(_GZIP):
        return (yield from _gunzipped(blocks))
    if _ZSTD(first) and (module := zstd()) is not None:
        return (yield from _unzstd(blocks, module))
    yield from blocks
    return None


def _gunzipped(blocks: Iterator[bytes]) -> Texts:
    unzip = zlib.decompressobj(31)
    for block in blocks:
        data = block
        while data:
            before = unzip.copy()
            try:
                text = unzip.decompress(data, _BLOCK)
            except zlib.error:
                if text := salvaged(before, data, zlib.error):
                    yield text
                return _damaged("gzip")
            if text:
                yield text
            data = unzip.unconsumed_tail
            if unzip.eof and unzip.unused_data.strip(b"\0"):
                # Several gzip files behind one another are one as well.
                data, unzip = unzip.unused_data, zlib.decompressobj(31)
    if text := unzip.flush():
        yield text
    return None if unzip.eof else _ended("gzip")


def _unzstd(blocks: Iterator[bytes], module: Any) -> Texts:
    new: Callable[[], Any] = module.ZstdDecompressor
    unzip = new()
    for block in blocks:
        for start in range(0, len(block), _PIECE):
            data = block[start : start + _PIECE]
            while data or not (unzip.eof or unzip.needs_input):
                if unzip.eof:
                    # A file may be made of several frames, as a recording is.
                    unzip = new()
                try:
                    text = unzip.decompress(data, _BLOCK)
                except module.ZstdError as error:
                    cannot = next((why for words, why in _CANNOT.items() if words in str(error)), None)
                    return _damaged("zstd") if cannot is None else Trouble(f"the zstd stream cannot be read: {cannot}")
                if text:
                    yield text
                data = unzip.unused_data if unzip.eof else b""
    return None if unzip.eof else _ended("zstd")


def _damaged(by: str) -> Trouble:
    return Trouble(f"the {by} stream is damaged and cannot be read to its end")


def _ended(by: str) -> Trouble:
    return Trouble(f"the {by} stream ends early: the recording was cut off", ended=True)
