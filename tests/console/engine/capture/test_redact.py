"""Masking named keys: in bytes for files, in values for views."""

from __future__ import annotations

import gzip
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.commands.terms.entries import look
from daebus_console.engine import jsontext, payloads
from daebus_console.engine.hiding.redact import MASK, Redactor
from daebus_console.engine.message import envelope as wire
from daebus_console.tui.documents.exchange import payload_node
from tests.console.engine.bus import Bus, raw

REDACT = Redactor(["password", "Token", "clé"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"password": "x"}', '{"password": "***"}'),
        ('{"a":1.0 , "PassWord" :\t"x" }', '{"a":1.0 , "PassWord" :\t"***" }'),
        ('{"token": 12.50, "b": 1}', '{"token": "***", "b": 1}'),
        ('{"token": null}', '{"token": "***"}'),
        ('{"token": {"a": ["}", {"b": 1}]}, "c": [1]}', '{"token": "***", "c": [1]}'),
        ('{"a": [{"b": {"token": [1, 2]}}, {"token": "y"}]}', '{"a": [{"b": {"token": "***"}}, {"token": "***"}]}'),
        ('{"tokens": 1, "token_2": 2, "x": "token"}', '{"tokens": 1, "token_2": 2, "x": "token"}'),
        ('{"pass\\u0077ord": "x"}', '{"pass\\u0077ord": "***"}'),
        ('{"cl\\u00e9": "x", "CLÉ": 1}', '{"cl\\u00e9": "***", "CLÉ": "***"}'),
        ('{"token": "a\\"b\\\\", "d": "e"}', '{"token": "***", "d": "e"}'),
        ('{"token": NaN, "b": Infinity}', '{"token": "***", "b": Infinity}'),
        ('{"token": 1, "token": 2}', '{"token": "***", "token": "***"}'),
        (
            '{"payload": "{\\"token\\": \\"x\\", \\"n\\": 1.0}"}',
            '{"payload": "{\\"token\\": \\"***\\", \\"n\\": 1.0}"}',
        ),
        ('{"payload": "token=abc"}', '{"payload": "token=***"}'),
        ('{"payload": "{\\"token\\": \\"x"}', '{"payload": "***"}'),
        ('{"payload": "[no token here"}', '{"payload": "***"}'),
        ('{"payload": "[nothing here"}', '{"payload": "[nothing here"}'),
        ('[{"token": 1}]', '[{"token": "***"}]'),
        ('"token"', '"token"'),
        (
            '{"where": [[["user", "Token", "0"], "=", "x"], [["a"], "<", 2], [["token"], "exists", true]]}',
            '{"where": [[["user", "Token", "0"], "=", "***"], [["a"], "<", 2], [["token"], "exists", true]]}',
        ),
        (
            '[["token", "~", "x*"], ["user.token", "!=", {"b": 1}]]',
            '[["token", "~", "***"], ["user.token", "!=", "***"]]',
        ),
    ],
)
def test_only_the_values_of_those_keys_change(before: str, after: str) -> None:
    assert REDACT(before.encode()).decode() == after


def test_json_within_json_within_json() -> None:
    text = json.dumps({"token": "s3cret"})
    for _ in range(4):
        text = json.dumps({"inner": text})
    masked = REDACT(text.encode())
    assert b"s3cret" not in masked
    for _ in range(4):
        masked = json.loads(masked)["inner"]
    assert json.loads(masked) == {"token": MASK}


def test_json_nested_beyond_all_reason_is_masked_whole() -> None:
    text = json.dumps({"token": "s3cret"})
    for _ in range(12):
        text = json.dumps([text])
    assert b"s3cret" not in REDACT(text.encode())


@pytest.mark.parametrize("key", ["api/key", 'the "key"', "back\\slash", "new\nline"])
def test_a_key_is_masked_however_json_writes_it(key: str) -> None:
    written = json.dumps(key)
    each_by_number = '"' + "".join(f"\\u{ord(sign):04x}" for sign in key) + '"'
    for name in {written, written.replace("/", "\\/"), each_by_number}:
        assert Redactor([key])(f'{{{name}: "s3cret"}}'.encode()) == f'{{{name}: "***"}}'.encode()
    broken = f"{{{written.replace('/', chr(92) + '/')}: 's3cret".encode()
    assert b"s3cret" not in Redactor([key])(broken)


