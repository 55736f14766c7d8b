"""suspend and resume: an instance, or a service, that takes nothing more to handle."""

from __future__ import annotations

import math

from daebus.errors import ServiceUnavailable
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.holding.debugging import (
    at_word,
    await_told,
    confirm,
    keeper_of,
    telling_who_is_meant,
)
from daebus_console.commands.doing.holding.standing import stay
from daebus_console.commands.doing.looking.listing import LOOK_FOR, complete
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.verbs import Face
from daebus_console.engine.holding.desk import Reach
from daebus_console.engine.holding.words import told_reach
from daebus_console.engine.keeping.keeper import LEASE, Keeper
from daebus_console.engine.keeping.refused import Refused
from daebus_console.naming import shown

_LONGEST = 3600.0
"""Seconds that are told whoever is asked whether to go on, where nothing is said."""


def run_suspend(command: Command, context: Context) -> int:
    """Suspend a service; at the shell until interrupted, or for as long as it is to last."""
    keeper = keeper_of(command, context)
    service: str = command["service"]
    instance = _instance(command, context, keeper, service)
    lasts: float | None = command["for"]
    confirm(command, context, [service], lasts or _LONGEST)
    with telling_who_is_meant(context, with_action=False):
        count = keeper.suspend(service, on=True, instance=instance, lasts=math.inf if lasts is None else lasts)
    ends = ": `release next` lets one message through, `resume` all" if context.face is Face.PROMPT else ""
    await_told(context, keeper.session, {service})
    with keeper.session.lock:
        reach = Reach() if instance is not None else keeper.desk.reach(service)
    where = told_reach(reach)
    if not (reach.able and reach.refusals):
        where = "; ".join(filter(None, (f"{count} instance{'s' * (count != 1)}", where)))
    context.output.note(f"{shown(service)} is suspended ({where}){ends}")
    if context.face is Face.PROMPT:
        return Exit.DONE
    return stay(command, context, keeper, over=lambda: service not in keeper.desk.suspended)


def run_resume(command: Command, context: Context) -> int:
    """Let suspended services go on."""
    keeper = keeper_of(command, context)
    with keeper.session.lock:
        ours = keeper.desk.suspended.all()
    service: str | None = command["service"]
    if service is None and not ours:
        context.output.note("nothing is suspended by us")
        return Exit.DONE
    status = Exit.DONE
    for name in [service] if service is not None else sorted(ours):
        chosen = _instance(command, context, keeper, name) if service is not None else None
        for instance in [chosen] if chosen is not None else sorted(ours.get(name, {None}), key=str):
            what = shown(name) + (f" ({shown(instance)})" if instance else "")
            try:
                keeper.suspend(name, on=False, instance=instance)
            except Refused as error:
                then = f"; what is held there goes on within {LEASE:g} s" if name in ours else ""
                context.output.error(f"{error}{then}")
                status = Exit.ERROR
                continue
            except ServiceUnavailable:
                if name not in ours:
                    raise
                context.output.note(f"{what} is suspended no more; nobody is there")
                continue
            others = keeper.suspended_by_others(name, instance)
            if others:
                owners = ", ".join(shown(one, text=True) for one in others)
                context.output.error(f"{what} stays suspended: by {owners}, not by you")
                status = Exit.ERROR
                continue
            context.output.note(f"{what} {'goes on' if name in ours else 'is not suspended'}")
    return status


def _instance(command: Command, context: Context, keeper: Keeper, service: str) -> str | None:
    """The id of the instance that is meant; None for all. Raises CommandError."""
    wanted: str | None = command["instance"]
    if wanted is None:
        return None
    # At the shell nobody has told anything as yet.
    keeper.session.wait_for(lambda: complete(keeper.session) or context.cancellation.cancelled, LOOK_FOR)
    with keeper.session.lock:
        entry = keeper.session.directory.services.get(service)
        names = sorted(entry.instances) if entry is not None else []
    found = [name for name in names if name.startswith(wanted)]
    if len(found) != 1:
        known = f"there are {', '.join(map(shown, names))}" if names else "none is known"
        what = "is the beginning of more than one instance" if found else "is no instance"
        raise at_word(command, wanted, f"{wanted} {what} of {shown(service)}: {known}")
    return found[0]
