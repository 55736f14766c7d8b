"""A message that is being edited: its text at first, and what any later text of it would send. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.draft import DraftError, draft_of, from_draft
from daebus_console.engine.replay.item import Resend, Unsendable
from daebus_console.naming import shown
from daebus_console.text import clean
from daebus_console.tui.draft.hidden import Hidden
from daebus_console.tui.draft.text import INDENT, first_place, line_and_column, safe
from daebus_console.tui.rows.format import plural
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.rows.signs import ARROWS

NOUNS = {Kind.REQUEST: "request", Kind.ONE_WAY: "one-way message", Kind.BROADCAST: "broadcast"}
_ID = "0" * 32
"""As long as the ids that are made when it is sent."""
_CONSTANT = re.compile(r"\b(?:NaN|Infinity)\b")
_NAME = re.compile(r"`(\w+)`")
_OUTLINE = re.compile(r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")(?P<key>\s*:)?|(?P<bracket>[\[\]{}])|(?P<word>-?[A-Z]\w+)')


@dataclass(frozen=True)
class Verdict:
    """Of a text: the message it is, or None and why not. `line` and `column` count from 1; 0 where none is to blame."""

    item: Resend | None
    told: str
    line: int = 0
    column: int = 0


class Draft:
    """The draft of `resend`; `text` is what is edited at first, with the values of redacted keys hidden.

    Raises Unsendable where the message is nested too deeply to be edited.
    """

    def __init__(self, resend: Resend, redact: Redactor | None = None) -> None:
        if resend.raw is not None or not resend.carries_object:
            raise Unsendable("it can only be sent again as it was (r)")
        self.resend = resend
        text = draft_of(resend)
        self.hidden = Hidden(redact or Redactor(()), text)
        if redact:
            try:
                text = jsontext.dumps(self.hidden.hide(jsontext.loads(text)), indent=INDENT)
            except RecursionError:
                raise Unsendable("it is nested too deeply to be edited") from None
        self.text = safe(text.rstrip("\n"))

    def check(self, text: str) -> Verdict:
        """What that text would send, or what is wrong with it."""
        hidden = 0
        try:
            meant = text
            if self.hidden:
                meant, hidden = self._revealed(text)
            item = from_draft(meant, self.resend)
            size = len(item.encode(f"caller:{_ID}", _ID, 0.0))
        except DraftError as error:
            line, column = (error.line, error.column) if error.line else _place(text, error.message)
            # With a place beside it, it need not be said that JSON is meant.
            told = error.message.removeprefix("this is no JSON: ") if line else error.message
            return Verdict(None, clean(told), line, column)
        except Unsendable as error:
            return Verdict(None, str(error))
        told = f"may be sent: {NOUNS[item.kind]} {target(item)}, {plural(size, 'byte')}"
        if hidden:
            told += f", {plural(hidden, 'hidden value')} as {'it was' if hidden == 1 else 'they were'}"
        if (twice := _twice(text)) is not None:
            told += f'; "{clean(twice)}" is there twice, and the last counts'
        return Verdict(item, told)

    def place(self) -> tuple[int, int]:
        """Where the cursor is at first."""
        return first_place(self.text)

    def aim(self, item: Resend) -> Line:
        """Where it goes, as a line."""
        return aim(item)

    def _revealed(self, text: str) -> tuple[str, int]:
        try:
            value = jsontext.loads(text)
        except (ValueError, RecursionError):
            # Whoever reads it next says why.
            return text, 0
        try:
            meant, hidden = self.hidden.reveal(value, text)
            return (jsontext.dumps(meant, ascii_only=True), hidden) if hidden else (text, 0)
        except RecursionError:
            raise Unsendable("it is nested too deeply to be sent") from None


def aim(item: Resend) -> Line:
    """Where a message goes and what it is, as a line."""
    if item.kind is Kind.BROADCAST:
        what = "  broadcast: everybody who listens there gets it"
        return [(f" {ARROWS[item.kind]} ", "warn"), (shown(item.channel), "action"), (what, "warn")]
    name = f"{shown(item.service)}.{shown(item.action or '', text=True)}"
    return [(f" {ARROWS[item.kind]} ", "dim"), (name, "action"), (f"  {NOUNS[item.kind]}", "dim")]


def target(item: Resend) -> str:
    """Where a message goes, in words: `to users.get_user`, `on orders`."""
    if item.kind is Kind.BROADCAST:
        return f"on {shown(item.channel)}"
    return f"to {shown(item.service)}.{shown(item.action or '', text=True)}"


def _twice(text: str) -> str | None:
    """The name of a member that an object of a valid text has more than once, if there is one."""
    found: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs) and not found:
            places = {name: index for index, (name, _value) in enumerate(pairs)}
            found.append(next(name for index, (name, _value) in enumerate(pairs) if places[name] != index))
        return made

    try:
        json.loads(text, object_pairs_hook=members)
    except RecursionError:
        return None
    return found[0] if found else None


def _place(text: str, message: str) -> tuple[int, int]:
    """Line and column of what a message speaks of that has no place of its own; zeros where it cannot be told."""
    constant, name = _CONSTANT.search(message), _NAME.search(message)
    depth = 0
    for token in _OUTLINE.finditer(text) if constant or name else ():
        bracket: Any = token["bracket"]
        if bracket:
            depth += 1 if bracket in "{[" else -1
        elif token["word"] and constant and token["word"].removeprefix("-") == constant[0]:
            return line_and_column(text, token.start())
        elif token["key"] and depth == 1 and name and token["string"] == f'"{name[1]}"':
            rest = text[token.end() :]
            return line_and_column(text, token.end() + len(rest) - len(rest.lstrip()))
    return 0, 0
