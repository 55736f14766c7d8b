"""Masking the values of named keys (`--redact password,token`), in bytes for files and in values for views. Pure.

In bytes everything but the masked values stays as it is, also in a string that is JSON itself.
What cannot be read as JSON and yet contains the name of such a key is masked whole, since nobody can tell where its
value begins and ends; that goes for a message, and for a string that begins like JSON. Other text is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from daebus_console.engine import envelope as wire
from daebus_console.engine import jsontext
from daebus_console.engine.filter.pattern import escapes_ascii, readable

MASK = "***"

_DEEPEST = 8
"""JSON texts within JSON texts that are looked into; what is deeper and names a key is masked whole."""

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SIGN = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_Change = tuple[int, int, str]
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class Redactor:
    """Masks the values of these keys, whatever their case, at any depth and also in strings that are JSON themselves.

    Call it with the bytes of a message for the bytes to store: the same object where no key is named in them. False
    where there are no keys.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = tuple(dict.fromkeys(key.strip().casefold() for key in keys if key.strip()))
        self._keys = frozenset(self.keys)
        self._names = tuple(key.encode() for key in self.keys if key.isascii())
        self._all_ascii = len(self._names) == len(self.keys)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def __call__(self, data: bytes) -> bytes:
        """The bytes with those values masked."""
        if not self._may_name(data):
            return data
        try:
            wire.decode(data)
        except wire.Unreadable:
            if not self._named_in(data):
                return data
            return f"{MASK} {len(data)} bytes that are no JSON and name a redacted key".encode()
        text = data.decode()
        changes = self._in_json(text, 0)
        return jsontext.replaced(text, changes).encode() if changes else data

    def mask(self, value: Any) -> Any:
        """A JSON value with those values masked: a copy, or the same object where nothing was to be masked."""
        try:
            return self._mask(value)
        except RecursionError:
            return MASK

    def _mask(self, value: Any) -> Any:
        if isinstance(value, jsontext.Object | jsontext.Array) and value.text is not None:
            data = value.text.encode("utf-8", "surrogatepass")
            masked = self(data)
            return value if masked is data else jsontext.loads(masked.decode("utf-8", "surrogatepass"))
        if isinstance(value, dict):
            pairs = list(jsontext.pairs_of(value))
            changed = [(key, self._masked(key, item)) for key, item in pairs]
            same = all(new is old for (_key, new), (_name, old) in zip(changed, pairs, strict=True))
            return value if same else jsontext.made_of(changed)
        if isinstance(value, list):
            items = [self._mask(item) for item in value]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """The text with those values masked where it is JSON; otherwise as it is."""
        changes = self._in_string(text, 0)
        return jsontext.replaced(text, changes) if changes else text

    def _masked(self, key: Any, item: Any) -> Any:
        if isinstance(key, str) and key.casefold() in self._keys:
            return MASK
        return self._mask(item)

    def _may_name(self, data: bytes) -> bool:
        """Whether one of the keys may be named in the bytes: never wrong when it says no."""
        lower = data.lower()
        for name in self._names:
            if lower.find(name) >= 0:
                return True
        if not self._all_ascii and not (data.isascii() and data.find(b"\\u") < 0):
            return True
        return bool(self.keys) and data.find(b"\\") >= 0 and escapes_ascii(data) is not None

    def _named_in(self, data: bytes) -> bool:
        text = readable(data).casefold()
        return any(key in text for key in self.keys)

    def _in_json(self, text: str, depth: int) -> list[_Change]:
        """What is to be changed in a JSON text: from where to where, and what to."""
        changes: list[_Change] = []
        position = 0
        while (found := _STRING.search(text, position)) is not None:
            position = found.end()
            colon = _COLON.match(text, position)
            if colon is None:
                begin = found.start()
                changes += ((begin + start, begin + end, new) for start, end, new in self._in_token(found[0], depth))
            elif _unquoted(found[0]).casefold() in self._keys:
                position = _value_end(text, colon.end())
                changes.append((colon.end(), position, f'"{MASK}"'))
        return changes

    def _in_token(self, token: str, depth: int) -> list[_Change]:
        """The same in a JSON string, quotes included, where what it says is JSON."""
        if not token.startswith(("[", "{", " ", "\t", "\\", '"'), 1):
            return []
        changes = self._in_string(_unquoted(token), depth + 1)
        if not changes:
            return []
        places = _places(token)
        return [(places[start], places[end], json.dumps(new)[1:-1]) for start, end, new in changes]

    def _in_string(self, said: str, depth: int) -> list[_Change]:
        if not said.lstrip().startswith(("{", "[", '"')):
            return []
        data = said.encode("utf-8", "surrogatepass")
        if not self._may_name(data):
            return []
        whole = [(0, len(said), MASK)]
        if depth > _DEEPEST:
            return whole
        try:
            wire.decode(data)
        except wire.Unreadable:
            return [] if said.lstrip().startswith('"') or not self._named_in(data) else whole
        return self._in_json(said, depth)


def _places(token: str) -> list[int]:
    """Where in a JSON string each sign stands of what it says, and where the last one ends."""
    inside = [found.start() for found in _SIGN.finditer(token, 1, len(token) - 1)]
    return [*inside, len(token) - 1]


def _unquoted(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        said = json.loads(token, strict=False)
    except ValueError:
        return token[1:-1]
    return said if isinstance(said, str) else token[1:-1]


def _value_end(text: str, start: int) -> int:
    """Where the JSON value ends that begins at `start`."""
    sign = text[start : start + 1]
    if sign == '"':
        found = _STRING.match(text, start)
        return found.end() if found else len(text)
    if sign not in ("[", "{"):
        scalar = _SCALAR.match(text, start)
        return scalar.end() if scalar else start
    depth = 0
    for bracket in _BRACKET.finditer(text, start):
        if bracket[0] in ("[", "{"):
            depth += 1
        elif bracket[0] in ("]", "}"):
            depth -= 1
            if depth == 0:
                return bracket.end()
    return len(text)
