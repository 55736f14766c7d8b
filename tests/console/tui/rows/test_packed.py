"""What is packed, as the detail pane shows it: a tree, the headers beside it, by what it was decoded, and its bytes."""

from __future__ import annotations

import gzip
import json

import pytest

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.tui.documents import exchange as documents
from daebus_console.tui.documents.document import Document
from daebus_console.tui.rows.lines import text_of
from tests.console.engine.bus import Bus, answer, raw, request
from tests.console.engine.payloads.packing import ORDER, PACKED


def lines(document: Document) -> list[str]:
    return [text_of(document.line(index, 100)).rstrip() for index in range(document.count())]


def request_lines(data: bytes, redact: documents.Redact = bytes) -> list[str]:
    return lines(documents.build(documents.REQUEST, Bus() >> raw("orders", data), 100, 0.0, redact=redact))


def test_a_frame_is_a_tree_with_its_headers_beside_it() -> None:
    assert request_lines(PACKED["faststream"])[:9] == [
        "▾ payload  4 fields",
        "    order: 17",
        "    total: 12.50",
        '    who: "Ann"',
        '    password: "hunter2"',
        "▾ headers  2 fields",
        '    correlation_id: "82e6131f"',
        '    content-type: "application/json"',
        "  decoded by  FastStream, JSON",
    ]


@pytest.mark.parametrize("data", PACKED.values(), ids=PACKED)
def test_secrets_in_it_are_masked(data: bytes) -> None:
    found = request_lines(data, Redactor(["password"]))
    assert any('password: "***"' in line for line in found)
    assert any('who: "Ann"' in line for line in found)
    assert "hunter2" not in "".join(found)


def test_what_was_left_out_is_said() -> None:
    found = request_lines(gzip.compress(b"a" * 5_000_000, 1))
    assert "! not all of it: cut at 4 MB" in found


def test_a_value_in_it_is_copied_and_followed_as_any() -> None:
    document = documents.build(documents.REQUEST, Bus() >> raw("orders", PACKED["msgpack"]), 100, 0.0)
    assert (document.path(1), document.value(1), document.followed(1)) == ("order", "17", "carries:17")


def test_a_large_one_is_read_as_far_as_it_is_looked_at() -> None:
    data = gzip.compress(json.dumps({"items": list(range(100_000))}).encode())
    found = request_lines(data)
    assert found[0] == "▾ payload  1 field"
    assert "100000 items" in found[1].replace(",", "")


def test_the_raw_bytes_stay_as_they_came() -> None:
    document = documents.build(documents.RAW, Bus() >> raw("orders", PACKED["gzip"]), 100, 0.0, hexadecimal=True)
    assert "1f 8b 08" in lines(document)[1]


def test_ours_stays_as_it_was() -> None:
    bus = Bus()
    asked = bus >> request("orders", id="a", payload=json.loads(ORDER))
    bus >> answer("caller:1", id="a", payload={"body": "YQ=="})
    for tab in (documents.REQUEST, documents.RESPONSE):
        assert "decoded by" not in "".join(lines(documents.build(tab, asked, 100, 0.0)))
