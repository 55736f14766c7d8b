"""Both readers of the Redis protocol give the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus.wire.resp import INCOMPLETE, ErrorReply, PlainReader, ProtocolError, make_reader, pack, pack_publish

REPLIES: list[tuple[bytes, Any]] = [
    (b"+OK\r\n", b"OK"),
    (b":42\r\n", 42),
    (b"$-1\r\n", None),
    (b"$0\r\n\r\n", b""),
    (b"$6\r\na\r\nb\r\n\r\n", b"a\r\nb\r\n"),
    (b"*-1\r\n", None),
    (b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", [b"message", b"c", b"hi"]),
    (b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", [[1], b"x"]),
]


@pytest.fixture(params=[PlainReader, make_reader])
def reader(request: pytest.FixtureRequest) -> Any:
    make: Callable[[], Any] = request.param
    return make()


@pytest.mark.parametrize(("data", "expected"), REPLIES)
def test_a_reply_in_one_piece_or_byte_by_byte(reader: Any, data: bytes, expected: Any) -> None:
    reader.feed(data)
    assert reader.gets() == expected
    for byte in data[:-1]:
        reader.feed(bytes((byte,)))
        assert reader.gets() is INCOMPLETE
    reader.feed(data[-1:])
    assert reader.gets() == expected
    assert reader.gets() is INCOMPLETE


@pytest.mark.parametrize(("data", "expected"), REPLIES)
def test_it_tells_whether_anything_is_left(reader: Any, data: bytes, expected: Any) -> None:
    assert not reader.has_data()
    reader.feed(data + data[:-1])
    assert reader.gets() == expected
    assert reader.has_data(), "most of a second one"
    assert reader.gets() is INCOMPLETE
    assert reader.has_data()
    reader.feed(data[-1:])
    assert reader.gets() == expected
    assert not reader.has_data()


def test_an_error_reply_is_returned(reader: Any) -> None:
    reader.feed(b"-NOPERM no rights\r\n+OK\r\n")
    error = reader.gets()
    assert isinstance(error, ErrorReply)
    assert error.code == "NOPERM"
    assert reader.gets() == b"OK"


def test_something_that_is_not_redis_is_noticed(reader: Any) -> None:
    reader.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ProtocolError):
        reader.gets()


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 40))
def test_what_is_packed_is_read_however_it_is_cut(parts: list[bytes], size: int) -> None:
    data = pack(*parts) * 3
    reader = PlainReader()
    found = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (value := reader.gets()) is not INCOMPLETE:
            found.append(value)
    assert found == [parts] * 3


def test_a_large_value_among_small_ones() -> None:
    big = bytes(3_000_000)
    data = pack(b"small") + pack(b"big", big) + pack(b"last")
    reader = PlainReader()
    found = []
    for start in range(0, len(data), 65536):
        reader.feed(data[start : start + 65536])
        while (value := reader.gets()) is not INCOMPLETE:
            found.append(value)
    assert found == [[b"small"], [b"big", big], [b"last"]]


def test_a_publish_is_packed_like_any_command() -> None:
    assert pack_publish(b"news", b"a\r\nb") == pack(b"PUBLISH", b"news", b"a\r\nb")
    assert pack_publish(b"", b"", pack(b"PING")) == pack(b"PING") + pack(b"PUBLISH", b"", b"")
