"""daebus: our own wire. Requests and answers by `request_id`, answers on the reply channel that the request names.

The correlator knows the plain cases by heart; what it asks here is all the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container

from msgspec import UNSET

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.dialect import DAEBUS, Dialect, Sighting
from daebus_console.engine.message.envelope import Envelope, rest_of
from daebus_console.engine.message.exchange import Kind

_OURS = (wire.CONTROL_PREFIX, wire.WATCH_PREFIX, wire.CALLER_PREFIX)
_MARKED = re.compile(rb'\s*\{.*"(?:action|request_id|reply_to|status|payload|final)"\s*:', re.DOTALL).match
_LOOKED_AT = 4096
_OUTCOMES = ("success", "error")


Awaits = Callable[[str, str], bool]
"""Whether a request of that id (or, without one, reply channel) was seen whose answer is to come on that channel."""


def kind_of(
    channel: str, data: bytes, envelope: Envelope, listened: Container[str], served: Container[str], awaits: Awaits
) -> Kind:
    """What the object in `data`, with that envelope, is there, if it is ours.

    `listened` are channels known to carry broadcasts, `served` the names of services on this framework. On one that
    is both, what has all marks of a request, or of a one-way message of ours, is one.
    """
    if envelope.action:
        if channel not in listened:
            return Kind.REQUEST if envelope.reply_to or envelope.request_id is not None else Kind.ONE_WAY
        if channel in served:
            if envelope.reply_to and envelope.request_id is not None:
                return Kind.REQUEST
            if rest_of(data).message_id is not None:
                return Kind.ONE_WAY
    elif _is_answer(channel, data, envelope, listened, served, awaits):
        return Kind.RESPONSE
    return Kind.BROADCAST


def _is_answer(
    channel: str, data: bytes, envelope: Envelope, listened: Container[str], served: Container[str], awaits: Awaits
) -> bool:
    key = channel if envelope.request_id is None else str(envelope.request_id)
    told = envelope.status is not None or envelope.final is not None
    if wire.is_reply_channel(channel) or awaits(key, channel):
        return told or rest_of(data).payload is not UNSET
    if envelope.request_id is None or channel in listened:
        return False
    if channel in served:
        return told or rest_of(data).payload is not UNSET
    # A broadcast may well name the request that it came of, and a status of its own.
    return envelope.status in _OUTCOMES and rest_of(data).payload is not UNSET


def is_broken(channel: str, data: bytes, served: Container[str]) -> bool:
    """Whether what is no JSON object is ours all the same: by its channel, and by the marks that it has.

    `served` are the names of services on this framework.
    """
    if channel.startswith(_OURS[:2]):
        # Nobody else has channels of such a name.
        return True
    if not (channel.startswith(_OURS) or channel.endswith(wire.RESPONSES_SUFFIX) or channel in served):
        return False
    return _MARKED(data[:_LOOKED_AT]) is not None


class Spoken(Dialect):
    """Daebus 0.0.31 and this one."""

    name = DAEBUS
    title = "Daebus"
    unknown = "what a listener did with a broadcast; services on this framework tell that themselves (logs, watch)"
    pairs = "request_id, and the reply channel that the request names"

    def owns(self, channel: str) -> bool:
        """Our own channels."""
        return channel.startswith(_OURS) or channel.endswith(wire.RESPONSES_SUFFIX)

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """What it says, judged by itself alone."""
        try:
            envelope = wire.read(data)
        except wire.Unreadable:
            return None
        kind = kind_of(channel, data, envelope, (), (), lambda _key, _channel: False)
        if kind is Kind.BROADCAST:
            return None
        request_id = None if envelope.request_id is None else str(envelope.request_id)
        return Sighting(
            kind,
            action=envelope.action,
            source=envelope.service,
            target=wire.service_of_control(channel),
            id=request_id,
            reply_to=envelope.reply_to,
            parent_id=envelope.parent_id,
            timeout=envelope.timeout,
            elapsed=envelope.elapsed,
            instance=envelope.instance,
            final=envelope.final is not False,
            error=envelope.status == "error",
        )
