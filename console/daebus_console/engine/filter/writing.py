"""Terms of the filter language, written so that they mean exactly what they are made from. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.filter.payload import Path

_LONGEST = 200
_PLAIN = frozenset("_.-/")
_SPECIAL = str.maketrans({"\\": "\\\\", '"': '\\"', "*": "\\*"})


def literal(name: str) -> str:
    """A name or text as a value that accepts it alone (but for upper and lower case)."""
    plain = name.isascii() and all(sign.isalnum() or sign in _PLAIN for sign in name)
    return name if name and plain and not name.startswith("-") and ".." not in name else quoted([name])


def quoted(pieces: Iterable[str]) -> str:
    """A value in quotes: these texts, with anything between them."""
    return '"' + "*".join(map(_literally, pieces)) + '"'


def _literally(piece: str) -> str:
    text = piece.translate(_SPECIAL)
    if text.isprintable():
        return text
    # By its number, so that the filter stands on one line and commands nothing.
    return "".join(sign if sign.isprintable() else _number(ord(sign)) for sign in text)


def _number(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def carrying(value: str | int | float) -> str:
    """The term for whatever carries that text or number; of a long text its beginning is looked for."""
    if not isinstance(value, str):
        return f"carries:{value}"
    return f"carries:{literal(value) if len(value) <= _LONGEST else quoted([value[:_LONGEST], ''])}"


def numbers(found: Iterable[int]) -> str:
    """The term for the exchanges of those numbers."""
    return "id:" + ",".join(f"#{number}" for number in found)


def field(path: Path) -> str:
    """The key for the field of a payload at that path: `payload.a[0].*`."""
    return "payload" + "".join(map(_step, path))


def _step(step: str | int | None) -> str:
    if step is None:
        return ".*"
    if isinstance(step, int):
        return f"[{step}]"
    if step and all(sign.isalnum() or sign in "_-" for sign in step):
        return f".{step}"
    return f'."{_literally(step)}"'
