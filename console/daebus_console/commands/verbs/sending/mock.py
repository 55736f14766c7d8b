"""mock: answer in place of a service that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "mock",
    "answer in place of a service that is not there",
    (
        Argument("service", Kind.SERVICE, "the service to stand in for", other=("dialect", Kind.PATTERN)),
        Argument("action", Kind.ACTION, "the action to answer", required=False, other=("dialect", Kind.TEXT)),
        Argument("items", Kind.ITEMS, "the answer; see `help items`", required=False, many=True),
    ),
    (
        Option("--from", Kind.FILE, "answer as in this capture: what was answered to the same payload", "FILE"),
        Option("--delay", Kind.DURATION, "answer after so long"),
        Option("--error", Kind.TEXT, "answer with this error", "TEXT"),
        Option("--times", Kind.COUNT, "end after so many answers"),
        Option(
            "--dialect",
            Kind.TEXT,
            "stand in on a channel of nest or faststream, for every question on it",
            "NAME",
            words=("nest", "faststream"),
        ),
        Option("--answer", Kind.TEXT, "with --dialect: what is answered, any value in JSON", "JSON"),
        Option("--beside", Kind.FLAG, "also where the service is there; both will answer then"),
    ),
    examples=(
        "mock users get_user id:=17 name=Ann --delay 200ms",
        'mock payment charge --error "card declined" --times 3',
        "mock users --from today.jsonl",
        """mock '{"cmd":"sum"}' --dialect nest --answer 3""",
    ),
    details="An answer from a capture is the one to the same action and payload, else to the nearest payload; then"
    " it bears a mark. Stand-ins end with `unmock`, and with the console; at the shell, with Ctrl-C.",
    place=150,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.mocking`."""
    from daebus_console.commands.doing.sending.mocking import run_mock

    return run_mock(command, context)
