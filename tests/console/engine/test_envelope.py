"""Envelopes as they are read, tolerant of anything."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from daebus_console.engine.message import envelope as wire


def test_the_fields_that_steer_are_read() -> None:
    envelope = wire.read(b'{"action": "a", "request_id": 7, "payload": {"x": [1]}, "timeout": 2, "more": null}')
    assert (envelope.action, envelope.request_id, envelope.timeout, envelope.malformed) == ("a", 7, 2.0, False)


def test_the_rest_is_asked_for_and_the_payload_stays_raw() -> None:
    rest = wire.rest_of(b'{"action": "a", "message_id": "m", "payload": {"x": [1]}, "held": null, "timeout": []}')
    assert bytes(rest.payload) == b'{"x": [1]}'  # type: ignore[arg-type]  # it is there
    assert (rest.message_id, rest.held is UNSET) == ("m", False)
    assert wire.rest_of(b'{"action": "a"}') == wire.Rest()


@pytest.mark.parametrize("odd", ['"more": NaN', '"message_id": 5', '"x": "\\ud800"', '"payload": {}, "payload": NaN'])
def test_the_rest_of_what_is_odd_tells_what_is_there(odd: str) -> None:
    rest = wire.rest_of(('{"payload": 1, "held": 2, ' + odd + "}").encode("utf-8", "surrogatepass"))
    assert (rest.payload is UNSET, rest.held is UNSET, rest.message_id) == (False, False, None)


@pytest.mark.parametrize("data", [b"", b"[1]", b"5", b"{", b"\xff", b'{"a": ' * 5_000 + b"1" + b"}" * 5_000])
def test_what_is_no_object_has_no_rest(data: bytes) -> None:
    assert wire.rest_of(data) == wire.Rest()


@pytest.mark.parametrize(
    ("debug", "marked"),
    [('{"by": "Ann"}', True), ("{}", True), ("null", False), ("true", False), ('"on"', False), ("[1]", False)],
)
@pytest.mark.parametrize("more", ["", ', "x": NaN'])
def test_a_mark_of_a_debugger_is_an_object(debug: str, marked: bool, more: str) -> None:
    envelope = wire.read(f'{{"request_id": "a", "debug": {debug}{more}}}'.encode())
    assert (envelope.debug is not None, envelope.malformed) == (marked, False)


@pytest.mark.parametrize("more", [b'"payload": NaN', b'"x": -Infinity', b'"x": "\\ud800"', b'"payload": 1e999'])
def test_what_only_python_calls_json_is_read_all_the_same(more: bytes) -> None:
    envelope = wire.read(b'{"request_id": "a", ' + more + b"}")
    assert (envelope.request_id, envelope.malformed) == ("a", False)


@pytest.mark.parametrize("field", ["action", "reply_to", "service", "status", "parent_id", "instance"])
def test_a_field_of_another_type_is_left_out_and_told(field: str) -> None:
    envelope = wire.read(f'{{"{field}": ["x"], "request_id": "a"}}'.encode())
    assert getattr(envelope, field) is None
    assert (envelope.request_id, envelope.malformed) == ("a", True)


def test_true_is_no_number() -> None:
    envelope = wire.read(b'{"timeout": true, "request_id": true, "elapsed": false, "final": 1}')
    assert (envelope.timeout, envelope.request_id, envelope.elapsed, envelope.final) == (None, None, None, None)
    assert envelope.malformed


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1]", "a JSON list where an object is expected"),
        (b'"x"', "a JSON string where an object is expected"),
        (b"1", "a JSON number where"),
        (b"true", "a JSON boolean where"),
        (b"null", "a JSON null where"),
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"ab\xff", "not UTF-8 (byte 2)"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' * 5_000 + b"1" + b"}" * 5_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_is_unreadable_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(wire.Unreadable) as caught:
        wire.read(data)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (b'{"action": "a", "payload": {"x": 1}}', {"x": 1}),
        (b'{"action": "a", "payload": "{\\"x\\": 1}"}', {"x": 1}),
        (b'{"action": "a", "payload": "text"}', "text"),
        (b'{"action": "a", "payload": null}', None),
        (b'{"action": "a", "x": 1, "request_id": "r", "reply_to": "c", "sent_at": 1}', {"x": 1}),
        (b'{"status": "success", "request_id": "r", "payload": [1]}', [1]),
        (b'{"x": 1, "status": "new"}', {"x": 1, "status": "new"}),
        (b'{"x": 1, "payload": {"y": 2}}', {"x": 1, "payload": {"y": 2}}),
        (b"[1, 2]", [1, 2]),
    ],
)
def test_payloads_are_what_a_handler_would_get(data: bytes, payload: Any) -> None:
    assert wire.payload_of(data) == payload


def test_reply_channels_and_control_channels_are_told_by_name() -> None:
    assert wire.is_reply_channel("caller:abc")
    assert wire.is_reply_channel("orders.responses")
    assert not wire.is_reply_channel("orders")
    assert wire.service_of_control("daebus.control.orders") == "orders"
    assert wire.service_of_control("orders") is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"status": "error", "payload": {"error": "x", "code": "busy"}}', "busy"),
        (b'{"status": "error", "payload": {"code": 5}}', None),
        (b'{"status": "error", "payload": ["code"]}', None),
        (b'{"status": "error"}', None),
        (b"?", None),
    ],
)
def test_the_code_of_an_error(data: bytes, code: str | None) -> None:
    assert wire.error_code(data) == code
