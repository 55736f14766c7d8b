"""Messages around payloads that nobody's program writes, broken ones among them; and the exchanges that they become."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.bus import Bus, raw
from tests.console.fidelity.texts import ALL, value

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


def framed(around: str, text: str) -> bytes:
    """A message with that text as its payload, or wherever it stands there."""
    return around.format(payload=text).encode("utf-8", "surrogatepass")


def hostile(around: str) -> list[Exchange]:
    """One for each of TEXTS."""
    return exchanges(*(framed(around, text) for text in TEXTS))


def _whole_and_broken(chance: random.Random, around: str, at: int, broken: bytes) -> list[Exchange]:
    data = framed(around, value(chance))
    return exchanges(data, data[:at] + broken + data[at:])


anything = st.builds(
    _whole_and_broken,
    st.randoms(use_true_random=False),
    st.sampled_from(AROUND),
    st.integers(0, 400),
    st.binary(max_size=2),
)
"""The exchanges of a message, and of the same with something put in."""
