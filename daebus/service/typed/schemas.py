"""JSON Schemas (2020-12) of what a handler takes and answers. What they allow is what is read, and no less."""

from __future__ import annotations

import inspect
from enum import Flag
from typing import Any

import msgspec
from msgspec import inspect as nodes

from . import models
from .converting import given_fields
from .leaves import bare, wanted_of
from .models import is_model
from .understanding import named

Schema = dict[str, Any]
_BOUNDS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_SIMPLE: dict[type, Schema] = {
    nodes.AnyType: {},
    nodes.CustomType: {},
    nodes.NoneType: {"type": "null"},
    nodes.BoolType: {"type": "boolean"},
    nodes.IntType: {"type": "integer"},
    nodes.FloatType: {"type": "number"},
    nodes.StrType: {"type": "string"},
    nodes.DecimalType: {"type": ["number", "string"], "format": "decimal"},
    nodes.BytesType: {"type": "string", "contentEncoding": "base64"},
    nodes.ByteArrayType: {"type": "string", "contentEncoding": "base64"},
    nodes.DateType: {"type": "string", "format": "date"},
    nodes.UUIDType: {"type": "string", "format": "uuid"},
    nodes.TimeDeltaType: {"type": "string", "format": "duration"},
}


class Schemas:
    """Makes schemas that share their definitions, which `whole` puts beside them.

    Those of what is `answered` have the fields as well that a dataclass sets by itself.
    """

    def __init__(self, *, answered: bool = False) -> None:
        self._answered = answered
        self._definitions: dict[str, Schema] = {}
        self._names: dict[Any, str] = {}

    def whole(self, schema: Schema) -> Schema:
        """A schema with all the definitions that it refers to."""
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def of(self, node: Any) -> Schema:
        """The schema of a node of an annotation."""
        if isinstance(node, nodes.Metadata):
            return {**self.of(node.type), **(node.extra_json_schema or {})}
        cls = getattr(node, "cls", None)
        if is_model(cls):
            return self._model(cls)
        if type(node) in _SIMPLE:
            return {**_SIMPLE[type(node)], **_bounds(node, "Length")}
        match node:
            case nodes.DateTimeType() | nodes.TimeType():
                # The formats of the name want an offset, which is no must here.
                if node.tz:
                    return {"type": "string", "format": "date-time" if isinstance(node, nodes.DateTimeType) else "time"}
                return {"type": "string", "description": wanted_of(node)}
            case nodes.LiteralType():
                return {"enum": list(node.values)}
            case nodes.UnionType():
                members = [each for each in node.types if getattr(each, "cls", None) is not msgspec.UnsetType]
                return _any_of([{**self.of(each), **_tagged(each, members)} for each in members])
            case nodes.DictType():
                return self._mapping(node)
            case nodes.EnumType():
                return self._defined(cls, self._enum)
            case _ if hasattr(node, "fields"):
                return self._defined(cls, lambda _cls: self._fields_of(node))
            case _:
                return self._array(node)

    def fields(self, fields: list[tuple[str, Any, Schema]], required: list[str], others: bool | Schema) -> Schema:
        """The schema of an object with those fields: name, node, and what else is said (such as a default)."""
        schema: Schema = {
            "type": "object",
            "properties": {name: {**self.of(node), **more} for name, node, more in fields},
        }
        if required:
            schema["required"] = required
        if others is not True:
            schema["additionalProperties"] = others
        return schema

    def _array(self, node: Any) -> Schema:
        if isinstance(node, nodes.TupleType):
            return self._ordered([self.of(each) for each in node.item_types], len(node.item_types))
        unique = {"uniqueItems": True} if isinstance(node, nodes.SetType | nodes.FrozenSetType) else {}
        return {"type": "array", "items": self.of(node.item_type), **unique, **_bounds(node, "Items")}

    def _ordered(self, items: list[Schema], needed: int) -> Schema:
        return {"type": "array", "prefixItems": items, "minItems": needed, "maxItems": len(items)}

    def _mapping(self, node: Any) -> Schema:
        named = self._names_of(bare(node.key_type))
        others = {"propertyNames": named} if named not in ({}, {"type": "string"}) else {}
        return {
            "type": "object",
            "additionalProperties": self.of(node.value_type),
            **others,
            **_bounds(node, "Properties"),
        }

    def _names_of(self, key: Any) -> Schema:
        """The schema of the names of an object, which are texts, whatever they stand for."""
        if isinstance(key, nodes.IntType):
            return {"pattern": "^-?(0|[1-9][0-9]*)$"}
        if isinstance(key, nodes.LiteralType | nodes.EnumType):
            values = key.values if isinstance(key, nodes.LiteralType) else [each.value for each in key.cls]
            return {"enum": [str(value) for value in values]}
        return {} if isinstance(key, nodes.UnionType) else self.of(key)

    def _enum(self, cls: Any) -> Schema:
        if issubclass(cls, Flag):
            return {"title": cls.__name__, "type": "integer", "minimum": 0}
        return {"title": cls.__name__, "enum": [each.value for each in cls]}

    def _fields_of(self, node: Any) -> Schema:
        given = given_fields(node)
        title = {"title": named(node.cls), **_described(node.cls)}
        if isinstance(node, nodes.NamedTupleType) or getattr(node, "array_like", False):
            needed = sum(field.required for field in given)
            return {**title, **self._ordered([self.of(field.type) for field in given], needed)}
        strict = not isinstance(node, nodes.StructType) or node.forbid_unknown_fields
        shown = node.fields if self._answered else given
        fields = [(field.encode_name, field.type, _default(field)) for field in shown]
        schema = self.fields(fields, [field.encode_name for field in given if field.required], not strict)
        if getattr(node, "tag_field", None) is not None:
            schema["properties"] = {node.tag_field: {"const": node.tag}, **schema["properties"]}
        return {**title, **schema}

    def _defined(self, cls: Any, make: Any) -> Schema:
        """A reference to the schema of a class, which is made once and may refer to itself."""
        if cls not in self._names:
            name = self._names[cls] = self._free_name(cls)
            self._definitions[name] = {}
            self._definitions[name] = make(cls)
        return {"$ref": f"#/$defs/{self._names[cls]}"}

    def _free_name(self, cls: Any) -> str:
        short = "".join(c if c.isalnum() else "_" for c in named(cls))
        names = [short, f"{getattr(cls, '__module__', '')}.{short}"]
        names += [f"{short}_{number}" for number in range(2, len(self._definitions) + 3)]
        return next(name for name in names if name not in self._definitions)

    def _model(self, cls: Any) -> Schema:
        found = models.schema(cls)
        for name, definition in found.pop("$defs", {}).items():
            self._definitions.setdefault(name, definition)
        return found if "$ref" in found else self._defined(cls, lambda _cls: found)


