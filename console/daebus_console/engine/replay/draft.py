"""A message as text to edit, and back: for an editor pane or $EDITOR. Pure."""

from __future__ import annotations

import json
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.item import Resend, Unsendable


class DraftError(ValueError):
    """An edited text that cannot be sent. `line` and `column` count from 1; 0 where no place is to blame."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line, self.column = line, column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


def draft_of(resend: Resend) -> str:
    """The message as indented JSON: `service`, `action` and `payload`, or `channel` and `message` of a broadcast.

    Raises Unsendable where it is nested too deeply.
    """
    if resend.kind is Kind.BROADCAST:
        shown: dict[str, Any] = {"channel": resend.channel, "message": resend.payload}
    else:
        shown = {"service": resend.channel, "action": resend.action, "payload": resend.payload}
    try:
        return jsontext.dumps(shown, indent=2) + "\n"
    except RecursionError:
        raise Unsendable("it is nested too deeply to be edited") from None


def from_draft(text: str, resend: Resend) -> Resend:
    """The message that an edited draft of `resend` says: what was not edited is written as it was.

    Raises DraftError, which points at the place.
    """
    try:
        shown = jsontext.loads_strict(text)
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise DraftError(f"this is no JSON: {reason}", error.lineno, error.colno) from None
    except (ValueError, RecursionError) as error:
        raise DraftError(f"this is no JSON: {error}") from None
    where, what = ("channel", "message") if resend.kind is Kind.BROADCAST else ("service", "payload")
    names = {where, what} if resend.kind is Kind.BROADCAST else {where, "action", what}
    if not isinstance(shown, dict) or set(shown) != names:
        raise DraftError(f"expected an object with just {', '.join(sorted(names))}")
    if not isinstance(shown[what], dict):
        raise DraftError(f"`{what}` must be an object")
    for name in names - {what}:
        if not isinstance(shown[name], str) or not shown[name]:
            raise DraftError(f"`{name}` must be a text that is not empty")
    edited = resend.to(shown[where])
    member = next(member for member in reversed(jsontext.read_members(text)) if member.name == what)
    before = jsontext.text_of(resend.payload)
    after = jsontext.merged(before, text[member.start : member.end])
    if after != before:
        edited = edited.with_payload(jsontext.loads(after))
    if resend.kind is Kind.BROADCAST or shown["action"] == resend.action:
        return edited
    return edited.with_action(shown["action"])
