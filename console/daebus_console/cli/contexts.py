"""What verbs of the shell act in: a session on the Redis of the settings, not yet started."""

from __future__ import annotations

import gc
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from daebus_console.cli.options import Globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.verbs import Face

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.engine.session import Session

_SWITCH = 0.001
"""Seconds that a thread may keep the interpreter while others want it."""
_COLLECT_AFTER = (20_000, 50, 100)
"""New objects after which Python looks for garbage in the youngest of them, and how many times until in older ones."""
_REMEMBERED = 200_000
_REMEMBERED_BYTES = 128 * 1024 * 1024


def open_context(settings: Globals, output: TerminalOutput, stack: ExitStack) -> Context:
    """A context of the shell for the Redis of the settings; the stack closes it. Raises ConfigurationError."""
    from daebus_console.cli.asking import Asking
    from daebus_console.commands.context import Context
    from daebus_console.commands.known_file import KnownFile, known_path
    from daebus_console.commands.under_way import under_way
    from daebus_console.engine.hiding.redact import Redactor
    from daebus_console.engine.sender import Sender

    session = open_session(settings, _REMEMBERED, _REMEMBERED_BYTES)
    stack.callback(session.stop)
    sender = stack.enter_context(Sender(session, read_only=settings.read_only))
    # Whatever ends the program, and whenever: rules of ours end with it.
    stack.callback(lambda: under_way(session).close())
    return Context(
        session,
        sender,
        output,
        Face.SHELL,
        confirm=Asking(output),
        confirm_remote=settings.confirm_remote,
        redact=Redactor(settings.redact),
        known=KnownFile(known_path()),
    )


def open_session(settings: Globals, messages: int | None = None, memory: int | None = None) -> Session:
    """A session on the Redis of the settings that remembers so many messages and bytes. Raises ConfigurationError."""
    from daebus.errors import ConfigurationError
    from daebus.transport.address import named_by, resolve_url
    from daebus_console.engine.session import Session
    from daebus_console.engine.settings import Settings

    # The tap notes when it reads; whoever works in another thread would keep it from doing so for up to 5 ms.
    sys.setswitchinterval(_SWITCH)
    # What is remembered are millions of objects without cycles: looking through them all takes a tenth of a second and
    # more, in which no key is seen, and finds nothing.
    gc.set_threshold(*_COLLECT_AFTER)
    wanted = Settings(patterns=settings.channels or ("*",), dialects=settings.dialects, passive=settings.passive)
    if messages is not None and memory is not None:
        wanted = replace(wanted, max_messages=messages, max_bytes=memory)
    try:
        return Session(resolve_url(settings.redis), wanted)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}{named_by(settings.redis)}") from None
