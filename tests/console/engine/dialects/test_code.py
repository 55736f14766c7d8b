"""Code with a framework's own client: what it says is what was seen, whatever stands in names and payloads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daebus_console.engine.export import ExportOptions, export
from daebus_console.engine.hiding.redact import Redactor
from tests.console.engine.dialects.support import ForeignBus
from tests.console.engine.dialects.test_pairing import frame

HOSTILE: list[Any] = [
    [1, 2],
    None,
    "`${x}` '\"\\ \u2028\u202e\x1b[2J é 日本",
    {"__proto__": {"a": 1}, "*/": "//", "password": "hunter2"},
    {"n": 1.5, "deep": [[[{"a": [True, False]}]]]},
]
NAMES = ["x", "a'b\"c`\\", "é\u202e", "</script>", "line\nbreak"]

STUB = """
import asyncio, json, sys, types
said = []
class RedisBroker:
    def __init__(self, url): pass
    async def connect(self): pass
    async def stop(self): print(json.dumps(said))
    async def request(self, message, channel, headers, timeout):
        said.append(["request", repr(message), channel, headers])
        raise TimeoutError
    async def publish(self, message, channel, headers):
        said.append(["publish", repr(message), channel, headers])
module = types.ModuleType("faststream.redis")
module.RedisBroker = RedisBroker
sys.modules["faststream"], sys.modules["faststream.redis"] = types.ModuleType("faststream"), module
exec(compile(open(sys.argv[1]).read(), "exported", "exec"), {"__name__": "__main__"})
"""


def packets(bus: ForeignBus) -> list[tuple[str, Any, Any]]:
    """Questions and events of NestJS with hostile names and payloads; what a client was asked to say."""
    said: list[tuple[str, Any, Any]] = []
    for number, (name, data) in enumerate(zip(NAMES, HOSTILE, strict=True)):
        bus.say(name, {"pattern": name, "data": data, "id": f"{number:021x}"})
        bus.say(name, {"pattern": name, "data": data})
        said += [("ask", name, data), ("emit", name, data)]
    bus.say("x.reply", {"response": 1, "isDisposed": True, "id": "f" * 21})
    return said


def argument(text: str) -> tuple[Any, str]:
    """The value with which a list of arguments begins, and the rest of it."""
    if text.startswith("JSON.parse("):
        inner, end = json.JSONDecoder().raw_decode(text, len("JSON.parse("))
        return json.loads(inner), text[end + 1 :]
    value, end = json.JSONDecoder().raw_decode(text)
    return value, text[end:]


def test_nest_is_told_just_that() -> None:
    bus = ForeignBus()
    said, options = packets(bus), ExportOptions()
    text = export("nestjs", bus.exchanges, options)
    assert text.isascii()
    assert "\x1b" not in text
    calls = [line.strip() for line in text.splitlines() if line.startswith(("  await ask(", "  await emit("))]
    found = []
    for line in calls:
        function, _, given = line.removeprefix("await ").partition("(")
        pattern, rest = argument(given)
        found.append((function, pattern, argument(rest.removeprefix(", "))[0]))
    assert found == said
    assert options.left_out == [11]
    assert "// #11 is left out: it is an answer" in text


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_node_reads_it_as_it_was(tmp_path: Path) -> None:
    bus = ForeignBus()
    said = packets(bus)
    calls = "".join(line for line in export("nestjs", bus.exchanges).splitlines(keepends=True) if " await ask(" in line
                    or " await emit(" in line)  # fmt: skip
    script = tmp_path / "said.mjs"
    script.write_text(
        "const said = [];\nconst ask = (...of) => said.push(['ask', ...of]);\n"
        "const emit = (...of) => said.push(['emit', ...of]);\n" + calls + "console.log(JSON.stringify(said));\n"
    )
    done = subprocess.run(["node", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [list(one) for one in said]


@pytest.mark.parametrize("key", ["__proto__", r"\u005f_proto__", r"__\u0070roto__"])
def test_the_one_name_that_means_something_in_javascript_is_a_name(key: str) -> None:
    bus = ForeignBus()
    bus.say("x", b'{"pattern":"x","data":{"%s":1},"id":"1"}' % key.encode())
    assert 'await ask("x", JSON.parse("{' in export("nestjs", bus.exchanges)


def test_an_object_as_pattern_and_no_data_at_all() -> None:
    bus = ForeignBus()
    bus.say('{"cmd":"sum"}', {"pattern": {"cmd": "sum"}, "id": "a" * 21})
    assert 'await ask({"cmd": "sum"}, undefined);' in export("nestjs", bus.exchanges)


def test_faststream_is_told_just_that(tmp_path: Path) -> None:
    bus, said = ForeignBus(), []
    for number, (name, data) in enumerate(zip(NAMES, HOSTILE, strict=True)):
        if isinstance(data, str):
            body, kind = data.encode(), "text/plain"
        else:
            body, kind = json.dumps(data).encode(), "application/json"
        headers = {"correlation_id": str(number), "content-type": kind, "x-é": "v"}
        if data is None:
            del headers["content-type"]
            body = b""
        bus.say(name, frame({**headers, "reply_to": "answers"}, body))
        bus.say(name, frame(headers, body))
        said += [["request", repr(data), name, {"x-é": "v"}], ["publish", repr(data), name, {"x-é": "v"}]]
    bus.say("raw", frame({"correlation_id": "9"}, b"\x00\xff"))
    said.append(["publish", repr(b"\x00\xff"), "raw", None])
    text = export("faststream", bus.exchanges)
    assert text.isascii()
    (tmp_path / "stub.py").write_text(STUB)
    (tmp_path / "exported").write_text(text)
    command = [sys.executable, str(tmp_path / "stub.py"), str(tmp_path / "exported")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout.splitlines()[-1]) == said


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, b"{"),
        ({"content-type": "application/json"}, b'{"a": NaN}'),
        ({"content-type": "application/json"}, b"[1e400]"),
        ({"content-type": "application/json"}, b"[" * 100_000),
        ({"content-type": "text/plain"}, b"\xff"),
        ({"content-type": "image/png\x1b"}, b"x"),
    ],
    ids=range(6),
)
def test_what_cannot_be_said_is_left_out_with_the_reason(headers: dict[str, str], body: bytes) -> None:
    bus, options = ForeignBus(), ExportOptions()
    bus.say("c", frame({"correlation_id": "1", **headers}, body))
    text = export("faststream", bus.exchanges, options)
    assert "\x1b" not in text
    assert options.left_out == [1]
    compile(text, "exported", "exec")


def test_secrets_are_masked_and_no_password_is_told() -> None:
    bus = ForeignBus()
    bus.say("x", {"pattern": "x", "data": {"password": "hunter2"}, "id": "a" * 21})
    bus.say(
        "c",
        frame(
            {"correlation_id": "1", "content-type": "application/json", "token": "hunter2"}, b'{"password": "hunter2"}'
        ),
    )
    for name in ("nestjs", "faststream"):
        options = ExportOptions(redact=Redactor(["password", "token"]), redis="redis://joe:s3cret@host:7/0")
        text = export(name, bus.exchanges, options)
        assert "***" in text
        assert "hunter2" not in text
        assert "s3cret" not in text
        assert "host" in text
