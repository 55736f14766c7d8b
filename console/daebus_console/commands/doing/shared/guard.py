"""What is asked before something is sent: nobody is there, or much goes to a Redis on another machine."""

from __future__ import annotations

import ipaddress
import shlex
import socket
from urllib.parse import urlsplit

from daebus.errors import ServiceUnavailable
from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared.inputs import is_capture, misplaced
from daebus_console.commands.errors import CommandError, NotConfirmed, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.verbs import Face
from daebus_console.engine.sender import ReadOnly
from daebus_console.naming import quoted, shown

_TAKE_ONE = "`open`, `export`, `stats`, `groups` and `findings` take a capture"


def guard(command: Command, context: Context) -> None:
    """Let the command pass, or raise CommandError, ReadOnly, ServiceUnavailable or NotConfirmed.

    May ask the user, and Redis.
    """
    _no_file_for_a_service(command)
    if not command.verb.publishes or command.arguments.get("dry_run"):
        return
    if context.read_only:
        raise ReadOnly(f"`{command.name}` publishes, and {context.sends_nothing}; nothing was sent")
    if context.face is Face.PROMPT and command.verb.argument(Kind.SERVICE) is not None:
        _served(command["service"], context)
    if _sends_many(command) and context.confirm_remote:
        _remote(command, context)


def must_pass(command: Command, context: Context) -> None:
    """Raise CommandError where nothing can pass any more, for what does nothing but wait for that."""
    if not context.session.passing:
        told = "this is a capture, connected to no Redis: nothing passes in it any more"
        raise CommandError(told, 0, len(command.name))


def no_file(command: Command) -> None:
    """Raise CommandError where a word of the filter is the name of a file, which nobody looks for in messages."""
    for term in (command["filter"] or "").split():
        if is_capture(term):
            told = f"{term} is a file, and `{command.name}` looks at what passes; {_TAKE_ONE}"
            raise misplaced(command, term, f"{told} (for messages with that text, write '\"{term}\"')")


def _no_file_for_a_service(command: Command) -> None:
    """Raise CommandError where a capture is named in the place of a service."""
    argument = command.verb.argument(Kind.SERVICE)
    named = command.arguments.get(argument.name) if argument is not None else None
    for name in [named] if isinstance(named, str) else named or ():
        if is_capture(name):
            has_in = any(option.name == "--in" for option in command.verb.options)
            instead = f"write --in {shlex.quote(name)} to look into it" if has_in else _TAKE_ONE
            raise misplaced(command, name, f"{name} is a file, and `{command.name}` takes a service here; {instead}")


def _sends_many(command: Command) -> bool:
    arguments = command.arguments
    times = arguments.get("times")
    return command.verb.many or bool(arguments.get("every")) or (times is not None and times > 1)


def _served(service: str, context: Context) -> None:
    """Ask before something goes to a service to which nobody is subscribed."""
    session = context.session
    with session.lock:
        entry = session.directory.services.get(service)
        if entry is not None and entry.subscribers:
            return
        names = [one.name for one in session.directory.services.values() if one.subscribers]
    # What discovery knows is up to a poll old: Redis knows what is so now.
    if context.sender.subscribers(service) != 0:
        return
    meant = nearest(service, names)
    perhaps = f" (did you mean {shown(meant)}?)" if meant else ""
    told = f"nobody serves {quoted(service)}: its channel has no subscriber{perhaps}"
    if not context.confirm(f"{told}. Send it all the same?"):
        raise ServiceUnavailable(f"{told}; nothing was sent")


def _remote(command: Command, context: Context) -> None:
    host = host_of(context.session.address.url)
    if is_this_machine(host):
        return
    question = f"`{command.name}` publishes more than one message on {context.session.address}, not on this machine"
    if not context.confirm(f"{question}. To go on, type {host}", host):
        raise NotConfirmed(
            "not confirmed, so nothing was sent; --confirm-remote off starts a console that does not ask"
        )


def host_of(url: str) -> str:
    """The host of a Redis URL; empty for a unix socket."""
    parts = urlsplit(url)
    return "" if parts.scheme == "unix" else parts.hostname or "localhost"


def is_this_machine(host: str) -> bool:
    """Whether a host is, by its name or address, the machine that this runs on."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == socket.gethostname().casefold()


def patterns_of_ours(context: Context) -> int:
    """To how many patterns this console is subscribed, for which PUBLISH counts it, and NUMSUB does not."""
    session = context.session
    return len(session.settings.patterns) if session.status.up else 0
