"""What is held and which rules stand, as rows, badges and signs. Pure; hold the session's lock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from daebus.gates import globs
from daebus_console.engine.holding.desk import Desk, Held, Known
from daebus_console.engine.holding.rule import Rule
from daebus_console.engine.holding.words import GONE, HAS, MAY_HAVE, patience, stage, told_reach, told_rule, where
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.text import cells, clean, folded
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, fit, fit_right

HELD_SIGN, RULE_SIGN, FAULT_SIGN = "‖", "◉", "↯"


def badge(desk: Desk | None) -> Line:
    """How many rules of ours stand, and how much is held; empty where there is neither."""
    if desk is None:
        return []
    held, settings = desk.held(), [one for one in desk.settings.values() if not one.group]
    holds = sum(one.rule.holds for one in settings)
    line: Line = []
    if desk.suspended:
        line.append((f" ⏸ {fmt.plural(len(desk.suspended), 'suspended', 'suspended')} ", "warn"))
    if held:
        line.append((f" {HELD_SIGN} {len(held)} held H ", "match"))
    if settings:
        faults = len(settings) - holds
        parts = [f"{RULE_SIGN}{holds}" if holds else "", f"{FAULT_SIGN}{faults}" if faults else ""]
        line.append((f" {' '.join(part for part in parts if part)} L ", "warn"))
    return line


class Signs:
    """The signs of rules on exchanges, services and actions: made when something has changed, asked for each row."""

    def __init__(self, desk: Desk | None = None) -> None:
        self._held: set[str] = set()
        self._rules: dict[str, list[Rule]] = {}
        for one in desk.known() if desk is not None else ():
            # The steps of others come and go, and are for one message alone.
            if not one.rule.step:
                self._rules.setdefault(one.service, []).append(one.rule)
        for held in desk.held() if desk is not None else ():
            if held.first.id is not None:
                self._held.add(held.first.id)

    def __bool__(self) -> bool:
        return bool(self._rules or self._held)

    def of(self, exchange: Exchange) -> str:
        """The sign on the row of an exchange; empty for none."""
        if exchange.request_id is not None and exchange.request_id in self._held:
            return HELD_SIGN
        if not self._rules:
            return ""
        if exchange.kind is Kind.BROADCAST:
            everywhere = [rule for rules in self._rules.values() for rule in rules if rule.place == "event"]
            return _sign([rule for rule in everywhere if _meets(rule.channel, exchange.target)])
        leaving = [rule for rule in self._rules.get(exchange.source or "", ()) if rule.place == "call"]
        found = [rule for rule in leaving if _meets(rule.to, exchange.target)]
        return _sign([*_of_action(found, exchange.action), *self._arriving(exchange.target or "", exchange.action)])

    def _arriving(self, service: str, action: str | None) -> list[Rule]:
        rules = self._rules.get(service, ())
        return _of_action([rule for rule in rules if rule.place in ("request", "answer")], action)

    def of_action(self, service: str, action: str | None) -> str:
        """The sign on an action of a service."""
        return _sign(self._arriving(service, action))

    def of_service(self, service: str) -> str:
        """The sign on a service."""
        return _sign(self._rules.get(service, ()))


def _of_action(rules: Iterable[Rule], action: str | None) -> list[Rule]:
    return [rule for rule in rules if _meets(rule.action, action)]


def _meets(pattern: str | None, name: str | None) -> bool:
    return pattern is None or globs.matches(pattern, name or "")


def _sign(rules: Collection[Rule]) -> str:
    if not rules:
        return ""
    return RULE_SIGN if any(rule.holds for rule in rules) else FAULT_SIGN


def heading(width: int) -> Line:
    """The names of the columns of what is held."""
    what, where_, _asked = _columns(width)
    times = f"{fit_right('since', 6)} {fit_right('at most', 7)}"
    return [(fit(f"{'':>8} {fit('what', what)} {fit('held', where_)} {times}  who asked", width), "dim")]


def held_row(held: Held, width: int, now: float, order: Mapping[int, int], owner: str) -> Line:
    """What is held as one line; `order` are the places of those for which one was chosen."""
    first = held.first
    what, where_, asked = _columns(width)
    place = order.get(held.number)
    copies = f" ×{held.instances}" if held.instances > 1 else ""
    until = "" if held.until is None else fmt.duration(max(0.0, held.until - now))
    waits = patience(first, now)
    sender = clean(first.sender or ("" if first.place == "event" else "?"))
    others = ", ".join(one for one in held.owners if one != owner)
    stands = stage(first) if where_ >= WORDS else _SHORT.get(first.place, first.place)
    # Where there is no room for both, whether somebody still waits counts for more than who it is.
    named = asked >= WORDS or cells(f"{sender} {waits}") <= asked
    lapsed = "error" if waits in (HAS, MAY_HAVE, GONE) else "dim"
    return [
        (f"{place:>2}. " if place is not None else "    ", "accent"),
        (fit_right(f"H{held.number}", 4) + " ", "strong"),
        (fit(clean(where(first)) + copies, what), "action"),
        (f" {fit(stands, where_)} ", "warn" if first.place == "answer" else "plain"),
        (fit_right(fmt.duration(max(0.0, now - first.since)), 6), "plain"),
        (f" {fit_right(until, 7)}  ", "dim"),
        (sender if named else waits, "name" if named else lapsed),
        (f" {waits}" if waits and named else "", lapsed),
        (f"  by {clean(others)}" if others else "", "accent"),
    ]


WORDS = 19
"""Cells that the longest words of a column take."""
_SHORT = {"request": "handler", "call": "call", "answer": "answer", "event": "listener"}


def _columns(width: int) -> tuple[int, int, int]:
    """Cells for what is held, where, and who asked."""
    stands = WORDS if width >= 100 else 8
    rest = width - stands - 28
    what = max(14, min(44, rest - (32 if width >= 100 else 16)))
    return what, stands, rest - what


def rule_heading(width: int) -> Line:
    """The names of the columns of rules."""
    return [(fit(f"{'':>6}  {fit_right('hits', 6)}  {fit('ends in', 8)} rule", width), "dim")]


def rule_row(one: Known, name: str, now: float, owner: str) -> Line:
    """A rule as one line; `now` is the desk's clock."""
    ends = "" if one.until is None else fmt.duration(max(0.0, one.until - now))
    ours = one.owner == owner
    sign = (RULE_SIGN, "warn") if one.rule.holds else (FAULT_SIGN, "error")
    return [
        (fit_right(name, 5) + " ", "strong" if ours else "dim"),
        sign,
        (f" {fit_right(f'{one.hits:,}', 6)}  ", "accent" if one.hits else "dim"),
        (f"{fit(ends, 8)} ", "dim"),
        (clean(told_rule(one.service, one.rule)), "plain"),
        (f", {clean(reach)}" if (reach := told_reach(one.reach)) else "", "warn"),
        ("" if ours else f"  by {clean(one.owner)}", "accent"),
    ]


_HOLD = (
    "B on a row of the flow, or on a service or an action in the directory, holds the next message like it: you look"
    " inside, change it, and let it go on, answer, fail or drop it, or step to what comes next."
)
_ALLOWED = "Only services that allow it can be debugged: Daebus(debugger=True), or DAEBUS_DEBUGGER=1 as they start."


def nothing_held(width: int) -> list[Line]:
    """What an empty list of what is held says."""
    return [[("   Nothing is held.", "plain")], [], *_wrapped(_HOLD, width), [], *_wrapped(_ALLOWED, width)]


def no_rules(width: int) -> list[Line]:
    """What an empty list of rules says."""
    told = "B on a row of the flow, or on a service or an action in the directory, sets a breakpoint. Faults are typed:"
    typed = ("fault payment charge delay 2s --probability 10% --for 5m", "fault load black-friday")
    return [
        [("   No rule stands.", "plain")],
        [],
        *_wrapped(told, width),
        [],
        *([(f"     {one}", "name")] for one in typed),
    ]


def _wrapped(text: str, width: int) -> list[Line]:
    return [[(f"   {one}", "dim")] for one in folded(text, max(20, min(width - 6, 90)))]
