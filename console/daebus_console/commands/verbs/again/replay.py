"""replay: send again what was seen, and compare the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import JSON_WHOLE, RULES, WHAT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "replay",
    "send again what was seen, and compare the answers",
    (WHAT,),
    (
        Option("--to", Kind.SERVICE, "another service or channel to send it to", "SERVICE"),
        Option("--redis", Kind.URL, "another Redis to send it to", "URL"),
        Option(
            "--include",
            Kind.TEXT,
            "not only requests, but also one-way, broadcast or both",
            "KINDS",
            words=("one-way", "broadcast"),
        ),
        Option("--roots", Kind.FLAG, "leave out what services asked while they handled something else"),
        Option("--speed", Kind.SPEED, "so many times as fast as it was", "X"),
        Option("--rate", Kind.RATE, "so many a second, evenly", "R"),
        Option("--asap", Kind.FLAG, "as fast as the answers come"),
        Option("--in-flight", Kind.COUNT, "so many requests under way at once, at most (default: 256; with --asap 64)"),
        Option("--timeout", Kind.DURATION, "wait so long for an answer, whatever the request said"),
        Option("--dry-run", Kind.FLAG, "only tell what would be sent"),
        Option("--skip-missing", Kind.FLAG, "leave out what goes to services that are not there"),
        Option("--yes", Kind.FLAG, "do not ask before broadcasts, nor before it goes to another machine", short="-y"),
        *RULES,
        Option("--junit", Kind.OUTPUT, "write the comparison as JUnit XML", "FILE"),
        JSON_WHOLE,
    ),
    examples=(
        "replay today.jsonl service:users --speed 2 --ignore *.timestamp",
        "replay today.jsonl --asap --json --junit replay.xml",
        "replay today.jsonl --dry-run",
        "replay #123",
        "replay #123 user.name=Bob age:=30 -token --to users2",
        "replay is:marked",
    ),
    details="One exchange may be edited: items set, a dash before a path takes away. Many are sent with the spacing"
    " they had, after a plan; what is the same, has changed or failed is told at the end, and the exit status is 1"
    " where anything has changed or failed. The same request gets a new id, and only we get its answer. What was"
    " answered too late is waited for longer than it says, since that answer is compared, too; not answered in time,"
    " then and now, is the same.",
    publishes=True,
    background=True,
    place=110,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.replaying`."""
    from daebus_console.commands.doing.again.replaying import run_replay

    return run_replay(command, context)
