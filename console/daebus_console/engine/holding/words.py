"""What is held, and rules, in words: the same in every face. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.holding.desk import Held, Reach
from daebus_console.engine.holding.report import Hold
from daebus_console.engine.holding.rule import Rule
from daebus_console.naming import shown
from daebus_console.render import duration, plural

HAS, MAY_HAVE, GONE = "has given up", "may have given up", "has gone"
_PLACES = {
    "request": "before its handler",
    "call": "on leaving",
    "answer": "its answer",
    "event": "before its listener",
}


def where(hold: Hold) -> str:
    """Which message it is: `payment.charge`, `audit on orders`."""
    name = shown(hold.name, text=hold.place != "event")
    if hold.place == "event":
        return f"{shown(hold.service)} on {name}"
    if hold.place == "call":
        return f"{shown(hold.service)} → {shown(hold.target or '?')}.{name}"
    return f"{shown(hold.service)}.{name}"


def stage(hold: Hold) -> str:
    """At which point it is held."""
    said = _PLACES.get(hold.place, hold.place) if hold.part is None else f"part {hold.part}"
    return f"{said}, {hold.behind} behind" if hold.behind else said


def left(held: Held, now: float) -> str:
    """For how much longer it is held, at most."""
    until = held.until
    return "" if until is None else duration(max(0.0, until - now))


def patience(hold: Hold, now: float) -> str:
    """For how much longer whoever asked waits."""
    if hold.waits:
        return GONE if hold.deserted else MAY_HAVE if hold.doubtful else "waits on"
    if hold.asker is None:
        return ""
    seconds = hold.asker - now
    if hold.guessed:
        # It does not say how long it waits.
        return f"may give up in {duration(seconds)}" if seconds > 0 else MAY_HAVE
    return f"gives up in {duration(seconds)}" if seconds > 0 else HAS


def unanswerable(hold: Hold) -> str:
    """Why nothing can be answered in its place, neither well nor with an error; empty where something can."""
    if hold.place == "event":
        return "A broadcast has no answer"
    return "A one-way message has no answer: it can go on, or be dropped" if hold.one_way else ""


def told_reach(reach: Reach) -> str:
    """In how many instances a rule stands, and why not in the others; empty where it does in all."""
    return "; ".join(filter(None, (_told_refusals(reach), _told_beside(reach))))


def _told_beside(reach: Reach) -> str:
    """That others take the messages, too, in which no rule can stand."""
    if not reach.able or not reach.beside:
        return ""
    takes = "takes" if reach.beside == 1 else "take"
    return f"{reach.beside} more on its channel cannot be debugged, and {takes} what comes: of an older release, say"


def _told_refusals(reach: Reach) -> str:
    """Which instances refuse it, and why."""
    others = len(reach.refusals)
    if not reach.able or not others:
        return ""
    told = reach.refusals[0]
    who = "the other does" if others == 1 else f"the other {others} do"
    if told.code == "forbidden":
        why = f"{who} not allow it"
    elif told.code == "unknown_action":
        why = f"{who} not know how"
    else:
        why = f"{who} not take it ({told.error or told.code})"
    return f"in {reach.able} of {reach.able + others} instances; {why}"


def told_passed(passed: int) -> str:
    """That messages were not held; empty where none were."""
    if not passed:
        return ""
    went = plural(passed, "message went by that was", "messages went by that were")
    return f"{went} to be held: there was no room (200, or 16 MiB)"


def told_untold(service: str, owners: Iterable[str]) -> str:
    """That the rules of some have no room in what a service tells."""
    whose = " and ".join(shown(one, text=True) for one in owners)
    return f"{shown(service)} has rules of {whose} that are too large to be told of"


def told_rule(service: str, rule: Rule) -> str:
    """A rule in words."""
    subject = shown(rule.subject, text=True)
    if rule.place == "call":
        name = f"calls that {shown(service)} makes to {f'{shown(rule.to)}.' if rule.to else ''}{subject}"
    else:
        where = {"request": "", "answer": "answers of ", "event": "heard by "}[rule.place]
        name = f"{where}{shown(service)}{' on ' if rule.place == 'event' else '.'}{subject}"
    terms = rule.terms()
    return f"{name} {rule.deed()}" + (f" ({terms})" if terms else "")
