"""Messages in and out of bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus.errors import PayloadError
from daebus.wire.envelope import Request, Stray, Unreadable, quoted
from daebus.wire.objects import decode_object
from daebus.wire.reading import read_reply, read_request
from daebus.wire.writing import encode, encode_object, write_one_way, write_request, write_response

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
FIELDS = ("action", "payload", "reply_to", "request_id", "service", "parent_id", "sent_at", "timeout", "status", "x")


def read(**fields: Any) -> Request | Unreadable | Stray:
    return read_request(json.dumps(fields).encode())


def readable(**fields: Any) -> Request:
    message = read(**fields)
    assert isinstance(message, Request), message
    return message


def test_a_request_survives_the_wire() -> None:
    data = write_request(
        "get",
        {"id": 1},
        reply_to="caller:x",
        request_id="r",
        service="web",
        parent_id="p",
        sent_at=12.5,
        timeout=3,
    )
    message = read_request(data)
    assert isinstance(message, Request)
    assert (message.action, message.payload, message.reply_to, message.request_id) == (
        "get",
        {"id": 1},
        "caller:x",
        "r",
    )
    assert (message.service, message.parent_id, message.sent_at, message.timeout) == ("web", "p", 12.5, 3.0)
    assert message.raw["action"] == "get"


def test_a_one_way_message_has_no_address_to_answer_to() -> None:
    message = json.loads(write_one_way("log", {"a": 1}, service="web"))
    assert message == {"action": "log", "payload": {"a": 1}, "service": "web"}


@pytest.mark.parametrize("payload", [{}, {"a": {"b": [1, None]}}])
def test_a_payload_may_be_json_in_a_string(payload: dict[str, Any]) -> None:
    assert readable(action="a", payload=json.dumps(payload)).payload == payload


def test_without_a_payload_the_other_fields_are_the_payload() -> None:
    message = readable(action="log", level="info", timeout=3, sent_at="noon", service="web")
    assert message.payload == {"level": "info", "timeout": 3, "sent_at": "noon"}
    assert (message.timeout, message.sent_at, message.service) == (None, None, "web")


def test_a_null_payload_is_an_empty_one() -> None:
    assert readable(action="a", payload=None).payload == {}


@pytest.mark.parametrize("payload", [5, [1], True, "no json", '"text"', "[1]"])
def test_a_payload_of_the_wrong_type_is_a_bad_request_that_can_be_answered(payload: Any) -> None:
    message = read(action="a", payload=payload, reply_to="caller:x", request_id="r")
    assert isinstance(message, Unreadable)
    assert "payload" in message.reason
    assert (message.reply_to, message.request_id) == ("caller:x", "r")


@pytest.mark.parametrize("data", [b"", b"no json", b"\xff\xfe", b"[1]", b"5", b"null", b"[" * 100_000, b"9" * 5000])
def test_what_is_no_json_object_is_unreadable(data: bytes) -> None:
    assert isinstance(read_request(data), Unreadable)
    assert read_reply(data) is None


@pytest.mark.parametrize("action", [None, 5, "", [], {}])
def test_an_action_must_be_named(action: Any) -> None:
    assert isinstance(read(action=action, reply_to="caller:x"), Unreadable)


def test_a_response_on_a_service_channel_is_a_stray() -> None:
    assert isinstance(read_request(write_response({}, request_id="r")), Stray)


@pytest.mark.parametrize("reply_to", [5, ["a"], {"a": 1}, "\ud800"])
def test_a_reply_to_that_is_no_channel_is_never_answered(reply_to: Any) -> None:
    message = read(action="a", payload={}, reply_to=reply_to, request_id="r")
    assert isinstance(message, Unreadable)
    assert message.reply_to is None


@pytest.mark.parametrize("request_id", [7, 1.5, "x", None, True])
def test_a_request_id_comes_back_as_it_was(request_id: Any) -> None:
    message = readable(action="a", payload={}, request_id=request_id)
    answer = json.loads(write_response({}, request_id=message.request_id))
    assert answer["request_id"] == request_id
    assert type(answer["request_id"]) is type(request_id)


def test_nan_is_read_and_never_written() -> None:
    message = read_request(b'{"action": "a", "payload": {"x": NaN, "y": -Infinity}, "request_id": NaN, "timeout": NaN}')
    assert isinstance(message, Request)
    assert message.payload["y"] == float("-inf")
    assert message.request_id is None
    assert message.timeout is None
    with pytest.raises(PayloadError):
        write_response(message.payload, request_id="r")


def test_a_reply_without_final_is_final_and_without_status_a_success() -> None:
    reply = read_reply(b'{"payload": 5, "request_id": "r"}')
    assert reply is not None
    assert (reply.final, reply.ok, reply.payload) == (True, True, 5)


@pytest.mark.parametrize(
    ("payload", "text"),
    [({"error": "no"}, "no"), ("no", "no"), (None, "did not say"), ({"error": 5}, "5"), ({}, "did not say")],
)
def test_an_error_reply_always_has_a_text(payload: Any, text: str) -> None:
    reply = read_reply(json.dumps({"status": "error", "payload": payload, "request_id": "r"}).encode())
    assert reply is not None
    assert not reply.ok
    assert text in str(reply.error)


@pytest.mark.parametrize("value", [{1j, 2}, object(), float("nan"), {"a": float("inf")}, {("a",): 1}, b"x"])
def test_what_json_cannot_carry_is_a_payload_error(value: Any) -> None:
    with pytest.raises(PayloadError) as caught:
        encode(value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


def test_a_payload_within_itself_is_a_payload_error() -> None:
    value: dict[str, Any] = {}
    value["self"] = value
    with pytest.raises(PayloadError):
        encode(value)


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_only_a_dict_is_an_object(value: Any) -> None:
    with pytest.raises(PayloadError, match="must be a dict"):
        encode_object(value)


def test_text_of_unknown_origin_is_one_short_line_of_ascii() -> None:
    shown = quoted("a\n\x1b[31m\u202e" + "x" * 1000)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) < 200


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a":1}', {"a": 1}),
        (b' \n{"a":1}\r\n\t ', {"a": 1}),
        (b'{"a":1} x', "is not JSON"),
        (b'{"a":1}{}', "is not JSON"),
        (b"", "is not JSON"),
        (b"  ", "is not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "is not JSON"),
        (b"{'a':1}", "is not JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"[1] ", "is JSON, but no object (a list)"),
        (b" NaN", "is JSON, but no object (a number)"),
    ],
)
def test_an_object_is_all_there_is_but_for_blanks(data: bytes, found: Any) -> None:
    assert decode_object(data) == found


@given(st.binary())
def test_no_bytes_raise(data: bytes) -> None:
    read_request(data)
    read_reply(data)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_envelope_raises_and_every_answer_can_be_written(fields: dict[str, Any]) -> None:
    data = json.dumps(fields).encode()
    read_reply(data)
    message = read_request(data)
    if not isinstance(message, Stray):
        write_response({}, request_id=message.request_id)
        assert message.reply_to is None or message.reply_to.encode()
