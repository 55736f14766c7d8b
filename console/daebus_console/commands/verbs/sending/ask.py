"""ask: ask a service of another framework in its own dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import JSON, TIMEOUT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "ask",
    "ask a service of another framework, and print its answer",
    (
        Argument(
            "dialect", Kind.TEXT, "nest or faststream; `help dialects` tells of all", words=("nest", "faststream")
        ),
        Argument("channel", Kind.PATTERN, "its channel; of NestJS the pattern, which may be an object in JSON"),
        Argument("content", Kind.TEXT, "what it is asked with: any value in JSON (default: {})", required=False),
    ),
    (TIMEOUT, JSON),
    examples=(
        """ask nest '{"cmd":"sum"}' '[1, 2]'""",
        "ask nest orders.find '{\"id\": 7}'",
        'ask faststream sum \'{"a": 1, "b": 2}\' --timeout 2s',
    ),
    details="It has an id of its own, and is waited for until the framework's own end: what comes before it is shown as"
    " progress. Of several instances of NestJS all answer, and the first that ends is the answer, as for its clients.",
    publishes=True,
    background=True,
    place=35,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.foreign`."""
    from daebus_console.commands.doing.sending.foreign import run_ask

    return run_ask(command, context)
