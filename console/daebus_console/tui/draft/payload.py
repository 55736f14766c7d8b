"""A payload alone that is being edited: of a message that is held, or of an answer to give in its place. Pure."""

from __future__ import annotations

import json
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.diff.preview import previews
from daebus_console.engine.diff.values import Change, How, iter_diff
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.draft import DraftError
from daebus_console.engine.replay.item import Resend, Unsendable
from daebus_console.text import clean
from daebus_console.tui.draft.draft import Draft, Verdict
from daebus_console.tui.draft.hidden import Hidden
from daebus_console.tui.draft.text import INDENT, safe
from daebus_console.tui.rows.format import plural
from daebus_console.tui.rows.lines import Line

_MOST = 3
_LONGEST = 40


class PayloadDraft(Draft):
    """The draft of a payload; `told` says what becomes of it. Raises Unsendable where it is nested too deeply.

    A verdict's item carries the payload as its body.
    """

    def __init__(self, payload: dict[str, Any], told: str, redact: Redactor | None = None) -> None:
        self.resend = Resend(Kind.BROADCAST, "held", None, payload)
        self.what = told
        self._redact = redact or Redactor(())
        try:
            text = jsontext.dumps(payload, indent=INDENT)
            self.hidden = Hidden(self._redact, text)
            if redact:
                text = jsontext.dumps(self.hidden.hide(jsontext.loads(text)), indent=INDENT)
        except RecursionError:
            raise Unsendable("it is nested too deeply to be edited") from None
        self.text = safe(text)

    def check(self, text: str) -> Verdict:
        """What that text would be, or what is wrong with it; with what differs from the original."""
        try:
            meant, _hidden = self._revealed(text) if self.hidden else (text, 0)
            payload = jsontext.loads_strict(meant)
        except json.JSONDecodeError as error:
            return Verdict(None, clean(error.msg[:1].lower() + error.msg[1:]), error.lineno, error.colno)
        except DraftError as error:
            return Verdict(None, clean(error.message), error.line, error.column)
        except (ValueError, RecursionError) as error:
            return Verdict(None, clean(str(error)))
        if not isinstance(payload, dict):
            return Verdict(None, "a payload is an object: { … }", 1, 1)
        merged = jsontext.merged(jsontext.text_of(self.resend.body), meant)
        item = self.resend.with_payload(jsontext.loads(merged))
        return Verdict(item, f"{self.what}: {self._difference(payload)}")

    def place(self) -> tuple[int, int]:
        """Behind the first value."""
        lines = self.text.split("\n", 2)
        return (1, len(lines[1].rstrip(","))) if len(lines) > 1 else (0, 1)

    def aim(self, item: Resend) -> Line:
        """What becomes of it, as a line."""
        del item
        return [(" ‖ ", "warn"), (clean(self.what), "action")]

    def _difference(self, payload: dict[str, Any]) -> str:
        mask = self._redact.mask
        changes = list(iter_diff(mask(self.resend.body), mask(payload)))
        if not changes:
            return "as it was"
        told = "; ".join(clean(_told(one)) for one in changes[:_MOST])
        more = len(changes) - _MOST
        return told + (f"; and {plural(more, 'more change')}" if more > 0 else "")


def _told(change: Change) -> str:
    """A change in short."""
    before, after = previews(change, _LONGEST, _LONGEST)
    if change.how is How.ADDED:
        return f"+ {change.path} {after}"
    return f"- {change.path}" if change.how is How.REMOVED else f"{change.path} {before} → {after}"
