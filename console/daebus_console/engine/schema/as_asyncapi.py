"""Actions as an AsyncAPI 3.0 document, in JSON, which is YAML as well. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.schema.definitions import Definitions
from daebus_console.engine.schema.described import Described
from daebus_console.naming import shown

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "properties": {
        "error": _TEXT,
        "code": _TEXT,
        "type": _TEXT,
        "fields": {"type": "array", "items": {"type": "object", "properties": {"path": _TEXT, "reason": _TEXT}}},
    },
    "required": ["error"],
}


def as_asyncapi(service: str, actions: Sequence[Described]) -> str:
    """What the service receives on its channel, and where and with what it answers."""
    schemas = Definitions("#/components/schemas/")
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for action in actions:
        key = _key(action.name, operations)
        asked, answered = f"{key}.request", f"{key}.response"
        messages[asked] = {"title": shown(action.name, text=True), "payload": _request(action, schemas)}
        messages[answered] = {
            "title": f"answer of {shown(action.name, text=True)}",
            "payload": _response(action, schemas),
        }
        operations[key] = {
            "action": "receive",
            "title": shown(action.name, text=True),
            **({"description": action.description} if action.description else {}),
            "channel": {"$ref": "#/channels/requests"},
            "messages": [{"$ref": f"#/channels/requests/messages/{asked}"}],
            "reply": {
                "address": {"location": "$message.payload#/reply_to"},
                "channel": {"$ref": "#/channels/responses"},
                "messages": [{"$ref": f"#/channels/responses/messages/{answered}"}],
            },
        }
    whole = {
        "asyncapi": "3.0.0",
        "info": {"title": shown(service), "version": "0.0.0", "description": "As the service describes itself."},
        "defaultContentType": "application/json",
        "channels": {
            "requests": {"address": shown(service), "messages": _references(messages, ".request")},
            "responses": {"address": None, "messages": _references(messages, ".response")},
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas.schemas},
    }
    return f"{jsontext.dumps(whole, indent=2)}\n"


def _key(name: str, taken: dict[str, Any]) -> str:
    wanted = _UNFIT.sub("_", name) or "_"
    number, found = 1, wanted
    while found in taken:
        number += 1
        found = f"{wanted}_{number}"
    return found


def _references(messages: dict[str, Any], end: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages if name.endswith(end)}


def _request(action: Described, schemas: Definitions) -> dict[str, Any]:
    payload = {"type": "object"} if action.arguments is None else schemas.take(action.arguments)
    properties = {"action": {"const": action.name}, "payload": payload, "reply_to": _TEXT, "request_id": _TEXT}
    return {"type": "object", "properties": properties, "required": ["action", "payload"]}


def _response(action: Described, schemas: Definitions) -> dict[str, Any]:
    """The answer, or one of several; or an error."""
    told = [schemas.take(schema) for schema in (action.answer, action.last) if schema is not None]
    payload: dict[str, Any] = told[0] if len(told) == 1 else {"anyOf": told} if told else {}
    return {
        "type": "object",
        "properties": {"request_id": _TEXT, "final": {"type": "boolean"}},
        "required": ["status", "payload"],
        "oneOf": [
            {"properties": {"status": {"const": "success"}, "payload": payload}},
            {"properties": {"status": {"const": "error"}, "payload": _ERROR}},
        ],
    }
