"""How far what somebody packed is unpacked. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """What is beyond is left out, and said to be.

    `size` is in bytes, of what is read and of what comes out of something compressed; `values` counts all values and
    keys; `levels` how deep they may lie in one another; `layers` how often something may be packed in something else;
    `bytes_shown` how many bytes of one binary value are written out.
    """

    size: int = 4 * 1024 * 1024
    values: int = 100_000
    levels: int = 200
    layers: int = 4
    bytes_shown: int = 4096


LIMITS = Limits()


def size_words(size: int) -> str:
    """A limit in bytes, in words."""
    return f"{size // 1024 // 1024} MB" if size >= 1024 * 1024 else f"{size:,} bytes"
