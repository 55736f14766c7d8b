"""From the annotations of a function to what reads its arguments and writes its answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Never, NoReturn, Union, get_args, get_origin

from msgspec import inspect as nodes

from daebus.context import current
from daebus.errors import Misfit
from daebus.service.answering.receipt import Receipt
from daebus.wire.envelope import Request
from daebus.wire.reading import object_with, payload_with

from .constraints import AS_DEFAULT, is_field_info
from .converting import Converters
from .leaves import Digits, bare
from .models import is_model, is_of_fields
from .objects import Field, object_of
from .results import Result, judgeable
from .schemas import Schema, Schemas, shown_default
from .signatures import Parameter, Taken
from .understanding import holds, understood
from .wrongs import RETURNED, Convert, Unusable, Wrongs

_STREAMS = (Iterator, Iterable, Generator, AsyncIterator, AsyncIterable, AsyncGenerator)
_SILENT = (None, type(None), Any, object, Never, NoReturn)
"""Annotations of what is returned that say nothing of an answer."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a handler is given, and what becomes of what it returns, yields, and returns after that.

    The `arguments` are those for the request at hand, or for the broadcast that they are asked with.
    """

    arguments: Callable[..., dict[str, Any]]
    result: Result
    part: Result
    last: Result
    schemas: Schema


def read(taken: Taken, hints: dict[str, Any], *, streams: bool, trusting: bool, hears: bool) -> Read:
    """All of it. Raises Unusable for what cannot be, NameError for a name that is not known (yet).

    It `streams` where it is a generator. With `trusting` a dict that is returned is answered as it is. A listener
    `hears` broadcasts.
    """
    names = {parameter.name: _node(hints.get(parameter.name, Any), parameter.name) for parameter in taken.parameters}
    schemas: Schema = {}
    arguments: Callable[..., dict[str, Any]] = dict
    if taken.parameters or taken.rest is not None:
        _check_defaults(taken, names)
        rest = None if taken.rest is None else _node(hints.get(taken.rest.name, Any), taken.rest.name)
        whole = _whole(taken, names)
        convert = _one(taken, names, whole) if whole is not None else _several(taken, names, rest)
        digits = holds([*names.values(), rest], nodes.DecimalType)
        arguments = _given(convert, _PAYLOADS[hears, digits])
        schemas["arguments"] = _arguments_schema(taken, names, whole, rest)
    answers = _Answers(hints.get("return", Any), streams=streams)
    schemas.update(answers.schemas())
    each, last = Result(answers.each, trusting=trusting), Result(answers.last)
    # What a decorator returns in the place of a generator is no part of what that yields.
    return Read(arguments, Result() if streams else each, each, last, schemas)


def _node(annotation: Any, name: str) -> Any:
    try:
        return understood(annotation)
    except Unusable as error:
        raise Unusable(f"{name}: {error}") from None


def _check_defaults(taken: Taken, names: dict[str, Any]) -> None:
    for parameter in taken.parameters:
        if is_field_info(parameter.default):
            raise Unusable(f"{parameter.name}: {AS_DEFAULT}")
        if parameter.default is Parameter.empty or isinstance(bare(names[parameter.name]), nodes.AnyType):
            continue
        wrongs = Wrongs()
        try:
            Converters(written=True, making=False).of(names[parameter.name])(judgeable(parameter.default), wrongs)
        except ValueError as error:
            raise Unusable(f"the default of {parameter.name!r} has no form in JSON: {error}") from None
        if wrongs.count:
            raise Unusable(f"the default of {parameter.name!r} is not what it is annotated with: {wrongs.text('it')}")


def _whole(taken: Taken, names: dict[str, Any]) -> str | None:
    """The one parameter that takes the whole payload, where there is one: a model that is alone."""
    models = [name for name, node in names.items() if _is_modelled(bare(node))]
    if len(models) > 1:
        raise Unusable(f"{models[0]!r} and {models[1]!r} are models, and only one can be the payload; make one of them")
    return models[0] if models and len(names) == 1 and taken.rest is None else None


def _is_modelled(node: Any) -> bool:
    if is_model(getattr(node, "cls", None)):
        return is_of_fields(node.cls)
    if isinstance(node, nodes.StructType):
        return not node.array_like
    return isinstance(node, nodes.DataclassType | nodes.TypedDictType)


def _one(taken: Taken, names: dict[str, Any], whole: str) -> Convert:
    reads = Converters().of(names[whole])
    may_be_left = taken.parameters[0].default is not Parameter.empty

    def convert(value: Any, wrongs: Wrongs) -> dict[str, Any]:
        return {} if may_be_left and not value else {whole: reads(value, wrongs)}

    return convert


def _several(taken: Taken, names: dict[str, Any], rest: Any) -> Convert:
    converters = Converters()
    fields = [
        Field(each.name, each.name, converters.of(names[each.name]), each.default is Parameter.empty)
        for each in taken.parameters
    ]
    return object_of(fields, dict, rest=None if rest is None else converters.of(rest), given=taken.given)


def _given(convert: Convert, payload_of: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """What reads the arguments out of the message at hand. Raises Misfit."""

    def arguments(*heard: dict[str, Any]) -> dict[str, Any]:
        wrongs = Wrongs()
        try:
            given: dict[str, Any] = convert(payload_of(*heard), wrongs)
        except RecursionError:
            wrongs.add("is nested too deeply")
        if wrongs.count:
            raise Misfit(f"the payload does not fit: {wrongs.text('it')}", wrongs.fields())
        return given

    return arguments


def _asked() -> Request:
    context = current()
    request = None if context is None else context.request
    assert request is not None, "a handler runs for a request"
    return request


def _heard_with_digits(payload: dict[str, Any]) -> dict[str, Any]:
    context = current()
    return payload if context is None else object_with(payload, context.data, Digits)


_PAYLOADS: dict[tuple[bool, bool], Callable[..., dict[str, Any]]] = {
    (False, False): lambda: _asked().payload,
    (False, True): lambda: payload_with(_asked(), Digits),
    (True, False): lambda payload: payload,
    (True, True): _heard_with_digits,
}
"""Where a payload comes from: that of a broadcast or of a request, and with all the digits of its numbers or not."""


def _arguments_schema(taken: Taken, names: dict[str, Any], whole: str | None, rest: Any) -> Schema:
    schemas = Schemas()
    if whole is not None:
        return schemas.whole(schemas.of(names[whole]))
    fields = [
        (each.name, names[each.name], {} if each.default is Parameter.empty else shown_default(each.default))
        for each in taken.parameters
    ]
    required = [each.name for each in taken.parameters if each.default is Parameter.empty]
    return schemas.whole(schemas.fields(fields, required, False if rest is None else schemas.of(rest) or True))


class _Answers:
    """What is answered by the annotation of what is returned: the nodes of each answer, and of the last of several."""

    def __init__(self, annotation: Any, *, streams: bool) -> None:
        self.streams = streams
        self.each = self.last = None
        origin, inner = get_origin(annotation), get_args(annotation)
        if not self.streams:
            self.each = _answer(annotation)
        elif origin in _STREAMS and inner:
            self.each = _answer(inner[0])
            # Of a generator the third is what it returns.
            self.last = _answer(inner[2]) if len(inner) > 2 else None

    def schemas(self) -> Schema:
        """The schema of the answers, where anything is said of them."""
        schemas = Schemas(answered=True)
        found: Schema = {} if self.each is None else {"answer": schemas.whole(schemas.of(self.each))}
        if self.last is not None:
            last = Schemas(answered=True)
            found["last"] = last.whole(last.of(self.last))
        return {**found, "streams": True} if self.streams else found


def _answer(annotation: Any) -> Any:
    """The node of an answer; None where the annotation says nothing."""
    annotation = _unsent(annotation)
    if annotation in _SILENT:
        return None
    node = _node(annotation, RETURNED)
    # A dict of whatever there is, is answered as it is.
    return None if isinstance(node, nodes.DictType) and isinstance(node.value_type, nodes.AnyType) else node


def _unsent(annotation: Any) -> Any:
    """The annotation without what `response` returns for what it has sent: `User | Receipt` answers a User."""
    # Of a `type Answer = User | Receipt` that is what it stands for.
    annotation = getattr(annotation, "__value__", annotation)
    if get_origin(annotation) is Annotated:
        answer = _unsent(annotation.__origin__)
        return None if answer is None else Annotated[(answer, *annotation.__metadata__)]
    if get_origin(annotation) not in (Union, UnionType):
        return None if annotation is Receipt else annotation
    members = [answer for each in get_args(annotation) if (answer := _unsent(each)) is not None]
    return reduce(or_, members) if members else None