@pytest.mark.parametrize("data", [b'{"a": 1}', b"", b"no json", b"\xff\xfe", '{"x": "\\u00e9é"}'.encode()])
def test_what_names_no_key_is_handed_back_as_the_same_object(data: bytes) -> None:
    assert REDACT(data) is data


@pytest.mark.parametrize(
    "data", [b'{"password": "s3cret"', b"password=s3cret", b'\xff{"TOKEN": "s3cret"}', b'{"tok\\u0065n": "s3cret']
)
def test_what_is_no_json_but_names_a_key_is_masked_whole(data: bytes) -> None:
    masked = REDACT(data)
    assert b"s3cret" not in masked
    assert str(len(data)).encode() in masked


def test_without_keys_nothing_is_masked() -> None:
    none = Redactor(["", "  "])
    assert not none
    assert none.keys == ()
    data = b'{"password": "\\u0041"}'
    assert none(data) is data


def test_keys_are_told_without_their_blanks_and_case() -> None:
    assert Redactor([" Password", "token", "TOKEN "]).keys == ("password", "token")


def test_values_for_views_are_masked_in_a_copy() -> None:
    value = {"a": [{"Password": {"x": 1}}, 2], "t": '{"token": "x"}', "n": None}
    assert REDACT.mask(value) == {"a": [{"Password": MASK}, 2], "t": '{"token": "***"}', "n": None}
    assert value["a"] == [{"Password": {"x": 1}}, 2]


def test_values_without_such_keys_are_the_same_object() -> None:
    value = {"a": [{"b": {"c": 1.5}}, None, True, "text"]}
    assert REDACT.mask(value) is value


def test_values_nested_beyond_all_reason_are_masked() -> None:
    value: Any = {"token": "s3cret"}
    for _ in range(5_000):
        value = [value]
    assert REDACT.mask(value) == MASK


def leaves(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MASK if key.casefold() in REDACT.keys else leaves(item) for key, item in value.items()}
    return [leaves(item) for item in value] if isinstance(value, list) else value


keys = st.one_of(st.sampled_from(["token", "Password", "CLÉ", "a", "tokens"]), st.text(max_size=5))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(alphabet='abc"\\{}[]:,é😀 ', max_size=9)
)
documents = st.recursive(plain, lambda inner: st.one_of(st.lists(inner), st.dictionaries(keys, inner)), max_leaves=20)


@given(documents, st.booleans())
def test_bytes_are_masked_exactly_as_values_are(document: Any, ascii_only: bool) -> None:
    data = json.dumps(document, ensure_ascii=ascii_only).encode()
    # As texts, since NaN is not equal to itself.
    expected = json.dumps(REDACT.mask(json.loads(data)), sort_keys=True)
    assert json.dumps(json.loads(REDACT(data)), sort_keys=True) == expected


@given(st.one_of(st.binary(), st.text().map(str.encode)), st.sampled_from([b"token", b'{"token": "x', b'"\\u', b'\\"']))
def test_any_bytes_at_all_are_taken(data: bytes, between: bytes) -> None:
    half = len(data) // 2
    assert isinstance(REDACT(data[:half] + between + data[half:]), bytes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"password ": "x", "\\ttoken": 1}', '{"password ": "***", "\\ttoken": "***"}'),
        ('["password", "x"]', '["password", "***"]'),
        ('{"all": [["user", "joe"], [ "TOKEN" , 12.50 ]]}', '{"all": [["user", "joe"], [ "TOKEN" , "***" ]]}'),
        ('["user", "joe", "password", "x", "n", 1]', '["user", "joe", "password", "***", "n", 1]'),
        ('["password", {"hash": "x"}]', '["password", "***"]'),
        ('["name", "password", "email"]', '["name", "password", "email"]'),
        ('{"name": "password", "value": "x"}', '{"name": "password", "value": "***"}'),
        ('{"Value" : "x", "secure": true, "Key": "token "}', '{"Value" : "***", "secure": true, "Key": "token "}'),
        ('{"field": "password", "error": "is missing"}', '{"field": "password", "error": "is missing"}'),
        ('{"name": "user", "value": "x"}', '{"name": "user", "value": "x"}'),
        ('{"t": "[[\\"token\\", \\"x\\"]]"}', '{"t": "[[\\"token\\", \\"***\\"]]"}'),
    ],
)
def test_a_secret_may_stand_beside_its_name(before: str, after: str) -> None:
    assert REDACT(before.encode()).decode() == after
    assert REDACT.mask(json.loads(before)) == json.loads(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("login failed: password=s3cret for joe", "login failed: password=*** for joe"),
        ("password = s3cret", "password = ***"),
        ("PASSWORD:=s3cret", "PASSWORD:=***"),
        ("login(user='joe', password='s3 cret', n=1)", "login(user='joe', password='***', n=1)"),
        ("got {'user': 'joe', 'password': 's3 cret', 'n': 1}", "got {'user': 'joe', 'password': '***', 'n': 1}"),
        ("got {'password': b's3cret'}", "got {'password': b'***'}"),
        ('payload["token"] = "s3cret"', 'payload["token"] = "***"'),
        ("GET /x?a=1&token=s3cret&b=2", "GET /x?a=1&token=***"),
        ("Token: Bearer s3 cret\nnext line", "Token: ***\nnext line"),
        ("run --password s3cret --n 1", "run --password *** --n 1"),
        ("run --password=s3cret", "run --password=***"),
        ("clé: s3cret", "clé: ***"),
        (
            'Traceback:\n  File "a.py", line 1\n    login("joe", password="s3cret")\nValueError: no',
            'Traceback:\n  File "a.py", line 1\n    login("joe", password="***")\nValueError: no',
        ),
        ("the password 's3cret", "the password 's3cret"),
        ("password='never closed s3cret", "password='***"),
    ],
)
def test_a_secret_may_stand_behind_its_name_in_a_text(before: str, after: str) -> None:
    assert REDACT.text(before) == after
    assert REDACT.mask({"error": before, "list": [before]}) == {"error": after, "list": [after]}
    assert json.loads(REDACT(json.dumps({"error": before}).encode())) == {"error": after}
    assert REDACT.text(after) == after


