"""What may be set about a session, and how one stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from daebus_console.engine.live.discovery import POLL_EVERY
from daebus_console.engine.pairing.settling import DEFAULT_TIMEOUT


@dataclass(frozen=True)
class Settings:
    """What may be set about a session.

    `patterns` are the globs to tap; `timeout` the seconds after which a request that names none counts as unanswered;
    `max_messages` and `max_bytes` bound the journal; `poll_every` are seconds between polls of the broker; `dialects`
    the names of those that are read, all where there are none; with `passive` nothing is ever published.
    """

    patterns: tuple[str, ...] = ("*",)
    timeout: float = DEFAULT_TIMEOUT
    max_messages: int = 1_000_000
    max_bytes: int = 512 * 1024 * 1024
    poll_every: float = POLL_EVERY
    dialects: tuple[str, ...] = ()
    passive: bool = False


@dataclass
class Status:
    """How the session stands. `up` tells whether the tap reads; `problem` why not, or what it cannot see."""

    up: bool = False
    since: float = 0.0
    remembered: float | None = None
    """Since when it is remembered what passed: the tap read first then, or all was forgotten. None before that."""
    problem: str | None = None
    blind: str | None = None
    """What the server refuses to show, if it does."""
    discovery_problem: str | None = None
    """Why it is not known who is there."""
    discovery_lacks: str | None = None
    """What else of discovery the server refuses."""
    unlisted: str | None = None
    """Why there may be more than is listed."""
    unasked: frozenset[str] = frozenset()
    """The services that could therefore not be asked what they are."""
    messages: int = 0
    gaps: int = 0
