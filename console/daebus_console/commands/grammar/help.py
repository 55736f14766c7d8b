"""Help, made from the table of verbs. Pure: lines of plain text, for every face alike."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.words import split
from daebus_console.commands.verbs import SHELL_OPTIONS, VERBS, Face, Option, Verb
from daebus_console.text import folded

PROGRAM = "daebus-console"
_TOPICS = ("items", "names", "filters", "dialects", "rules")
_COLUMN = 30
_PAGE = 78
_WIDEST, _NARROWEST = 100, 20
_USAGE = "usage: "
_ROW = re.compile(r"  \S.*  +(?=\S)| {4,}(?=\S)")
"""What stands before the meaning in a row of two columns, or in one that goes on with it."""
_BELOW = " " * 6
"""Before a meaning that has no room beside its row: it stands below."""
_TOGETHER = re.compile(r"(?:^|(?<=\s))(?:\[[^\]]*\]|`[^`]{1,40}`)")
"""What is parted nowhere: an option with its value, a command to type."""
_NO_BREAK = "\u00a0"

_ITEMS = (
    ("name=text", "a text"),
    ("age:=29   ok:=true   tags:='[\"a\"]'", "any JSON value"),
    ("user.name=Ann", "a member of an object, which is made"),
    ("tags[]=x   items[0].id:=1", "appended to a list; at a place in a list"),
    ("note=@file.txt   rows:=@file.json", "the text, or the JSON value, of a file"),
    ("'{\"a\": 1}'", "a whole object; items after it are set in it"),
    ("@file.json   -", "a whole object from a file, or from standard input"),
    ("a\\.b=1   a\\=b=1   note=\\@home", "a backslash takes . [ : = and a first @ as they are"),
)
_NAMES = (
    ("'a b'", "quotes are for the shell and the prompt alike; what is between single ones is safe from both"),
    (r"""'\{"cmd":"sum"}'   '\@home'   '\-v'   'a\=b'""", "a backslash takes the sign after it as it is"),
    (r"'a\\b'", "a backslash"),
    (r"'a\nb'   '\u202e'   '\U0001f600'", "a newline (also \\r and \\t); any character by its number"),
    (r"'\xff'", "a byte, for names of channels and services that are no UTF-8"),
    (r"'\'", "alone: the empty name"),
)
_REFERENCES = ("id:=$last.user.id   id:=#12.id", "out of the last answer, or of an exchange")
_STATUSES = (
    (0, "done"),
    (1, "the service answered with an error; or something differs, was found or is not known"),
    (2, "the command is wrong or was not confirmed, or a file or standard output cannot be used"),
    (3, "nobody serves it, or nothing was seen of it"),
    (4, "timed out"),
    (5, "no Redis, or not all that passed could be seen"),
    (70, "a fault of daebus-console itself"),
    (130, "interrupted"),
)
_SHELL_EXAMPLES = (
    "",
    "services",
    "tail service:users status:error --json",
    "request users get_user id:=17",
    "demo",
)


def help_in(width: int, topic: str | None, face: Face) -> list[str]:
    """The help on a topic in lines of at most so many cells, and no more than are read with ease; examples and forms
    to copy stay whole. Raises CommandError."""
    return [part for text in help_on(topic, face) for part in in_lines(text, min(width, _WIDEST))]


def in_lines(text: str, width: int) -> list[str]:
    """A line of help in lines of at most so many cells."""
    if len(text) <= width:
        return [text]
    row = _ROW.match(text)
    if row is not None:
        indent = row.end()
    elif text.startswith(_USAGE):
        indent = len(_USAGE)
    elif text.startswith(" "):
        return [text]
    else:
        indent = 0
    head, text = text[:indent], _TOGETHER.sub(lambda found: found[0].replace(" ", _NO_BREAK), text[indent:])
    if row is not None and width - indent < _NARROWEST:
        lines = [head.rstrip(), *(_BELOW + one for one in folded(text, max(_NARROWEST, width - len(_BELOW))))]
        lines = lines if head.strip() else lines[1:]
    else:
        first, *others = folded(text, max(_NARROWEST, width - indent))
        lines = [head + first, *(" " * indent + other for other in others)]
    return [line.replace(_NO_BREAK, " ") for line in lines]


def help_on(topic: str | None, face: Face) -> list[str]:
    """The help on a verb or another topic, or without one the list of verbs. Raises CommandError."""
    if topic is None:
        return overview(face)
    if topic in VERBS:
        return list(_verb(VERBS[topic], face))
    if topic in ("items", "item"):
        return items_help(face)
    if topic in ("names", "name"):
        return names_help()
    if topic in ("filters", "filter"):
        return filters_help()
    if topic in ("dialects", "dialect"):
        return dialects_help()
    if topic == "rules":
        return rules_help()
    rule = rule_help(topic)
    if rule is not None:
        return rule
    known = [*VERBS, *_TOPICS]
    raise CommandError(
        f"there is no help on `{topic}`; there is on: {', '.join(known)}", suggestion=nearest(topic.lower(), known)
    )


def overview(face: Face) -> list[str]:
    """The verbs of a face, with what the shell takes beside them."""
    if face is Face.SHELL:
        return list(_shell_overview())
    lines = ["verbs"]
    lines += _rows((_short_usage(verb), verb.summary) for verb in VERBS.values() if face in verb.faces)
    return [*lines, "", f"`help VERB` tells more; also {_other_topics()}."]


def _other_topics() -> str:
    *others, last = (f"`help {topic}`" for topic in _TOPICS)
    return f"{', '.join(others)} and {last}"


def _short_usage(verb: Verb) -> str:
    return " ".join([verb.name, *(argument.shown for argument in verb.arguments)])


def _shell_overview() -> Iterator[str]:
    yield f"usage: {PROGRAM} [OPTIONS] [VERB ...]"
    yield ""
    yield "See every service and channel on a Redis, watch requests find their answers, send your own."
    yield "Without a verb the full-screen console opens."
    yield ""
    yield "verbs"
    yield from _rows((verb.name, verb.summary) for verb in VERBS.values() if Face.SHELL in verb.faces)
    yield ""
    yield "options"
    yield from _option_rows(SHELL_OPTIONS)
    yield ""
    yield "examples"
    yield from (f"  {PROGRAM} {example}".rstrip() for example in _SHELL_EXAMPLES)
    yield ""
    yield "exit status"
    yield from _rows((str(number), meaning) for number, meaning in _STATUSES)
    yield ""
    yield f"`{PROGRAM} VERB --help` tells more of a verb; also {_other_topics()}."


def _verb(verb: Verb, face: Face) -> Iterator[str]:
    start = f"{PROGRAM} " if face is Face.SHELL and Face.SHELL in verb.faces else ""
    yield f"usage: {start}{verb.usage}{' [&]' if verb.background and face is Face.PROMPT else ''}"
    yield ""
    yield f"{verb.summary[0].upper()}{verb.summary[1:]}."
    if verb.details:
        yield verb.details
    if face not in verb.faces:
        yield f"It works at {'a prompt' if face is Face.SHELL else 'the shell'} only."
    if verb.arguments:
        yield ""
        yield from _rows((argument.name.upper(), argument.help) for argument in verb.arguments)
    if verb.options:
        yield ""
        yield from _option_rows(verb.options)
    yield ""
    yield "examples"
    for example in verb.examples:
        if not start:
            yield f"  {example}"
        elif not _of_what_is_remembered(example):
            yield f"  {start}{shell_quoted(example)}"


def _of_what_is_remembered(example: str) -> bool:
    """Whether it names exchanges that only a prompt remembers, and no capture that has them."""
    words = [word.text for word in split(example)]
    numbered = any(word.startswith("#") or word in ("is:marked", "is:pinned") for word in words)
    return numbered and not any(word.endswith(".jsonl") for word in words)


def shell_quoted(example: str) -> str:
    """An example of a prompt as a shell needs it."""
    words = split(example)
    return " ".join(
        word.raw if word.raw.isascii() and _is_plain(word.raw) else shlex.quote(word.text) for word in words
    )


def _is_plain(raw: str) -> bool:
    # What begins with a # is a comment to a shell.
    return not raw.startswith("#") and not any(sign in " \t{}[]\"'\\*?;&|<>()$`!~" for sign in raw)


def items_help(face: Face = Face.SHELL) -> list[str]:
    """How a payload is written."""
    lines = ["ITEMS are the payload, one field each:", ""]
    forms = [*_ITEMS, _REFERENCES] if face is Face.PROMPT else _ITEMS
    width = max(len(form) for form, _meaning in forms) + 2
    for form, meaning in forms:
        shown = form.replace("'", "") if face is Face.PROMPT else form
        lines.append(f"  {shown:<{width}} {meaning}")
    return lines


def names_help() -> list[str]:
    """How any name of a service, an action or a channel is written."""
    width = max(len(form) for form, _meaning in _NAMES) + 2
    return [
        "Names of services, actions and channels stand as they are. Any name whatever can be written so:",
        "",
        *(f"  {form:<{width}} {meaning}" for form, meaning in _NAMES),
        "",
        "Names are shown in the same way, and told apart: \\xff is one byte, \\\\xff four characters.",
    ]


def filters_help() -> list[str]:
    """The filter language, from its own table."""
    from daebus_console.engine.filter import language as filters

    return filters.help_text().splitlines()


def dialects_help() -> list[str]:
    """Which frameworks are understood, from their own table."""
    from daebus_console.engine import dialects
    from daebus_console.engine.message.dialect import Dialect

    known, problems = dialects.installed()
    lines = ["Other frameworks on the same Redis are read, too. `dialect:NAME` filters; the option --dialects narrows."]
    for dialect in known.values():
        lines += ["", f"{dialect.name}: {dialect.title}"]
        told = [("paired by", dialect.pairs), ("not on the wire", dialect.unknown)]
        lines += _rows((name, text) for name, text in told if text is not Dialect.pairs)
    plain = "plain: what none of them is certain of, or more than one. It is a broadcast, and all of it is its payload."
    return [*lines, "", plain, *(line for problem in problems for line in ("", problem))]


def rules_help() -> list[str]:
    """What findings are looked for, from the rules themselves."""
    from daebus_console.engine.findings.rules import RULES

    lines = ["What `findings` looks for. `help RULE` tells more of one.", ""]
    lines += _rows((f"{rule.severity.word:<8} {name}", rule.title) for name, rule in RULES.items())
    return lines


def rule_help(name: str) -> list[str] | None:
    """The page of a rule, which stands with it; None where there is no such rule."""
    from daebus_console.engine.findings.rules import RULES

    rule = RULES.get(name)
    if rule is None:
        return None
    lines = [f"{name}: {rule.title} ({rule.severity.word})"]
    for paragraph in rule.page.split("\n\n"):
        lines += ["", *textwrap.wrap(" ".join(paragraph.split()), _PAGE, break_on_hyphens=False)]
    return lines


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    found = list(rows)
    width = max((len(left) for left, _right in found if len(left) <= _COLUMN), default=0)
    lines: list[str] = []
    for left, right in found:
        if len(left) > width:
            lines.append(f"  {left}")
            left = ""
        lines.append(f"  {left:<{width}}  {right}")
    return lines


def _option_rows(options: Sequence[Option]) -> list[str]:
    return _rows((_long(option), option.help) for option in options)


def _long(option: Option) -> str:
    names = ", ".join(name for name in (option.short, option.name) if name)
    return names if option.kind is Kind.FLAG else f"{names} {option.metavar or option.kind.value}"
