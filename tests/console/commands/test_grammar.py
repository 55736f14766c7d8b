"""One grammar: a line of a prompt and the shell's arguments say the same, and are wrong in the same way."""

from __future__ import annotations

import pytest

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command, parse, parse_argv
from daebus_console.commands.verbs import VERBS, Face

ACCEPTED: list[tuple[str, list[str]]] = [
    ("services", ["services"]),
    ("services --json --all", ["services", "--json", "--all"]),
    ("services --for 500ms", ["services", "--for", "500ms"]),
    ("services --for=2", ["services", "--for=2"]),
    ("tail", ["tail"]),
    ("tail service:users", ["tail", "service:users"]),
    ("tail service:users status:error --for 5", ["tail", "service:users", "status:error", "--for", "5"]),
    ("tail --count 10 service:users", ["tail", "--count", "10", "service:users"]),
    ("tail -status:ok", ["tail", "-status:ok"]),
    ('tail "out of stock"', ["tail", '"out of stock"']),
    ("tail 'out of stock' -action:x", ["tail", "'out of stock'", "-action:x"]),
    ("tail latency:>100ms,<1ms", ["tail", "latency:>100ms,<1ms"]),
    ('tail payload.name:"Ann Lee" x', ["tail", "payload.name:Ann Lee", "x"]),
    ("tail don't", ["tail", "don't"]),
    ("request users get_user", ["request", "users", "get_user"]),
    ("request users get_user id:=17", ["request", "users", "get_user", "id:=17"]),
    ('request users create name="Ann Lee"', ["request", "users", "create", "name=Ann Lee"]),
    ("request users create name='Ann Lee'", ["request", "users", "create", "name=Ann Lee"]),
    ("request users create name=Ann\\ Lee", ["request", "users", "create", "name=Ann Lee"]),
    ('request users create tags:=["a", "b c"]', ["request", "users", "create", 'tags:=["a", "b c"]']),
    (
        'request users create {"name": "Ann", "n": {"x": 1}}',
        ["request", "users", "create", '{"name": "Ann", "n": {"x": 1}}'],
    ),
    ('request users create \'{"name": "Ann"}\'', ["request", "users", "create", '{"name": "Ann"}']),
    ('request users create {\n "name":\n  "Ann"\n}', ["request", "users", "create", '{\n "name":\n  "Ann"\n}']),
    ("request users create a\\.b=1", ["request", "users", "create", "a\\.b=1"]),
    ("request users create a.b=1 c[]=2 d[0].e:=3", ["request", "users", "create", "a.b=1", "c[]=2", "d[0].e:=3"]),
    ("request users create @user.json", ["request", "users", "create", "@user.json"]),
    ("request users create note=@'a b.txt'", ["request", "users", "create", "note=@a b.txt"]),
    ("request users create -", ["request", "users", "create", "-"]),
    ("request users get_user --timeout 2s id:=1", ["request", "users", "get_user", "--timeout", "2s", "id:=1"]),
    ("request --json users get_user", ["request", "--json", "users", "get_user"]),
    ("request users get_user --timeout=200ms", ["request", "users", "get_user", "--timeout=200ms"]),
    ("request users get_user id:=1 &", ["request", "users", "get_user", "id:=1", "&"]),
    ("request users get_user id:=$last.user.id", ["request", "users", "get_user", "id:=$last.user.id"]),
    ("request users get_user id:=#12.user.id", ["request", "users", "get_user", "id:=#12.user.id"]),
    ("request users get_user -- -x=1", ["request", "users", "get_user", "--", "-x=1"]),
    ("request users get_user id:=1 # the first one", ["request", "users", "get_user", "id:=1"]),
    ("  request   users\tget_user  ", ["request", "users", "get_user"]),
    ("request users get_user colour=#123", ["request", "users", "get_user", "colour=#123"]),
    ("request 'my users' get", ["request", "my users", "get"]),
    ("send metrics record value:=1", ["send", "metrics", "record", "value:=1"]),
    ("send metrics record", ["send", "metrics", "record"]),
    ("broadcast user_created id:=1", ["broadcast", "user_created", "id:=1"]),
    ("broadcast user_created", ["broadcast", "user_created"]),
    ("broadcast a:b:c x=1", ["broadcast", "a:b:c", "x=1"]),
    ("show #12", ["show", "#12"]),
    ("show 12 --json", ["show", "12", "--json"]),
    ("mark #12 #13", ["mark", "#12", "#13"]),
    ("mark #12 # why", ["mark", "#12"]),
    ("stats", ["stats"]),
    ("stats service:users --for 1m", ["stats", "service:users", "--for", "1m"]),
    ("record out.jsonl", ["record", "out.jsonl"]),
    (
        "record out.jsonl.gz status:error --for 5 --force",
        ["record", "out.jsonl.gz", "status:error", "--for", "5", "--force"],
    ),
    ('record "my file.jsonl" -status:ok', ["record", "my file.jsonl", "-status:ok"]),
    ("record 'my file.jsonl'", ["record", "my file.jsonl"]),
    ("bench users ping -n 1000 -c 10", ["bench", "users", "ping", "-n", "1000", "-c", "10"]),
    ("bench users ping -n1000 -c10", ["bench", "users", "ping", "-n1000", "-c10"]),
    (
        "bench users ping --requests 1_000 --rate 50/s x=1",
        ["bench", "users", "ping", "--requests", "1_000", "--rate", "50/s", "x=1"],
    ),
    ("replay a.jsonl --speed 2x", ["replay", "a.jsonl", "--speed", "2x"]),
    ("demo --headless", ["demo", "--headless"]),
    ("demo --redis redis://h:1/0", ["demo", "--redis", "redis://h:1/0"]),
    ("filter", ["filter"]),
    ("filter service:users,gateway -status:ok", ["filter", "service:users,gateway", "-status:ok"]),
    ("pause", ["pause"]),
    ("clear", ["clear"]),
    ("help", ["help"]),
    ("help request", ["help", "request"]),
    ("request --help", ["request", "--help"]),
    ("request users -h", ["request", "users", "-h"]),
    ("quit", ["quit"]),
]

