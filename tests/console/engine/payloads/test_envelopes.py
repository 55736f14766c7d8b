"""What is packed in something: FastStream's frames, kombu's envelopes, gzip and zlib, and pickles, never run."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine.payloads import LIMITS, Limits, decode, faststream
from tests.console.engine.payloads.packing import frame, kombu, kombu_text

JSON_HEADERS = {"correlation_id": "82e6131f", "content-type": "application/json"}


def test_a_frame_of_faststream_has_its_headers_apart() -> None:
    found = decode(frame(b'{"a":1}', JSON_HEADERS))
    assert found is not None
    assert found == ("FastStream, JSON", '{"a":1}', JSON_HEADERS, "")


@pytest.mark.parametrize(
    ("body", "content_type", "by", "text"),
    [
        (b"5", "text/plain", "FastStream, text", '"5"'),
        (b"5", "application/json", "FastStream, JSON", "5"),
        (b"5", "application/json; charset=utf-8", "FastStream, JSON", "5"),
        (b"", "", "FastStream", "null"),
        (b"hi", "", "FastStream, text", '"hi"'),
        (b"\xff\x00", "", "FastStream, bytes", "\"h'ff00'\""),
        (b"\x81\xa1a\x01", "", "FastStream, msgpack", '{"a":1}'),
        (b"\x05", "application/msgpack", "FastStream, msgpack", "5"),
        (b"\xa1\x61a\x01", "", "FastStream, CBOR", '{"a":1}'),
        (gzip.compress(b"[1]", mtime=0), "", "FastStream, gzip, JSON", "[1]"),
        (b"{not json", "application/json", "FastStream, text", '"{not json"'),
    ],
)
def test_the_body_is_read_by_what_it_is_said_to_be(body: bytes, content_type: str, by: str, text: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    found = decode(frame(body, headers))
    assert found is not None
    assert (found.by, found.text, found.trouble) == (by, text, "")


def test_headers_that_are_counted_in_characters_are_read_and_do_not_move_the_body() -> None:
    headers = {"name": "J\u00fcrgen \U0001f600", "content-type": "application/json"}
    found = decode(frame(b'{"a":1}', headers, by_signs=True))
    assert found is not None
    assert (found.headers, found.text, found.trouble) == (headers, '{"a":1}', "")


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (faststream.MARK + struct.pack(">HII", 1, 18, 2**32 - 1), "its body is said to begin at 4,294,967,295"),
        (faststream.MARK + struct.pack(">HII", 1, 2**31, 20) + b"\0\0[1]", "its headers are said to begin at"),
        (faststream.MARK + struct.pack(">HII", 1, 18, 20) + b"\xff\xff[1]", "its headers cannot be read to their end"),
        (faststream.MARK + struct.pack(">HII", 1, 18, 23) + b"\0\0xyz[1]", "3 bytes stand between"),
        (faststream.MARK + struct.pack(">HII", 1, 18, 22) + b"\0\1\xff\xff[1]", "announced where 0 are left"),
    ],
)
def test_frames_that_lie_say_so_and_show_what_there_is(data: bytes, trouble: str) -> None:
    found = decode(data)
    assert found is not None
    assert trouble in found.trouble
    assert found.text in ("null", "[1]")


@pytest.mark.parametrize(
    ("body", "content_type", "by", "value"),
    [
        (b'{"method": "ping", "n": 1.50}', "application/json", "kombu, JSON", {"method": "ping", "n": 1.5}),
        (b"[1, 2]", "application/json", "kombu, JSON", [1, 2]),
        (msgspec.msgpack.encode({"a": 1}), "application/x-msgpack", "kombu, msgpack", {"a": 1}),
        (zlib.compress(b"[1]"), "application/json", "kombu, zlib, JSON", [1]),
        (b"plain", "text/plain", "kombu, text", "plain"),
    ],
)
def test_the_body_of_kombu_is_a_tree_in_its_place(body: bytes, content_type: str, by: str, value: Any) -> None:
    data = kombu(body, content_type)
    found = decode(data)
    assert found is not None
    assert (found.by, found.trouble) == (by, "")
    assert json.loads(found.text) == {**json.loads(data), "body": value}


def test_digits_and_order_of_a_body_stay() -> None:
    found = decode(kombu(b'{"b": 1.50, "a": 1, "a": 2}'))
    assert found is not None
    assert '"body": {"b": 1.50, "a": 1, "a": 2}, "content-encoding"' in found.text


@pytest.mark.parametrize(
    "data",
    [
        kombu_text("no base64!"),
        kombu_text("YQ"),
        kombu_text("YQ==\n"),
        kombu_text("\u00e9"),
        kombu(b"[1]", encoding="utf-8"),
        kombu(b"\xff\xfe"),
        json.dumps({"body": "WzFd", "body_encoding": "base64"}).encode(),
        json.dumps({"body": 5, "content-type": "x", "properties": {"body_encoding": "base64"}}).encode(),
        b'{"body_encoding"',
        b'["body_encoding"]',
        b'{"a":' * 600 + b'"body_encoding"' + b"}" * 600,
        kombu(b"[" * 490 + b"]" * 490).replace(b'"headers"', b'"x": ' + b"[" * 490 + b"]" * 490 + b', "headers"'),
    ],
)
def test_what_is_not_kombus_or_no_base64_stays_as_it_is(data: bytes) -> None:
    found = decode(data)
    assert found is None or json.loads(found.text)["x"]


@pytest.mark.parametrize(
    "pack", [gzip.compress, zlib.compress, lambda data: gzip.compress(data[:1]) + gzip.compress(data[1:])]
)
def test_what_is_compressed_is_read(pack: Any) -> None:
    found = decode(pack(b'{"a": 1.50}'))
    assert found is not None
    assert found.by in ("gzip, JSON", "zlib, JSON")
    assert (found.text, found.trouble) == ('{"a": 1.50}', "")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_is_cut_at_the_stated_size(pack: Any) -> None:
    data = pack(b"a" * (LIMITS.size + 1))
    found = decode(data)
    assert found is not None
    assert found.trouble == "cut at 4 MB"
    assert len(found.text) == LIMITS.size + 2


def test_what_is_packed_again_and_again_is_unpacked_so_often_and_no_more() -> None:
    data = b"[1]"
    for _ in range(6):
        data = gzip.compress(data)
    found = decode(data)
    assert found is not None
    assert found.by == "gzip, gzip, gzip, gzip, bytes"


def test_a_gzip_of_very_many_parts_ends() -> None:
    found = decode(gzip.compress(b"") * 5_000)
    assert found is not None
    assert "bytes after it are left out" in found.trouble


@pytest.mark.parametrize("cut", [1, 5, 12, 20])
def test_a_gzip_that_ends_early_shows_what_there_is(cut: int) -> None:
    found = decode(gzip.compress(bytes(range(200)))[:-cut])
    assert found is None or found.trouble


def test_a_pickle_is_listed_and_never_run(tmp_path: Path) -> None:
    found = decode(pickle.dumps({"method": "emit"}, protocol=4))
    assert found is not None
    assert found.by == "pickle (its opcodes; it is never loaded)"
    opcodes = json.loads(found.text)
    assert opcodes[0] == "PROTO 4"
    assert "SHORT_BINUNICODE 'method'" in opcodes
    assert opcodes[-1] == "STOP"
    made = str(tmp_path / "made").encode()
    listed = decode(b"\x80\x02cposix\nmkdir\n(X" + struct.pack("<i", len(made)) + made + b"tR.")
    assert listed is not None
    assert "REDUCE" in json.loads(listed.text)
    assert not list(tmp_path.iterdir())


def test_a_pickle_in_kombu_is_listed_too() -> None:
    found = decode(kombu(pickle.dumps([1], protocol=0), "application/x-python-serialize"))
    assert found is not None
    assert "STOP" in json.loads(found.text)["body"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffa.",
        b"\x80\x04\xfe.",
        b"\x80\x02L" + b"9" * 10_000 + b"L\n.",
        b"\x80\x02V\\ud8\n.",
        b"\x80\x04..",
    ],
)
def test_pickles_that_are_none_do_not_raise(data: bytes) -> None:
    decode(data)
    found = decode(kombu(data, "application/x-python-serialize"))
    assert found is not None
    assert found.trouble


def test_a_pickle_with_a_number_of_many_digits_or_many_opcodes_is_cut() -> None:
    long = decode(b"\x80\x02\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000 + b".")
    assert long is not None
    assert "a number of 799,999 bits" in long.text
    many = decode(b"\x80\x02" + b"0" * 50_000 + b".")
    assert many is not None
    assert many.trouble == "more than 10,000 opcodes"


STARTS = [
    faststream.MARK,
    frame(b"x", JSON_HEADERS)[:60],
    gzip.compress(b"abc" * 20, mtime=0)[:20],
    zlib.compress(b"abc" * 20)[:8],
    b"\x80\x04\x95",
]


@settings(max_examples=100)
@given(st.sampled_from(STARTS), st.binary(max_size=40))
def test_no_bytes_after_a_mark_raise(start: bytes, data: bytes) -> None:
    found = decode(start + data, Limits(size=2_000, values=50, levels=10))
    if found is not None:
        json.loads(found.text)
        found.data.decode()


@settings(max_examples=60)
@given(
    st.data(),
    st.sampled_from([frame(b'{"a":1}', JSON_HEADERS), kombu(b'{"a": [1]}'), gzip.compress(b'{"a": 1}', mtime=0)]),
)
def test_no_changed_byte_raises(pick: st.DataObject, data: bytes) -> None:
    place = pick.draw(st.integers(0, len(data) - 1))
    changed = data[:place] + bytes([pick.draw(st.integers(0, 255))]) + data[place + pick.draw(st.integers(0, 3)) :]
    found = decode(changed)
    if found is not None:
        json.loads(found.text)
