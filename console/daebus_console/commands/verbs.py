"""The table of verbs: what each is for, takes and looks like. Pure.

Shell, prompts, help, completion, palette and key bindings all read it. A verb is carried out by the function that
`runner` names for it.
"""

from __future__ import annotations

from daebus_console.commands.kinds import Kind
from daebus_console.commands.verb import Argument as Argument
from daebus_console.commands.verb import Face as Face
from daebus_console.commands.verb import Option as Option
from daebus_console.commands.verb import Verb as Verb
from daebus_console.commands.verbs_again import AGAIN

_SHELL = frozenset({Face.SHELL})
_PROMPT = frozenset({Face.PROMPT})

_JSON = Option("--json", Kind.FLAG, "print one JSON object a line")
_FOR = Option("--for", Kind.DURATION, "look for so long (5, 200ms, 2m), then end")
_TIMEOUT = Option("--timeout", Kind.DURATION, "wait at most so long for the final answer (default: 5 s)")
_TIMES = Option("--times", Kind.COUNT, "send it so many times; without --every, all at once", "N")
_EVERY = Option("--every", Kind.DURATION, "send it again after so long (2s, 200ms); without --times, until stopped")
_SERVICE = Argument("service", Kind.SERVICE, "the service to ask")
_ACTION = Argument("action", Kind.ACTION, "one of its actions")
_ITEMS = Argument("items", Kind.ITEMS, "the payload; see `help items`", required=False, many=True)
_FILTER = Argument("filter", Kind.FILTER, "only what matches; see `help filters`", required=False, many=True)

