"""Rows for what services tell of the time before this console looked: of a kind of their own, and never counted. Pure.

Such an exchange is made of a record alone, whose text is all that its message has; nothing of it was seen.
"""

from __future__ import annotations

import json
from typing import Any

from daebus_console.engine.message.exchange import Exchange, Kind, Message, State
from daebus_console.engine.records.record import ANSWER_DROPPED, DEFERRED, OK, Any_, Called, Handled, Refused, key_of

MOST = 10_000
"""Rows of this kind that are made."""
_FIELDS = {"sender": "from"}


def row_id(record: Any_) -> str | None:
    """The id of the request or message that such a record tells of; None where there is to be no row for it.

    Of a request whose answer was dropped another one tells more: how it was handled.
    """
    if isinstance(record, Refused):
        return None if record.action is None or record.code == ANSWER_DROPPED else key_of(record.id)
    return key_of(record.id) if isinstance(record, Handled | Called) else None


def row_of(record: Any_, came: float, number: int, seq: int) -> tuple[Message, Exchange]:
    """The row that a record makes that came then, with these numbers of exchange and message."""
    assert isinstance(record, Handled | Called | Refused), "only these are of a message to a service"
    called = isinstance(record, Called)
    service = record.service if isinstance(record, Called) else record.source.service
    message = Message(seq, record.begun, service, text_of(record), Kind.TOLD, number)
    outcome = record.code if isinstance(record, Refused) else record.outcome
    state = State.OK if outcome == OK else State.SENT if outcome == DEFERRED else State.ERROR
    exchange = Exchange(number, Kind.TOLD, state, message, target=service, action=record.action)
    exchange.set_aside().came = came
    exchange.request_id = key_of(record.id)
    exchange.source = record.source.service if called else getattr(record, "sender", None)
    exchange.elapsed = getattr(record, "elapsed", None)
    exchange.parent_id = key_of(record.parent) if isinstance(record, Called) else None
    if not called:
        exchange.instance = record.source.instance
    if state is State.ERROR:
        exchange.set_aside().code = outcome
    return message, exchange


def text_of(record: Any_) -> bytes:
    """The record as JSON, with who told it."""
    fields: dict[str, Any] = {"kind": record.kind, "told by": record.source.service}
    fields["instance"] = record.source.instance
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name != "source" and value is not None:
            fields[_FIELDS.get(name, name)] = value
    if "frames" in fields:
        fields["frames"] = [{"file": one.file, "line": one.line, "function": one.function} for one in fields["frames"]]
    return json.dumps(fields).encode()
