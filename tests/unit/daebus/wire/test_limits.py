"""What is written can be read: each limit of the reader is one of the writer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus import ConfigurationError, PayloadError
from daebus.wire.envelope import Request, Unreadable
from daebus.wire.limits import MAX_MESSAGE, resolve_max_message, sized
from daebus.wire.nesting import DEEPEST, outline
from daebus.wire.objects import RawJson, decode_object
from daebus.wire.reading import read_reply, read_request
from daebus.wire.writing import DIGITS, encode_object, write_one_way, write_request, write_response

numbers = st.integers() | st.integers(-(10**4400), 10**4400) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Objects of any depth, around the deepest that is read and far beyond."""
    value = draw(values)
    levels = draw(st.integers(0, 8) | st.integers(DEEPEST - 8, DEEPEST + 8) | st.integers(DEEPEST, 3 * DEEPEST))
    wrap: Callable[[Any], Any] = draw(st.sampled_from([lambda inner: [inner], lambda inner: {"a": inner, "[": "]"}]))
    for _ in range(levels):
        value = wrap(value)
    return {"value": value}


@pytest.fixture(autouse=True, scope="module", params=[4300, 0], ids=["as_python_has_it", "no_limit_of_python"])
def digits(request: pytest.FixtureRequest) -> Iterator[None]:
    """How long a number Python lets us write: a program may have turned that off, and its peers have not."""
    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(request.param)
    yield
    sys.set_int_max_str_digits(usual)


def peer_reads(read: Callable[[bytes], Any], data: bytes) -> Any:
    """What another program makes of it, whose Python is as it came."""
    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(DIGITS)
    try:
        return read(data)
    finally:
        sys.set_int_max_str_digits(usual)


def written(write: Callable[[], bytes]) -> bytes | None:
    try:
        return write()
    except PayloadError:
        return None


@settings(max_examples=60)
@given(payloads())
def test_whatever_request_is_written_is_read(payload: dict[str, Any]) -> None:
    data = written(lambda: write_request("a", payload, reply_to="r", request_id="i", service="s", timeout=5.0))
    if data is not None:
        message = peer_reads(read_request, data)
        assert isinstance(message, Request)
        assert message.payload == payload


@settings(max_examples=60)
@given(payloads())
def test_whatever_message_is_written_is_read(payload: dict[str, Any]) -> None:
    data = written(lambda: write_one_way("a", payload, service="s"))
    if data is not None:
        message = peer_reads(read_request, data)
        assert isinstance(message, Request)
        assert message.payload == payload


@settings(max_examples=60)
@given(payloads(), st.booleans(), st.booleans())
def test_whatever_response_is_written_is_read(payload: dict[str, Any], ok: bool, final: bool) -> None:
    data = written(lambda: write_response(payload, request_id="i", ok=ok, final=final, service="s", elapsed=1.0))
    if data is not None:
        reply = peer_reads(read_reply, data)
        assert reply is not None
        assert (reply.ok, reply.final, reply.payload, reply.code) == (ok, final, payload, None)


@settings(max_examples=60)
@given(payloads())
def test_whatever_broadcast_is_written_is_read(payload: dict[str, Any]) -> None:
    data = written(lambda: encode_object(payload))
    if data is not None:
        assert peer_reads(decode_object, data) == payload


readable = st.recursive(
    st.integers()
    | st.sampled_from([10**DIGITS - 1, 1 - 10**DIGITS])
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=3), readable, max_size=4))
def test_nothing_that_can_be_read_is_refused(payload: dict[str, Any]) -> None:
    assert decode_object(encode_object(payload)) == payload


def _nested(levels: int) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for _ in range(levels - 1):
        payload = {"a": payload}
    return payload


