"""What a function takes and returns, by its signature; where its annotations cannot be read yet, later."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import FrameType, SimpleNamespace, UnionType
from typing import Any, NewType, TypeVar, Union, cast

from daebus.service.fitting import cannot, is_stand_in, stood_for
from daebus.service.kind import layers

Parameter = inspect.Parameter
_OPEN = (Parameter.empty, Any, None, type(None), object, int, bool, dict, Mapping, typing.Never, typing.NoReturn)


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out of a payload: the parameters with a name, and whether a `**` takes the rest.

    What is `given` already, by a partial, is no part of that rest.
    """

    parameters: list[Parameter]
    rest: Parameter | None
    given: frozenset[str] = frozenset()


def signature(function: Callable[..., Any], *, followed: bool = False) -> inspect.Signature | None:
    """Its own signature, or where it is `followed` that of the function which it decorates; None where it tells none.

    What stands for a function and has none of its own, as `staticmethod` and `functools.cache` make it, has that one's.
    What a partial gives, be it by name, is no part of it.
    """
    found = _signature(stood_for(function), followed)
    given = _given(function, followed)
    if found is None or not given:
        return found
    return found.replace(parameters=[each for each in found.parameters.values() if each.name not in given])


def _given(function: Callable[..., Any], followed: bool) -> frozenset[str]:
    """What partials give by name before that signature is come to."""
    given: set[str] = set()
    for layer in layers(function):
        if isinstance(layer, partial):
            given.update(layer.keywords)
        elif not (followed or is_stand_in(layer)):
            break
    return frozenset(given)


def _signature(function: Callable[..., Any], followed: bool) -> inspect.Signature | None:
    try:
        if sys.version_info >= (3, 14):
            # A name that comes later is no obstacle here.
            from annotationlib import Format

            return inspect.signature(function, follow_wrapped=followed, annotation_format=Format.FORWARDREF)
        return inspect.signature(function, follow_wrapped=followed)
    except (ValueError, TypeError):
        return None


def decorates(function: Callable[..., Any]) -> bool:
    """Whether it is made of another function by a decorator of the program, or calls one that is.

    So do a partial of it, the method of an object, and an object whose `__call__` it is.
    """
    return any(hasattr(layer, "__wrapped__") and not is_stand_in(layer) for layer in layers(function))


def takes_fields(found: inspect.Signature, decorated: bool) -> bool:
    """Whether a function wants fields of the payload: one of its parameters is annotated, or must be given.

    Without that it can be called as it is, and always was: `def handler(name=name)` in a loop, and the
    `(*args, **kwargs)` of what is `decorated`.
    """
    kinds = {parameter.kind for parameter in found.parameters.values()}
    if kinds <= {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}:
        return kinds == {Parameter.VAR_KEYWORD} and not decorated
    return any(
        parameter.annotation is not Parameter.empty or parameter.default is Parameter.empty
        for parameter in found.parameters.values()
        if parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    )


def taken(found: inspect.Signature, function: Callable[..., Any], what: str, *, followed: bool = False) -> Taken:
    """What is taken by that `signature`. Raises RegistrationError for parameters that no field has a name for."""
    named: list[Parameter] = []
    rest = None
    for index, parameter in enumerate(found.parameters.values()):
        if index == 0 and parameter.name in ("self", "cls") and parameter.annotation is Parameter.empty:
            raise cannot(what, function, f"takes {parameter.name!r}; register the method of an object, or of its class")
        if parameter.kind is Parameter.VAR_POSITIONAL:
            raise cannot(what, function, f"takes *{parameter.name}, and fields of a payload have no order")
        if parameter.kind is Parameter.POSITIONAL_ONLY:
            raise cannot(what, function, f"takes {parameter.name!r} by its position only, and fields have no order")
        if parameter.kind is Parameter.VAR_KEYWORD:
            rest = parameter
        else:
            named.append(parameter)
    return Taken(named, rest, _given(function, followed))


