"""What a debugger did to a message: it holds it, failed or dropped it, or a rule stands that drops it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from daebus_console.engine.findings.words import call, duration, shown
from daebus_console.engine.holding.desk import Held, Known
from daebus_console.engine.holding.rule import DROP, DROP_ANSWER
from daebus_console.engine.holding.words import patience, stage, told_rule
from daebus_console.engine.live import glob
from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.message.exchange import Exchange, Flag, State
from daebus_console.engine.records.record import DEBUGGER
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight

_DROPS = {("request", DROP), ("request", DROP_ANSWER), ("answer", DROP)}
_FAILED, _LATE = "failed", ("held", "delayed")
_MOST = 8


def failed(exchange: Exchange, error: str) -> Cause | None:
    """It was answered with that error, and a debugger gave the answer."""
    by, did = _mark(exchange)
    if _FAILED not in did:
        return None
    return Cause(
        DEBUGGER,
        f"a debugger failed it, and no handler: {error}",
        (f"its answer says so: {', '.join(did)}, by {by}",),
        "breaks lists the rules that stand",
    )


def slowed(exchange: Exchange) -> str:
    """What a debugger did that made an answer late, in words; empty where it did nothing of that kind."""
    by, did = _mark(exchange)
    made = [one for one in did if one in _LATE]
    return f"a debugger had it {' and '.join(made)} ({by})" if made else ""


def silenced(sight: Sight, exchange: Exchange) -> Cause | None:
    """It has no answer since a debugger holds it, has dropped it, or has a rule that drops every one like it."""
    return _held(sight, exchange) or _let_go(sight, exchange) or _dropped(sight, exchange)


def may_have_dropped(sight: Sight, exchange: Exchange) -> Iterator[str]:
    """The rules that stand of which one may have dropped it, a line each."""
    for one in _dropping(sight, exchange):
        yield f"a rule of a debugger may have dropped it: {_rule(sight, one)}"


def holds_of(sight: Sight, service: str, action: str | None) -> Cause | None:
    """What is held before the handlers of a service, or of its action."""
    desk = sight.desk
    found = [] if desk is None else [
        one for one in desk.held()
        if one.first.service == service and one.first.place == "request" and action in (None, one.first.name)
    ]  # fmt: skip
    if not found:
        return None
    count = f"{len(found)} messages" if len(found) > 1 else "a message"
    return Cause(
        "held",
        f"a debugger holds {count} to {call(service, action)}: {', '.join(f'H{one.number}' for one in found[:_MOST])}",
        tuple(_told(sight, one) for one in found[:_MOST]),
        f"release H{found[0].number} lets it go on",
    )


def _mark(exchange: Exchange) -> tuple[str, list[str]]:
    """Who had a hand in its answer, and what was done; nothing where nobody had."""
    answer = exchange.answer
    mark = debug_of(answer.data) if answer is not None and exchange.flags & Flag.DEBUGGED else None
    if mark is None:
        return "", []
    return shown(mark[0], text=True), [shown(one, text=True) for one in mark[1]]


def _held(sight: Sight, exchange: Exchange) -> Cause | None:
    if exchange.state is not State.PENDING:
        return None
    found = [] if sight.desk is None else sight.desk.of_message(exchange.request_id)
    if found:
        one = found[0]
        return Cause(
            "held",
            f"a debugger holds it, {stage(one.first)}: H{one.number}",
            (_told(sight, one),),
            f"release H{one.number} lets it go on",
        )
    if not exchange.held or exchange.aside.until < sight.now:
        return None
    # Another console's, and this one does not look what is held; or a capture.
    return Cause(
        "held",
        "a debugger holds it: whoever asked is told to wait",
        (f"the last word of that was for {duration(exchange.aside.until - sight.now)} more",),
        "held lists what is held, and by whom",
    )


def _told(sight: Sight, one: Held) -> str:
    hold = one.first
    waits = patience(hold, sight.held_now)
    return (
        f"H{one.number} is held for {duration(max(0.0, sight.held_now - hold.since))} so far, by "
        f"{', '.join(shown(_owner(sight, owner), text=True) for owner in one.owners)}"
        f"{f'; whoever asked {waits}' if waits else ''}"
    )


def _let_go(sight: Sight, exchange: Exchange) -> Cause | None:
    """It was held, and this console dropped it."""
    for done in sight.let_go:
        if exchange.request_id is not None and done.hold.id == exchange.request_id and done.how.get("verdict") == DROP:
            return Cause(
                DEBUGGER,
                f"you dropped it, {stage(done.hold)}",
                ("it was held, and let go with `drop`: such a message is never answered",),
                "send it again",
            )
    return None


def _dropped(sight: Sight, exchange: Exchange) -> Cause | None:
    sure = [one for one in _dropping(sight, exchange) if _certain(sight, one, exchange)]
    if not sure:
        return None
    one = sure[0]
    who = "your rule" if one.number is not None else f"a rule of {shown(one.owner, text=True)}"
    what = "drops it" if one.rule.do == DROP and one.rule.place == "request" else "drops its answer"
    number = "" if one.number is None else f"unbreak {one.number} ends that"
    return Cause(DEBUGGER, f"{who} {what}", (_rule(sight, one),), number or "breaks lists the rules that stand")


def _dropping(sight: Sight, exchange: Exchange) -> Iterator[Known]:
    """The rules on its service that drop what is like it, and have done so."""
    for one in sight.desk.known() if sight.desk is not None else ():
        rule = one.rule
        drops = one.service == exchange.target and (rule.place, rule.do) in _DROPS and one.hits > 0
        if drops and (rule.action is None or glob.matches(rule.action, exchange.action or "")):
            yield one


def _certain(sight: Sight, one: Known, exchange: Exchange) -> bool:
    """Whether it let no such message by, since before this one was sent: no condition, no other rule, no instance."""
    rule, since = one.rule, one.since
    limits = (rule.where, rule.sender, rule.parent, rule.of, rule.skip, rule.most < math.inf, rule.probability < 1)
    if since is None or since > exchange.opened.at or rule.final is not None or any(limits) or sight.desk is None:
        return False
    others = [each for each in sight.desk.known() if each.service == one.service and each.rule.id != rule.id]
    return not others and one.instances >= len(sight.world.instances.here(one.service))


def _rule(sight: Sight, one: Known) -> str:
    number = f"[{one.number}] " if one.number is not None else ""
    times = f"hit {one.hits} time{'s' * (one.hits != 1)}"
    told = told_rule(one.service, one.rule.masked(sight.redact))
    return f"{number}{told}; {times}, by {shown(_owner(sight, one.owner), text=True)}"


def _owner(sight: Sight, owner: str) -> str:
    return "you" if sight.desk is not None and owner == sight.desk.owner else owner
