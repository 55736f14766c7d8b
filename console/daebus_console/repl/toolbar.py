"""The line at the bottom: what the command wants next, and how the connection is. Pure."""

from __future__ import annotations

from daebus_console.commands.completion.hint import Hint
from daebus_console.commands.doing.shared.guard import host_of, is_this_machine
from daebus_console.commands.under_way import under_way
from daebus_console.engine.session import Session
from daebus_console.text import cells, clean, cut

Fragments = list[tuple[str, str]]
_EMPTY = (
    "tab completes, ctrl+t fills in what was sent last, help lists the verbs",
    "tab completes, help lists the verbs",
    "help lists the verbs",
)
"""What is told of an empty line: as much as has room."""
_ROOM = 36
"""Cells that are left for what is told of the line, in a terminal that has twice as many."""
_LEAST = 20
"""Cells of the address that are worth more than how many services there are."""


def toolbar(hint: Hint | None, session: Session, width: int, *, jobs: int = 0, read_only: bool = False) -> Fragments:
    """The line, in fragments of style and text, filling the width."""
    right = _fitted(_connection(session, jobs, read_only), width - min(_ROOM, width // 2) - 1)
    taken = _cells(right)
    room = max(0, width - taken - 1)
    told = hint if hint is not None else Hint(next((one for one in _EMPTY if cells(one) <= room), _EMPTY[-1]))
    left = cut(clean(told.text), room)
    style = "class:error" if told.wrong else "class:dim"
    filler = " " * max(1, width - taken - cells(left))
    return [(style, left), ("", filler), *right]


def _fitted(right: Fragments, room: int) -> Fragments:
    """In that room: the address, which stands last, is shortened, and the counts go where little of it were left."""
    if _cells(right) - cells(right[-1][1]) + _LEAST > room:
        right = [piece for piece in right if piece[0] != "class:dim"]
    *before, (style, address) = right
    return [*before, (style, cut(address, max(0, room - _cells(before))))]


def _cells(line: Fragments) -> int:
    return sum(cells(text) for _style, text in line)


def _connection(session: Session, jobs: int, read_only: bool) -> Fragments:
    status = session.status
    address = clean(str(session.address))
    keeper = under_way(session).keeper
    with session.lock:
        services = sum(1 for one in session.directory.services.values() if one.subscribers)
        rate = session.rate.per_second(session.clock())
        held, suspended = (0, 0) if keeper is None else (len(keeper.desk.held()), len(keeper.desk.suspended))
    found: Fragments = []
    if suspended:
        found.append(("class:warn", f"{suspended} suspended  "))
    if held:
        found.append(("class:warn", f"{held} held  "))
    if jobs:
        found.append(("class:number", f"{jobs} under way  "))
    if read_only:
        found.append(("class:warn", "read-only  "))
    remote = not is_this_machine(host_of(session.address.url))
    if status.up:
        counts = f"{services} service{'s' * (services != 1)}, {rate:.0f}/s  "
        found += [("class:dim", counts), ("class:warn" if remote else "class:ok", address)]
    elif status.problem is None:
        found.append(("class:warn", f"connecting to {address}"))
    else:
        found.append(("class:error", f"not connected to {address}"))
    return found