def within(function: Callable[..., Any], found: inspect.Signature, what: str) -> Taken | None:
    """What a decorated function takes through a decorator that passes on whatever it is given, as undecorated.

    None where nothing of it is annotated: what is not may be what the decorator itself gives. Raises RegistrationError
    as `taken` does.
    """
    if Parameter.VAR_KEYWORD not in {parameter.kind for parameter in found.parameters.values()}:
        return None
    inner = signature(function, followed=True)
    if inner is None or not takes_fields(inner, decorated=False):
        return None
    named = [each for each in inner.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    if named and all(each.annotation is Parameter.empty for each in named):
        return None
    return taken(inner, function, what, followed=True)


def returned(function: Callable[..., Any], found: inspect.Signature) -> Any:
    """The annotation of what a function returns; where it decorates another, of what that returns."""
    inner = signature(function, followed=True) if decorates(function) else None
    return (inner or found).return_annotation


def is_open(annotation: Any) -> bool:
    """Whether an annotation of what is returned says nothing of an answer, or no more than is known without.

    `response.send` returns an int, and a dict is answered as it is.
    """
    if isinstance(annotation, str):
        name = annotation.partition("[")[0].rpartition(".")[2].strip()
        return name in ("Any", "None", "object", "int", "bool", "dict", "Dict", "Mapping", "Never", "NoReturn")
    origin = typing.get_origin(annotation) or annotation
    return origin in (
        Parameter.empty,
        Any,
        None,
        type(None),
        object,
        int,
        bool,
        dict,
        Mapping,
        typing.Never,
        typing.NoReturn,
    )


def whole(found: inspect.Signature) -> Parameter | None:
    """The parameter that takes the payload where a function is called with that alone; None where it cannot be."""
    try:
        (name,) = found.bind(None).arguments
    except TypeError:
        return None
    return found.parameters[name]


def passed_on(function: Callable[..., Any], found: inspect.Signature) -> inspect.Signature | None:
    """The signature of a decorated function, where its decorators pass on whatever fields they are given."""
    if takes_fields(found, decorated=True) or not decorates(function):
        return None
    kinds = {parameter.kind for parameter in found.parameters.values()}
    return signature(function, followed=True) if Parameter.VAR_KEYWORD in kinds else None


def is_any_object(annotation: Any) -> bool:
    """Whether an annotation of the whole payload says no more than that it is an object."""
    if isinstance(annotation, str | typing.ForwardRef):
        # Its names are not known.
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        return text.partition("[")[0].rpartition(".")[2].strip() in _OBJECTS
    if isinstance(annotation, TypeVar):
        return is_any_object(annotation.__bound__ or Any)
    if isinstance(annotation, NewType):
        return is_any_object(annotation.__supertype__)
    if hasattr(annotation, "__metadata__"):
        return is_any_object(annotation.__origin__)
    if hasattr(annotation, "__value__"):
        return is_any_object(annotation.__value__)
    if typing.get_origin(annotation) in (Union, UnionType):
        return any(is_any_object(each) for each in typing.get_args(annotation) if each is not type(None))
    if annotation in (Parameter.empty, Any, None, type(None), object):
        return True
    cls = typing.get_origin(annotation) or annotation
    return isinstance(cls, type) and issubclass(cls, Mapping)


_OBJECTS = ("Any", "object", "dict", "Dict", "Mapping", "MutableMapping")


def underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that is written down: that of a partial, of a method, of an object that can be called."""
    while isinstance(function, partial):
        function = function.func
    if inspect.isclass(function):
        return function.__init__
    return getattr(function, "__func__", function) if inspect.isroutine(function) else type(function).__call__


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is decorated, below all decorators."""
    *_, last = layers(function)
    return cast(Callable[..., Any], last)


def hints(
    function: Callable[..., Any], frame: FrameType | None, names: Collection[str] | None = None
) -> dict[str, Any]:
    """Its annotations by name, or those of these `names` only.

    Raises NameError for a name that is not there (yet), or whatever else its code raises. `frame` is where it was
    registered: classes that are defined there are found, too.
    """
    written = underlying(function)
    # What stands for a partial is its own home: that has none.
    home = getattr(inspect.unwrap(written), "__globals__", None) or getattr(written, "__globals__", None)
    within = None
    if frame is not None and frame.f_globals is home:
        within = frame.f_locals if frame.f_locals is not frame.f_globals else None
    read: Any = written
    if names is not None:
        found = {name: annotation for name, annotation in _annotations(written).items() if name in names}
        read = SimpleNamespace(__annotations__=found)
    return typing.get_type_hints(read, globalns=home, localns=within, include_extras=True)


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    """As they are written; what is not known (yet) is no obstacle."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)
    return getattr(function, "__annotations__", None) or {}
