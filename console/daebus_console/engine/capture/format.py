"""The capture file: what its lines are, for writer and reader alike. Pure but for the file itself.

JSON lines in UTF-8, compressed where the name ends in .gz or .zst. The first line is the header; every other is a
message, a gap in what was seen, or tells until when all was seen. Times are epoch seconds.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from daebus_console.files import packing
from daebus_console.urls import without_password as without_password

VERSION = 1
"""The version of the format that is written, and the newest that is read."""

NAMED_SO = (".jsonl", ".json", ".capture", *packing.SUFFIXES)
"""How the name of a capture may end, for whoever has to guess what a word is."""

LONGEST_LINE = 256 * 1024 * 1024
"""Bytes of the longest line, for writer and reader alike; no broker lets a message through that comes near."""

LATEST = 253_402_300_800.0
"""The end of the year 9999: times beyond it are no times."""

Epoch = Annotated[float, msgspec.Meta(ge=0, lt=LATEST)]


class CaptureError(Exception):
    """A file that cannot be read as a capture, or a capture that cannot be written; the text says why."""


class Header(msgspec.Struct, omit_defaults=True):
    """The first line. `redis` is the URL without its password, `started` when the recording began, `redacted` the keys
    whose values were masked on writing."""

    daebus_capture: int
    redis: str = ""
    started: float | str = ""
    redacted: list[str] = []


class MessageLine(msgspec.Struct, gc=False):
    """A message, whose bytes are UTF-8."""

    at: float
    channel: str
    data: str


class PlainLine(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The same as it is read, many at once, where all are such: nearly all of a capture."""

    at: Epoch
    channel: str
    data: str


class BytesLine(msgspec.Struct, gc=False):
    """A message, whose bytes are no UTF-8."""

    at: float
    channel: str
    data_base64: bytes


class OddLine(msgspec.Struct, gc=False, omit_defaults=True):
    """A message on a channel whose name is no UTF-8; of `data` and `data_base64` it has one."""

    at: float
    channel_base64: bytes
    data: str | UnsetType = UNSET
    data_base64: bytes | UnsetType = UNSET


class GapLine(msgspec.Struct, gc=False, omit_defaults=True):
    """From `at` on, nothing was seen for `gap` seconds.

    With `partly`, not everything was: one such line stands where that begins, with a `gap` of 0, the next one where
    it is over. Where it was not `lost`, the clock stepped by then, and what was under way has no time.
    """

    at: float
    gap: float
    reason: str
    partly: bool = False
    lost: bool = True


class SeenLine(msgspec.Struct, gc=False):
    """Until `at` nothing passed but what stands before: who has no answer by then has none."""

    at: float
    seen: bool = True


class Line(msgspec.Struct, gc=False):
    """Any line after the header, as it is read."""

    at: Epoch
    channel: str | UnsetType = UNSET
    channel_base64: bytes | UnsetType = UNSET
    data: str | UnsetType = UNSET
    data_base64: bytes | UnsetType = UNSET
    gap: Epoch | UnsetType = UNSET
    reason: str = ""
    partly: bool = False
    lost: bool = True
    seen: bool = False
