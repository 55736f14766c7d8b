"""Actions as a typed stub for `caller.actions`: a Protocol, and a TypedDict for each object. Pure."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.schema.definitions import Definitions
from daebus_console.engine.schema.described import Described, Whole
from daebus_console.naming import shown
from daebus_console.text import clean

_PREFIX = "#/$defs/"
_IMPORTS = ("Any", "Callable", "DaebusCaller", "Literal", "Mapping", "NotRequired", "Protocol", "TypedDict", "cast")
_BUILTINS = ("bool", "dict", "float", "int", "list", "object", "str", "tuple")
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_DEEPEST = 10
_WIDTH = 100


def as_python(service: str, actions: Sequence[Described]) -> str:
    """A module whose function makes of a DaebusCaller what type checkers know the actions of."""
    return "\n".join([*_Stub(service, actions).lines(), ""])


class _Stub:
    def __init__(self, service: str, actions: Sequence[Described]) -> None:
        self._service = service
        self._actions = actions
        self._definitions = Definitions(_PREFIX)
        self._taken = {
            id(schema): self._definitions.take(schema)
            for action in actions
            for schema in (action.arguments, action.answer, action.last)
            if schema is not None
        }
        self._names: dict[str, str] = {}
        self._hidden = {action.name for action in actions}.intersection(_BUILTINS)
        taken = {*_IMPORTS, *_BUILTINS, "annotations", "builtins", *(action.name for action in actions)}
        self._class = self._name(f"{_camel(service)}Actions", taken)
        self._function = self._name(_identifier(service.lower()), taken)
        for name in self._definitions.schemas:
            self._names[name] = self._name(_identifier(name), taken)

    @staticmethod
    def _name(wanted: str, taken: set[str]) -> str:
        while wanted in taken:
            wanted += "_"
        taken.add(wanted)
        return wanted

    def _whole(self, schema: Mapping[str, Any]) -> Whole:
        return Whole(self._taken[id(schema)], self._definitions.schemas)

    def lines(self) -> Iterator[str]:
        """The lines of the module."""
        yield f'"""What the service {_text(shown(self._service))} takes and answers, as it describes itself."""'
        yield ""
        yield "from __future__ import annotations"
        yield ""
        body = list(self._body())
        text = "\n".join(body)
        used = [name for name in _IMPORTS if re.search(rf"\b{name}\b", text)]
        abstract = [name for name in used if name in ("Callable", "Mapping")]
        typing = [name for name in used if name not in ("Callable", "DaebusCaller", "Mapping")]
        if self._hidden:
            yield "import builtins"
        if abstract:
            yield f"from collections.abc import {', '.join(abstract)}"
        yield f"from typing import {', '.join(typing)}"
        yield ""
        yield "from daebus import DaebusCaller"
        yield ""
        yield ""
        yield from body

    def _body(self) -> Iterator[str]:
        for name in self._definitions.schemas:
            yield from self._definition(name)
        yield f"class {self._class}(Protocol):"
        yield f'    """The actions of {_text(shown(self._service))}."""'
        yield ""
        yield "    def __call__("
        timeout = f"timeout: {self._builtin('float')} | None = None"
        yield f"        self, *, {timeout}, on_progress: Callable[[Any], Any] | None = None"
        yield f"    ) -> {self._class}: ..."
        for action in self._actions:
            yield ""
            yield from self._action(action)
        yield ""
        yield ""
        yield f"def {self._function}(caller: DaebusCaller) -> {self._class}:"
        yield f'    """The actions of {_text(shown(self._service))}, for type checkers as well."""'
        yield f"    return cast({self._class}, caller.actions)"

    def _definition(self, name: str) -> Iterator[str]:
        whole = Whole({"$ref": f"{_PREFIX}{name}"}, self._definitions.schemas).resolved()
        if not self._is_object(whole):
            return
        fields = list(whole.fields())
        if all(_is_name(field) for field, _schema, _required in fields):
            yield f"class {self._names[name]}(TypedDict):"
            yield from (f"    {field}: {self._field(schema, required)}" for field, schema, required in fields)
            if not fields:
                yield "    pass"
        else:
            yield f"{self._names[name]} = TypedDict("
            yield f'    "{self._names[name]}",'
            yield "    {"
            for field, schema, required in fields:
                yield f"        {_in_quotes(field)}: {_in_quotes(self._field(schema, required))},"
            yield "    },"
            yield ")"
        yield ""
        yield ""

    def _field(self, schema: Whole, required: bool) -> str:
        found = self._type(schema)
        return found if required else f"NotRequired[{found}]"

    def _action(self, action: Described) -> Iterator[str]:
        last = action.last or action.answer
        gives = "Any" if last is None else self._type(self._whole(last))
        if not _is_name(action.name) or action.name.startswith("__") or action.name in _IMPORTS:
            yield f"    # Not an attribute: actions[{_in_quotes(action.name)}](...)"
            return
        parameters = self._parameters(action)
        on_one = f"    def {action.name}({', '.join(parameters)}) -> {gives}:"
        if len(on_one) <= _WIDTH:
            yield on_one
        else:
            yield f"    def {action.name}("
            yield from (f"        {parameter}," for parameter in parameters[:-1])
            # Nothing may stand behind what takes the rest, in older releases of Python.
            yield f"        {parameters[-1]}" + ("" if parameters[-1].startswith("**") else ",")
            yield f"    ) -> {gives}:"
        description = _text(action.description).strip()
        if description:
            first, *more = description.splitlines()
            yield f'        """{first}' + ('"""' if not more else "")
            for text in more:
                yield f"        {text}".rstrip()
            if more:
                yield '        """'
        yield "        ..."

    def _parameters(self, action: Described) -> list[str]:
        if action.arguments is None:
            anything = f"Mapping[{self._builtin('str')}, Any] | None = None"
            return ["self", f"payload: {anything}", "/", "**fields: Any"]
        whole = self._whole(action.arguments)
        fields = list(whole.fields())
        if not all(_is_name(name) and name not in ("self", "payload") for name, _schema, _required in fields):
            return ["self", f"payload: {self._type(whole)}", "/"]
        named = [f"{name}: {self._type(schema)}" + ("" if required else " = ...") for name, schema, required in fields]
        others = whole.resolved().schema.get("additionalProperties", False)
        if others is not False:
            named.append(f"**others: {self._type(whole.within(others))}")
        return ["self", *(["*"] if fields else []), *named]

    @staticmethod
    def _is_object(whole: Whole) -> bool:
        return isinstance(whole.schema.get("properties"), Mapping)

    def _type(self, whole: Whole, depth: int = 0) -> str:
        if depth > _DEEPEST:
            return "Any"
        name = whole.reference
        if name in self._names:
            return self._names[name] if self._is_object(whole.resolved()) else self._type(whole.resolved(), depth + 1)
        values = whole.values()
        if values is not None:
            literal = all(isinstance(value, str | int | bool | None) for value in values) and values
            return (
                f"Literal[{', '.join(_in_quotes(each) if isinstance(each, str) else repr(each) for each in values)}]"
                if literal
                else "Any"
            )
        members = whole.members()
        if members:
            return _union([self._type(each, depth + 1) for each in members])
        return _union([self._of_type(each, whole, depth) for each in whole.types()]) or "Any"

    def _of_type(self, type_: str, whole: Whole, depth: int) -> str:
        if type_ == "array":
            items = self._type(whole.within(whole.schema.get("items")), depth + 1)
            return f"{self._builtin('list')}[{items}]"
        if type_ == "object":
            values = self._type(whole.within(whole.schema.get("additionalProperties")), depth + 1)
            return f"{self._builtin('dict')}[{self._builtin('str')}, {values}]"
        return self._builtin(_SCALARS.get(type_, "Any"))

    def _builtin(self, name: str) -> str:
        """A class of Python, where an action of its name hides it as well."""
        return f"builtins.{name}" if name in self._hidden else name


def _union(members: list[str]) -> str:
    return "Any" if "Any" in members else " | ".join(dict.fromkeys(members))


def _is_name(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


def _identifier(name: str) -> str:
    found = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not found or found[0].isdigit() or keyword.iskeyword(found):
        found = f"_{found}"
    return found


def _camel(name: str) -> str:
    return _identifier("".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name)))


def _in_quotes(text: str) -> str:
    return jsontext.dumps(text, ascii_only=True)


def _text(text: str) -> str:
    """Fit for a docstring and a comment: no end of one, no escape."""
    lines = (clean(each) for each in text.splitlines())
    return "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
