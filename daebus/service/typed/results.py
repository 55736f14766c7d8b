"""What a handler returns, as JSON has it, held to what its annotation says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

import msgspec
from msgspec import inspect as nodes

from daebus.context import current, written
from daebus.errors import PayloadError, class_of, said_by
from daebus.service.answering.receipt import Receipt

from .converting import Converters
from .models import is_model, standing_for
from .understanding import has_one, holds
from .wrongs import Convert, Wrongs


class Result:
    """What is answered: by the node of an annotation, or whatever a model says of itself where there is none.

    A value of a `trusting` one that is a dict is answered as it is.
    """

    def __init__(self, node: Any = None, *, trusting: bool = False) -> None:
        self._convert: Convert | None = None if node is None else Converters(written=True, making=False).of(node)
        self._trusting = trusting
        # Where there are models, which are judged before they are written.
        self._judged = judgeable if node is not None and holds([node], nodes.CustomType) else None
        # Where the own code of a class says what is one of its objects: a dict in the place of one is to be one.
        checked = node is not None and has_one([node], _checks_itself)
        self._make = Converters(written=True).of(node) if checked else None
        self._takes_null = self._convert is not None and _fits(self._convert, None)

    def final(self, value: Any) -> Any:
        """The final answer as the service goes on with it, a dict; any other is sent from here, and None is left.

        None is the answer only where the annotation has it as one: the handler may have answered by itself.
        """
        if value.__class__ is dict and (self._convert is None or self._trusting):
            return value
        context = current()
        response = None if context is None else context.response
        if response is None or (value is None and not (self._takes_null and not response.finished)):
            return None
        if isinstance(value, Receipt):
            # That of a part: there is more to come, and nothing came.
            return None
        if response.finished:
            if self._convert is not None or is_modelled(value):
                response.leave()
            return None
        found = self.part(value)
        if self._convert is None or isinstance(found, dict):
            return found
        response.send(found)
        return None

    def part(self, value: Any) -> Any:
        """One answer, be it of several. Raises PayloadError for one that the annotation does not allow."""
        if self._convert is None:
            return plainly(value) if is_modelled(value) else value
        found = plainly(value)
        wrongs = Wrongs()
        convert = self._convert if self._make is None or _has_objects(value) else self._make
        convert(found if self._judged is None else self._judged(value), wrongs)
        if wrongs.count:
            raise PayloadError(f"what was returned is not what the annotation says: {wrongs.text('it')}")
        return found


def _checks_itself(node: Any) -> bool:
    cls = getattr(node, "cls", None)
    return hasattr(cls, "__post_init__") or hasattr(cls, "__attrs_attrs__")


def _has_objects(value: Any) -> bool:
    """Whether there is an object in it whose class says what its fields are."""
    if isinstance(value, dict):
        return any(map(_has_objects, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return hasattr(value, "_fields") or any(map(_has_objects, value))
    return is_modelled(value) or hasattr(type(value), "__attrs_attrs__")


def _fits(convert: Convert, value: Any) -> bool:
    wrongs = Wrongs()
    convert(value, wrongs)
    return not wrongs.count


def is_modelled(value: Any) -> bool:
    """Whether its class says what its fields are."""
    return isinstance(value, msgspec.Struct) or is_dataclass(value) or is_model(type(value))


def plainly(value: Any, plain: Callable[[Any], Any] | None = None) -> Any:
    """The value made of what JSON has. Raises PayloadError for what it has no form for."""
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=plain or _plain)
    except RecursionError:
        raise PayloadError("what was returned is nested too deeply for JSON, or contains itself") from None
    except (TypeError, ValueError) as error:
        raise PayloadError(
            f"what was returned cannot be written as JSON: {said_by(error) or class_of(error)}"
        ) from None


def judgeable(value: Any) -> Any:
    """The same, but for models of pydantic, for which something stands. Raises PayloadError."""
    return plainly(value, lambda one: standing_for(one) or _plain(one))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return dict(value)
    return written(value)
