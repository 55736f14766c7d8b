"""daebus: our own wire. Requests and answers by `request_id`, answers on the reply channel that the request names.

The correlator knows the plain cases by heart; what it asks here is all the others.
"""

from __future__ import annotations

import re
from collections.abc import Container

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.dialect import DAEBUS, Dialect, Sighting
from daebus_console.engine.message.envelope import UNSET, Envelope
from daebus_console.engine.message.exchange import Kind

_OURS = (wire.CONTROL_PREFIX, wire.WATCH_PREFIX, wire.CALLER_PREFIX)
_MARKED = re.compile(rb'\s*\{.*"(?:action|request_id|reply_to|status|payload|final)"\s*:', re.DOTALL).match
_LOOKED_AT = 4096


def kind_of(channel: str, envelope: Envelope, listened: Container[str], asked: Container[str]) -> Kind:
    """What an object with that envelope is there, if it is ours.

    `listened` are channels known to carry broadcasts, `asked` the ids, and reply channels, of requests that were seen.
    """
    if envelope.action:
        if channel not in listened:
            return Kind.REQUEST if envelope.reply_to or envelope.request_id is not None else Kind.ONE_WAY
    elif _is_answer(channel, envelope, asked):
        return Kind.RESPONSE
    return Kind.BROADCAST


def _is_answer(channel: str, envelope: Envelope, asked: Container[str]) -> bool:
    if envelope.status is None and envelope.final is None and envelope.payload is UNSET:
        return False
    return envelope.request_id is not None or wire.is_reply_channel(channel) or channel in asked


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
        kind = kind_of(channel, envelope, (), ())
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