@pytest.mark.parametrize("levels", [DEEPEST - 1, DEEPEST])
def test_a_text_is_as_deep_as_what_is_made_of_it(levels: int) -> None:
    payload = RawJson(json.dumps(_nested(levels)))
    for write in (partial(write_one_way, "a", payload, service="s"), partial(write_response, payload, request_id="r")):
        if levels < DEEPEST:
            assert isinstance(decode_object(write()), dict)
        else:
            with pytest.raises(PayloadError, match="nested too deeply"):
                write()


@pytest.mark.parametrize("levels", [DEEPEST - 1, DEEPEST, DEEPEST + 1, 900])
def test_the_deepest_that_is_written_is_the_deepest_that_is_read(levels: int) -> None:
    payload = _nested(levels)
    if levels < DEEPEST:
        assert isinstance(read_request(write_one_way("a", payload, service="s")), Request)
    else:
        with pytest.raises(PayloadError, match="nested too deeply"):
            write_one_way("a", payload, service="s")
    if levels <= DEEPEST:
        assert decode_object(encode_object(payload)) == payload
    else:
        with pytest.raises(PayloadError, match="nested too deeply"):
            encode_object(payload)


LONG = b"9" * 5000
DEEP = b"[" * 900 + b"]" * 900


@pytest.mark.parametrize(("value", "reason"), [(LONG, "too many digits"), (DEEP, "nested too deeply")])
def test_who_sent_what_cannot_be_read_is_made_out(value: bytes, reason: str) -> None:
    message = peer_reads(
        read_request, b'{"action":"a","payload":{"n":[%b]},"reply_to":"caller:x","request_id":"r\\"1"}' % value
    )
    assert isinstance(message, Unreadable)
    assert reason in message.reason
    assert (message.reply_to, message.request_id) == ("caller:x", 'r"1')


@pytest.mark.parametrize("value", [LONG, DEEP])
def test_an_answer_that_cannot_be_read_is_an_error_and_no_silence(value: bytes) -> None:
    reply = peer_reads(read_reply, b'{"payload":{"n":%b},"request_id":"r","status":"success","service":"s"}' % value)
    assert reply is not None
    assert (reply.ok, reply.final, reply.request_id, reply.code, reply.service) == (False, True, "r", "unreadable", "s")
    assert reply.error is not None
    assert reply.error.startswith("the answer ")


@pytest.mark.parametrize(
    "data",
    [
        b'{"status":"success","request_id":"r","payload":' + DEEP,
        b'{"request_id":' + LONG + b"}",
        DEEP,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"request_id":"r","payload":' + DEEP * 1000 + b"}",
    ],
)
def test_what_nobody_can_be_made_out_of_is_dropped(data: bytes) -> None:
    assert peer_reads(read_reply, data) is None
    message = peer_reads(read_request, data)
    assert isinstance(message, Unreadable)
    assert message.reply_to is None


def test_the_outline_leaves_the_first_level_as_it_is() -> None:
    text = ' { "a" : [1, {"b": "]"}], "c": "[\\"{", "d":{"e":{}} , "f": 1.50 }\n'
    assert outline(text) == ' { "a" : null, "c": "[\\"{", "d":null , "f": 1.50 }\n'


def test_how_large_a_message_may_be() -> None:
    assert resolve_max_message(None, {}) == MAX_MESSAGE == 16 * 1024 * 1024
    assert resolve_max_message(None, {"DAEBUS_MAX_MESSAGE": "1000"}) == 1000
    assert resolve_max_message(5, {"DAEBUS_MAX_MESSAGE": "no"}) == 5
    assert sized(b"12345", 5) == b"12345"
    with pytest.raises(PayloadError, match=r"123,456 bytes, and max_message is 1,000"):
        sized(b"x" * 123_456, 1000)


@pytest.mark.parametrize("text", ["0", "-1", "8M", "1.5", "٣", "9" * 5000, " 5"])
def test_a_limit_of_the_environment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="DAEBUS_MAX_MESSAGE must be a whole number of bytes"):
        resolve_max_message(None, {"DAEBUS_MAX_MESSAGE": text})