@pytest.mark.parametrize(
    "text",
    ["no token here", "tokens=1", "my_token=1", "token", "see token://x", "KeyError: 'password'"],
)
def test_a_text_that_gives_no_secret_a_value_is_left_alone(text: str) -> None:
    assert REDACT.text(text) == text


LONG = "1" * 5000
"""A number of more digits than Python reads at once."""


@pytest.mark.parametrize("whole", [False, True])
def test_a_number_that_is_too_long_to_read_is_no_reason_to_hide_all(whole: bool) -> None:
    data = f'{{"a": {LONG}, "password": "s3cret"}}'.encode()
    masked = f'{{"a": {LONG}, "password": "***"}}'
    assert REDACT(data).decode() == masked
    assert jsontext.dumps(REDACT.mask(wire.payload_of(data, whole=whole))) == masked


SECRET = {"user": "joe", "password": "s3cret", "more": "s3cret"}
HIDDEN = {
    "pickle": pickle.dumps(SECRET),
    "pickle 2": pickle.dumps(SECRET, 2),
    "pickle in gzip": gzip.compress(pickle.dumps(SECRET)),
    "pickle with bytes": pickle.dumps({b"password": b"s3cret"}),
    "pickle 0": pickle.dumps(SECRET, 0),
    "bytes for keys": b"\x81\xc4\x08password\xa6s3cret",
    "bytes for keys in gzip": gzip.compress(b"\x81\xc4\x08password\xa6s3cret"),
    "bytes for keys in CBOR": b"\xa1\x48password\x46s3cret",
    "JSON in bytes": b'\x81\xa4body\xc4\x16{"password": "s3cret"}',
    "JSON in an extension": b'\x81\xa4body\xc7\x16\x05{"password": "s3cret"}',
    "XML": b"<login><password>s3cret</password></login>",
    "protobuf": b"\x0a\x08password\x12\x06s3cret",
}


@pytest.mark.parametrize("data", HIDDEN.values(), ids=HIDDEN)
def test_what_no_json_tells_is_masked_wherever_it_is_shown(data: bytes) -> None:
    message = (Bus() >> raw("x", data)).opened
    packed = payloads.decode(data)
    shown = [
        repr(REDACT(data)),
        repr(look(message, REDACT)[0]),
        repr(payload_node(message, "payload", REDACT, packed).value),
        repr(payloads.plain_payload_of(data, REDACT, whole=message.whole)),
    ]
    for text in shown:
        assert "s3cret" not in text
        assert b"s3cret".hex() not in text


def test_bytes_that_name_no_key_are_left() -> None:
    data = b"\x81\xa4body\xc4\x03abc"
    redact = Redactor(["password"])
    assert redact(data) is data
    assert redact.mask({"body": "h'616263'"}) == {"body": "h'616263'"}
