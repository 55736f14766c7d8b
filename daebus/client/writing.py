"""What callers of both kinds send, as bytes; and what OpenTelemetry and the recorder are told of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from daebus import context, telemetry
from daebus.errors import RequestTimeout
from daebus.telemetry import Span
from daebus.wire.envelope import RequestId
from daebus.wire.limits import sized
from daebus.wire.writing import write_one_way, write_request

from .noting import Noted, noted_by


class Unsent(Protocol):
    """A call that has not been made."""

    service: str
    action: str
    request_id: str
    timeout: float
    span: Span
    noted: Noted | None

    def over(self, outcome: BaseException | str | None) -> None:
        """It has come to its end."""


def request_of(
    call: Unsent,
    payload: dict[str, Any] | None,
    *,
    reply_to: str,
    name: str | None,
    origin: tuple[RequestId, str | None],
    retry_of: str | None,
    max_message: int,
) -> bytes:
    """The request of a call, which is noted from here on. `origin` is the id of what it is asked for, and its cause.

    Raises PayloadError, or RequestTimeout where no time is left; the call is over then.
    """
    parent, cause = origin
    # Asked once, for what else would be asked three times.
    runtime = context.speaking()
    call.span = telemetry.calling(call.service, call.action, call.request_id)
    try:
        data = write_request(
            call.action,
            {} if payload is None else payload,
            reply_to=reply_to,
            request_id=call.request_id,
            service=name or context.name_of(runtime),
            parent_id=parent,
            cause=cause,
            sent_at=time.time(),
            timeout=call.timeout,
            retry_of=retry_of,
            more=call.span.fields,
            default=context.written,
        )
        sized(data, max_message)
        if runtime is not None:
            call.noted = noted_by(runtime, name, call.request_id, call.service, call.action, parent)
        if call.timeout <= 0:
            what = f"to ask {call.service!r} for {call.action!r}"
            raise RequestTimeout(f"no time was left {what}; nothing was sent")
    except BaseException as error:
        call.over(error)
        raise
    return data


def one_way_of(
    action: str, payload: dict[str, Any] | None, name: str | None, message_id: str, more: Mapping[str, str]
) -> bytes:
    """A one-way message; `more` are fields to be put beside those of the envelope. Raises PayloadError."""
    parent, cause = context.origin()
    return write_one_way(
        action,
        {} if payload is None else payload,
        service=context.asking_name(name),
        message_id=message_id,
        parent_id=parent,
        cause=cause,
        sent_at=time.time(),
        more=more,
        default=context.written,
    )
