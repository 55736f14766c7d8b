"""What an export writes without looking into payloads is what it writes with: to the byte."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine import jsontext
from daebus_console.engine.export.as_json import in_one_line, record
from daebus_console.engine.export.parts import compact, payload_text
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.bus import Bus, raw
from tests.console.engine.dialects.support import TRANSCRIPTS, ForeignBus
from tests.console.fidelity.texts import ALL, value

PLAIN = Redactor(())
SECRET = Redactor(("password",))
TEXTS = [
    "{}", "[]", '{"a": {}}', '{"n": 1e999}',
    '{"n": NaN}', "[Infinity]", '{"t": "\\x"}', '{"t": "a\tb"}', '{"t": "\x7f\x80"}',
    '{"pass\\u0077ord": "x"}', '["password=x"]',
    "[1,]", "{,}", '{"a" 1}', "[01]", "[1.]", "[.5]", "[+1]", "[1]x", "", " ",
    "nul", "null", "true", "5", "5.0", '"text"', '"{\\"a\\": 1}"', "[" * 400 + "]" * 400, "[" * 600 + "]" * 600,
    '{"a":"' + "x" * 70_000 + '"}', "[" + "9" * 5000 + "]", ALL,
]  # fmt: skip
AROUND = [
    "{payload}",
    '{{"action":"act","request_id":"a","reply_to":"caller:1","payload":{payload}}}',
    '{{"payload":{payload},"request_id":"a" , "status":"success"}}',
    '{{"action":"act","payload" : {payload} , "payload":{{"last":1}}}}',
    '{{"action":"act","payload":{{"first":1}},"payload":{payload}}}',
    '{{"pay\\u006coad":{payload},"action":"act"}}',
    '{{"payload":{payload}}}',
    '{{"action":"act","other":{payload}}}',
    '{{"action":5,"other":{payload}}}',
    '{{"action":"act","request_id":"a","reply_to":"caller:1","payload":{payload}}}  ',
]


def exchanges(*frames: bytes) -> list[Exchange]:
    """What those become on a channel of a service."""
    bus = Bus()
    for frame in frames:
        bus >> raw("svc", frame)
    return list(bus.journal.exchanges)


def assert_same(found: list[Exchange], redact: Redactor = PLAIN) -> None:
    for exchange in found:
        told = record(exchange, redact)
        assert in_one_line(exchange, redact) == compact(told)
        over_lines = jsontext.dumps(told, verbatim=True, ascii_only=True, indent=2)
        assert jsontext.formatted(in_one_line(exchange, redact), 2) == over_lines


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("redact", [PLAIN, SECRET], ids=["plain", "redacted"])
def test_hostile_payloads_are_written_the_same(around: str, redact: Redactor) -> None:
    assert_same(exchanges(*(around.format(payload=text).encode("utf-8", "surrogatepass") for text in TEXTS)), redact)


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.jsonl")))
def test_transcripts_are_written_the_same(name: str) -> None:
    assert_same(list(ForeignBus().play(name).journal.exchanges))


@settings(max_examples=100)
@given(st.randoms(use_true_random=False), st.sampled_from(AROUND), st.integers(0, 400), st.binary(max_size=2))
def test_anything_is_written_the_same(chance: random.Random, around: str, at: int, broken: bytes) -> None:
    data = around.format(payload=value(chance)).encode("utf-8", "surrogatepass")
    assert_same(exchanges(data, data[:at] + broken + data[at:]))


def test_plain_payloads_are_taken_over_as_they_are() -> None:
    (exchange,) = exchanges(b'{"action":"act","request_id":"a","reply_to":"c","payload":{"n" : 1.50,\n"n":2}}')
    assert payload_text(exchange.opened, PLAIN) == '{"n" : 1.50,\n"n":2}'
    assert re.search(r'"payload": \{"n" : 1\.50, "n":2\}\}\]\}$', in_one_line(exchange, PLAIN))
    assert payload_text(exchange.opened, Redactor(("n",))) is None
