"""How bytes and the opcodes of pickles stand in what `engine.payloads` made of a message. Pure."""

from __future__ import annotations

import re

_BYTES = re.compile(r"(?:ext\(-?\d+, |[A-Z][A-Z0-9_]* )?h'((?:[0-9a-f]{2})+)'").match
_ARGUMENT = re.compile(r"[A-Z][A-Z0-9_]* (h'.*|([\"'])(?P<said>.*)\2)", re.DOTALL).fullmatch


def bytes_in(text: str) -> bytes | None:
    """The bytes that such a text is written for, alone or as an argument; None where it is another text."""
    found = _BYTES(text) if "h'" in text else None
    return None if found is None else bytes.fromhex(found[1])


def argument(text: str) -> str | None:
    """The text, or the bytes, that an opcode of a pickle has as its argument; None where it is no such opcode."""
    found = _ARGUMENT(text)
    if found is None:
        return None
    said = found["said"]
    return found[1] if said is None else str(said)
