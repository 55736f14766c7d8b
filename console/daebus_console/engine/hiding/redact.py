"""Masking the values of named keys (`--redact password,token`), in bytes for files and in values for views. Pure.

A value belongs to a key that it stands under, beside (`secret_pairs`) or behind in a text (`secret_text`); the blanks
around a key and its case do not matter. In bytes everything but the masked values stays as it is, also in a string that
is JSON itself. What cannot be read as JSON and yet contains the name of such a key is masked whole, since nobody can
tell where its value begins and ends; that goes for a message, for what is packed in one (`engine.payloads`), and for a
string that begins like JSON.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from daebus_console.engine import jsontext, payloads
from daebus_console.engine.filter.pattern import escapes_in, readable
from daebus_console.engine.hiding.pairs import in_list, in_object
from daebus_console.engine.hiding.texts import SecretText
from daebus_console.engine.hiding.unpacked import bytes_in
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.payloads import kombu

MASK = "***"

_DEEPEST = 8
"""JSON texts within JSON texts that are looked into; what is deeper and names a key is masked whole."""

_LONGEST_PATH = 100
"""Names of a path of a debugger's condition."""
_SIGN = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_Change = tuple[int, int, str]
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)


class Redactor:
    """Masks the values of these keys, whatever their case, at any depth and also in strings that are JSON themselves.

    Call it with the bytes of a message for the bytes to store: the same object where no key is named in them. False
    where there are no keys.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = tuple(dict.fromkeys(key.strip().casefold() for key in keys if key.strip()))
        self._keys = frozenset(self.keys)
        written = [json.dumps(key, ensure_ascii=False)[1:-1] for key in self.keys]
        self._forms = tuple(dict.fromkeys((*self.keys, *written)))
        self._names = tuple(form.encode() for form in self._forms if form.isascii())
        self._all_ascii = len(self._names) == len(self._forms)
        self._escapes = escapes_in(self.keys)
        self._escaped = set(written) != set(self.keys)
        """Whether JSON writes one of them with a backslash, and JSON within a string with more of them."""
        self.places: frozenset[str] = frozenset()
        """Paths, as differences have them, at which values stand beside the name of a key; see `at`."""
        self._prose = SecretText(self.keys, MASK) if self.keys else None

    def __bool__(self) -> bool:
        return bool(self.keys)

    def at(self, places: Iterable[str]) -> Redactor:
        """The same, knowing that these places of what is compared hold secrets as well."""
        found = copy.copy(self)
        found.places = frozenset(places)
        return found

    def __call__(self, data: bytes) -> bytes:
        """The bytes with those values masked."""
        if self.keys and payloads.is_packed(data):
            packed = payloads.decode(data)
            if packed is not None:
                return self._in_packed(data, packed)
        if not self._may_name(data):
            return data
        if not _is_json(data):
            if not self._named_in(data):
                return data
            return f"{MASK} {len(data)} bytes that are no JSON and name a redacted key".encode()
        text = data.decode()
        changes = self._in_json(text, 0)
        return jsontext.replaced(text, changes).encode() if changes else data

    def _in_packed(self, data: bytes, packed: payloads.Decoded) -> bytes:
        """What is packed cannot be changed in one place, and of what was not unpacked nobody knows what it names."""
        found = packed.data
        inside = found + json.dumps(dict(packed.headers or {}), ensure_ascii=False).encode()
        named = self._is_named(data) or self._is_named(inside) or self(found) is not found
        if not packed.trouble and not named:
            return data
        around = kombu.read(data)
        if around is not None:
            # JSON stays JSON, and only its body is masked whole.
            return self(f'{around.before}"{MASK}"{around.after}'.encode())
        return f"{MASK} {len(data)} bytes of {packed.by} that name a redacted key, or may".encode()

    def payload_of(self, data: bytes, *, whole: bool = False) -> Any:
        """What a message carries, as `envelope.payload_of`, with those values masked. Raises Unreadable."""
        payload = wire.payload_of(data, whole=whole)
        return wire.payload_of(self(data), whole=whole) if isinstance(payload, str) else self.mask(payload)

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
            return value if masked is data else _value(masked.decode("utf-8", "surrogatepass"))
        if isinstance(value, dict):
            members = list(jsontext.pairs_of(value))
            hidden = set(in_object(members, self.names))
            changed = [(key, MASK if at in hidden else self._mask(item)) for at, (key, item) in enumerate(members)]
            same = all(new is old for (_key, new), (_name, old) in zip(changed, members, strict=True))
            return value if same else jsontext.made_of(changed)
        if isinstance(value, list):
            hidden = set(in_list(value, self.names))
            items = [MASK if at in hidden else self._mask(item) for at, item in enumerate(value)]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        return self.text(value) if isinstance(value, str) else value

    def names(self, key: object) -> bool:
        """Whether that is one of the keys."""
        if not isinstance(key, str):
            return False
        within = bytes_in(key)
        name = key if within is None else within.decode("utf-8", "replace")
        return name.strip().casefold() in self._keys

    def text(self, text: str) -> str:
        """The text with those values masked: in its JSON where it is JSON, otherwise behind their names."""
        changes = self._in_string(text, 0)
        return jsontext.replaced(text, changes) if changes else text

    def _may_name(self, data: bytes) -> bool:
        """Whether one of the keys may be named in the bytes, or in bytes that they are a text for: sure when False."""
        return self._is_named(data) or (bool(self.keys) and data.find(b"h'") >= 0)

    def _is_named(self, data: bytes) -> bool:
        """Whether one of the keys may be named in the bytes themselves: never wrong when it says no."""
        lower = data.lower()
        for name in self._names:
            if lower.find(name) >= 0:
                return True
        if self._escaped and data.find(b"\\") >= 0:
            return True
        if not self._all_ascii and not (data.isascii() and data.find(b"\\u") < 0):
            return True
        return bool(self.keys) and data.find(b"\\") >= 0 and self._escapes(data) is not None

    def _named_in(self, data: bytes) -> bool:
        text = readable(data).casefold()
        return any(form in text for form in self._forms)

    def _in_json(self, text: str, depth: int) -> list[_Change]:
        """What is to be changed in a JSON text: from where to where, and what to."""
        changes: list[_Change] = []
        kept = 0
        for change in sorted(self._edits(text, depth), key=lambda edit: (edit[0], -edit[1])):
            # What stands within something masked is gone with it.
            if change[0] >= kept:
                changes.append(change)
                kept = change[1]
        return changes

    def _edits(self, text: str, depth: int) -> Iterator[_Change]:
        """What is to stand in place of parts of a JSON text, as start, end and text."""
        stack: list[_Level] = [_Level("[", 0)]
        for token in _TOKEN.finditer(text):
            sign = token[0]
            if sign in ("{", "["):
                stack.append(_Level(sign, token.start()))
            elif sign in ("}", "]"):
                if len(stack) > 1:
                    level = stack.pop()
                    yield from self._of_level(level)
                    stack[-1].add(level.start, token.end(), {} if sign == "}" else level.path)
            elif sign == ":":
                stack[-1].take_key()
            elif sign != ",":
                said = _unquoted(sign) if sign.startswith('"') else None
                stack[-1].add(token.start(), token.end(), said)
                if said is not None and not _is_key(text, token.end()):
                    begin = token.start()
                    for start, end, new in self._in_token(sign, said, depth):
                        yield begin + start, begin + end, new

    def _of_level(self, level: _Level) -> Iterator[_Change]:
        values = level.values
        if level.is_object:
            hidden = in_object([(key, said) for key, _start, _end, said in values], self.names)
        else:
            hidden = in_list([said for _key, _start, _end, said in values], self.names)
        for index in hidden:
            yield values[index][1], values[index][2], f'"{MASK}"'

    def _in_token(self, token: str, said: str, depth: int) -> list[_Change]:
        """The same in a JSON string, quotes included, by what it says."""
        changes = self._in_string(said, depth + 1)
        if not changes:
            return []
        places = _places(token)
        return [(places[start], places[end], json.dumps(new)[1:-1]) for start, end, new in changes]

    def _in_prose(self, said: str) -> list[_Change]:
        masked = said if self._prose is None else self._prose.mask(said)
        if masked is said:
            return []
        before = len(os.path.commonprefix((said, masked)))  # noqa: RUF071 - signs are what is compared
        after = len(os.path.commonprefix((said[before:][::-1], masked[before:][::-1])))  # noqa: RUF071
        return [(before, len(said) - after, masked[before : len(masked) - after])]

    def _in_string(self, said: str, depth: int) -> list[_Change]:
        data = said.encode("utf-8", "surrogatepass")
        if not self._may_name(data):
            return []
        whole = [(0, len(said), MASK)]
        within = bytes_in(said)
        if within is not None:
            return whole if self._named_in(within) else []
        if not said.lstrip().startswith(("{", "[", '"')):
            return self._in_prose(said)
        if depth > _DEEPEST:
            return whole
        try:
            wire.decode(data)
        except wire.Unreadable:
            if said.lstrip().startswith('"') or not self._named_in(data):
                return self._in_prose(said)
            return whole
        return self._in_json(said, depth)


def _is_json(data: bytes) -> bool:
    """Whether they are JSON, also where a number in it has more digits than a service would read."""
    try:
        wire.decode(data)
    except wire.Unreadable:
        try:
            return not isinstance(_value(wire.text_of(data)), str)
        except wire.Unreadable:
            return False
    return True


def _value(text: str) -> Any:
    """The value of a JSON text; a text that is none, or is nested too deeply, is that text."""
    try:
        return jsontext.loads(text)
    except (ValueError, RecursionError):
        return text


def _places(token: str) -> list[int]:
    """Where in a JSON string each sign stands of what it says, and where the last one ends."""
    inside = [found.start() for found in _SIGN.finditer(token, 1, len(token) - 1)]
    return [*inside, len(token) - 1]


_BLANKS_AND_COLON = re.compile(r"[ \t\r\n]+:")


def _unquoted(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        said = json.loads(token, strict=False)
    except ValueError:
        return token[1:-1]
    return said if isinstance(said, str) else token[1:-1]


def _is_key(text: str, end: int) -> bool:
    """Whether a colon follows."""
    return text[end : end + 1] == ":" or _BLANKS_AND_COLON.match(text, end) is not None


class _Level:
    """An object or a list that is being read: its values so far, each with its key, its place, and what it says.

    What a value says is a str for a string, a list or dict for these, and None for all else.
    """

    def __init__(self, sign: str, start: int) -> None:
        self.is_object = sign == "{"
        self.start = start
        self.values: list[tuple[str, int, int, object]] = []
        self._key = ""

    def add(self, start: int, end: int, said: object) -> None:
        """Take a value."""
        self.values.append((self._key, start, end, said))
        self._key = ""

    @property
    def path(self) -> list[object]:
        """What its values say, where it may be a path."""
        return [said for _key, _start, _end, said in self.values] if len(self.values) <= _LONGEST_PATH else []

    def take_key(self) -> None:
        """The value taken last was the key of the next."""
        if self.values:
            said = self.values.pop()[3]
            self._key = said if isinstance(said, str) else ""
