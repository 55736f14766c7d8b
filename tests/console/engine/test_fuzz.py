"""Anything at all may come off a bus, out of a file or from a keyboard, and nothing of it may raise."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.directory import Directory
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.filter.completion import completions
from daebus_console.engine.filter.language import Filter, FilterError, parse
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import State
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal

FIELDS = [
    *("action", "reply_to", "request_id", "service", "status", "final", "parent_id"),
    *("timeout", "instance", "elapsed", "payload", "sent_at"),
]
few_texts = st.sampled_from(["a", "b", "orders", "success", "error", "caller:1", "", "info"])
odd_numbers = st.sampled_from([10**400, -(10**30), float("nan"), float("inf"), -0.0, 1e308, 2**63])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), odd_numbers, few_texts, st.text(max_size=8))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(FIELDS), st.one_of(few_texts, values), max_size=8)
plausible = st.fixed_dictionaries(
    {"request_id": st.sampled_from(["1", "2", 1, 1.0])},
    optional={
        "action": few_texts,
        "reply_to": few_texts,
        "status": st.sampled_from(["success", "error"]),
        "final": st.booleans(),
        "timeout": st.floats(0.1, 20),
        "payload": values,
        "elapsed": values,
    },
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    value = draw(st.one_of(objects, plausible, plausible, values))
    data = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        data = data[: draw(st.integers(0, len(data)))]
    return data


any_bytes = st.one_of(messages(), messages(), st.binary(max_size=40))
channels = st.sampled_from(["orders", "caller:1", "orders.responses", "daebus.control.orders", "news", "", "a"])
events = st.one_of(
    st.tuples(channels, any_bytes), st.tuples(channels, any_bytes), st.floats(0, 15), st.just("gap"), st.just("clear")
)


@given(any_bytes)
def test_reading_an_envelope_gives_one_or_says_why_not(data: bytes) -> None:
    try:
        envelope = wire.read(data)
    except wire.Unreadable:
        return
    assert envelope.request_id is None or isinstance(envelope.request_id, str | int | float)
    assert all(isinstance(getattr(envelope, name), str | None) for name in ("action", "reply_to", "service", "status"))
    wire.payload_of(data)


@example([("a", wire.PROBE + b'"1"}'), ("orders", b""), ("a", wire.PROBE)], 2)
@given(st.lists(events, max_size=40), st.integers(1, 30))
def test_the_correlator_takes_anything_and_its_counts_add_up(story: list[Any], room: int) -> None:
    journal = Journal(max_messages=room)
    correlator, directory, stats = Correlator(journal), Directory(), Stats()
    now, fed, gone = 1_000.0, 0, 0
    for event in story:
        if isinstance(event, float):
            now += event
            expired = correlator.advance(now)
            directory.settled(expired)
            for exchange in expired:
                stats.settled(exchange)
        elif event == "gap":
            fed += correlator.lose(now, "cut off") is not None
            correlator.resume(now)
            stats.lost()
        elif event == "clear":
            gone += len(journal.messages)
            journal.clear()
        else:
            taken = correlator.take(now, [event])
            fed += 1
            directory.saw(taken.opened)
            directory.settled(taken.answered)
            for exchange in taken.opened:
                stats.opened(exchange)
            for exchange in taken.answered:
                stats.settled(exchange)
    # A heartbeat is no traffic of the program: it is counted, and not kept.
    assert len(journal.messages) + journal.evicted + gone + correlator.probes == fed
    assert len(journal.messages) <= room
    here = list(journal.exchanges)
    assert correlator.pending == sum(exchange.state is State.PENDING for exchange in here)
    assert set(correlator._by_id) == {one.request_id for one in here if one.request_id is not None}
    for message in journal.messages:
        exchange_of_it = journal.exchange(message.exchange)
        assert exchange_of_it is None or any(one is message for one in exchange_of_it.messages)
    for exchange in here:
        assert exchange.size >= 0
        assert exchange.transit is None or exchange.transit == exchange.transit or exchange.elapsed != exchange.elapsed
    stats.rows(now)
    stats.totals(now)
    stats.series(None, None, now)


def refuse(_data: bytes) -> object:
    raise msgspec.DecodeError("not read fast")


@given(st.lists(st.tuples(channels, any_bytes), max_size=30), st.lists(st.integers(1, 9), max_size=5))
def test_plain_messages_become_what_they_would_become_the_long_way(
    frames: list[tuple[str, bytes]], sizes: list[int]
) -> None:
    quick, slow = Correlator(Journal()), Correlator(Journal())
    batches = []
    for number, size in enumerate([*sizes, len(frames)]):
        batches.append((1_000.0 + number * 6, frames[:size]))
        frames = frames[size:]
    quick.take_all(batches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daebus_console.engine.pairing.correlator.read_fast", refuse)
        slow.take_all(batches)
    # Their text, since what is no number is not equal to itself.
    assert repr(list(quick.journal.messages)) == repr(list(slow.journal.messages))
    assert repr(list(quick.journal.exchanges)) == repr(list(slow.journal.exchanges))
    assert quick.pending == slow.pending
    due = 1_000_000.0
    assert repr(quick.advance(due)) == repr(slow.advance(due))


# Filters --------------------------------------------------------------------------------------------------------------

PIECES = [
    *("status:", "payload.", "latency:", "size:", "is:", "id:#", "kind:", "a", "*", ",", "-", '"', "'", "\\", ":", " "),
    *(">", "<=", "..", "1", "5ms", "kb", "[0]", "[*]", ".b", "ok", "é", "\n", "\ud800", "#", "text"),
]
filter_texts = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def parsed(text: str) -> Filter | None:
    try:
        return parse(text)
    except FilterError as raised:
        error = raised
    assert error.message
    assert error.length >= 1
    assert 0 <= error.position <= error.position + error.length <= len(text)
    return None


@given(filter_texts)
@example('payload.a"payload."status:status:')
def test_any_text_is_a_filter_or_an_error_within_it(text: str) -> None:
    found = parsed(text)
    if found is not None:
        assert parse(found.text) == found


@given(filter_texts, st.lists(st.tuples(channels, any_bytes), min_size=1, max_size=6))
def test_any_filter_judges_anything_and_its_negation_the_opposite(text: str, frames: list[tuple[str, bytes]]) -> None:
    accepts = parsed(text)
    if accepts is None:
        return
    journal = Journal()
    correlator = Correlator(journal)
    correlator.take(1.0, frames)
    for message in journal.messages:
        exchange = journal.exchange(message.exchange)
        assert exchange is not None
        verdict = accepts(exchange)
        assert isinstance(accepts.matches_message(message, exchange), bool)
        terms = text.split()
        if len(terms) == 1 and not text.strip().startswith("-"):
            opposite = parsed("-" + text.strip())
            assert opposite is not None
            assert opposite(exchange) is not verdict


@given(filter_texts, st.integers(0, 40))
def test_completion_takes_any_text(text: str, cursor: int) -> None:
    for offer in completions(text, min(cursor, len(text)), {"service": ['a "b"'], "path": ["x.y"]}):
        assert 0 <= offer.start <= min(cursor, len(text))


# Captures -------------------------------------------------------------------------------------------------------------

HEADER = b'{"daebus_capture": 1}\n'
LINES = [
    b'{"at": 1, "channel": "orders", "data": "{\\"action\\": \\"x\\", \\"request_id\\": \\"1\\"}"}',
    b'{"at": 2, "channel": "c", "data_base64": "/w=="}',
    b'{"at": 3, "gap": 1.5, "reason": "r"}',
    b'{"at": 0, "channel": "c", "data": ""}',
    b'{"at": 4, "channel": "c", "data_base64": "="}',
    b"\n",
]
bodies = st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=30), messages()), max_size=12).map(b"\n".join)


@given(st.one_of(st.just(HEADER), st.just(HEADER), st.binary(max_size=20)), bodies, st.booleans(), st.data())
def test_any_file_is_a_capture_with_warnings_or_none_with_a_reason(
    header: bytes, body: bytes, zipped: bool, data: st.DataObject
) -> None:
    content = header + body
    if zipped:
        content = gzip.compress(content)
        content = content[: data.draw(st.integers(0, len(content)), label="kept")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(content)
        try:
            reader = CaptureReader(path)
        except CaptureError:
            return
        items = list(reader)
        assert all(isinstance(item, Frame | Gap) for item in items)
        assert not reader.skipped or reader.warnings
        with OfflineSession(path) as session:
            assert session.wait_up(10)
        assert session.status.messages + session.status.gaps == len(items) == len(session.journal.messages)
