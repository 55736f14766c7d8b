"""Where a capture is cut in two, and what a reading knows there of what came before.

Two readings that know the same at a place read the same from there on. See docs/decisions/two-halves.md.
"""

from __future__ import annotations

import hashlib
import marshal
from array import array
from typing import Any, NamedTuple

from daebus_console.engine.capture.unpacking import is_packed
from daebus_console.engine.message.exchange import Exchange, Kind, Message, State
from daebus_console.engine.replay import reading
from daebus_console.engine.replay.reading import Reading
from daebus_console.files import reading as files
from daebus_console.files.reading import Stored

_AHEAD = 1.2
"""How many times as many as are held at once are read before the seam: what is under way where that begins is odd."""
_TWICE = 3
"""What both read may be that part of the file."""
_KINDS = {kind: number for number, kind in enumerate(Kind)}
_STATES = {state: number for number, state in enumerate(State)}
_WITHOUT_REFERENCES = 2
"""The version of marshal that says the same of equal data."""


class Seam(NamedTuple):
    """The second half begins after `at` bytes; whoever reads it begins after `before` bytes, and gives nothing yet."""

    before: int
    at: int


def seam_of(stored: Stored) -> Seam | None:
    """Where to cut that file, so that both have as much to read; None where it is not worth it, or cannot be done."""
    first = stored.read(0) if stored.regular else b""
    lines = first.count(b"\n")
    if not lines or is_packed(first):
        return None
    wanted, most = int(reading.MOST_MESSAGES * _AHEAD), 2 * reading.MOST_BYTES
    about = min(len(first) * wanted // lines, most)
    at = before = (stored.size + about) // 2 // files.BLOCK * files.BLOCK
    while before > 0 and wanted > 0 and at - before < most:
        before -= files.BLOCK
        wanted -= stored.read(before).count(b"\n")
    return Seam(before, at) if before > 0 and (at - before) * _TWICE <= stored.size else None


def known_at(here: Reading) -> bytes | None:
    """What a reading knows, as a digest; None where it cannot be told in full.

    It is told by which messages belong together and how they stand. What is in them needs no telling: the file says
    that, and how many there are. Whatever else a reading remembers must never have come up: other dialects, gaps, steps
    of the clock, messages out of order, ids that came twice.
    """
    journal, correlator = here.journal, here.correlator
    exchanges = list(journal.exchanges)
    named = sum(one.request_id is not None for one in exchanges)
    if (
        here.uneven
        or correlator.losses
        or correlator.recogniser.met
        or correlator.recogniser.problem is not None
        or correlator.remembered != named
        or len(here.waiting) != len(exchanges)
    ):
        return None
    base = journal.next_seq
    rare: list[Any] = []
    for one in exchanges:
        if one.progress is not None or one._aside is not None:
            told = _rarely(one, base)
            if told is None:
                return None
            rare.append(told)
    # By columns, each as large as it must be: there are very many.
    digest = hashlib.blake2b(digest_size=32)
    digest.update(marshal.dumps((here.now, journal.kept, journal.bytes, rare), _WITHOUT_REFERENCES))
    digest.update(array("q", (one.opened.seq - base for one in exchanges)))
    digest.update(array("q", (0 if one.answer is None else one.answer.seq - base for one in exchanges)))
    digest.update(array("d", (one.deadline for one in exchanges)))
    digest.update(array("q", (one.flags for one in exchanges)))
    digest.update(bytes(_KINDS[one.kind] for one in exchanges))
    digest.update(bytes(_STATES[one.state] for one in exchanges))
    return digest.digest()


def _rarely(one: Exchange, base: int) -> tuple[Any, ...] | None:
    aside = one.aside
    if aside.namesake is not None or aside.passes_on is not None:
        return None
    question = 0 if aside.question is None else aside.question.seq - base
    return (
        one.opened.seq - base,
        _places(one.progress, base),
        _places(aside.extra, base),
        question,
        aside.code,
        aside.until,
        aside.expected,
        aside.due,
    )


def _places(messages: list[Message] | None, base: int) -> list[int]:
    return [] if messages is None else [message.seq - base for message in messages]