_TABLE = (
    Verb(
        "services",
        "list the services that are there, with their actions",
        (Argument("service", Kind.SERVICE, "only these, with their instances; * stands for anything", False, True),),
        (_FOR, Option("--all", Kind.FLAG, "also what has gone away, and other channels"), _JSON),
        examples=("services", "services users 'shop_*'", "services --json", "services --for 5 --all"),
        details="Services on this framework tell their actions themselves; of others only what is seen being asked is"
        " known. Rates are of the time looked, so --for makes them steadier. Of those that are named each instance is"
        " told as well: workers at work of how many, what waits in its queue, what it handled, errors, and refusals.",
    ),
    Verb(
        "tail",
        "print messages as they come, one a line",
        (_FILTER,),
        (
            _FOR,
            Option("--count", Kind.COUNT, "end after so many messages"),
            Option("--all", Kind.FLAG, "also control channels and what the console itself sends"),
            _JSON,
        ),
        examples=("tail", "tail service:users status:error", "tail -action:ping latency:>100ms --for 30s --json"),
        details="Requests (→) and their answers (←) bear the number of their exchange. Ends with Ctrl-C, or when its"
        " output is closed.",
    ),
    Verb(
        "request",
        "ask a service, and print its answer",
        (_SERVICE, _ACTION, _ITEMS),
        (_TIMEOUT, _TIMES, _EVERY, _JSON),
        examples=(
            "request users get_user id:=17",
            'request users create name=Ann age:=29 tags:=["admin"] address.city=Berlin',
            'request orders place {"items": [{"sku": "A1", "count": 2}]} --timeout 30s',
            "request reports build @report.json --json",
            "request stock check sku=A1 --times 20",
            "request users ping --every 2s --times 5",
        ),
        details="The payload of the final answer is the result; what comes before it is shown as progress. At a prompt,"
        " & at the end leaves it to itself, and you are told when it ends.",
        publishes=True,
        background=True,
    ),
    Verb(
        "send",
        "send a service a one-way message, which nobody answers",
        (_SERVICE, _ACTION, _ITEMS),
        (_TIMES, _EVERY, _JSON),
        examples=("send metrics record_metric name=checkout value:=1", "send users forget id:=17 --json"),
        publishes=True,
        background=True,
    ),
    Verb(
        "broadcast",
        "publish an object on a channel, as it is",
        (Argument("channel", Kind.CHANNEL, "the channel"), _ITEMS),
        (_TIMES, _EVERY, _JSON),
        examples=("broadcast user_created id:=17 name=Ann", 'broadcast config {"level": "debug"}'),
        publishes=True,
        background=True,
    ),
    Verb(
        "show",
        "show an exchange with all its messages",
        (Argument("exchange", Kind.REF, "its number"),),
        (_JSON,),
        examples=("show #123", "show #123 --json"),
        faces=_PROMPT,
    ),
    Verb(
        "stats",
        "count requests by service and action, with errors, timeouts and latencies",
        (_FILTER,),
        (_FOR, _JSON),
        examples=("stats --for 10", "stats service:users --for 1m --json", "stats"),
        details="At the shell it looks for 10 s, or as long as --for says; at a prompt it counts what is remembered.",
    ),
    Verb(
        "record",
        "write what passes by into a capture file",
        (
            Argument("file", Kind.OUTPUT, "the file; a name that ends in .gz is compressed, - is standard output"),
            _FILTER,
        ),
        (_FOR, Option("--force", Kind.FLAG, "overwrite the file if it exists")),
        examples=("record today.jsonl", "record errors.jsonl.gz status:error --for 10m", "record all.jsonl --force"),
        details="Ends with Ctrl-C, or after --for. What is written is at most a second behind.",
    ),
    Verb(
        "bench",
        "ask a service many times, and measure",
        (_SERVICE, _ACTION, _ITEMS),
        (
            Option("--requests", Kind.COUNT, "how many requests in all (default: 100)", "N", "-n"),
            Option("--concurrency", Kind.COUNT, "how many at once (default: 1)", "C", "-c"),
            Option("--rate", Kind.RATE, "at most so many a second", "R"),
            _TIMEOUT,
            _JSON,
        ),
        examples=("bench users get_user id:=17 -n 1000 -c 10", "bench users ping -n 500 --rate 50 --json"),
        publishes=True,
        many=True,
        background=True,
    ),
    Verb(
        "ping",
        "measure the way to each instance of a service and back",
        (_SERVICE,),
        (
            Option("--times", Kind.COUNT, "ask so many times (default: 4)", "N"),
            Option("--every", Kind.DURATION, "ask again after so long (default: 1 s)"),
            Option("--timeout", Kind.DURATION, "wait at most so long for each answer (default: 2 s)"),
            _JSON,
        ),
        examples=("ping users", "ping users --times 20 --every 200ms", "ping users --times 1 --json"),
        details="Every instance is asked on its control channel, where its reader answers past the workers: a service"
        " that answers here and not its actions is busy. Services that are not on this framework answer no ping.",
        publishes=True,
        background=True,
    ),
    *AGAIN,
    Verb(
        "repl",
        "type commands line by line, without the full screen",
        examples=("repl",),
        details="With input from a file or a pipe it carries out the commands in it, one a line, and stops at the first"
        " that fails, with its exit status: daebus-console repl < commands.txt",
        faces=_SHELL,
    ),
    Verb(
        "completion",
        "print what makes tab complete verbs, options and the names on the bus in a shell",
        (Argument("shell", Kind.TEXT, "bash or zsh"),),
        examples=("completion bash", "completion zsh"),
        details='For bash, put this into ~/.bashrc: eval "$(daebus-console completion bash)". For zsh write'
        " zsh in both places.",
        faces=_SHELL,
    ),
    Verb(
        "demo",
        "start a small shop of services to look at",
        options=(
            Option("--headless", Kind.FLAG, "only the services, until interrupted; prints the URL to attach to"),
            Option("--redis", Kind.URL, "the Redis to use (default: a private one)", "URL"),
            _FOR,
        ),
        examples=("demo", "demo --headless --for 60", "demo --redis redis://localhost:6379/0"),
        publishes=True,
        faces=_SHELL,
    ),
    Verb(
        "filter",
        "show only what matches; without a filter, everything",
        (_FILTER,),
        examples=("filter service:users -status:ok", 'filter "out of stock"', "filter"),
        faces=_PROMPT,
    ),
    Verb(
        "pause",
        "hold the view still, or let it go on",
        examples=("pause",),
        details="Nothing is missed meanwhile; only the view stands still."
        " At a prompt without a view, the replay under way is held.",
        faces=_PROMPT,
    ),
    Verb("clear", "forget everything seen so far", examples=("clear",), faces=_PROMPT),
    Verb(
        "mark",
        "mark exchanges, or take the mark away again",
        (Argument("exchange", Kind.REF, "their numbers", many=True),),
        examples=("mark #123", "mark #123 #130"),
        faces=_PROMPT,
    ),
    Verb(
        "set",
        "give a value a name, or show the values that have one",
        (
            Argument("name", Kind.NAME, "the name; items reach it as $NAME", required=False),
            Argument(
                "value", Kind.VALUE, 'JSON, "text", @file.json, or a part of what came: $last.user.id, #12.id', False
            ),
        ),
        examples=("set", "set id 17", 'set customer "Ann Lee"', "set user #12.user", "set id $last.user.id", "set id"),
        faces=_PROMPT,
    ),
    Verb(
        "source",
        "carry out the commands in a file, one after the other, up to the first that fails",
        (Argument("file", Kind.FILE, "commands, one a line; # begins a comment"),),
        examples=("source setup.txt",),
        faces=_PROMPT,
    ),
    Verb(
        "save-history",
        "write what was entered into a file, which `source` carries out again",
        (Argument("file", Kind.OUTPUT, "the file"),),
        (Option("--force", Kind.FLAG, "overwrite the file if it exists"),),
        examples=("save-history session.txt", "save-history session.txt --force"),
        details="Lines that name redacted keys are left out.",
        faces=_PROMPT,
    ),
    Verb("jobs", "list what is under way", examples=("jobs",), faces=_PROMPT),
    Verb(
        "cancel",
        "stop waiting for something that is under way; without a number, for all of it",
        (Argument("job", Kind.JOB, "its number, as `jobs` lists it", required=False),),
        examples=("cancel 1", "cancel"),
        faces=_PROMPT,
    ),
    Verb(
        "help",
        "tell what the verbs do",
        (Argument("topic", Kind.TOPIC, "a verb, `items`, `names` or `filters`", required=False),),
        examples=("help", "help request", "help items", "help filters"),
    ),
    Verb("quit", "leave", examples=("quit",), faces=_PROMPT),
)

VERBS: dict[str, Verb] = {verb.name: verb for verb in _TABLE}
"""Every verb by its name, in the order in which help lists them."""

SHELL_OPTIONS = (
    Option("--redis", Kind.URL, "where Redis is (default: $DAEBUS_REDIS_URL, $REDIS_URL, localhost:6379)", "URL"),
    Option("--channels", Kind.TEXT, "look only at channels that match, such as 'shop.*,user_*'", "GLOBS"),
    Option("--read-only", Kind.FLAG, "refuse every verb that publishes"),
    Option(
        "--confirm-remote",
        Kind.TEXT,
        "ask before many messages go to a Redis that is not on this machine (default: on)",
        "on|off",
    ),
    Option("--redact", Kind.TEXT, "mask the values of these keys in payloads, such as password,token", "KEYS"),
    Option("--version", Kind.FLAG, "print the version", short="-V"),
    Option("--help", Kind.FLAG, "print this help, or with a verb the help on it", short="-h"),
)
"""What the shell takes before or after any verb."""
