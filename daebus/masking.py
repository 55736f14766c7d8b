"""What is secret in texts that somebody will read: passwords in URLs, and the values of names that sound like secrets.

Pure; imports nothing of the package.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "***"
_CREDENTIALS = re.compile(r"(?<=://)(?:([^\s/@:]{0,500}:)\S{0,500}|[^\s/@:]{1,500})@")
"""What stands before the host in a URL. A password may hold signs that end the host part: then all up to the last @.
A user without a password may be one that somebody put in its place."""
_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api_?-?key|private_?-?key|access_?-?key|auth(?:orization)?|"
    r"credentials?|cookie|session_?-?id|cvv|pin|iban"
)
_NAME = re.compile(rf"(?i:(?:^|(?<=[\W_]))(?:{_WORDS})s?(?=$|[\W_\d]))|(?<=[a-z])(?:Password|Secret|Token|ApiKey)\b")
_PAIR = re.compile(
    r"""(?P<name>['"]?[A-Za-z_][\w.-]{0,80}['"]?)(?P<sign>\s{0,3}[:=]\s{0,3})"""
    r"""(?P<value>b?'(?:[^'\\]|\\.)*'?|b?"(?:[^"\\]|\\.)*"?|[^\s,;)\]}]+)"""
)


def without_passwords(text: str) -> str:
    """The text with `***` for the password of each URL in it."""
    return _CREDENTIALS.sub(r"\g<1>***@", text) if "://" in text else text


def looks_secret(name: object) -> bool:
    """Whether what is called so is better not shown."""
    return isinstance(name, str) and _NAME.search(name[:200]) is not None


def masked_text(text: str) -> str:
    """The text, such as a `repr`, with `***` for the value of each `name=value` or `"name": value` that is secret."""
    return _PAIR.sub(_masked, without_passwords(text))


def _masked(found: re.Match[str]) -> str:
    return f"{found['name']}{found['sign']}{MASK}" if looks_secret(found["name"].strip("'\"")) else found[0]


def masked_value(value: Any) -> Any:
    """A JSON value with `***` for what stands under names that look secret, however deep it lies."""
    if isinstance(value, dict):
        return {key: MASK if looks_secret(key) else masked_value(each) for key, each in value.items()}
    if isinstance(value, list):
        return [masked_value(each) for each in value]
    return without_passwords(value) if isinstance(value, str) else value
