"""rerun: run one handler again in this process, with the calls it makes answered from the capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import JSON_WHOLE, RULES

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "rerun",
    "run a handler again without Redis, its calls answered from the capture",
    (Argument("what", Kind.WORDS, "a capture FILE and the number of an exchange in it; at a prompt #N", many=True),),
    (
        Option("--app", Kind.TEXT, "the app that has the handler, as `daebus run` takes it: shop.orders:app", "APP"),
        Option("--pdb", Kind.FLAG, "stop at the first line of the handler, and where it raised"),
        Option("--timeout", Kind.DURATION, "wait so long for the answer (default: 60 s; with --pdb for ever)"),
        *RULES,
        JSON_WHOLE,
    ),
    examples=(
        "rerun bug.jsonl '#12' --app shop.orders:app",
        "rerun bug.jsonl '#12' --app shop.orders:app --pdb",
        "rerun bug.jsonl '#12' --app shop.orders:app --ignore *.timestamp --json",
    ),
    details="The app is imported, and its handler gets what it got then; nothing is sent to any Redis. A call"
    " that it makes gets the answer that was recorded: the first to that action that is left, before all of one with"
    " the same payload. One that is not there fails with the code not_recorded. The answer, the calls, and what else"
    " it sent are compared with what was recorded; the exit status is 1 where anything differs, and 4 where no answer"
    " came. Start hooks run; background tasks, threads and listeners do not, and `cache` is empty.",
    place=112,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.rerunning`."""
    from daebus_console.commands.doing.again.rerunning import run_rerun

    return run_rerun(command, context)
