"""What a refusal of Redis says in plain words: which ACL rule is missing, and how to add it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from daebus_console import naming

_USER = re.compile(r"[\w.%+~-]{1,64}")
_PLAIN = re.compile(r"[^\s\"'\\]+")
_COMMAND = re.compile(r"permissions to run the '([^']+)' command")
_DOING = re.compile(r"(?:publishing|subscribing) to '(.*)': NOPERM", re.DOTALL)
_REPLIES = "caller:"
_MOST_NAMED = 3


class Refusal(NamedTuple):
    """An error of Redis, and for which command (PSUBSCRIBE, PUBSUB CHANNELS) on which channels it came.

    `so` tells what follows from it, `also` are other rules of which one may be missing.
    """

    text: str
    command: str
    names: tuple[str, ...] = ()
    so: str = ""
    also: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What was refused, and what follows."""
        more = len(self.names) - _MOST_NAMED
        shown = [*map(naming.shown, self.names[:_MOST_NAMED]), *([f"and {more} more"] if more > 0 else [])]
        return " ".join([self.command, *shown, *([f"({self.so})"] if self.so else [])])

    @property
    def rules(self) -> list[str]:
        """The rules that are missing."""
        rule = rule_in(self.text)
        if rule is not None:
            return [rule]
        if self.names:
            # Each caller has a reply channel of its own, so that only the pattern can be a rule.
            names = (f"{_REPLIES}*" if name.startswith(_REPLIES) else name for name in self.names[:_MOST_NAMED])
            return [*self.also, *(f"&{name}" for name in dict.fromkeys(names))]
        return ["+" + self.command.lower().replace(" ", "|")]


def is_missing_right(text: str) -> bool:
    """Whether an error of Redis says that an ACL rule is missing, so that waiting does not help by itself."""
    return text.startswith("NOPERM")


def user_of(url: str) -> str:
    """The user of a Redis URL as ACL SETUSER takes it; NAME where what stands there may be a password."""
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError:
        return "NAME"
    if not user:
        return "default"
    # One without a password may be one that somebody put in its place.
    return unquote(user) if password and _USER.fullmatch(user) else "NAME"


def missing_rule(text: str, command: str, names: Sequence[str] = ()) -> str:
    """What it means that Redis answered `command` for those channels with that error: see `missing_rules`."""
    return missing_rules([Refusal(text, command, tuple(names))])


def together(refusals: Iterable[Refusal | None]) -> list[Refusal]:
    """What several servers refuse, in as few refusals as say it."""
    alike: dict[tuple[str, str, str], set[str]] = {}
    for one in refusals:
        if one is not None:
            alike.setdefault((one.text, one.command, one.so), set()).update(one.names)
    return [Refusal(text, command, tuple(sorted(names)), so) for (text, command, so), names in alike.items()]


def missing_rules(refusals: Sequence[Refusal], user: str = "NAME") -> str:
    """What those refusals mean, on one line.

    Where ACL rules are missing, it says which, and how to add them; any other error is told as it came.
    """
    others = [one for one in refusals if not is_missing_right(one.text)]
    if others:
        return f"Redis refuses {others[0].what}: {others[0].text}"
    rules = list(dict.fromkeys(rule for one in refusals for rule in one.rules))
    what = ", ".join(one.what for one in refusals)
    # The rule comes first: the line may be cut.
    told = f"missing rule {' '.join(rules)} ({acl_line(user, rules)}): this Redis user may not {what}"
    if any(one.command == "PSUBSCRIBE" and one.rules[0].startswith("&") for one in refusals):
        told += ". A pattern must stand in the rules literally; name one that does with --channels"
    return told


def rule_in(text: str) -> str | None:
    """The rule that a NOPERM names itself: that for a command; None where it is about a channel."""
    found = _COMMAND.search(text)
    return None if found is None else f"+{found[1].lower()}"


def acl_line(user: str, rules: Iterable[str]) -> str:
    """What an administrator types to add the rules."""
    return " ".join(["ACL SETUSER", user, *map(_word, rules)])


def _word(rule: str) -> str:
    return rule if _PLAIN.fullmatch(rule) else '"' + rule.replace("\\", "\\\\").replace('"', '\\"') + '"'


def advice(text: str, user: str) -> str | None:
    """The rule to add, for an error of the framework whose text holds a NOPERM; None where it holds none."""
    start = text.find("NOPERM")
    if start < 0:
        return None
    rule = rule_in(text[start:])
    if rule is None:
        doing = _DOING.search(text)
        if doing is None:
            return None
        rule = Refusal(text[start:], "", (doing[1],)).rules[0]
    return f"missing rule {rule} ({acl_line(user, [rule])})"
