"""What is packed is found by filters, masked where it must be, compared, and exported with what it was decoded by."""

from __future__ import annotations

import base64
import json

import pytest

from daebus_console.engine.diff.exchange import diff_exchanges
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.export import ExportOptions, export
from daebus_console.engine.export.formats import FORMATS
from daebus_console.engine.filter import language as filters
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.payloads import plain_payload_of, text_in
from tests.console.commands.remembered import remembered
from tests.console.engine.bus import Bus, raw
from tests.console.engine.payloads.packing import HEADERS, ORDER, PACKED, frame

each = pytest.mark.parametrize("data", PACKED.values(), ids=PACKED)


def within(data: bytes) -> str:
    """The path of the order in what was decoded."""
    return "payload.body" if data == PACKED["kombu"] else "payload"


@each
@pytest.mark.parametrize("text", ["{}.order:17", "{}.order:>16", "{}.total:12.5", "{}.who:ann", "{}.*:Ann"])
def test_a_path_leads_into_what_is_packed(data: bytes, text: str) -> None:
    exchange = Bus() >> raw("orders", data)
    accepts = filters.parse(text.format(within(data)))
    assert accepts(exchange)
    assert accepts.matches_message(exchange.opened, exchange)
    other = filters.parse(text.format("payload.other"))
    assert not other(exchange)


@each
@pytest.mark.parametrize(
    "text", ["carries:17", "carries:Ann", "carries:12.50", "carries:who", "hunter2", "12.5", "order"]
)
def test_what_is_packed_is_searched(data: bytes, text: str) -> None:
    exchange = Bus() >> raw("x", data)
    assert filters.parse(text)(exchange)
    assert not filters.parse(f"-{text}")(exchange)


@each
@pytest.mark.parametrize("text", ["carries:18", "carries:An", "carries:2.50", "nowhere"])
def test_and_nothing_else_is_found_in_it(data: bytes, text: str) -> None:
    assert not filters.parse(text)(Bus() >> raw("x", data))


def test_a_header_is_carried_too() -> None:
    assert filters.parse("carries:82e6131f")(Bus() >> raw("x", PACKED["faststream"]))


@pytest.mark.parametrize("data", [b"\xff\x00", b"\x81", b"\x1f\x8bx", b'{"body": 1}', b"x\x9c", b"\x89BIN\r\n\x1a\n"])
@pytest.mark.parametrize("text", ["carries:1", "payload.a:1", "zz"])
def test_bytes_that_only_begin_so_are_no_trouble_to_a_filter(data: bytes, text: str) -> None:
    exchange = Bus() >> raw("x", data)
    filters.parse(text)(exchange)
    filters.parse(text).matches_message(exchange.opened, exchange)


def test_the_short_way_to_msgpack_says_what_the_long_way_says() -> None:
    for data in (
        PACKED["msgpack"],
        b"\x92\x01\xc0",
        b"\x91\xc4\x02ab",
        b"\x91\xd5\x05ab",
        b"\x81\xa1a\x91\xc3",
        b"\x81\x01\x02",
        b"\x91\xcb\x7f\xf8\0\0\0\0\0\0",
    ):
        text = text_in(data)
        assert text is not None
        long = plain_payload_of(data)
        assert json.loads(text) == long or long[0] != long[0]


# Masking ----------------------------------------------------------------------------------------------------------


@each
def test_what_is_packed_is_masked_whole_where_it_names_a_secret(data: bytes) -> None:
    masked = Redactor(["password"])(data)
    if data == PACKED["kombu"]:
        assert json.loads(masked) == {**json.loads(data), "body": "***"}
    else:
        assert masked.startswith(b"*** ")
    assert b"hunter2" not in masked
    assert Redactor(["nowhere"])(data) is data


def test_what_was_not_unpacked_to_its_end_may_name_a_secret() -> None:
    cut = PACKED["gzip"][:-3]
    assert Redactor(["nowhere"])(cut).startswith(b"*** ")


def test_a_header_may_be_a_secret() -> None:
    data = frame(b"{}", {"token": "hunter2"})
    bus = Bus()
    bus >> raw("x", data)
    for name in FORMATS:
        assert "hunter2" not in export(name, bus.journal.exchanges, ExportOptions(redact=Redactor(["token"])))


@each
@pytest.mark.parametrize("name", FORMATS)
def test_no_secret_that_is_packed_survives_in_an_export(data: bytes, name: str) -> None:
    bus = Bus()
    bus >> raw("x", data)
    text = export(name, bus.journal.exchanges, ExportOptions(redact=Redactor(["password"])))
    assert "hunter2" not in text
    assert base64.b64encode(data).decode() not in text
    assert data.hex() not in text


# Shown ------------------------------------------------------------------------------------------------------------


@each
def test_exports_say_by_what_it_was_decoded_and_keep_the_bytes(data: bytes) -> None:
    bus = Bus()
    bus >> raw("x", data)
    (found,) = json.loads(export("json", bus.journal.exchanges))
    (message,) = found["messages"]
    order = message["payload"]["body"] if data == PACKED["kombu"] else message["payload"]
    assert order == json.loads(ORDER)
    assert message["decoded_by"]
    assert base64.b64decode(message["data_base64"]) == data
    assert ("headers" in message) == (data == PACKED["faststream"])
    assert f"Decoded by {message['decoded_by'].split(',')[0]}" in export("markdown", bus.journal.exchanges)


@each
def test_the_same_said_in_another_packing_is_compared_by_what_it_says(data: bytes) -> None:
    bus = Bus()
    before, after = bus >> raw("x", ORDER), bus >> raw("x", data)
    paths = {change.path for change in diff_exchanges(before, after, Rules()).changes} - {"request.kind"}
    assert all("body" in path or "payload." in path for path in paths)
    assert (paths == set()) == (data != PACKED["kombu"])


def test_records_and_lines_tell_what_was_decoded() -> None:
    with remembered() as passed:
        exchange = passed >> raw("orders", PACKED["faststream"])
        passed(f"show #{exchange.number} --json")
        (record,) = passed.records
        assert (record["decoded_by"], record["headers"]) == ("FastStream, JSON", HEADERS)
        assert record["payload"] == json.loads(ORDER)
        assert "error" not in record
        passed(f"show #{exchange.number}")
        assert "decoded by FastStream, JSON" in passed.said
        assert "correlation_id: 82e6131f" in passed.said