REFUSED: list[tuple[str, list[str], str]] = [
    ("reqest users get", ["reqest", "users", "get"], "no verb `reqest`"),
    ("#12", ["#12"], "expected a verb"),
    ("request", ["request"], "expected SERVICE"),
    ("request users", ["request", "users"], "expected ACTION"),
    ("request users name=Ann", ["request", "users", "name=Ann"], "expected a name"),
    ('request {"a": 1}', ["request", '{"a": 1}'], "expected a name"),
    ("request users get name", ["request", "users", "get", "name"], "no item"),
    ("request users get id:=abc", ["request", "users", "get", "id:=abc"], "no JSON"),
    ("request users get id:=", ["request", "users", "get", "id:="], "expected a JSON value"),
    ("request users get a=1 a=2", ["request", "users", "get", "a=1", "a=2"], "set twice"),
    ("request users get --timout 5", ["request", "users", "get", "--timout", "5"], "no option --timout"),
    ("request users get --timeout", ["request", "users", "get", "--timeout"], "lacks its value"),
    ("request users get --timeout soon", ["request", "users", "get", "--timeout", "soon"], "expected a time"),
    ("request users get --timeout 0", ["request", "users", "get", "--timeout", "0"], "above zero"),
    ("request users get --timeout -5", ["request", "users", "get", "--timeout", "-5"], "expected a time"),
    ("request users get --json=yes", ["request", "users", "get", "--json=yes"], "takes no value"),
    ("request users get --json --json", ["request", "users", "get", "--json", "--json"], "given twice"),
    ("request users get -x", ["request", "users", "get", "-x"], "no option -x"),
    ("request '' get", ["request", "", "get"], "not empty"),
    ("send metrics", ["send", "metrics"], "expected ACTION"),
    ("broadcast", ["broadcast"], "expected CHANNEL"),
    ("broadcast a b", ["broadcast", "a", "b"], "no item"),
    ("show", ["show"], "expected #N"),
    ("show twelve", ["show", "twelve"], "number of an exchange"),
    ("mark", ["mark"], "expected #N"),
    ("mark #1 x", ["mark", "#1", "x"], "number of an exchange"),
    ("tail colour:red", ["tail", "colour:red"], "no key"),
    ("tail status:wrong", ["tail", "status:wrong"], "status"),
    ("tail --count many", ["tail", "--count", "many"], "whole number"),
    ("tail --count 0", ["tail", "--count", "0"], "above zero"),
    ("filter latency:>fast", ["filter", "latency:>fast"], "number is needed"),
    ("record", ["record"], "expected FILE"),
    ("bench users ping -n", ["bench", "users", "ping", "-n"], "lacks its value"),
    ("bench users ping --rate fast", ["bench", "users", "ping", "--rate", "fast"], "how many a second"),
    ("replay #1 --speed x", ["replay", "#1", "--speed", "x"], "how many times as fast, such as 2 or 0.5"),
    ("replay #1 --speed=0", ["replay", "#1", "--speed=0"], "how many times as fast"),
    ("replay #1 --rate 0", ["replay", "#1", "--rate", "0"], "how many a second"),
    ("quit now please", ["quit", "now", "please"], "takes nothing more"),
    ("services &", ["services", "&"], "cannot be left to itself"),
    ("help a b", ["help", "a", "b"], "takes nothing more"),
]


