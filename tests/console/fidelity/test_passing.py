"""What passes through replay, export and capture unedited is what was published, byte for byte: 10,000 payloads."""

from __future__ import annotations

import codecs
import json
import random
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daebus import RawJson
from daebus.wire.reading import read_request
from daebus.wire.writing import encode_object, write_request
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.grammar.template import _Nothing
from daebus_console.engine import jsontext
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.export import export
from daebus_console.engine.export.as_python import sent
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.replay.draft import draft_of, from_draft
from daebus_console.engine.replay.item import resend_of
from daebus_console.render import to_record
from daebus_console.tui.draft.text import safe
from tests.console.engine.bus import Bus, answer, raw
from tests.console.fidelity.texts import ALL, payload, payloads

PARTS, BATCHES, EACH = 5, 20, 100


def asked(text: str) -> str:
    """A request that carries the text."""
    return (
        f'{{"action":"ok", "payload": {text},"reply_to":"caller:1" ,"request_id":"a","service":"web","sent_at":1.50}}'
    )


def carried(data: bytes | str) -> str:
    """The text of the payload in a message."""
    text = data if isinstance(data, str) else data.decode()
    return next(text[one.start : one.end] for one in jsontext.children(text) if one.key == "payload")


def seen(text: str) -> tuple[Exchange, Exchange]:
    """A broadcast of the text, and a request with it."""
    bus = Bus()
    return bus >> raw("news", f" {text}\n"), bus >> raw("shop", asked(text))


def check_replay(text: str, broadcast: Exchange, request: Exchange) -> None:
    item = resend_of(request)
    again = item.encode("caller:2", "b", 2.0)
    assert carried(again) == text
    fields = json.loads(again)
    assert (fields["reply_to"], fields["request_id"], fields["sent_at"]) == ("caller:2", "b", 2.0)
    assert from_draft(safe(draft_of(item)), item).encode("caller:2", "b", 2.0) == again
    if broadcast.kind is Kind.BROADCAST:
        assert resend_of(broadcast).encode("", "", 0.0) == broadcast.opened.data


def check_exports(text: str, request: Exchange) -> None:
    payload = sent(resend_of(request))
    assert (json.dumps(payload, separators=(",", ":")) if isinstance(payload, dict) else payload.text) == text
    line = export("jsonl", [request])
    assert line.count("\n") == 1
    assert text.replace("\n", " ").replace("\r", " ") in line
    assert json.loads(export("json", [request]), object_pairs_hook=list) == [json.loads(line, object_pairs_hook=list)]


def check_views(text: str) -> None:
    shown = to_record({"payload": jsontext.loads(text)}, ascii_only=True)
    assert json.loads(shown, object_pairs_hook=list) == [("payload", json.loads(text, object_pairs_hook=list))]
    assert Redactor(["nothing"]).mask(jsontext.loads(text)).text == text
    assert encode_object(RawJson(text)) == text.encode()
    made = write_request("ok", RawJson(text), reply_to="r", request_id="i", service="web")
    assert carried(made) == text


def check(text: str) -> None:
    broadcast, request = seen(text)
    check_replay(text, broadcast, request)
    check_exports(text, request)
    check_views(text)


@pytest.mark.parametrize("part", range(PARTS))
@settings(max_examples=BATCHES)
@given(seed=st.integers(0, 2**32))
def test_ten_thousand_payloads_come_out_as_they_went_in(part: int, seed: int) -> None:
    chance = random.Random(f"{part} {seed}")
    for _ in range(EACH):
        check(payload(chance))


@given(payloads)
@example(ALL)
def test_one_payload_comes_out_as_it_went_in(text: str) -> None:
    check(text)


def test_a_capture_and_the_export_of_one_hold_the_bytes(tmp_path: Path) -> None:
    chance = random.Random(1)
    texts = [ALL, *(payload(chance) for _ in range(1_000))]
    bus = Bus()
    for text in texts:
        bus >> raw("shop", asked(text).replace('"a"', f'"{len(bus.exchanges)}"'))
    path = tmp_path / "copy.jsonl"
    path.write_text(export("capture", bus.exchanges), encoding="utf-8")
    found = [item.data for item in CaptureReader(path) if isinstance(item, Frame)]
    assert found == [exchange.opened.data for exchange in bus.exchanges]


SHELL = """
redis-cli() { if [ "$1" = PUBLISH ]; then printf '%s\\0' "${@: -1}"; else printf 'QUOTED%s\\0' "$(cat)"; fi; }
daebus-console() { if [ "${@: -1}" = - ]; then cat; printf '\\0'; else printf '%s\\0' "${@: -1}"; fi; }
"""


@pytest.mark.parametrize("name", ["command", "redis-cli"])
def test_a_shell_hands_on_the_text(name: str) -> None:
    chance = random.Random(3)
    texts = [ALL, *(payload(chance) for _ in range(400))]
    script = SHELL + "".join(export(name, [seen(text)[1]]) for text in texts)
    done = subprocess.run(["bash"], input=script.encode(), capture_output=True, check=True, timeout=60)
    words = done.stdout.decode().split("\0")[:-1]
    assert [carried(unquoted(word)) if name == "redis-cli" else word for word in words] == texts


