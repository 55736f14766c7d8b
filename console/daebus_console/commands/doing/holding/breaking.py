"""break, breaks, unbreak and off: rules that hold messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.holding.debugging import (
    at_word,
    conditions,
    ended,
    is_ours,
    keeper_of,
    look_everywhere,
    place_of,
    stepper_of,
    told_silent,
)
from daebus_console.commands.doing.holding.standing import checked_rule, stand
from daebus_console.commands.errors import NotConfirmed
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.kinds import Kind, read_value
from daebus_console.commands.terms.words import Word
from daebus_console.commands.verbs import Face
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.holding.desk import Known, Setting
from daebus_console.engine.holding.rule import LONGEST_HOLD, Rule
from daebus_console.engine.holding.words import told_passed, told_reach, told_rule, told_untold
from daebus_console.engine.keeping.keeper import LEASE, Keeper, Wanted
from daebus_console.engine.message.exchange import Kind as Sort
from daebus_console.naming import fields, shown
from daebus_console.render import Span, duration, table


def run_break(command: Command, context: Context) -> int:
    """Set a breakpoint; at the shell it stands until interrupted, and what is held is told."""
    keeper = keeper_of(command, context)
    wanted = wanted_of(command, context)
    return stand(command, context, keeper, wanted, wanted[0].rule.lasts or LONGEST_HOLD)


def wanted_of(command: Command, context: Context) -> list[Wanted]:
    """The rules that the command says, one for each service. Raises CommandError."""
    words: tuple[Word, ...] = command["match"]
    service: str = command["service"]
    place = place_of(command)
    if service.startswith("#"):
        services, place, name = _like(command, context, service, place)
    else:
        services, name = [service], None
        if words and not _is_condition(words[0]):
            name, words = read_value(Kind.ACTION, words[0]), words[1:]
    rule = Rule(
        "",
        place,
        action=name if place != "event" else None,
        channel=name if place == "event" else None,
        sender=command["from"],
        where=conditions(command, words),
        once=command["once"],
        skip=command["skip"] or 0,
        lasts=command["hold"],
        before_timeout=command["before_timeout"],
    )
    checked_rule(rule, command)
    return [Wanted(one, rule, command["for"]) for one in services]


def _is_condition(word: Word) -> bool:
    if word.text.startswith(("payload.", "payload[")):
        return True
    # A backslash takes a sign as part of a name.
    return word.raw[:1] not in ("'", '"') and re.search(r"[=<>~]", re.sub(r"\\.", "", word.text)) is not None


def _like(command: Command, context: Context, ref: str, place: str) -> tuple[list[str], str, str | None]:
    """Services, place and name of what is like that exchange."""
    found = re.fullmatch(r"#(\d{1,15})", ref)
    if found is None:
        raise at_word(command, ref, "expected the number of an exchange, such as #123, or a service")
    if context.face is Face.SHELL:
        raise at_word(command, ref, "#N is for prompts, which remember exchanges; at the shell, name a service")
    exchange = context.exchange(int(found[1]))
    target = exchange.target or ""
    if exchange.kind in (Sort.REQUEST, Sort.ONE_WAY, Sort.TOLD):
        return [target], place, exchange.action
    if exchange.kind is not Sort.BROADCAST:
        raise at_word(command, ref, f"{ref} is no request, message or broadcast: nothing is like it that could be held")
    with context.session.lock:
        channel = context.session.directory.channels.get(target)
        services = sorted(channel.listeners) if channel is not None else []
    if not services:
        raise at_word(command, ref, f"no service says that it listens to {shown(target)}: there is nowhere to hold it")
    return services, "event", target


def run_breaks(command: Command, context: Context) -> int:
    """List the rules that stand."""
    keeper = keeper_of(command, context)
    unknown = look_everywhere(keeper, context)
    with keeper.session.lock:
        known, passed, suspended = keeper.desk.known(), keeper.desk.passed(), keeper.desk.suspensions()
        untold = keeper.desk.untold()
    if command["json"]:
        for one in known:
            context.output.record(_data(keeper, one, context.redact))
    elif known:
        context.output.result(
            table(("", "SERVICE", "RULE", "HITS", "BY"), rows_of(keeper, known, context.redact), frozenset({3}))
        )
    elif unknown is None and not untold:
        context.output.note("no rule stands; `help break` and `help fault` tell how to set one")
    for service, owners in untold.items():
        context.output.note(told_untold(service, owners))
    for service, owners in suspended.items():
        who = ", ".join("you" if one == keeper.desk.owner else shown(one, text=True) for one in owners)
        ends = f"; `resume {shown(service)}` ends it" if keeper.desk.owner in owners else ""
        context.output.note(f"{shown(service)} is suspended by {who}{ends}")
    if passed:
        context.output.note(told_passed(passed))
    return ended(context, unknown)


def rows_of(keeper: Keeper, known: Sequence[Known], redact: Redactor) -> list[list[str | Span]]:
    """A row for each rule."""
    return [
        [
            label(one),
            Span(shown(one.service), "bold"),
            ", ".join(filter(None, (_told(one, redact), _ends(keeper, one), told_reach(one.reach)))),
            f"{one.hits:,}",
            Span("you" if one.owner == keeper.desk.owner else shown(one.owner, text=True), "dim"),
        ]
        for one in known
    ]


def _told(one: Known | Setting, redact: Redactor) -> str:
    return told_rule(one.service, one.rule.masked(redact))


def _ends(keeper: Keeper, one: Known) -> str:
    """That it stands for a time, and how much of that is left."""
    return "" if one.until is None else f"ends in {duration(max(0.0, one.until - keeper.now()))}"


def label(one: Known) -> str:
    """What a rule is called by: ours by their numbers, those of others by a letter and one."""
    return f"[o{one.other}]" if one.number is None else f"[{one.number}]"


def _data(keeper: Keeper, one: Known, redact: Redactor) -> dict[str, Any]:
    return {
        "number": one.number,
        **fields("service", one.service),
        "owner": one.owner,
        "ours": one.owner == keeper.desk.owner,
        "hits": one.hits,
        "instances": one.instances,
        "refused": len(one.reach.refusals),
        "left_s": None if one.until is None else round(max(0.0, one.until - keeper.now()), 3),
        "rule": one.rule.masked(redact).wire(),
    }


def run_unbreak(command: Command, context: Context) -> int:
    """Take rules away: ours, or once that is confirmed another's."""
    keeper = keeper_of(command, context)
    which: str | None = command["which"]
    with keeper.session.lock:
        ours = [one for one in keeper.desk.settings.values() if not one.group]
    if which is None:
        found = ours
    else:
        plain = which.strip("[]")
        found = [one for one in ours if plain == str(one.number) or which == one.service]
        if _OF_OTHERS.fullmatch(plain):
            other = _other(keeper, plain)
            if other is None:
                # It may be that nobody has asked yet.
                look_everywhere(keeper, context)
                other = _other(keeper, plain)
            if other is not None:
                return _lift_other(context, keeper, other)
        if not found:
            raise at_word(command, which, f"there is no rule {which}; `breaks` lists them")
    keeper.lift(found)
    for one in found:
        context.output.note(f"[{one.number}] is gone: {_told(one, context.redact)}")
    if not found:
        context.output.note("no rule of ours stands")
    return Exit.DONE


