"""Who is subscribed to patterns, as CLIENT LIST tells it; to which, Redis does not tell. Pure."""

from __future__ import annotations

from typing import NamedTuple

MOST = 1_000
"""Clients that are told apart."""


class Listener(NamedTuple):
    """A client that is subscribed to so many patterns. `name` and `library` are empty where it told none."""

    name: str
    address: str
    library: str
    patterns: int


def listeners_in(reply: bytes, our_name: str) -> list[Listener]:
    """The clients that are subscribed to patterns, without ourselves: one of those of our name."""
    found: list[Listener] = []
    ourselves = False
    for line in reply.decode("utf-8", "surrogateescape").splitlines():
        fields = dict(part.partition("=")[::2] for part in line.split(" "))
        patterns = fields.get("psub", "")
        if not patterns.isascii() or not patterns.isdigit() or not int(patterns):
            continue
        name = fields.get("name", "")
        if name == our_name and not ourselves:
            ourselves = True
            continue
        library = " ".join(part for part in (fields.get("lib-name", ""), fields.get("lib-ver", "")) if part)
        found.append(Listener(name, fields.get("addr", "?"), library, int(patterns)))
        if len(found) >= MOST:
            break
    return sorted(found)