def unquoted(word: str) -> str:
    """What redis-cli makes of what it reads from its input."""
    if not word.startswith("QUOTED"):
        return word
    data = word[word.rindex(' "') + 2 : -1]
    found: tuple[bytes, int] = codecs.escape_decode(data.encode())  # type: ignore[attr-defined]  # typeshed lacks it
    return found[0].decode()


def test_commands_say_the_text_to_whoever_types_them() -> None:
    chance = random.Random(2)
    for text in [ALL, *(payload(chance) for _ in range(500))]:
        command = parse(f"request shop ok {shlex.quote(text)}") if "'" not in text else None
        if command is not None:
            assert jsontext.text_of(command["items"].build(_Nothing())) == text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("price:=19.90", '{"price":19.90}'),
        ("x:=1.10000000000000000001", '{"x":1.10000000000000000001}'),
        ("e:=1e400", '{"e":1e400}'),
        ("n:=12345678901234567890123", '{"n":12345678901234567890123}'),
        ("z:=-0.0 f:=1E2", '{"z":-0.0,"f":1E2}'),
        ("user.n:=1.10 user.m:=2.0", '{"user":{"n":1.10,"m":2.0}}'),
        ("l[]:=1.0 l[]:=2.50", '{"l":[1.0,2.50]}'),
        ('s:="\\u00e9"', '{"s":"\\u00e9"}'),
        ('o:={"a": 1.0, "a": 2.0}', '{"o":{"a": 1.0, "a": 2.0}}'),
        ('{"a":  1.0, "a": 2E0}', '{"a":  1.0, "a": 2E0}'),
        ('{"a":  1.0} b:=3.0', '{"a":  1.0, "b":  3.0}'),
    ],
)
def test_items_carry_json_as_it_was_typed(line: str, text: str) -> None:
    command = parse(f"send shop ok {line.replace(chr(92), chr(92) * 2) if chr(39) in line else line}")
    assert command is not None
    assert jsontext.text_of(command["items"].build(_Nothing())) == text


def test_redaction_changes_the_hidden_value_and_nothing_else() -> None:
    before = '{"id":1,"id":2,"password" : {"x":1}, "price":19.90,"s":"\\u00e9","in":"{\\"token\\": 1.0,\\"n\\":2.0}"}'
    bus = Bus()
    request = bus >> raw("shop", asked(before))
    masked = Redactor(["password"])(before.encode()).decode()
    assert masked == before.replace('{"x":1}', '"***"')
    assert Redactor(["password"]).mask(jsontext.loads(before)).text == masked
    from daebus_console.engine.export import ExportOptions

    assert masked in export("jsonl", [request], ExportOptions(redact=Redactor(["password"])))


@pytest.mark.parametrize(
    ("text", "hidden", "mask"),
    [
        (r'{"in":"{\"token\": 1.0,\"n\":\u0032.0, \"u\":\"\/\"}"}', "1.0", r"\"***\""),
        (r'{"in":"\u007b\"\ud83d\ude00\":1, \"token\":[1.10] }"}', "[1.10]", r"\"***\""),
        (r'{"in":"[\"{\\\"token\\\":1,\\\"b\\\":2.0}\"]"}', "1", r"\\\"***\\\""),
    ],
)
def test_redaction_within_a_text_changes_the_hidden_value_and_nothing_else(text: str, hidden: str, mask: str) -> None:
    assert Redactor(["token"])(text.encode()).decode() == text.replace(hidden, mask)


def test_a_raw_json_is_read_as_a_dict_and_sent_as_its_text() -> None:
    made = RawJson(ALL)
    assert made["id"] == 2
    data = write_request('","payload":null', made, reply_to="r", request_id="i", service="s")
    request: Any = read_request(data)
    assert (request.action, request.payload) == ('","payload":null', dict(made))
    assert ALL.encode() in data
    for change in (lambda: made.update(id=3), lambda: made.pop("id"), made.clear):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()


@pytest.mark.parametrize("text", ["[1]", "{", '{"a":NaN}', '{"a":-Infinity}', '{"a":"\ud800"}', "[" * 1000])
def test_a_raw_json_is_refused_where_nobody_could_read_it(text: str) -> None:
    from daebus import PayloadError

    with pytest.raises(PayloadError):
        RawJson(text)


def test_an_answer_keeps_its_text_in_the_exports_too() -> None:
    bus = Bus()
    bus >> raw("shop", asked("{}"))
    exchange = bus >> answer("caller:1", id="a", payload={"x": 1})
    assert '"payload": {"x": 1}' in export("jsonl", [exchange])


def test_markdown_shows_the_digits_and_tells_what_stands_twice() -> None:
    _broadcast, request = seen(ALL)
    text = export("markdown", [request])
    assert '"price": 19.90' in text
    assert '"n": 12345678901234567890.10' in text
    assert '"id": 1,\n  "id": 2' in text
    assert "More than once in one object, of which the last counts: id" in text