_OF_OTHERS = re.compile(r"o\d{1,15}")


def _other(keeper: Keeper, plain: str) -> Known | None:
    """The rule of another console that is called so, where there is one."""
    with keeper.session.lock:
        known = keeper.desk.known()
    return next((one for one in known if one.number is None and label(one) == f"[{plain}]"), None)


def _lift_other(context: Context, keeper: Keeper, other: Known) -> int:
    what = _told(other, context.redact)
    owner = shown(other.owner, text=True)
    if not is_ours(keeper, other.owner) and not context.confirm(f"{what} was set by {owner}. Take it away?"):
        raise NotConfirmed(f"the rule was left to {owner}")
    # What they have set since others were looked at stays.
    keeper.look([other.service])
    with keeper.session.lock:
        known = keeper.desk.known()
    theirs = [one.rule for one in known if one.owner == other.owner and one.service == other.service]
    keeper.lift_of(other.service, other.owner, [one for one in theirs if one.id != other.rule.id])
    context.output.note(f"taken away from {owner}: {what}")
    return Exit.DONE


def run_off(command: Command, context: Context) -> int:
    """Lift all, let all go."""
    keeper = keeper_of(command, context)
    with keeper.session.lock:
        rules = sum(not one.group for one in keeper.desk.settings.values())
        suspended = len(keeper.desk.suspended)
    silent = keeper.look_where_ours()
    held = keeper.off()
    stepper_of(command, context).end()
    parts = [f"{rules} rule{'s' * (rules != 1)} taken away", f"{held} held message{'s' * (held != 1)} let go"]
    if suspended:
        parts.append(f"{suspended} service{'s' * (suspended != 1)} resumed")
    context.output.note(f"off: {', '.join(parts)}")
    if silent:
        context.output.error(f"{told_silent(silent)}: what is held there goes on within {LEASE:g} s")
        return Exit.TIMEOUT
    return Exit.DONE
