"""Arguments and options that several verbs have. Pure."""

from __future__ import annotations

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Face, Option

AT_SHELL = frozenset({Face.SHELL})
AT_PROMPT = frozenset({Face.PROMPT})
JSON = Option("--json", Kind.FLAG, "print one JSON object a line")
FOR = Option("--for", Kind.DURATION, "look for so long (5, 200ms, 2m), then end")
TIMEOUT = Option("--timeout", Kind.DURATION, "wait at most so long for the final answer (default: 5 s)")
TIMES = Option("--times", Kind.COUNT, "send it so many times; without --every, all at once", "N")
EVERY = Option("--every", Kind.DURATION, "send it again after so long (2s, 200ms); without --times, until stopped")
FORCE = Option("--force", Kind.FLAG, "at a prompt, send it though it is not what the action says that it takes")
SERVICE = Argument("service", Kind.SERVICE, "the service to ask")
ACTION = Argument("action", Kind.ACTION, "one of its actions")
ITEMS = Argument("items", Kind.ITEMS, "the payload; see `help items`", required=False, many=True)
FILTER = Argument("filter", Kind.FILTER, "only what matches; see `help filters`", required=False, many=True)
JSON_WHOLE = Option("--json", Kind.FLAG, "print JSON")
RULES = (
    Option("--ignore", Kind.TEXT, "places that may differ, such as payload.timestamp,*.uptime,*.items[*].id", "PATHS"),
    Option("--tolerance", Kind.TEXT, "numbers that differ by no more are the same: 0.01, or 5%", "T"),
    Option("--any-order", Kind.FLAG, "lists are the same in any order"),
)
WHAT = Argument(
    "what", Kind.WORDS, "a capture FILE with a filter behind it; at a prompt also #123, or just a filter", many=True
)
LOOKED_AT = Argument(
    "what",
    Kind.WORDS,
    "a capture FILE, and a filter; without a file what is remembered, or at the shell what passes",
    required=False,
    many=True,
)
PLACE = Option(
    "--place",
    Kind.TEXT,
    "before it is handled (request, by default), on leaving as a call, as an answer, or on being heard as an event",
    "call|request|answer|event",
)
WHERE = Option(
    "--where", Kind.CONDITIONS, "conditions with blanks between them: 'payload.id=17 payload.name~A*'", "CONDITIONS"
)
LASTS = Option("--for", Kind.DURATION, "take the rule away after so long")