def _any_of(members: list[Schema]) -> Schema:
    return members[0] if len(members) == 1 else {"anyOf": members}


def _tagged(node: Any, members: list[Any]) -> Schema:
    """Among several with tags the tag must be there; alone it may be left out."""
    field = getattr(node, "tag_field", None)
    several = sum(getattr(each, "tag_field", None) is not None for each in members) > 1
    return {"required": [field]} if field is not None and several else {}


def _bounds(node: Any, measure: str) -> Schema:
    """The bounds of a node; those of its length are called after what is measured."""
    names = {**_BOUNDS, "min_length": f"min{measure}", "max_length": f"max{measure}"}
    return {name: bound for own, name in names.items() if (bound := getattr(node, own, None)) is not None}


def _described(cls: Any) -> Schema:
    """What the docstring of a class says; that of a dataclass without one is made of its fields."""
    said = inspect.cleandoc(getattr(cls, "__doc__", None) or "")
    return {} if not said or said.startswith(f"{named(cls)}(") or cls is dict else {"description": said}


def _default(field: Any) -> Schema:
    if field.default is not msgspec.NODEFAULT:
        return shown_default(field.default)
    return {"default": field.default_factory()} if field.default_factory in (list, dict) else {}


def shown_default(value: Any) -> Schema:
    """A default as JSON has it; nothing where it has no form."""
    try:
        return {"default": msgspec.to_builtins(value, str_keys=True)}
    except Exception:  # noqa: BLE001 - it may be of any class, with code of its own
        return {}
