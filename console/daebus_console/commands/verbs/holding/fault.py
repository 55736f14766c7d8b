"""fault: do harm on purpose: delay, fail, answer, drop, double"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import JSON, LASTS, PLACE, WHERE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "fault",
    "do harm on purpose: delay, fail, answer, drop or double messages; keep such rules as storms",
    (
        Argument("service", Kind.SERVICE, "the service; or save or load and a name, or storms", required=False),
        Argument("action", Kind.ACTION, "the action, or * for all", required=False),
        Argument(
            "deed", Kind.DEED, "delay, fail, answer, drop, drop-answer, duplicate or answer-twice", required=False
        ),
        Argument("how", Kind.MATCH, "how long, the text of the error, or the items of the answer", False, True),
    ),
    (
        Option("--probability", Kind.TEXT, "the share of messages that it meets: 0.1, or 10%", "P"),
        Option(
            "--times", Kind.COUNT, "so many times in all; a few more where several instances meet some at once", "N"
        ),
        Option("--skip", Kind.COUNT, "not the first so many that an instance gets", "N"),
        Option("--code", Kind.TEXT, "the code of the error, with fail"),
        Option("--from", Kind.TEXT, "only what that service or program has sent; * stands for any text", "NAME"),
        WHERE,
        PLACE,
        LASTS,
        Option("--force", Kind.FLAG, "with save: also where there is one of that name"),
        JSON,
    ),
    examples=(
        "fault payment charge delay 2s --probability 0.1 --for 5m",
        'fault payment charge fail "card declined" --code declined --times 3',
        "fault users get_user answer id:=17 name=Ann",
        "fault stock '*' drop-answer --where 'payload.sku=A1'",
        "fault",
        "fault save black-friday",
        "fault load black-friday",
        "fault storms",
        "fault load /tmp/storm.toml",
    ),
    details="Faults end with this console, `off`, `unbreak`, or --for. All that they touch says so in the flow. "
    "A bare name is kept as .daebus/storms/NAME.toml of the project that you are in, for the whole team; what has a "
    "slash or an ending is a file.",
    place=178,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.faulting`."""
    from daebus_console.commands.doing.holding.faulting import run_fault

    return run_fault(command, context)
