"""request: ask a service, and print its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import ACTION, EVERY, FORCE, ITEMS, JSON, SERVICE, TIMEOUT, TIMES

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "request",
    "ask a service, and print its answer",
    (SERVICE, ACTION, ITEMS),
    (TIMEOUT, TIMES, EVERY, FORCE, JSON),
    examples=(
        "request users get_user id:=17",
        'request users create name=Ann age:=29 tags:=["admin"] address.city=Berlin',
        'request orders place {"items": [{"sku": "A1", "count": 2}]} --timeout 30s',
        "request reports build @report.json --json",
        "request stock check sku=A1 --times 20",
        "request users ping --every 2s --times 5",
    ),
    details="The payload of the final answer is the result; what comes before it is shown as progress. At a prompt,"
    " & at the end leaves it to itself, and you are told when it ends; and where the service tells what the action"
    " takes (`describe`), what does not fit is not sent. At the shell the service is not asked before, and answers"
    " bad_request.",
    publishes=True,
    background=True,
    place=30,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.sending`."""
    from daebus_console.commands.doing.sending.sending import run_request

    return run_request(command, context)
