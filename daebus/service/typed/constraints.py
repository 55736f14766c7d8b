"""Bounds that are said in the words of annotated_types or of pydantic: said once more in those of msgspec, or refused.

msgspec passes over what it does not know, and a bound that nobody checks is worse than none. Neither library is
imported: where their words are used, they have been.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from .wrongs import Unusable

_LIBRARIES = ("annotated_types", "pydantic")
_BOUNDS = {"gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern"}
_TOLD = ("title", "description", "examples")
"""What is said about a value, and nothing that is to be checked."""
ELSEWHERE = "take a model of pydantic, or look at it in the handler"


def translated(annotation: Any) -> Any:
    """The annotation in the words of msgspec. Raises Unusable for what msgspec has none for."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        what, *said = inner
        if not any(map(_is_foreign, said)):
            found = translated(what)
            return annotation if found is what else Annotated[(found, *said)]
        own = [each for each in said if not _is_foreign(each)]
        return Annotated[(translated(what), *own, *(_meta(each) for each in said if _is_foreign(each)))]
    if origin is None or origin is Literal:
        return annotation
    parts = tuple(map(translated, inner))
    if all(new is old for new, old in zip(parts, inner, strict=True)):
        return annotation
    return reduce(or_, parts) if origin in (Union, UnionType) else origin[parts]


def unchecked(cls: Any, fields: Iterable[Any]) -> str | None:
    """Which field of a class has a bound that nobody checks; None where none has: its annotations are what they are."""
    try:
        hints = typing.get_type_hints(getattr(cls, "__origin__", cls), include_extras=True)
    except Exception:  # noqa: BLE001 - msgspec has read them in its own way
        hints = {}
    for field in fields:
        where = f"{getattr(cls, '__name__', cls)}.{field.encode_name}"
        if is_field_info(field.default):
            return f"{where}: {AS_DEFAULT}"
        for each in _foreign(hints.get(field.name)):
            words = {name: value for name, value in _words(each).items() if name not in _TOLD}
            if words:
                said = ", ".join(f"{name}={value!r}" for name, value in words.items())
                return f"{where}: {_named(each)} is not checked there; write msgspec.Meta({said})"
    return None


def is_field_info(value: object) -> bool:
    """Whether it is what pydantic's `Field(...)` makes."""
    return type(value).__name__ == "FieldInfo" and _is_foreign(value)


AS_DEFAULT = "pydantic's Field() is no default here; write Annotated[..., Field(...)], and the default itself"


def _foreign(annotation: Any) -> Iterator[Any]:
    """What is said in the words of those libraries, anywhere in an annotation."""
    if get_origin(annotation) is Annotated:
        yield from filter(_is_foreign, annotation.__metadata__)
    for inner in get_args(annotation):
        yield from _foreign(inner)


def _is_foreign(said: object) -> bool:
    return type(said).__module__.partition(".")[0] in _LIBRARIES


def _named(said: object) -> str:
    return type(said).__name__.removesuffix("Info").lstrip("_")


def _meta(said: Any) -> msgspec.Meta:
    try:
        return msgspec.Meta(**_words(said))
    except (TypeError, ValueError) as error:
        raise Unusable(f"{_named(said)} cannot be checked here: {error}") from None


def _words(said: Any) -> dict[str, Any]:
    """What msgspec.Meta is to be told of it; nothing where it says what is so anyway."""
    match type(said).__name__:
        case "FieldInfo":
            return _words_of_field(said)
        case "Doc":
            return {"description": said.documentation}
        case "Unit" | "AllowInfNan":
            # JSON has no infinity.
            return {}
        case "Strict" if said.strict:
            return {}
        case "Timezone" if said.tz in (None, ...):
            return {"tz": said.tz is ...}
    if hasattr(type(said), "__iter__"):
        return _merged(said)
    given = {name: value for name, value in _attributes(said).items() if value is not None}
    given |= {name: value.pattern for name, value in given.items() if hasattr(value, "pattern")}
    left = given.keys() - _BOUNDS
    if left or not given:
        # What pydantic keeps its own bounds in has a name of its own.
        what = ", ".join(sorted(left)) if "GeneralMetadata" in type(said).__name__ else _named(said)
        raise Unusable(f"{what} cannot be checked here; {ELSEWHERE}")
    return given


def _words_of_field(field: Any) -> dict[str, Any]:
    for more in ("alias", "validation_alias", "serialization_alias", "discriminator", "default_factory"):
        if getattr(field, more, None) is not None:
            raise Unusable(f"Field({more}=...) cannot be used here; {ELSEWHERE}")
    if not field.is_required():
        raise Unusable(AS_DEFAULT)
    told = {name: value for name in _TOLD if (value := getattr(field, name, None)) is not None}
    return {**told, **_merged(field.metadata)}


def _merged(several: Iterable[Any]) -> dict[str, Any]:
    return {name: value for each in several if _is_foreign(each) for name, value in _words(each).items()}


def _attributes(said: Any) -> dict[str, Any]:
    slots = [slot for cls in type(said).__mro__ for slot in getattr(cls, "__slots__", ())]
    return {**{slot: getattr(said, slot, None) for slot in slots}, **getattr(said, "__dict__", {})}
