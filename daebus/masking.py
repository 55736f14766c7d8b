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
_OPTIONS = re.compile(r"(?<=[?&])(\w{0,40}password=)[^\s&'\"]{1,500}")
"""What an option of a URL says is a password, such as that of the sentinels."""
_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api_?-?key|private_?-?key|access_?-?key|auth(?:orization)?|"
    r"credentials?|cookie|session_?-?id|cvv|pin|iban"
)
_NAME = re.compile(rf"(?i:(?:^|(?<=[\W_]))(?:{_WORDS})s?(?=$|[\W_\d]))|(?<=[a-z])(?:Password|Secret|Token|ApiKey)\b")
_PAIR = re.compile(r"""(?P<name>['"]?[A-Za-z_][\w.-]{0,80}['"]?)\s{0,3}[:=]\s{0,3}""")
_VALUE = re.compile(r"""b?'(?:[^'\\]|\\.)*'?|b?"(?:[^"\\]|\\.)*"?|[^\s,;)\]}]+""")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def without_passwords(text: str) -> str:
    """The text with `***` for the password of each URL in it."""
    return _OPTIONS.sub(r"\g<1>***", _CREDENTIALS.sub(r"\g<1>***@", text)) if "://" in text else text


def without_passwords_in(value: Any) -> Any:
    """The same for all texts in a JSON value, the names of its objects among them."""
    if isinstance(value, dict):
        return {without_passwords(name): without_passwords_in(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_passwords_in(each) for each in value]
    return without_passwords(value) if isinstance(value, str) else value


def looks_secret(name: object) -> bool:
    """Whether what is called so is better not shown."""
    return isinstance(name, str) and _NAME.search(name[:200]) is not None


def masked_text(text: str) -> str:
    """The text, such as a `repr`, with `***` for the value of each `name=value` or `"name": value` that is secret."""
    text = without_passwords(text)
    parts, done = [], 0
    for pair in _PAIR.finditer(text):
        if pair.start() >= done and looks_secret(pair["name"].strip("'\"")):
            parts += [text[done : pair.end()], MASK]
            done = _end_of_value(text, pair.end())
    return "".join([*parts, text[done:]])


def _end_of_value(text: str, begin: int) -> int:
    """Where the value ends that begins there; of one in brackets, the end of the text where they are not closed."""
    closing = _BRACKETS.get(text[begin : begin + 1])
    if closing is None:
        found = _VALUE.match(text, begin)
        return begin if found is None else found.end()
    depth = 0
    for place in range(begin, len(text)):
        depth += (text[place] == text[begin]) - (text[place] == closing)
        if not depth:
            return place + 1
    return len(text)


def masked_value(value: Any) -> Any:
    """A JSON value with `***` for what stands under names that look secret, however deep it lies."""
    if isinstance(value, dict):
        return {key: MASK if looks_secret(key) else masked_value(each) for key, each in value.items()}
    if isinstance(value, list):
        return [masked_value(each) for each in value]
    return without_passwords(value) if isinstance(value, str) else value
