"""The verbs of prompts that change what is seen, and help."""

from __future__ import annotations

from daebus_console.commands.context import Context, Exit, View
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.grammar.help import help_in
from daebus_console.commands.under_way import under_way
from daebus_console.engine.message.exchange import Flag
from daebus_console.render import line, plural


def run_help(command: Command, context: Context) -> int:
    """Show help."""
    context.output.result(line(text) for text in help_in(context.output.width, command["topic"], context.face))
    return Exit.DONE


def run_filter(command: Command, context: Context) -> int:
    """Narrow the view, or widen it again."""
    _view(command, context).set_filter(command["filter"])
    return Exit.DONE


def run_pause(command: Command, context: Context) -> int:
    """Hold the view still, or let it go on; where there is none, the replays that are under way."""
    going = under_way(context.session)
    if context.view is None and going.hold_replays():
        paused = all(replay.paused for replay in going.replays)
        context.output.note("nothing more is sent; `pause` lets it go on" if paused else "the replay goes on")
        return Exit.DONE
    held = _view(command, context).toggle_pause()
    context.output.note("the view stands still; `pause` lets it go on" if held else "the view goes on")
    return Exit.DONE


def run_clear(_command: Command, context: Context) -> int:
    """Empty the journal."""
    session = context.session
    with session.lock:
        count = len(session.journal.messages)
        session.journal.clear()
        session.status.remembered = session.clock()
    if context.view is not None:
        context.view.cleared()
    context.output.note(f"{plural(count, 'message')} forgotten")
    return Exit.DONE


def run_mark(command: Command, context: Context) -> int:
    """Mark exchanges, or take the mark away from those that have it."""
    exchanges = [context.exchange(number) for number in command["exchange"]]
    session = context.session
    with session.lock:
        for exchange in exchanges:
            exchange.flags ^= Flag.MARKED
            session.journal.touch(exchange)
    for exchange in exchanges:
        marked = "marked" if exchange.has(Flag.MARKED) else "no longer marked"
        context.output.note(f"#{exchange.number} is {marked}")
    return Exit.DONE


def run_quit(_command: Command, context: Context) -> int:
    """Leave."""
    context.leaving.set()
    if context.view is not None:
        context.view.quit()
    return Exit.DONE


def _view(command: Command, context: Context) -> View:
    if context.view is None:
        more = {"filter": "; `tail FILTER` prints what matches", "pause": ", and no replay is under way"}
        told = f"there is no view beside this prompt for `{command.name}`{more.get(command.name, '')}"
        raise CommandError(told, 0, len(command.name))
    return context.view
