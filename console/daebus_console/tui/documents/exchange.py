"""The documents of one exchange: its request, its answers, its timeline and its bytes. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from daebus_console.engine import dialects, payloads
from daebus_console.engine.filter import writing
from daebus_console.engine.insight.departing import Departure
from daebus_console.engine.insight.usual import Unlike
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Flag, Kind, Message, Notice, State
from daebus_console.engine.message.frame import Gap
from daebus_console.engine.records.joining import Told
from daebus_console.engine.records.standing import Standing
from daebus_console.naming import shown
from daebus_console.text import cells, clean
from daebus_console.tui.documents import lazy
from daebus_console.tui.documents.document import Document, Lines
from daebus_console.tui.documents.logs import logs_lines, standing_lines
from daebus_console.tui.documents.node import Node, note
from daebus_console.tui.documents.raw import Raw
from daebus_console.tui.documents.timeline import timeline
from daebus_console.tui.documents.tree import Tree
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, text_of
from daebus_console.tui.rows.signs import UNLIKE, remarks, state_of

REQUEST, RESPONSE, TIMELINE, RAW, LOGS = "Request", "Response", "Timeline", "Raw", "Logs"
Redact = Callable[[bytes], bytes]
TABS = (REQUEST, RESPONSE, TIMELINE, RAW, LOGS)
_KINDS = {Kind.ONE_WAY: "one-way message", Kind.UNREADABLE: "unreadable message", Kind.RESPONSE: "answer"}


@dataclass(frozen=True)
class Insight:
    """What services tell of an exchange: afterwards, where it stands while it is pending, and whether they tell at all.

    `mask` is what is to be shown of a text, `unasked` why its service could not be asked, `untold` why nothing at all
    is there of what services told.
    """

    told: Told = field(default_factory=Told)
    standing: Sequence[Standing] = ()
    tells: bool | None = None
    mask: Callable[[str], str] = str
    unasked: str | None = None
    untold: str | None = None


def build(
    tab: str,
    exchange: Exchange,
    width: int,
    now: float,
    *,
    hexadecimal: bool = False,
    redact: Redact = bytes,
    insight: Insight | None = None,
    unlike: Unlike = (),
) -> Document:
    """The document of a tab, for `width` cells. `redact` is what is to be shown of a message's bytes.

    `unlike` is where its messages depart from what most of their like are.
    """
    insight = insight or Insight()
    if exchange.kind is Kind.GAP:
        return Lines(gap_lines(exchange))
    if tab == LOGS:
        missing = insight.unasked or insight.untold
        return Lines(logs_lines(exchange, insight.told, insight.tells, width, insight.mask, missing))
    if tab == RESPONSE and exchange.state is State.PENDING and not exchange.progress:
        waits = standing_lines(insight.standing, insight.tells, exchange.target or "?", width, insight.unasked)
        return Lines([_nothing(exchange, now), *waits])
    if tab == REQUEST:
        return request_document(exchange, redact, unlike)
    if tab == RESPONSE:
        return response_document(exchange, now, redact, unlike)
    if tab == TIMELINE:
        return Lines(timeline(exchange, width, now))
    return Raw(exchange.messages, hexadecimal=hexadecimal, redact=redact)


def title(exchange: Exchange, now: float) -> tuple[Line, int]:
    """One line that says which exchange it is and how it stands, and how many of its cells have to be seen."""
    sign = state_of(exchange, now)
    if exchange.kind is Kind.GAP:
        line: Line = [(f"#{exchange.number} ", "dim"), ("gap", "gap")]
        return line, cells(text_of(line))
    line = [(f"#{exchange.number} ", "dim")]
    target = shown(exchange.target or "?")
    if exchange.action:
        line += [(target, "name"), (".", "dim"), (shown(exchange.action, text=True), "action")]
    else:
        line += [(_KINDS.get(exchange.kind, exchange.kind) + " on ", "dim"), (target, "name")]
    needed = cells(text_of(line))
    line.append((f"  {sign.sign} {sign.word}", sign.role))
    if exchange.action:
        # How one without an action stands is what kind it is, which was said already.
        needed = cells(text_of(line))
    if exchange.aside.code:
        line.append((f" ({clean(exchange.aside.code)})", "error"))
    if exchange.latency is not None:
        line.append((f"  {fmt.duration(exchange.latency)}", "plain"))
    return line, needed


_BESIDE = ("retry_of", "traceparent")
_ASKING = ("request", "one-way message", "broadcast")
"""The parts of an exchange that the tab of the request shows; those of its answers are on their own."""
_LOOKED_THROUGH = 1_000_000
"""Bytes; a larger message is not read as a whole for a line in its document."""


def request_document(exchange: Exchange, redact: Redact = bytes, unlike: Unlike = ()) -> Document:
    """What was asked: payload first, then the envelope."""
    message = exchange.request if exchange.kind is not Kind.TOLD else exchange.opened
    if message is None:
        return Lines([[("The request of this answer was not seen: it was sent before the console looked, in a", "dim")],
                      [("gap, or by a program that uses another request_id.", "dim")]])  # fmt: skip
    said = [_departing(one) for place, one in unlike if place.part in _ASKING]
    said += [note([(remark, "warn")]) for remark in remarks(exchange)]
    if exchange.kind is Kind.TOLD:
        nodes = [*said, payload_node(message, "record", redact, None)]
    else:
        packed = payloads.decode(message.data)
        nodes = [payload_node(message, "payload", redact, packed), *_beside_body(packed, redact), *said]
        nodes += _in_its_dialect(exchange, message)
    nodes += [_fact(name, value) for name, value in (*_facts(exchange, message), *_beside(redact(message.data)))]
    return Tree(nodes)


def _departing(departure: Departure) -> Node:
    """One line: where it is not like the others of its kind, and on how many that rests."""
    where = writing.field(departure.path) if departure.path else "payload"
    rests = f"  ({departure.are:,} of {departure.of:,} others are not so)"
    return note([(f"{UNLIKE} ", "accent"), (where, "key"), (f" {departure.what}", "accent"), (rests, "dim")])


def _beside_body(packed: payloads.Decoded | None, redact: Redact) -> list[Node]:
    """What there is to say of a payload that was decoded: its headers as a tree, and what is wrong with it."""
    if packed is None:
        return []
    nodes: list[Node] = []
    if packed.headers is not None:
        node = Node(lazy.read(redact(json.dumps(dict(packed.headers)).encode())))
        node.label = [("headers", "strong")]
        node.open = node.foldable
        nodes.append(node)
    if packed.trouble:
        nodes.append(note([("! ", "warn"), (f"not all of it: {clean(packed.trouble)}", "warn")]))
    nodes.append(_fact("decoded by", packed.by))
    return nodes


def _in_its_dialect(exchange: Exchange, message: Message) -> list[Node]:
    """Whose message it is, where it is not ours, and what of it cannot be seen."""
    dialect = dialects.named(message.dialect)
    if dialect is None or message.dialect == DAEBUS:
        return []
    nodes = [_fact("dialect", f"{dialect.name}: {dialect.title}")]
    remark = dialect.remark(message.channel, message.data)
    if remark is not None:
        nodes.append(_fact("", remark))
    if exchange.aside.expected:
        nodes.append(_fact("answers", f"{exchange.replies} of {exchange.aside.expected} subscribers, who all answer"))
    return [*nodes, _fact("not on wire", dialect.unknown)]


def _facts(exchange: Exchange, message: Message) -> list[tuple[str, str]]:
    own = exchange.kind is Kind.ONE_WAY and message.dialect == DAEBUS
    facts = [
        ("channel", shown(message.channel)),
        ("from", shown(exchange.source or "")),
        ("message_id" if own else "request_id", exchange.request_id or ""),
    ]
    facts += [("reply_to", exchange.reply_to or ""), ("parent_id", exchange.parent_id or "")]
    facts += [("seen at", fmt.stamp(message.at)), ("size", f"{len(message.data):,} bytes")]
    if exchange.kind is Kind.REQUEST and exchange.deadline:
        facts.append(("timeout", fmt.duration(exchange.deadline - exchange.opened.at)))
    return [(name, value) for name, value in facts if value]


def _beside(data: bytes) -> list[tuple[str, str]]:
    """What stands beside the envelope and says to what the request belongs: its first attempt, its trace."""
    if len(data) > _LOOKED_THROUGH or not any(f'"{name}"'.encode() in data for name in _BESIDE):
        return []
    try:
        fields = wire.decode(data)
    except wire.Unreadable:
        return []
    if not isinstance(fields, dict) or "payload" not in fields:
        return []
    found = [(name, fields.get(name)) for name in _BESIDE]
    return [(name, shown(value)) for name, value in found if isinstance(value, str)]


def _fact(name: str, value: str) -> Node:
    return note([(f"  {name:<12}", "dim"), (clean(value), "plain")], value)


def payload_node(message: Message, name: str, redact: Redact, packed: payloads.Decoded | None = None) -> Node:
    """The payload of a message as the root of a tree, or why it cannot be read; `packed` is what was decoded of it."""
    try:
        if packed is not None:
            node = Node(lazy.read(redact(packed.data)))
        else:
            reader = wire if message.kind is Kind.UNREADABLE else lazy
            node = Node(reader.payload_of(redact(message.data), whole=message.whole))
        node.label = [(name, "strong")]
        node.open = node.foldable and not isinstance(node.value, str)
    except wire.Unreadable as error:
        if message.kind is not Kind.UNREADABLE:
            text = f"{payloads.form(message.data, packed)}, {len(message.data):,} bytes"
            return note([(text, "plain"), ("  (the tab Raw has them)", "dim")])
        return note([("✗ ", "error"), (clean(str(error)), "error"), ("  (the tab Raw has the bytes)", "dim")])
    return node


def response_document(exchange: Exchange, now: float, redact: Redact = bytes, unlike: Unlike = ()) -> Document:
    """Every answer, each with when it came; parts of a stream show what has changed since the one before."""
    answers = [one for one in exchange.messages if one.kind is Kind.RESPONSE and not isinstance(one, Notice)]
    if not answers:
        return Lines([_nothing(exchange, now)])
    nodes: list[Node] = []
    before: Any = None
    for number, message in enumerate(answers, 1):
        packed = payloads.decode(message.data)
        node = payload_node(message, "", redact, packed)
        name, role = _answer_name(exchange, message, number)
        after = exchange.after(message)
        when = f"  {fmt.clock(message.at)}" if after is None else f"  after {fmt.duration(after)}"
        node.label = [(name, role), (when, "dim")] if node.kind != "note" else [(name, role), *(node.label or [])]
        if len(answers) > 1 and node.kind != "note":
            node.open = node.open and number == len(answers)
            mark_changes(node, before)
            before = node.value
        nodes += [node, *_beside_body(packed, redact)]
    nodes += [_departing(one) for place, one in unlike if place.part not in _ASKING]
    last = exchange.answer
    if last is not None:
        nodes += [_fact(name, value) for name, value in _answer_facts(exchange, last)]
    if exchange.state is State.PENDING:
        nodes.append(note([("… more is to come", "wait")]))
    return Tree(nodes)


def _answer_name(exchange: Exchange, message: Message, number: int) -> tuple[str, str]:
    if not message.final:
        return f"part {number}", "accent"
    again = exchange.answer is not message
    name = ("error" if message.error else "answer") + (" again" if again else "")
    return name, "error" if message.error else "warn" if again else "ok"


def _answer_facts(exchange: Exchange, message: Message) -> list[tuple[str, str]]:
    facts = [("channel", shown(message.channel)), ("instance", exchange.instance or "")]
    facts += [("seen at", fmt.stamp(message.at)), ("size", f"{len(message.data):,} bytes")]
    mark = wire.debug_of(message.data) if exchange.flags & Flag.DEBUGGED else None
    if mark is not None:
        facts.append(("debugger", f"{', '.join(mark[1]) or 'touched'} by {mark[0]}"))
    if exchange.elapsed is not None:
        facts.append(("in handler", fmt.duration(exchange.elapsed)))
    if exchange.transit is not None:
        more = ", being held included" if exchange.flags & Flag.DEBUGGED else ""
        facts.append(("on the way", fmt.duration(exchange.transit) + more))
    return [(name, value) for name, value in facts if value]


def mark_changes(node: Node, before: Any) -> None:
    """Mark what differs from the payload before, one level deep."""
    if not isinstance(node.value, dict) or not isinstance(before, dict):
        return
    for child in node.inside():
        if isinstance(child.key, str) and child.kind == "value":
            child.changed = child.key not in before or not lazy.same(before[child.key], child.raw)


def _nothing(exchange: Exchange, now: float) -> Line:
    waited = fmt.duration(max(0.0, now - exchange.opened.at))
    if exchange.kind is Kind.BROADCAST:
        return [("A broadcast: nothing answers it.", "dim")]
    if exchange.kind is Kind.TOLD:
        return [("Not seen: a service told of it afterwards.", "dim")]
    if exchange.kind is not Kind.REQUEST:
        return [("Sent one way: nothing answers it.", "dim")]
    if exchange.held:
        return [(f"Held by a debugger, which its asker is told: waiting for {waited}.", "warn")]
    if exchange.state is State.PENDING:
        return [(f"No answer yet: waiting for {waited}.", "wait")]
    if exchange.state is State.UNKNOWN:
        dialect = dialects.named(exchange.dialect)
        if dialect is not None and dialect.silence is not None:
            return [(f"{dialect.silence[0].upper()}{dialect.silence[1:]}.", "warn")]
        return [("Unknown: the console could not see the answer, not being connected, or not allowed to.", "warn")]
    moved = ", which grew while it was held" if exchange.until > exchange.deadline else ""
    return [(f"No answer came within {fmt.duration(exchange.until - exchange.opened.at)}{moved}.", "error")]


_LATE = "What was published in this time was read after it, if at all, and has the time of then."
_UNSEEN = "What was published in this time was not seen."
_HALF_SEEN = "Of what was published in this time only what Redis lets this console read was seen."


def _gap_words(gap: Gap) -> str:
    if gap.seconds == 0:
        return "The clock stepped here."
    if not gap.lost:
        return _LATE
    return _HALF_SEEN if gap.partly else _UNSEEN


def gap_lines(exchange: Exchange) -> list[Line]:
    """What is known of a gap."""
    gap = exchange.aside.gap
    if gap is None:
        return []
    end = "not yet over" if gap.end is None else fmt.stamp(gap.end)
    return [
        [(_gap_words(gap), "gap")],
        [("  from        ", "dim"), (fmt.stamp(gap.start), "plain")],
        [("  to          ", "dim"), (end, "plain")],
        [("  reason      ", "dim"), (clean(gap.reason), "plain")],
    ]
