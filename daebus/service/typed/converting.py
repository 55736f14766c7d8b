"""From a node of an annotation to what converts JSON values by it, noting all that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect as nodes

from .arrays import positional, sequence
from .leaves import anything, bare, leaf, wanted_of
from .models import answered_model, is_model, is_of_fields, model
from .objects import Field, by_tag, mapping, object_of
from .wrongs import Convert, Wrongs, kind

_KINDS: tuple[type, ...] = (type(None), bool, int, float, str, list, dict)
_SEQUENCES: dict[type, Callable[..., Any]] = {
    nodes.ListType: list,
    nodes.SetType: set,
    nodes.FrozenSetType: frozenset,
    nodes.VarTupleType: tuple,
}


class Converters:
    """Makes converters; one for each node, which may hold itself.

    With `written` they are for values that have been written already, as `judgeable` does: models of pydantic have seen
    to themselves, fields that a dataclass sets by itself are there, and so are those of a subclass. Where there were
    objects, whose own code has run, nothing is to be made of them but what JSON has: `making` is false.
    """

    def __init__(self, *, written: bool = False, making: bool = True) -> None:
        self._made: dict[int, Convert] = {}
        self._written = written
        self._making = making

    def of(self, node: Any) -> Convert:
        """What converts values of that node."""
        node = bare(node)
        found = self._made.get(id(node))
        if found is None:
            # Whatever holds itself finds this in its own place, and calls it when it is made.
            self._made[id(node)] = lambda value, wrongs: self._made[id(node)](value, wrongs)
            found = self._made[id(node)] = self._make(node)
        return found

    def _make(self, node: Any) -> Convert:
        found = leaf(node)
        if found is not None:
            return found
        if is_model(getattr(node, "cls", None)):
            return (answered_model if self._written else model)(node.cls)
        match node:
            case nodes.UnionType():
                return self._union(node)
            case nodes.TupleType():
                return positional(tuple, [self.of(each) for each in node.item_types], len(node.item_types))
            case nodes.DictType():
                return mapping(node, self.of(node.key_type), self.of(node.value_type))
            case nodes.CustomType():
                return anything
            case nodes.ListType() | nodes.SetType() | nodes.FrozenSetType() | nodes.VarTupleType():
                made = _SEQUENCES[type(node)] if self._making else list
                return sequence(node, made, self.of(node.item_type))
            case nodes.NamedTupleType():
                needed = sum(field.required for field in node.fields)
                build = (lambda values: node.cls(*values)) if self._making else list
                return positional(build, [self.of(f.type) for f in node.fields], needed)
            case _:
                return self._object(node)

    def fields(self, node: Any) -> list[Field]:
        """The fields of an object: those that can be given, and of one that is `written` all."""
        given = given_fields(node)
        found = [Field(field.encode_name, field.name, self.of(field.type), field.required) for field in given]
        if self._written:
            own = [field for field in node.fields if field not in given]
            found += [Field(field.encode_name, field.name, self.of(field.type), False) for field in own]
        return found

    def _object(self, node: Any) -> Convert:
        if getattr(node, "array_like", False):
            needed = sum(field.required for field in node.fields)
            names = [field.name for field in node.fields]
            build = (lambda values: node.cls(**dict(zip(names, values, strict=False)))) if self._making else list
            return positional(build, [self.of(field.type) for field in node.fields], needed)
        tag = (node.tag_field, node.tag) if getattr(node, "tag_field", None) is not None else None
        strict = not isinstance(node, nodes.StructType) or node.forbid_unknown_fields
        made = _without(node) if self._making else dict
        beyond = partial(_of_subclasses, node.cls) if self._written else frozenset
        return object_of(self.fields(node), made, strict=strict, tag=tag, beyond=beyond)

    def _union(self, node: Any) -> Convert:
        """Which member is meant is told by the kind of the JSON value; of tagged structs by their tag."""
        members: dict[type, Convert] = {}
        tagged: dict[Any, Convert] = {}
        where = ""
        for each in map(bare, node.types):
            if getattr(each, "cls", None) is msgspec.UnsetType:
                continue
            converter = self.of(each)
            if getattr(each, "tag_field", None) is not None and not each.array_like:
                where = each.tag_field
                tagged[each.tag] = converter
            for json_kind, first in taken_kinds(each).items():
                if first or json_kind not in members:
                    members[json_kind] = converter
        if len(tagged) > 1:
            members[dict] = by_tag(where, tagged)
        wants = " or ".join(wanted_of(bare(each)) for each in node.types)

        def convert(value: Any, wrongs: Wrongs) -> Any:
            cls = type(value)
            converter = members.get(float if isinstance(value, float) else list if cls is tuple else cls)
            if converter is None:
                wrongs.add(f"must be {wants}, not {kind(value)}")
                return None
            return converter(value, wrongs)

        return convert


def _without(node: Any) -> Callable[..., Any]:
    """What makes an object, without the fields that it sets by itself."""
    cls: Callable[..., Any] = node.cls
    own = {field.name for field in node.fields} - {field.name for field in given_fields(node)}
    if not own:
        return cls
    return lambda **values: cls(**{name: value for name, value in values.items() if name not in own})


def _of_subclasses(cls: Any) -> set[str]:
    """The names that the fields of its subclasses have in JSON: an instance of one is an instance of it."""
    found: set[str] = set()
    for one in getattr(cls, "__origin__", cls).__subclasses__():
        found.update(getattr(one, "__struct_encode_fields__", ()), getattr(one, "__dataclass_fields__", ()))
        found |= _of_subclasses(one)
    return found


def given_fields(node: Any) -> list[Any]:
    """The fields of an object, without those that a dataclass does not take."""
    made = getattr(node.cls, "__dataclass_fields__", {}) if isinstance(node, nodes.DataclassType) else {}
    return [field for field in node.fields if field.name not in made or made[field.name].init]


def taken_kinds(node: Any) -> dict[type, bool]:
    """The kinds of JSON values that may be one of a node; true for those that others of a union leave to it."""
    match node:
        case nodes.AnyType():
            return dict.fromkeys(_KINDS, False)
        case nodes.CustomType():
            return dict.fromkeys([dict] if is_of_fields(node.cls) else _KINDS, False)
        case nodes.NoneType():
            return {type(None): True}
        case nodes.BoolType():
            return {bool: True}
        case nodes.IntType():
            return {int: True}
        case nodes.FloatType():
            return {float: True, int: False}
        case nodes.DecimalType():
            return {str: True, float: False, int: False}
        case nodes.LiteralType():
            return dict.fromkeys(map(type, node.values), True)
        case nodes.EnumType():
            return dict.fromkeys((type(each.value) for each in node.cls), True)
        case nodes.DictType() | nodes.TypedDictType() | nodes.DataclassType():
            return {dict: True}
        case nodes.StructType():
            return {list if node.array_like else dict: True}
        case _:
            return {str if leaf(node) is not None else list: True}