def known(line: str) -> Command:
    command = parse(line)
    assert command is not None
    return command


@pytest.mark.parametrize(("line", "argv"), ACCEPTED, ids=[line for line, _argv in ACCEPTED])
def test_a_line_and_the_shells_arguments_say_the_same(line: str, argv: list[str]) -> None:
    assert known(line) == parse_argv(argv)


@pytest.mark.parametrize(("line", "argv", "message"), REFUSED, ids=[line for line, _argv, _message in REFUSED])
def test_both_are_refused_alike(line: str, argv: list[str], message: str) -> None:
    with pytest.raises(CommandError) as typed:
        parse(line)
    with pytest.raises(CommandError) as given:
        parse_argv(argv)
    for error in (typed.value, given.value):
        assert message in error.message
        assert 0 <= error.position <= error.position + error.length <= len(error.line)
    assert typed.value.message == given.value.message
    assert typed.value.suggestion == given.value.suggestion


@pytest.mark.parametrize(
    ("line", "marked", "suggestion"),
    [
        ("reqest users get", "reqest", "request"),
        ("exit", "exit", "quit"),
        ("publish x", "publish", "broadcast"),
        ("repp x", "repp", "repl"),
        ("#7", "#7", "show #7"),
        ("request users get --timout 5", "--timout", "--timeout"),
        ("request users get id:=abc", "a", "id=abc"),
        ("request users get id:abc", "id:abc", "id=abc"),
        ("tail servce:users", "servce", "service"),
        ('tail x servce:"a b" --for 5', "servce", "service"),
        ("tail --for 5 x statsu:ok", "statsu", "status"),
        ("tail status:eror", "eror", "error"),
        ("request users", "", None),
        ("help", "", None),
    ],
)
def test_the_place_and_the_nearest_right_word(line: str, marked: str, suggestion: str | None) -> None:
    if line == "help":
        assert known(line)["topic"] is None
        return
    with pytest.raises(CommandError) as caught:
        parse(line)
    error = caught.value
    assert line[error.position : error.position + error.length] == marked
    assert error.suggestion == suggestion
    assert error.line == line


@pytest.mark.parametrize("line", ["", "   ", "\n", "# a comment", "  # another", "#12 is what I mean"])
def test_blank_lines_and_comments_are_no_commands(line: str) -> None:
    assert parse(line) is None


def test_nothing_from_the_shell_is_no_command() -> None:
    with pytest.raises(CommandError, match="expected a verb"):
        parse_argv([])


def test_values_have_their_units() -> None:
    command = known("bench users ping x:=1 -n 10 --timeout 250ms --rate 2.5")
    assert command["timeout"] == 0.25
    assert command["rate"] == 2.5
    assert command["requests"] == 10
    assert command["concurrency"] is None
    assert known("tail --for 2m")["for"] == 120.0
    assert known("mark #3 4")["exchange"] == (3, 4)


def test_a_trailing_ampersand_means_the_background_unless_quoted() -> None:
    assert known("request a b x=1 &").background
    assert not known("request a b x=1").background
    with pytest.raises(CommandError, match="no item"):
        parse('request a b "&"')


def test_an_empty_argument_of_the_shell_is_pointed_at() -> None:
    with pytest.raises(CommandError) as caught:
        parse_argv(["request", "", "get"])
    assert (caught.value.position, caught.value.length) == (len("request "), len("''"))


def test_a_filter_stays_as_it_was_typed() -> None:
    assert known('tail payload.name:"Ann Lee"  -status:ok')["filter"] == 'payload.name:"Ann Lee" -status:ok'
    assert parse_argv(["tail", "payload.name:Ann Lee", "-a b"])["filter"] == 'payload.name:"Ann Lee" -"a b"'
    assert parse_argv(["tail", "status:ok service:users"])["filter"] == "status:ok service:users"


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
def test_every_verb_is_whole(verb: object) -> None:
    """Every example in the table parses, and says what it is an example of."""
    from daebus_console.commands.verbs import Verb

    assert isinstance(verb, Verb)
    assert verb.examples
    assert verb.summary
    assert not verb.summary.endswith(".")
    assert verb.faces <= set(Face)
    for example in verb.examples:
        assert known(example).verb is verb
    keys = [argument.name for argument in verb.arguments] + [option.key for option in verb.options]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    "line",
    [
        "\x00",
        "'",
        '"',
        "\\",
        "a\\",
        "{",
        "[",
        "request a b {",
        "tail '",
        'filter "',
        "&",
        "--",
        "-",
    ],
)
def test_odd_lines_are_refused_with_a_place(line: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(line)
    assert 0 <= caught.value.position <= len(line)
