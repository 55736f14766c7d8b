"""Values of redacted keys while a draft is edited: something else stands in their place, and they are sent. Pure.

Each has a stand-in of its own, so that members can be moved, copied and taken away and still nothing is mixed up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.hiding.pairs import in_list, in_object
from daebus_console.engine.hiding.redact import MASK, Redactor
from daebus_console.engine.replay.draft import DraftError
from daebus_console.tui.draft.text import line_and_column

_NAMED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*$')
_BEFORE = 300
"""Signs before a stand-in in which the name of its member is looked for."""


class Hidden:
    """The hidden values of one message; `taken` is a text in which no stand-in may occur."""

    def __init__(self, redact: Redactor, taken: str = "") -> None:
        self._redact, self._taken = redact, taken
        self._number = 0
        self._values: dict[str, Any] = {}
        self._texts: dict[str, Any] = {}
        self._tokens: list[str] = []

    def __len__(self) -> int:
        return len(self._tokens)

    def hide(self, value: Any) -> Any:
        """A copy of the value with stand-ins. Raises RecursionError where it is nested too deeply."""
        if isinstance(value, dict):
            pairs = list(jsontext.pairs_of(value))
            beside = set(in_object(pairs, self._redact.names))
            return jsontext.made_of(
                [
                    (key, self._stand_in(item) if self._redact.names(key) else self._hide_part(item, index in beside))
                    for index, (key, item) in enumerate(pairs)
                ]
            )
        if isinstance(value, list):
            beside = set(in_list(value, self._redact.names))
            return [self._hide_part(item, index in beside) for index, item in enumerate(value)]
        if isinstance(value, str) and (masked := self._redact.text(value)) != value:
            # It is JSON itself, with such a key in it.
            shown = masked.replace(MASK, self._token())
            self._texts[shown] = value
            return shown
        return value

    def _hide_part(self, value: Any, beside: bool) -> Any:
        """The same for a member, which is hidden whole where it stands beside the name of a secret."""
        if not beside:
            return self.hide(value)
        shown = self._token()
        self._texts[shown] = value
        return shown

    def reveal(self, value: Any, text: str) -> tuple[Any, int]:
        """What the edited value says, which stands in `text`, and how many hidden values are in it as they were.

        Raises DraftError where a stand-in stands for nothing that can be sent there.
        """
        found = _Revealing(self._values, self._texts, self._tokens, self._redact.names)
        try:
            return found.of(value), found.count
        except _Stray as stray:
            line, column = line_and_column(text, self._place(text, stray.token))
            raise DraftError(stray.reason, line, column) from None

    def _stand_in(self, value: Any) -> str:
        token = self._token()
        self._values[token] = value
        return token

    def _token(self) -> str:
        while True:
            self._number += 1
            token = f"{MASK}{self._number}{MASK}"
            if token not in self._taken:
                self._tokens.append(token)
                return token

    def _place(self, text: str, token: str) -> int:
        """Where the token stands that is out of place, among those that are not."""
        first = place = text.find(token)
        while place >= 0:
            named = _NAMED.search(text, max(0, place - _BEFORE), max(0, place - 1))
            whole = text[place - 1 : place] == '"' and text.startswith('"', place + len(token))
            # A stand-in belongs under a hidden key, the bare mask does not.
            if (whole and named is not None and self._redact.names(named[1])) == (token == MASK):
                return place
            place = text.find(token, place + 1)
        return max(0, first)


class _Stray(Exception):
    def __init__(self, token: str, reason: str) -> None:
        super().__init__(reason)
        self.token, self.reason = token, reason


class _Revealing:
    def __init__(
        self, values: dict[str, Any], texts: dict[str, Any], tokens: list[str], is_hidden: Callable[[str], bool]
    ) -> None:
        self.values, self.texts, self.is_hidden = values, texts, is_hidden
        self.token = re.compile("|".join(map(re.escape, tokens))) if tokens else None
        self.count = 0

    def of(self, value: Any) -> Any:
        if isinstance(value, dict):
            return jsontext.made_of(
                [(self._name(key), self._member(key, item)) for key, item in jsontext.pairs_of(value)]
            )
        if isinstance(value, list):
            return [self.of(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _name(self, key: str) -> str:
        if self.token is not None and (found := self.token.search(key)):
            raise _Stray(found[0], f"{found[0]} stands for a hidden value and cannot be a name")
        return key

    def _member(self, key: str, item: Any) -> Any:
        if not self.is_hidden(key) or not isinstance(item, str):
            return self.of(item)
        if item in self.values:
            self.count += 1
            return self.values[item]
        if item == MASK:
            raise _Stray(MASK, f"{MASK} hides a value: write the value itself")
        return self._text(item)

    def _text(self, text: str) -> Any:
        if text in self.texts:
            self.count += 1
            return self.texts[text]
        found = self.token.search(text) if self.token is not None else None
        if found is None:
            return text
        if found[0] in self.values:
            raise _Stray(found[0], f"{found[0]} stands for a hidden value, whole and under a hidden key: write it out")
        raise _Stray(found[0], f"{found[0]} is hidden in this text: leave the text as it was, or write it anew")
