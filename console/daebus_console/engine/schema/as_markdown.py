"""Actions as Markdown, to be read by people. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from daebus_console.engine.schema.described import Described, Whole
from daebus_console.engine.schema.shape import default, notes, shape, signature
from daebus_console.naming import shown
from daebus_console.text import clean

_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|])")


def as_markdown(service: str, actions: Sequence[Described]) -> str:
    """A section for each action: what it is for, its fields, its answer."""
    return "\n".join([f"# {_plain(shown(service))}", "", *(text for action in actions for text in _section(action))])


def _section(action: Described) -> Iterator[str]:
    yield f"## {_plain(shown(action.name, text=True))}"
    yield ""
    arguments = None if action.arguments is None else Whole.of(action.arguments)
    answer = None if action.answer is None else Whole.of(action.answer)
    name = shown(action.name, text=True)
    yield f"    {clean(signature(name, arguments, answer, streams=action.streams))}"
    yield ""
    for text in action.description.splitlines():
        yield clean(text)
    if action.description:
        yield ""
    if arguments is not None:
        yield from _table(arguments)
    if answer is not None and (list(answer.fields()) or answer.reference is None):
        yield f"Answers {'many times ' if action.streams else ''}with {_plain(shape(answer))}."
        yield ""
        yield from _table(answer)
    for part in {name: one for whole in (arguments, answer) if whole for name, one in whole.definitions.items()}:
        owner = next(whole for whole in (arguments, answer) if whole is not None and part in whole.definitions)
        if part in (arguments and arguments.reference, answer and answer.reference):
            continue
        one = owner.within(owner.definitions[part])
        yield f"### {_plain(part)}"
        yield ""
        if list(one.fields()):
            yield from _table(one)
        else:
            yield _plain(shape(one))
            yield ""


def _table(whole: Whole) -> Iterator[str]:
    fields = list(whole.fields())
    if not fields:
        return
    yield "| field | type | default | |"
    yield "|---|---|---|---|"
    for name, schema, required in fields:
        given = "required" if required else default(schema) or ""
        yield f"| {_plain(name)} | {_plain(shape(schema))} | {_plain(given)} | {_plain(notes(schema))} |"
    yield ""


def _plain(text: str) -> str:
    return _SIGNS.sub(r"\\\1", clean(text))
