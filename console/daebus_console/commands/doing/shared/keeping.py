"""Who keeps what is set and held in services, made on first use."""

from __future__ import annotations

from daebus_console.commands.context import Context
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.keeping.keeper import Keeper
from daebus_console.engine.keeping.presence import debuggable
from daebus_console.engine.keeping.stepping import Stepper


def made_keeper(context: Context) -> Keeper:
    """Who keeps our rules on the Redis of the session, for whoever knows that it may be."""
    found = under_way(context.session)
    if found.keeper is None:
        found.keeper = Keeper(context.session, context.sender)
        found.stepper = Stepper(found.keeper)
    return found.keeper


def look_what_is_held(context: Context) -> None:
    """Learn what is held now, by others as well; a prompt goes on telling it. Where that is refused it says so."""
    with context.session.lock:
        services = debuggable(context.session)
    if context.read_only:
        if services:
            context.output.note(f"what debuggers hold is not asked for: {context.sends_nothing}")
        return
    keeper = made_keeper(context)
    if context.face is Face.PROMPT:
        keeper.watch()
    keeper.look(sorted(services))
