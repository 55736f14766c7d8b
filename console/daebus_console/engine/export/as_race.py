"""What was held, and the order in which it was let go, as a pytest module that does it again. Pure.

The module needs daebus and pytest alone, and one running instance of each service, which allows to be debugged.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import answer_of
from daebus_console.engine.export.as_python import literal
from daebus_console.engine.holding.log import Done
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
# What is held on the way, in the order in which it is let go, and how.
RELEASED: list[dict[str, Any]] = {released}

'''


class NothingToDo(ValueError):
    """Nothing was let go that could be done again; the text says why."""


def as_race(
    log: Sequence[Done], find: Callable[[str], Exchange | None], redis: str, mask: Callable[[Any], Any]
) -> Iterator[str]:
    """The module. `find` gives the exchange of an id, `mask` hides secrets. Raises NothingToDo."""
    done = [one for one in log if one.hold.place in ("request", "answer", "call")]
    if not done:
        raise NothingToDo("nothing was let go yet: what `release` lets go, and in which order, is what is kept")
    roots = list(_roots(done, find))
    if not roots:
        raise NothingToDo("what was let go was not asked for by anything that was seen: there is nothing to ask again")
    open_ = next((one for one in roots if one.state in (State.PENDING, State.UNKNOWN)), None)
    if open_ is not None:
        why = "is not answered yet" if open_.state is State.PENDING else "was answered or not, which nobody knows"
        raise NothingToDo(f"#{open_.number} {shown(open_.target or '?')}.{shown(open_.action or '', text=True)} {why}")
    yield _HEAD.format(
        redis=redis,
        asked=_list(_asked(one, mask) for one in roots),
        released=_list(_released(one, mask) for one in done),
    )
    source = files("daebus_console.engine.export").joinpath("race_body.py").read_text("utf-8")
    yield source.split("# ---\n", 1)[1]


def _roots(done: Iterable[Done], find: Callable[[str], Exchange | None]) -> Iterator[Exchange]:
    """What set all of it off, in the order in which it was sent."""
    found: dict[int, Exchange] = {}
    for one in done:
        exchange = find(one.hold.id) if one.hold.id is not None else None
        for _ in range(_DEEPEST):
            parent = find(exchange.parent_id) if exchange is not None and exchange.parent_id is not None else None
            if parent is None:
                break
            exchange = parent
        if exchange is not None and exchange.kind in (Kind.REQUEST, Kind.ONE_WAY):
            found[exchange.number] = exchange
    yield from (found[number] for number in sorted(found))


def _asked(exchange: Exchange, mask: Callable[[Any], Any]) -> dict[str, Any]:
    answer = answer_of(exchange)
    return {
        "service": exchange.target,
        "action": exchange.action,
        "payload": mask(wire.plain_payload_of(exchange.opened.data)),
        "one_way": exchange.kind is Kind.ONE_WAY,
        "timeout": round(exchange.deadline - exchange.opened.at, 3) if exchange.state is State.TIMEOUT else None,
        "status": answer.status,
        "answer": mask(wire.plain_payload_of(exchange.answer.data)) if exchange.answer is not None else None,
    }


def _released(done: Done, mask: Callable[[Any], Any]) -> dict[str, Any]:
    hold = done.hold
    return {
        "service": hold.service,
        "place": hold.place,
        "name": hold.name,
        "payload": mask(_plain(done.payload)),
        "how": {name: mask(_plain(value)) for name, value in done.how.items()},
    }


def _plain(value: Any) -> Any:
    """The value as Python's own JSON reads it, which is what the test gets to see."""
    return json.loads(jsontext.text_of(value))


def _list(cases: Iterable[dict[str, Any]]) -> str:
    return "[\n" + "".join(textwrap.indent(literal(one), "    ") + ",\n" for one in cases) + "]"
