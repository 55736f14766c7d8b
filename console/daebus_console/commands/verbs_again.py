"""The verbs for what was seen before: sent again, compared, taken along; and stand-ins for services. Pure."""

from __future__ import annotations

from daebus_console.commands.kinds import Kind
from daebus_console.commands.verb import Argument, Face, Option, Verb

_PROMPT = frozenset({Face.PROMPT})

_JSON = Option("--json", Kind.FLAG, "print JSON")
_RULES = (
    Option("--ignore", Kind.TEXT, "places that may differ, such as payload.timestamp,*.uptime,*.items[*].id", "PATHS"),
    Option("--tolerance", Kind.TEXT, "numbers that differ by no more are the same: 0.01, or 5%", "T"),
    Option("--any-order", Kind.FLAG, "lists are the same in any order"),
)
_WHAT = Argument(
    "what", Kind.WORDS, "#123 (at a prompt), a capture FILE with a filter behind it, or just a filter", many=True
)

AGAIN = (
    Verb(
        "replay",
        "send again what was seen, and compare the answers",
        (_WHAT,),
        (
            Option("--to", Kind.SERVICE, "another service or channel to send it to", "SERVICE"),
            Option("--redis", Kind.URL, "another Redis to send it to", "URL"),
            Option("--include", Kind.TEXT, "not only requests, but also one-way, broadcast or both", "KINDS"),
            Option("--roots", Kind.FLAG, "leave out what services asked while they handled something else"),
            Option("--speed", Kind.RATE, "so many times as fast as it was", "X"),
            Option("--rate", Kind.RATE, "so many a second, evenly", "R"),
            Option("--asap", Kind.FLAG, "as fast as the answers come"),
            Option(
                "--in-flight", Kind.COUNT, "so many requests under way at once, at most (default: 256; with --asap 64)"
            ),
            Option("--timeout", Kind.DURATION, "wait so long for an answer, whatever the request said"),
            Option("--dry-run", Kind.FLAG, "only tell what would be sent"),
            Option("--skip-missing", Kind.FLAG, "leave out what goes to services that are not there"),
            Option(
                "--yes", Kind.FLAG, "do not ask before broadcasts, nor before it goes to another machine", short="-y"
            ),
            *_RULES,
            Option("--junit", Kind.OUTPUT, "write the comparison as JUnit XML", "FILE"),
            _JSON,
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
        " where anything has changed or failed. The same request gets a new id, and only we get its answer.",
        publishes=True,
        background=True,
    ),
    Verb(
        "diff",
        "compare two exchanges, or a replay with what it replays",
        (Argument("exchange", Kind.REF, "their numbers; one alone is compared with its origin", many=True),),
        (*_RULES, _JSON),
        examples=("diff #123 #130", "diff #130", "diff #1 #2 --ignore payload.timestamp,*.uptime --tolerance 0.01"),
        faces=_PROMPT,
    ),
    Verb(
        "export",
        "take exchanges along: as JSON, commands, Python, tests, diagrams or text",
        (_WHAT,),
        (
            Option(
                "--as",
                Kind.TEXT,
                "json, jsonl, capture, command, python, pytest, redis-cli, mermaid or markdown (default: by the name"
                " of the file, else json)",
                "FORMAT",
            ),
            Option("--output", Kind.OUTPUT, "the file to write; .gz compresses it", "FILE", "-o"),
            Option("--force", Kind.FLAG, "overwrite the file if it exists"),
            Option("--copy", Kind.FLAG, "into the clipboard"),
            *_RULES,
        ),
        examples=(
            "export today.jsonl service:users --as pytest -o test_users.py --ignore *.timestamp",
            "export #123 --as command",
            "export #120 #121 #122 --as mermaid --copy",
            "export today.jsonl status:error --as markdown",
        ),
        details="The rules go into a pytest module as data. Values of keys named with --redact are masked.",
    ),
    Verb(
        "open",
        "look at a capture file in the full-screen console",
        (Argument("file", Kind.FILE, "the capture"),),
        (Option("--redis", Kind.URL, "where replays from it go (default: nowhere)", "URL"),),
        examples=("open today.jsonl", "open today.jsonl --redis redis://localhost:6379/0"),
        details="All is there but sending; with --redis, what is in it can be replayed. In the full-screen console it"
        " lies over the bus until you leave it with q.",
    ),
    Verb(
        "mock",
        "answer in place of a service that is not there",
        (
            Argument("service", Kind.SERVICE, "the service to stand in for"),
            Argument("action", Kind.ACTION, "the action to answer", required=False),
            Argument("items", Kind.ITEMS, "the answer; see `help items`", required=False, many=True),
        ),
        (
            Option("--from", Kind.FILE, "answer as in this capture: what was answered to the same payload", "FILE"),
            Option("--delay", Kind.DURATION, "answer after so long"),
            Option("--error", Kind.TEXT, "answer with this error", "TEXT"),
            Option("--times", Kind.COUNT, "end after so many answers"),
            Option("--beside", Kind.FLAG, "also where the service is there; both will answer then"),
        ),
        examples=(
            "mock users get_user id:=17 name=Ann --delay 200ms",
            'mock payment charge --error "card declined" --times 3',
            "mock users --from today.jsonl",
        ),
        details="An answer from a capture is the one to the same action and payload, else to the nearest payload; then"
        " it bears a mark. Stand-ins end with `unmock`, and with the console; at the shell, with Ctrl-C.",
    ),
    Verb("mocks", "list the stand-ins", options=(_JSON,), examples=("mocks", "mocks --json"), faces=_PROMPT),
    Verb(
        "unmock",
        "end stand-ins; without a number or a service, all of them",
        (Argument("which", Kind.TEXT, "the number that `mocks` shows, or a service", required=False),),
        examples=("unmock", "unmock 2", "unmock users"),
        faces=_PROMPT,
    ),
)
