"""Whether an annotation can be read from JSON at all, found out before the first message. Raises Unusable where not.

That msgspec makes a decoder for it does not prove it: plain classes, paths and others fail at each message.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect as nodes

from daebus.errors import said_by

from .constraints import ELSEWHERE, translated, unchecked
from .converting import given_fields
from .leaves import bare
from .models import adapter, is_model
from .wrongs import Unusable

_ENDLESS = "an alias in it contains itself, which only a class may: write a dataclass, a TypedDict, a Struct, or Any"


def understood(annotation: Any) -> Any:
    """The node that msgspec makes of an annotation.

    Raises NameError where a name in it is not known (yet), Unusable where it cannot be used.
    """
    annotation = translated(annotation)
    try:
        msgspec.json.Decoder(annotation)
        node = nodes.type_info(annotation)
    except NameError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever its own code raises
        # A name within an alias that is left as it is was that of the alias: any other is a NameError.
        endless = isinstance(error, RecursionError) or "ForwardRef(" in str(error)
        raise Unusable(_ENDLESS if endless else _in_a_line(error)) from None
    _walk(node, "", set())
    return node


def named(annotation: Any) -> str:
    """The name of a class or of another annotation, short."""
    origin = get_origin(annotation)
    if origin is not None and isinstance(origin, type):
        return f"{origin.__name__}[{', '.join(map(named, get_args(annotation)))}]"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _in_a_line(error: Exception) -> str:
    return " ".join(said_by(error).split()) or type(error).__name__


def _walk(node: Any, where: str, seen: set[int]) -> None:
    node = bare(node)
    if id(node) in seen:
        return
    seen.add(id(node))
    cls = getattr(node, "cls", None)
    if is_model(cls):
        try:
            adapter(cls)
        except NameError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model's own code raises
            raise Unusable(f"{where}{named(cls)}: {_in_a_line(error)}") from None
        return
    why = _why_not(node) or (unchecked(cls, node.fields) if hasattr(node, "fields") else None)
    if why is not None:
        raise Unusable(f"{where}{why}")
    for step, inner in _within(node):
        _walk(inner, f"{where}{step}", seen)


def _why_not(node: Any) -> str | None:
    """Why a node itself cannot be read, whatever it holds."""
    match node:
        case nodes.CustomType():
            if node.cls in (object, msgspec.UnsetType):
                return None
            if getattr(node.cls, "__module__", "").partition(".")[0] == "pydantic":
                return f"{named(node.cls)} is read by pydantic alone; {ELSEWHERE}"
            return f"{named(node.cls)} has no form in JSON; write {_INSTEAD.get(named(node.cls), _MODELS)}"
        case nodes.ExtType() | nodes.RawType() | nodes.MemoryViewType():
            return f"{type(node).__name__.removesuffix('Type')} has no form in JSON"
        case nodes.SetType() | nodes.FrozenSetType():
            return None if _is_hashable(node.item_type) else "what is in a set must be hashable (frozen, no list)"
        case nodes.DictType():
            return None if _is_key(node.key_type) else "the names in an object of JSON are texts, and the keys are not"
        case nodes.DataclassType():
            return _not_made(node)
        case nodes.StructType() if node.array_like and node.tag is not None:
            return f"{named(node.cls)} is array_like and has a tag"
    return None


_MODELS = "a dataclass, a TypedDict or a Struct"
_INSTEAD = {
    **dict.fromkeys(("Iterator", "Iterable", "Generator", "AsyncIterator", "deque"), "list[...]"),
    **dict.fromkeys(("OrderedDict", "defaultdict", "Counter"), "dict[...]"),
    **dict.fromkeys(("Path", "PurePath", "PosixPath", "WindowsPath", "complex"), "str"),
}


def _not_made(node: Any) -> str | None:
    """Why a dataclass cannot be made of its fields."""
    if not is_dataclass(getattr(node.cls, "__origin__", node.cls)):
        return None
    try:
        inspect.signature(node.cls).bind(**{field.name: None for field in given_fields(node)})
    except TypeError as error:
        return f"{named(node.cls)} cannot be made of its fields: {error}"
    except ValueError:
        pass
    return None


def _within(node: Any) -> Iterator[tuple[str, Any]]:
    """The nodes that a node holds, and how they are called there."""
    for field in getattr(node, "fields", ()):
        yield f"{named(node.cls)}.{field.encode_name}: ", field.type
    for several in ("types", "item_types"):
        for inner in getattr(node, several, ()):
            yield "", inner
    for one in ("item_type", "key_type", "value_type"):
        if hasattr(node, one):
            yield "", getattr(node, one)


def holds(several: Iterable[Any], kind: type) -> bool:
    """Whether a node of that kind is somewhere among them or within."""
    return has_one(several, lambda node: isinstance(node, kind))


def has_one(several: Iterable[Any], meant: Callable[[Any], bool]) -> bool:
    """Whether one that is `meant` is somewhere among them or within."""
    seen: set[int] = set()
    left = [bare(node) for node in several]
    while left:
        node = left.pop()
        if meant(node):
            return True
        if id(node) not in seen:
            seen.add(id(node))
            left += [bare(inner) for _step, inner in _within(node)]
    return False


def _is_hashable(node: Any) -> bool:
    node = bare(node)
    match node:
        case nodes.ListType() | nodes.SetType() | nodes.DictType() | nodes.TypedDictType() | nodes.ByteArrayType():
            return False
        case nodes.UnionType():
            return all(map(_is_hashable, node.types))
        case nodes.TupleType():
            return all(map(_is_hashable, node.item_types))
        case nodes.VarTupleType() | nodes.FrozenSetType():
            return _is_hashable(node.item_type)
    cls = getattr(node, "cls", None)
    return cls is None or getattr(getattr(cls, "__origin__", cls), "__hash__", None) is not None


def _is_key(node: Any) -> bool:
    node = bare(node)
    match node:
        case nodes.UnionType():
            return all(map(_is_key, node.types))
        case nodes.LiteralType():
            return all(type(value) in (str, int) for value in node.values)
        case nodes.EnumType():
            return all(isinstance(each.value, str | int) for each in node.cls)
    return isinstance(node, _KEYS)


_KEYS = (
    nodes.AnyType,
    nodes.StrType,
    nodes.IntType,
    nodes.UUIDType,
    nodes.DateType,
    nodes.DateTimeType,
    nodes.TimeType,
    nodes.DecimalType,
)
