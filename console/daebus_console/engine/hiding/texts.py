"""Secrets in texts that are no JSON, such as errors and tracebacks: `password=x`, `token: x`, `--password x`. Pure.

Where it cannot be told where a value ends, rather too much is masked than too little.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUOTED = r"""[bBrRuUfF]{0,2}(?:\\?"(?:[^"\\]|\\.)*?(?:\\?"|$)|\\?'(?:[^'\\]|\\.)*?(?:\\?'|$))"""


class SecretText:
    """Finds the values of these keys (in small letters) in a text."""

    def __init__(self, keys: Sequence[str], mask: str) -> None:
        self._mask = mask
        self._folded = keys
        names = "|".join(re.escape(key).replace(r"\ ", r"\s") for key in sorted(keys, key=len, reverse=True))
        # The name may stand in quotes, and in brackets as in payload["password"] = "x".
        head = rf"""(?P<head>(?<!\w)(?:{names})\s*(?:\\?["'])?\s*\]?\s*)"""
        self._given = re.compile(
            rf"""{head}(?:(?P<sign>=>|[:=!]?=)\s*(?P<value>{_QUOTED}|[^\s"']\S*)"""
            rf"""|(?P<colon>:(?!//))[ \t]*(?P<rest>{_QUOTED}|[{{\[].*|[^\s"'][^\r\n]*))""",
            re.IGNORECASE | re.DOTALL,
        )
        self._option = re.compile(rf"(--?(?:{names})[ \t]+)({_QUOTED}|[^\s\"'-]\S*)", re.IGNORECASE | re.DOTALL)

    def mask(self, text: str) -> str:
        """The text with those values masked; the same object where there is none."""
        folded = text.casefold()
        if not any(key in folded for key in self._folded):
            return text
        found = self._option.sub(self._masked_option, self._given.sub(self._masked, text))
        return text if found == text else found

    def _masked(self, found: re.Match[str]) -> str:
        value = found["value"] if found["sign"] else found["rest"]
        return found[0][: len(found[0]) - len(value)] + self._in_quotes(value)

    def _masked_option(self, found: re.Match[str]) -> str:
        return found[1] + self._in_quotes(found[2])

    def _in_quotes(self, value: str) -> str:
        """The mask, in the quotes that the value stood in."""
        quoted = re.fullmatch(r"([bBrRuUfF]{0,2}\\?[\"']).*?(\\?[\"'])?", value, re.DOTALL)
        if quoted is None or quoted[2] is None:
            return f"{quoted[1]}{self._mask}" if quoted is not None else self._mask
        return f"{quoted[1]}{self._mask}{quoted[2]}"
