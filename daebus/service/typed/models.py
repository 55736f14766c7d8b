"""Models of pydantic, which is never imported: where there is one, it has been."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from daebus.wire.writing import encode

from .wrongs import Convert, Step, Wrongs, kind


def is_model(cls: object) -> bool:
    """Whether it is a class that pydantic reads: a model, or a dataclass of its own kind."""
    return isinstance(cls, type) and "pydantic" in sys.modules and hasattr(cls, "__pydantic_validator__")


def is_of_fields(cls: object) -> bool:
    """Whether it is one that is an object in JSON: a RootModel may be a value of any kind."""
    return is_model(cls) and getattr(cls, "__pydantic_root_model__", False) is not True


def schema(cls: Any) -> dict[str, Any]:
    """Its JSON Schema, with definitions of its own; of one that pydantic has none for, what is known of all."""
    from pydantic.errors import PydanticUserError

    try:
        found: dict[str, Any] = adapter(cls).json_schema(ref_template="#/$defs/{model}")
        return found
    except PydanticUserError:
        return {"type": "object", "title": cls.__name__}


def adapter(cls: Any) -> Any:
    """What reads and writes it. Raises what pydantic raises for a model that is not complete."""
    from pydantic import TypeAdapter

    found = TypeAdapter(cls)
    if not found.pydantic_complete:
        found.rebuild(raise_errors=True)
    return found


def model(cls: Any) -> Convert:
    """Reads it as strictly as all else: as pydantic reads JSON where it is strict."""
    from pydantic import ValidationError

    reads, of_fields = adapter(cls), is_of_fields(cls)

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if isinstance(value, cls):
            return value
        if of_fields and not isinstance(value, dict):
            wrongs.add(f"must be an object, not {kind(value)}")
            return None
        try:
            return reads.validate_json(encode(value), strict=True)
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False):
                wrongs.add(*_wrong(each))
            return None
        except ValueError:
            # NaN, or what is so deep that no reader would take it.
            wrongs.add("holds what JSON has no form for")
            return None

    return convert


_OF_CLASS = uuid.uuid4().hex
"""The key of what stands for a model that a handler has returned; nothing else can have it."""


def standing_for(value: Any) -> dict[str, Any] | None:
    """What stands for a model while it is looked whether an answer is what it is said to be; None for what is none."""
    return {_OF_CLASS: id(type(value))} if is_model(type(value)) else None


def answered_model(cls: Any) -> Convert:
    """Judges what is answered where a model is said to be: one has seen to itself, and an object is to be one."""
    reads, is_written = model(cls), _is_written(cls)

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if not isinstance(value, dict) or _OF_CLASS not in value:
            return value if is_written and isinstance(value, dict) else reads(value, wrongs)
        if value[_OF_CLASS] not in map(id, _family(cls)):
            wrongs.add(f"must be {cls.__name__}, not another model")
        return value

    return convert


def _family(cls: Any) -> Iterator[object]:
    """The classes whose instances are ones of it. Of a `Page[User]` that is `Page`, too: `Page(items=users)` is one."""
    yield cls
    origin = getattr(cls, "__pydantic_generic_metadata__", {}).get("origin")
    if origin is not None:
        yield origin
    for one in cls.__subclasses__():
        yield from _family(one)


def _is_written(cls: Any) -> bool:
    """Whether it is a dataclass with other names in JSON: it has been written by its own ones, which do not tell."""
    return is_dataclass(cls) and any(field.alias for field in getattr(cls, "__pydantic_fields__", {}).values())


_OF_THE_VALUE = ("error", "encoding_error")
"""What pydantic's readers of dates, ids and others say may be in the value."""
_INSTEAD = {
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "timezone_offset": "timezone offset of {tz_expected} required",
}


def _wrong(error: Mapping[str, Any]) -> tuple[str, *tuple[Step, ...]]:
    """The reason, and the steps to what is wrong; a name in an object is where it is."""
    *inwards, last = error["loc"] or (None,)
    steps = tuple(step for step in (*inwards, last) if isinstance(step, int | str))
    reason = _reason(error)
    return (f"is a name that {reason}", *steps[:-1]) if inwards and last == "[key]" else (reason, *steps)


def _reason(error: Mapping[str, Any]) -> str:
    """What pydantic says, without what it may quote of the value."""
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return "is not known"
    context = error.get("ctx") or {}
    said = _INSTEAD[error["type"]].format(**context) if error["type"] in _INSTEAD else str(error["msg"])
    for name in _OF_THE_VALUE:
        # An exception is one of the model's own code, whose words are its own.
        if isinstance(quoted := context.get(name), str):
            said = said.partition(quoted)[0].rstrip(" ,:")
    if not said[1:2].isupper():
        said = f"{said[:1].lower()}{said[1:]}"
    return f"is refused: {said}" if said else "is refused"
