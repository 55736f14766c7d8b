"""What is sent again: a message rebuilt from an exchange, as it was but for what belongs to the asker. Pure.

A request gets a new request_id and a reply channel of ours, so that nobody is answered who did not ask. One-way
messages and broadcasts go out as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from daebus_console.engine import dialects, jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import DAEBUS, PLAIN, Exchange, Kind

SENDABLE = frozenset({Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST})
_MAY_BE_NO_NUMBER = re.compile(rb"NaN|Infinity")
_N, _I = b"NI"
"""What these begin with: whether a byte is there is told in a twentieth of the time."""
_OF_THE_ASKER = ("reply_to", "request_id", "parent_id")
_OF_THE_CALL = ("retry_of", "traceparent", "tracestate", "baggage")
"""Also the asker's, beside a payload; without one they are the payload."""

TIMEOUT = 5.0
"""Seconds to wait for an answer where neither the request nor the user says."""
_LONGEST = 60.0
_MORE, _AND = 1.5, 1.0
"""How much longer than the answer of then one is waited for that was later than its asker waited."""


NOT_ANEW = "its answer would go to who asked first; `ask` asks anew"


class Unsendable(ValueError):
    """Nothing can be sent again here; the text says why."""


@dataclass(frozen=True)
class Resend:
    """A message to be sent again.

    `body` is the whole message as JSON has it, without what belongs to the asker: one that knows its text is sent as
    that text. `timeout` are seconds, if it has any. `raw` are the bytes where they go out as they were, being no object
    or in a dialect that is not ours; there is then no body. A question of others names its `dialect`: it goes out with
    a new id as well, and its answers may come on another channel than ours.
    """

    kind: Kind
    channel: str
    action: str | None
    body: dict[str, Any] = field(repr=False)
    timeout: float | None = None
    raw: bytes | None = field(default=None, repr=False)
    dialect: str | None = None

    @property
    def service(self) -> str:
        """Whom it goes to: a service, or a channel."""
        return wire.service_of_control(self.channel) or self.channel

    @property
    def payload(self) -> dict[str, Any]:
        """What it carries, as far as that is an object; an empty one otherwise."""
        found = self.carried
        return found if isinstance(found, dict) else {}

    @property
    def carries_object(self) -> bool:
        """Whether `payload` is what it carries; null is taken for an empty object."""
        return isinstance(self.carried, dict | None)

    @property
    def carried(self) -> Any:
        """What it carries, whatever that is."""
        if self.kind is Kind.BROADCAST:
            return self.body
        try:
            return wire.payload_in(jsontext.text_of(self.body))
        except wire.Unreadable:
            return {}
        except RecursionError:
            # Whoever writes it says so.
            return self.body.get("payload")

    def with_payload(self, payload: dict[str, Any]) -> Resend:
        """The same message with another payload, in the place and the form in which its payload was.

        Of a payload that knows its text that is what is sent; what is the same in both stays as it is.
        """
        if self.raw is not None or not self.carries_object:
            raise Unsendable("it can only be sent again as it was")
        if self.kind is Kind.BROADCAST:
            return replace(self, body=payload)
        text, new = jsontext.text_of(self.body), jsontext.text_of(payload)
        if "payload" in self.body:
            within = isinstance(self.body["payload"], str) and not isinstance(wire.payload_in(text), str)
            return self._with(jsontext.with_members(text, {"payload": json.dumps(new) if within else new}))
        beside = _texts({}, text)
        gone = beside.keys() - payload.keys()
        if any(name in wire.ENVELOPE_FIELDS for name in payload):
            # Beside the envelope's own fields there is no room for these.
            return self._with(jsontext.with_members(text, {"payload": new}, beside.keys()))
        return self._with(jsontext.with_members(text, _texts(beside, new), gone))

    def with_action(self, action: str) -> Resend:
        """The same message for another action."""
        text = jsontext.with_members(jsontext.text_of(self.body), {"action": json.dumps(action)})
        return replace(self._with(text), action=action)

    def _with(self, text: str) -> Resend:
        return replace(self, body=jsontext.loads(text))

    def to(self, channel: str) -> Resend:
        """The same message for another service or channel. Raises Unsendable."""
        if self.dialect is not None:
            raise Unsendable("a question of another framework can only be asked where it was")
        return replace(self, channel=channel)

    def anew(self, reply_to: str, request_id: str) -> tuple[bytes, str]:
        """The bytes of a question of others, and the channel that its answers come on. Raises Unsendable."""
        dialect = dialects.named(self.dialect or "")
        asked = None if dialect is None else dialect.anew(self.channel, self.raw or b"", request_id, reply_to)
        if asked is None:
            raise Unsendable(f"{self.dialect}: {NOT_ANEW}")
        return asked

    def encode(self, reply_to: str, request_id: str, now: float, timeout: float | None = None) -> bytes:
        """The bytes to publish. `timeout` is what a request names if it names one at all. Raises Unsendable."""
        if self.raw is not None:
            return self.raw if self.dialect is None else self.anew(reply_to, request_id)[0]
        put: dict[str, str] = {}
        if self.kind is Kind.REQUEST:
            put = {"reply_to": json.dumps(reply_to), "request_id": json.dumps(request_id)}
            if timeout is not None and "timeout" in self.body:
                put["timeout"] = json.dumps(timeout)
        if self.kind is not Kind.BROADCAST and "sent_at" in self.body:
            put["sent_at"] = json.dumps(now)
        return self._written(put)

    def check(self) -> None:
        """Raises Unsendable where `encode` would."""
        if self.raw is None:
            self._written({})
        elif self.dialect is not None:
            self.anew("", "")

    def _written(self, put: Mapping[str, str]) -> bytes:
        try:
            text = jsontext.text_of(self.body)
            if "NaN" in text or "Infinity" in text:
                jsontext.loads_strict(text)
            return (jsontext.with_members(text, put) if put else text).encode("utf-8")
        except RecursionError:
            raise Unsendable("it is nested too deeply to be written") from None
        except ValueError:
            raise Unsendable("it holds NaN or Infinity, which are read but never written") from None


