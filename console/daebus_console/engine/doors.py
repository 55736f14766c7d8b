"""Whom Redis lets in at a service: what is told of it, and reading what Redis tells. Pure; see `live.doors`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daebus_console import naming


@dataclass(frozen=True)
class Doors:
    """`callers` are the users of connections that are named after the service: of who calls it, or serves it.

    `may_not_publish`, `may_not_subscribe` and `may_not_answer` (on `reply_to`) have, by user, what Redis says of it;
    empty where it tells nothing.
    """

    callers: frozenset[str] = frozenset()
    may_not_publish: Mapping[str, str] = field(default_factory=dict)
    may_not_subscribe: Mapping[str, str] = field(default_factory=dict)
    may_not_answer: Mapping[str, str] = field(default_factory=dict)
    reply_to: str = ""


def users_in(reply: Any) -> frozenset[str]:
    """The users in a reply to ACL USERS; none where it is an error."""
    names = reply if isinstance(reply, list) else ()
    return frozenset(naming.from_bytes(name) for name in names if isinstance(name, bytes))


def callers_in(reply: Any, label: str) -> frozenset[str]:
    """The users of the connections with that name in a reply to CLIENT LIST; none where it is an error."""
    found: set[str] = set()
    for line in reply.splitlines() if isinstance(reply, bytes) else ():
        fields = dict(word.split("=", 1) for word in line.decode("utf-8", "replace").split(" ") if "=" in word)
        if fields.get("name") == label and fields.get("user"):
            found.add(fields["user"])
    return frozenset(found)
