"""msgpack and CBOR are read as what they are, and nothing else is taken for them."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine.payloads import Limits, decode

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=25)
@given(st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_msgpack_says_what_the_library_wrote(value: Any) -> None:
    found = decode(msgspec.msgpack.encode(value))
    assert found is not None
    assert (found.by, found.trouble) == ("msgpack", "")
    assert json.loads(found.text) == value


def head(major: int, count: int) -> bytes:
    """A head of CBOR, in its shortest form."""
    if count < 24:
        return bytes([major << 5 | count])
    size = next(size for size in (1, 2, 4, 8) if count < 1 << (8 * size))
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + count.to_bytes(size)


def cbor(value: Any) -> bytes:
    """The value in CBOR."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return head(3, len(data)) + data
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(inner) for key, inner in value.items())


CBOR_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=8), CBOR_VALUES, min_size=1, max_size=4))
def test_cbor_says_what_was_written(value: Any) -> None:
    found = decode(cbor(value))
    assert found is not None
    assert (found.by, found.trouble) == ("CBOR", "")
    assert json.loads(found.text) == value


@pytest.mark.parametrize(
    ("data", "text"),
    [
        # From appendix A of RFC 8949, each inside of a list.
        ("c249010000000000000000", "18446744073709551616"),
        ("c349010000000000000000", "-18446744073709551617"),
        ("3bffffffffffffffff", "-18446744073709551616"),
        ("f90001", "5.960464477539063e-08"),
        ("f93e00", "1.5"),
        ("f97c00", "Infinity"),
        ("f97e00", "NaN"),
        ("fa47c35000", "100000.0"),
        ("fb7e37e43c8800759c", "1e+300"),
        ("f7", "null"),
        ("f8ff", '"simple(255)"'),
        ("c074323031332d30332d32315432303a30343a30305a", '"2013-03-21T20:04:00Z"'),
        ("c11a514b67b0", "1363896240"),
        ("d74401020304", "\"h'01020304'\""),
        ("d818456449455446", '{"tag 24":"h\'6449455446\'"}'),
        ("5f42010243030405ff", "\"h'0102030405'\""),
        ("7f657374726561646d696e67ff", '"streaming"'),
        ("9fff", "[]"),
        ("9f018202039f0405ffff", "[1,[2,3],[4,5]]"),
        ("bf6346756ef563416d7421ff", '{"Fun":true,"Amt":-2}'),
        ("a201020304", '{"1":2,"3":4}'),
        ("a18201a0f5", '{"[1,{}]":true}'),
        ("61ff", "\"h'ff'\""),
    ],
)
def test_cbor_as_its_standard_has_it(data: str, text: str) -> None:
    found = decode(b"\xd9\xd9\xf7\x81" + bytes.fromhex(data))
    assert found is not None
    assert found.text == f"[{text}]"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("c403 00ff01", "\"h'00ff01'\""),
        ("c7030500ff01", "\"ext(5, h'00ff01')\""),
        ("d605 00000001", "\"ext(5, h'00000001')\""),
        ("d6ff 00000001", '"1970-01-01T00:00:01Z"'),
        ("d7ff 7735940000000001", '"1970-01-01T00:00:01.5Z"'),
        ("c70cff 00000000ffffffffffffffff", '"1969-12-31T23:59:59Z"'),
        ("c70cff 000000007fffffffffffffff", "\"ext(-1, h'000000007fffffffffffffff')\""),
        ("c703ff 000001", "\"ext(-1, h'000001')\""),
        ("d9026869", '"hi"'),
        ("a2fffe", "\"h'fffe'\""),
        ("82 01c0 c3c2", '{"1":null,"true":false}'),
        ("81 9101 02", '{"[1]":2}'),
        ("82 a161 01 a161 02", '{"a":1,"a":2}'),
        ("cb7ff8000000000000", "NaN"),
        ("cfffffffffffffffff", "18446744073709551615"),
        ("d3ffffffffffffffff", "-1"),
    ],
)
def test_what_msgpack_has_and_json_has_not_is_written_as_something_to_read(data: str, text: str) -> None:
    found = decode(b"\x91" + bytes.fromhex(data))
    assert found is not None
    assert found.text == f"[{text}]"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"a": 1}',
        b"text",
        "gr\u00fc\u00dfe".encode(),
        b"gAAAAABmZmZmZmZm",
        b"\x05",
        b"\xa1a",
        b"\x91\x05\x05",
        b"\x92\x05",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x91\xdb\xff\xff\xff\xffab",
        b"\x91\xc9\xff\xff\xff\xff\x01",
        b"\x91\xc1",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x5b\xff\xff\xff\xff\xff\xff\xff\xff\x00",
        b"\xa1\x5f\x61a\xff",
        b"\xbf\x01\xff",
        b"\xa1\x1c\x01",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_not_whole_or_something_else_is_not_taken_for_either(data: bytes) -> None:
    assert decode(data) is None


SMALL = Limits(size=2_000, values=50, levels=10, bytes_shown=4)


@pytest.mark.parametrize(
    ("data", "trouble", "start"),
    [
        (b"\x91" * 500, "nested deeper than 10 levels", "[[[["),
        (b"\x81\xa1a" * 500, "nested deeper than 10 levels", '{"a":{"a":'),
        (b"\xd9\xd9\xf7" + b"\x9f" * 500, "nested deeper than 10 levels", "[[[["),
        (b"\xd9\xd9\xf7\x81" + b"\xd8\x64" * 500, "nested deeper than 10 levels", '[{"tag 100":'),
        (b"\xdc\x01\x00" + b"\x90" * 256, "more than 50 values", "[[],[],"),
        (b"\xdd\x00\x00\x10\x00" + b"\xaa0123456789" * 4096, "", '["0123456789",'),
        (b"\x91\xc5\x10\x00" + b"a" * 4096, "cut at 2,000 bytes", "["),
        (b"\xd9\xd9\xf7\x81" + b"\xc1" * 500 + b"\x01", "more than 50 values", "["),
        (b"\xd9\xd9\xf7\x81\x5f" + b"\x41a" * 500 + b"\xff", "more than 50 values", "["),
        (b"\x81" * 500, "nested deeper than 10 levels", "{"),
    ],
)
def test_bombs_are_cut_where_it_is_stated_and_stay_whole_json(data: bytes, trouble: str, start: str) -> None:
    found = decode(data, SMALL)
    assert found is not None
    assert trouble in found.trouble
    assert found.trouble
    assert found.text.startswith(start)
    json.loads(found.text)


def test_long_bytes_are_shown_in_part() -> None:
    found = decode(b"\x91\xc4\x06abcdef", SMALL)
    assert found is not None
    assert json.loads(found.text) == ["h'61626364'… 6 bytes"]


def test_keys_in_keys_in_keys_do_not_double_their_backslashes_for_ever() -> None:
    data = b"\x91" + b"\x81" * 150 + b"\xa1a" + b"\x01" * 150
    found = decode(data)
    assert found is not None
    assert len(found.text) < 2_000
    json.loads(found.text)


@settings(max_examples=100)
@given(
    st.binary(max_size=40),
    st.sampled_from([b"", b"\x82", b"\x93", b"\xde\x00\x02", b"\xd9\xd9\xf7", b"\xb9\x00\x02", b"\x9f"]),
)
def test_no_bytes_raise_and_all_that_comes_out_is_json(data: bytes, start: bytes) -> None:
    found = decode(start + data, SMALL)
    if found is not None:
        json.loads(found.text)
        found.data.decode()
