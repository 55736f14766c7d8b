"""A pickle, listed by its opcodes: it is never loaded, for loading runs what it says. Pure."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Any, NamedTuple

from daebus_console.engine.payloads.limits import Limits

_STOP = b"."
_MOST_SIGNS = 2000
_MOST_BITS = 4096


class Listed(NamedTuple):
    """Its opcodes with their arguments, in order, and what is wrong with it, else empty."""

    opcodes: list[str]
    trouble: str = ""


def looks_like(data: bytes) -> bool:
    """Whether the bytes begin and end as a pickle of protocol 2 or later; earlier ones have no mark."""
    return len(data) > 3 and data[0] == 0x80 and 2 <= data[1] <= 5 and data.endswith(_STOP)


def opcodes(data: bytes, limits: Limits) -> Listed:
    """What a pickle would do, step by step. Nothing of it is done."""
    found: list[str] = []
    most = limits.values // 10
    try:
        for name, argument, place in _steps(data[: limits.size]):
            if len(found) >= most:
                return Listed(found, f"more than {most:,} opcodes")
            found.append(f"{name} {_argument(argument)}" if argument is not None else name)
            if name == "STOP" and place < len(data) - 1:
                return Listed(found, f"{len(data) - place - 1:,} bytes after its end")
    except (ValueError, OverflowError, MemoryError, Warning) as error:
        # An opcode that is none, or an argument that ends too early, as the tools of Python tell it.
        return Listed(found, f"cannot be listed further: {str(error)[:200]}")
    return Listed(found)


def _steps(data: bytes) -> Iterator[tuple[str, Any, int]]:
    for opcode, argument, place in pickletools.genops(data):
        yield opcode.name, argument, place or 0


def _argument(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        shown = bytes(value[:_MOST_SIGNS])
        return f"h'{shown.hex()}'" + (f"… {len(value):,} bytes" if len(value) > _MOST_SIGNS else "")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a number of {value.bit_length():,} bits"
    if isinstance(value, str) and len(value) > _MOST_SIGNS:
        return f"{value[:_MOST_SIGNS]!r}… {len(value):,} characters"
    return repr(value)