def resend_of(exchange: Exchange) -> Resend:
    """What opened the exchange, to be sent again. Raises Unsendable."""
    if exchange.kind not in SENDABLE:
        raise Unsendable(_WHY_NOT[exchange.kind])
    opened = exchange.opened
    if opened.dialect not in (DAEBUS, PLAIN):
        return _as_it_was(exchange)
    try:
        text = wire.text_of(opened.data)
        members = jsontext.read_members(text)
    except (wire.Unreadable, ValueError) as error:
        if opened.whole:
            return _as_it_was(exchange)
        raise Unsendable(_why_unreadable(opened.data, error)) from None
    # Of a message that is all payload, the blanks around it are the message too.
    body = jsontext.with_text(jsontext.made_of([(one.name, one.value) for one in members]), text)
    timeout: float | None = None
    if exchange.kind is not Kind.BROADCAST:
        given = body.get("timeout")
        if isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e9:
            timeout = float(given)
        left_out = (*_OF_THE_ASKER, *_OF_THE_CALL) if "payload" in body else _OF_THE_ASKER
        if any(name in body for name in left_out):
            body = jsontext.reduced(text, members, left_out)
    return Resend(exchange.kind, opened.channel, exchange.action, body, timeout)


def where_to(exchange: Exchange, to: str | None = None) -> str:
    """The channel that it would be sent to again, which is `to` if that is named. Raises Unsendable.

    What `resend_of` and `check` would find, but for the message itself.
    """
    opened = exchange.opened
    ours = exchange.kind in SENDABLE and opened.dialect in (DAEBUS, PLAIN) and wire.is_object(opened.data)
    if ours and not ((_N in opened.data or _I in opened.data) and _MAY_BE_NO_NUMBER.search(opened.data)):
        return opened.channel if to is None else to
    item = resend_of(exchange)
    if to is not None:
        item = item.to(to)
    item.check()
    return item.channel


def patience(item: Resend, exchange: Exchange) -> float:
    """Seconds to wait for an answer: those that the request names. Where the answer of then took longer, there is
    something to compare all the same, and it is waited for longer; but not for what took more than a minute.
    """
    named = item.timeout or TIMEOUT
    took = exchange.latency
    return named if took is None or not named < took <= _LONGEST else _MORE * took + _AND


def _as_it_was(exchange: Exchange) -> Resend:
    """Its very bytes, where sending them once more means what it meant the first time. Raises Unsendable."""
    dialect = dialects.named(exchange.dialect)
    if dialect is not None and dialect.once is not None:
        raise Unsendable(f"{dialect.name}: {dialect.once}")
    opened = exchange.opened
    if dialect is not None and exchange.kind is Kind.REQUEST:
        item = Resend(
            exchange.kind,
            opened.channel,
            exchange.action,
            {},
            raw=opened.data,
            dialect=dialect.name,
        )
        # Told now where it cannot be asked.
        item.anew("", "")
        return item
    data = opened.data if dialect is None else dialect.again(opened.data)
    if data is None:
        raise Unsendable("it may be an answer, and answers are never sent again")
    return Resend(exchange.kind, opened.channel, exchange.action, {}, raw=data)


def _why_unreadable(data: bytes, error: Exception) -> str:
    try:
        wire.decode(data)
    except wire.Unreadable as reason:
        return f"it is unreadable: {reason}"
    return "it is no JSON object" if isinstance(error, ValueError) else str(error)


_WHY_NOT = {
    Kind.RESPONSE: "it is an answer to a request that was not seen; answers are never sent again",
    Kind.UNREADABLE: "it is unreadable",
    Kind.TOLD: "it was not seen, and only told by a service: its payload is not known",
    Kind.GAP: "it is a gap, in which nothing was seen",
}


def _texts(known: Mapping[str, str], text: str) -> dict[str, str]:
    """The text of each member that is none of the envelope's, but for those that are known to have that text."""
    found = {member.name: text[member.start : member.end] for member in jsontext.read_members(text)}
    return {name: one for name, one in found.items() if name not in wire.ENVELOPE_FIELDS and known.get(name) != one}
