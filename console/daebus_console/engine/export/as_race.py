"""What was held, and the order in which it was let go, as a pytest module that does it again. Pure.

The module needs daebus and pytest alone, and one running instance of each service, which allows to be debugged.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any, NamedTuple

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Answer, answer_of, untraced
from daebus_console.engine.export.as_python import literal
from daebus_console.engine.export.where import for_shell
from daebus_console.engine.holding.log import Done
from daebus_console.engine.holding.report import Hold
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.naming import shown

_DEEPEST = 1_000
_HEAD = '''\
"""Messages are held at the gates of their services, and let go in the order in which it was done once.

Run it with: DAEBUS_REDIS_URL={redis} pytest THIS_FILE
It needs one instance of each service, started with DAEBUS_DEBUGGER=1.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import DaebusCaller, RequestFailed, RequestTimeout

REDIS_URL = os.environ.get("DAEBUS_REDIS_URL") or {redis!r}

# What is asked, and what was answered then; nothing within its `timeout` (seconds), where it has one.
ASKED: list[dict[str, Any]] = {asked}
# What is held on the way, by which rule, in the order in which it is let go, and how. What else they hold goes on.
RELEASED: list[dict[str, Any]] = {released}

'''


class NothingToDo(ValueError):
    """Nothing was let go that could be done again; the text says why."""


class Race(NamedTuple):
    """The text of the module, how many releases are in it, and those that are not: how many of them, and why."""

    text: str
    releases: int
    left_out: dict[str, int]


def as_race(
    log: Iterable[Done], find: Callable[[str], Exchange | None], redis: str, mask: Callable[[Any], Any]
) -> Race:
    """The module. `find` gives the exchange of an id, `mask` hides secrets. Raises NothingToDo."""
    done: list[Done] = []
    roots: dict[int, Exchange] = {}
    left_out: Counter[str] = Counter()
    for one in log:
        root = _root(one, find)
        if root is not None:
            done.append(one)
            roots[root.number] = root
        else:
            left_out[_BROADCAST if one.hold.place == "event" else _UNSEEN] += 1
    if not done:
        why = ", and ".join(left_out) or "what `release` lets go, and in which order, is what is kept"
        raise NothingToDo(f"nothing was let go yet that could be done again: {why}")
    open_ = next((one for one in roots.values() if one.state in (State.PENDING, State.UNKNOWN)), None)
    if open_ is not None:
        why = "is not answered yet" if open_.state is State.PENDING else "was answered or not, which nobody knows"
        raise NothingToDo(f"#{open_.number} {shown(open_.target or '?')}.{shown(open_.action or '', text=True)} {why}")
    head = _HEAD.format(
        redis=for_shell(redis),
        asked=_list(_asked(roots[number], mask) for number in sorted(roots)),
        released=_list(_released(one, mask) for one in done),
    )
    source = files("daebus_console.engine.export").joinpath("race_body.py").read_text("utf-8")
    return Race(head + source.split("# ---\n", 1)[1], len(done), dict(left_out))


_BROADCAST = "a broadcast does not say what sent it"
_UNSEEN = "what it was asked for by was not seen"


def _root(done: Done, find: Callable[[str], Exchange | None]) -> Exchange | None:
    """What set it off: a request or a one-way message; None where that is not known."""
    exchange = find(done.hold.id) if done.hold.id is not None else None
    for _ in range(_DEEPEST):
        parent = find(exchange.parent_id) if exchange is not None and exchange.parent_id is not None else None
        if parent is None:
            break
        exchange = parent
    return exchange if exchange is not None and exchange.kind in (Kind.REQUEST, Kind.ONE_WAY) else None


def _asked(exchange: Exchange, mask: Callable[[Any], Any]) -> dict[str, Any]:
    answer = answer_of(exchange)
    payload = None if exchange.answer is None else wire.plain_payload_of(exchange.answer.data)
    return {
        "service": exchange.target,
        "action": exchange.action,
        "payload": mask(wire.plain_payload_of(exchange.asking.data)),
        "one_way": exchange.kind is Kind.ONE_WAY,
        "timeout": round(exchange.deadline - exchange.opened.at, 3) if exchange.state is State.TIMEOUT else None,
        "status": answer.status,
        "answer": mask(untraced(Answer(answer.status, payload)).payload),
    }


def _released(done: Done, mask: Callable[[Any], Any]) -> dict[str, Any]:
    hold = done.hold
    return {
        "service": hold.service,
        "place": hold.place,
        "name": hold.name,
        "payload": mask(_plain(done.payload)),
        "rule": _rule(hold, mask),
        "how": {name: mask(_plain(value)) for name, value in done.how.items()},
    }


def _rule(hold: Hold, mask: Callable[[Any], Any]) -> dict[str, Any]:
    """A rule that holds it again. Ids are others then, and which message comes first is not sure."""
    rule: dict[str, Any] = {"place": hold.place, "action": hold.name, "hold": True}
    by = hold.held_by
    if by is None:
        return rule
    # A condition on what is hidden would say what it is.
    where = [one.wire for one in by.where if mask(one.wire) == one.wire]
    more = {"where": where or None, "service": by.to, "final": by.final}
    return rule | {name: value for name, value in more.items() if value is not None}


def _plain(value: Any) -> Any:
    """The value as Python's own JSON reads it, which is what the test gets to see."""
    return json.loads(jsontext.text_of(value))


def _list(cases: Iterable[dict[str, Any]]) -> str:
    return "[\n" + "".join(textwrap.indent(literal(one), "    ") + ",\n" for one in cases) + "]"
