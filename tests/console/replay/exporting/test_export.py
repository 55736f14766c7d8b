"""Every export tried by using it: programs are run against a live service, files are read again."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.export import FORMATS, ExportError, ExportOptions, export, format_for
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, State, lost_in
from daebus_console.engine.offline import OfflineSender, OfflineSession
from daebus_console.engine.pairing.clock import Step
from daebus_console.engine.replay.source import Recording
from tests.console.cli.conftest import Console
from tests.console.engine.bus import Bus, answer, progress, raw, request
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[4]
ODD = 'it\'s $HOME `x` "quoted" \\ \n\t€ \u202e end; # ```'


@pytest.mark.parametrize("payload", ["[1, 2]", '"text"', "1.50", "true"])
@pytest.mark.parametrize("format_", ["command", "python", "pytest"])
def test_a_payload_that_is_no_object_is_left_out_and_not_made_one(format_: str, payload: str) -> None:
    bus = Bus()
    asked = bus >> raw("users", f'{{"action": "get", "payload": {payload}, "request_id": "a", "reply_to": "caller:1"}}')
    bus >> answer("caller:1", id="a", status="error", payload={"error": "no object"})
    told = export(format_, [asked])
    assert "#1 is left out: its payload is no JSON object; for redis-cli it can be exported" in told
    assert "{}" not in told.split("def ")[0]
    assert f'"payload": {payload}' in export("redis-cli", [asked])


@pytest.mark.parametrize("format_", ["command", "python", "pytest"])
def test_no_payload_and_null_are_an_empty_one(format_: str) -> None:
    bus = Bus()
    for number, more in enumerate(("", '"payload": null, ')):
        bus >> raw("users", f'{{"action": "get", {more}"request_id": "{number}", "reply_to": "caller:1"}}')
        bus >> answer("caller:1", id=str(number))
    assert "left out" not in export(format_, bus.exchanges)


@pytest.fixture
def recorded(
    shop: Shop, caller: DaebusCaller, capture: Callable[[Callable[[], None]], Path], publish: Callable[[Any], None]
) -> Path:
    """Requests of every sort, a one-way message and a broadcast, with texts that are hard to quote."""

    def asking() -> None:
        caller.send_request("echo", {"text": ODD, "password": "hunter2", "nested": {"list": [1, 2.5, None, True]}})
        caller.send_request("price", {"sku": "a"}, timeout=3)
        list(caller.stream_request("count", {"to": 2}))
        with pytest.raises(Exception, match="no money"):
            caller.send_request("fail", {"what": "money"})
        caller.send_message("note", {"text": ODD})
        publish({"text": ODD})
        eventually(lambda: len(shop.told) == 2, what="both are told")

    path = capture(asking)
    shop.asked.clear()
    shop.told.clear()
    return path


def exchanges(path: Path) -> list[Exchange]:
    return list(Recording(path).exchanges())


def ran(arguments: list[str], url: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    known = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    path = f"{ROOT}{os.pathsep}{ROOT / 'console'}"
    return subprocess.run(
        arguments,
        env={**known, "DAEBUS_REDIS_URL": url, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_python_script_sends_it_all_again(shop: Shop, recorded: Path, tmp_path: Path) -> None:
    script = tmp_path / "again.py"
    script.write_text(export("python", exchanges(recorded)), encoding="utf-8")
    done = ran([sys.executable, "-W", "error", str(script)], shop.url, tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stderr == "fail: RequestFailed: no money\n"
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["text"] == ODD
    assert answers[1]["cents"] == 100
    assert answers[2:] == [{"step": 0}, {"step": 1}, {"steps": 2}]
    eventually(lambda: [told["text"] for told in shop.told] == [ODD, ODD], what="both are told again")


def test_a_pytest_module_passes_until_something_changes(shop: Shop, recorded: Path, tmp_path: Path) -> None:
    module = tmp_path / "test_again.py"
    module.write_text(export("pytest", exchanges(recorded), ExportOptions(rules=Rules(["*.at"]))), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(module)]
    done = ran(command, shop.url, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
    shop.price = 120
    done = ran(command, shop.url, tmp_path)
    assert done.returncode == 1
    assert "1 failed, 3 passed" in done.stdout
    assert "response.payload.cents: 100 was expected, and it is 120" in done.stdout
    assert done.stdout.count("was expected") == done.stdout.count("response.payload.cents")


def test_a_pytest_module_knows_all_the_rules(shop: Shop, caller: DaebusCaller, tmp_path: Path) -> None:
    bus = Bus()
    payload = {"list": [1, 2, 3], "n": 100, "a.b": 1, "items": [{"id": 1, "x": 1}]}
    bus >> request(shop.name, "echo", id="a", payload=payload)
    recorded = {"list": [3, 1, 2], "n": 101, "a.b": 9, "items": [{"id": 7, "x": 1}]}
    exchange = bus >> answer("caller:1", id="a", payload=recorded)
    right = Rules(["payload.items[*].id", "payload.a\\.b"], relative=0.02, any_order=True)
    for rules, status in ((right, 0), (Rules(), 1)):
        module = tmp_path / f"test_rules_{status}.py"
        module.write_text(export("pytest", [exchange], ExportOptions(rules=rules)), encoding="utf-8")
        done = ran([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)], shop.url, tmp_path)
        assert done.returncode == status, done.stdout
    assert all(f"response.payload.{place}" in done.stdout for place in ("list[0]", "n:", "a\\.b", "items[0].id"))


def test_a_pytest_module_passes_wherever_an_error_arose(shop: Shop, caller: DaebusCaller, tmp_path: Path) -> None:
    """Only a service with `debug` tells it, and its lines move with every edit."""
    bus = Bus()
    bus >> request(shop.name, "fail", id="a", payload={"what": "money"})
    error = {"error": "no money", "code": "handler_error", "type": "ValueError", "traceback": "shop.py, line 7"}
    exchange = bus >> answer("caller:1", id="a", status="error", payload=error)
    module = tmp_path / "test_again.py"
    module.write_text(export("pytest", [exchange]), encoding="utf-8")
    for debug in (False, True):
        shop.app.stop()
        shop.app.start(shop.name, debug, redis_url=shop.url)
        done = ran([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)], shop.url, tmp_path)
        assert "1 passed" in done.stdout, done.stdout


def test_commands_do_the_same_in_a_shell(shop: Shop, recorded: Path, tmp_path: Path) -> None:
    text = export("command", exchanges(recorded))
    assert len(text.splitlines()) == 6
    runnable = text.replace("daebus-console", f"{shlex.quote(sys.executable)} -m daebus_console")
    done = ran(["sh", "-c", runnable], shop.url, tmp_path)
    assert '"cents": 100' in done.stdout, done.stderr
    assert "no money" in done.stderr
    assert shop.asked[0]["text"] == ODD
    eventually(lambda: [told["text"] for told in shop.told] == [ODD, ODD], what="both are told again")


def test_redis_cli_publishes_the_same(shop: Shop, recorded: Path, tmp_path: Path) -> None:
    text = export("redis-cli", exchanges(recorded), ExportOptions(redis=shop.url))
    published = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(published) == 6
    original = {exchange.reply_to for exchange in exchanges(recorded) if exchange.reply_to}
    assert not any(channel in text for channel in original)
    for line in published:
        done = ran(["sh", "-c", line], "", tmp_path)
        assert int(done.stdout.strip()) >= 1, done.stderr
    eventually(lambda: len(shop.asked) == 2 and len(shop.told) == 2, what="all of it arrived")
    assert shop.asked[0]["text"] == ODD


@pytest.mark.parametrize("word", [ODD, "plain", "", "-x", "a\nb", "\x1b[31m", "'", "\\", "€'\n\\"])
def test_quoting_for_a_shell(word: str) -> None:
    from daebus_console.engine.export.quoting import shell_line

    line = shell_line(["printf", "%s.", word])
    assert "\n" not in line
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode() == f"{word}."


def test_json_jsonl_and_a_capture_are_read_again(recorded: Path, tmp_path: Path) -> None:
    found = exchanges(recorded)
    whole = json.loads(export("json", found))
    lines = [json.loads(line) for line in export("jsonl", found).splitlines()]
    assert whole == lines
    assert whole[0]["messages"][0]["payload"]["text"] == ODD
    assert [one["kind"] for one in whole] == ["request"] * 4 + ["one_way", "broadcast"]
    assert json.loads(export("json", found[:1], ExportOptions(single=True))) == whole[0]
    assert json.loads(export("json", [])) == []
    path = tmp_path / "copy.jsonl"
    path.write_text(export("capture", found))
    again = exchanges(path)
    assert [[message.data for message in one.messages] for one in again] == [
        [message.data for message in one.messages] for one in found
    ]


def test_a_capture_begins_with_the_first_that_is_in_it(tmp_path: Path) -> None:
    bus = Bus()
    begun = bus.now
    for number in range(3):
        bus >> request("users", "get", id=f"r{number}", reply_to="caller:a")
        bus >> answer("caller:a", id=f"r{number}")
        bus.wait(10)
    one, _between, other = bus.journal.exchanges
    assert json.loads(export("capture", [one]).splitlines()[0])["started"] == begun
    assert "started" not in json.loads(export("capture", []))
    path = tmp_path / "both.jsonl"
    path.write_text(export("capture", [one]) + export("capture", [other]))
    # It is not as if nothing could be seen from the first to when the second was exported.
    assert [gap.seconds for gap in lost_in(exchanges(path))] == [pytest.approx(20)]


def test_times_are_told_in_the_words_of_all_that_is_shown() -> None:
    bus = Bus()
    bus >> request("users", "get", id="r", reply_to="caller:a")
    bus >> answer("caller:a", id="r", elapsed=0.00123)
    markdown, diagram = (export(name, bus.journal.exchanges) for name in ("markdown", "mermaid"))
    assert r"| latency | \<1 ms |" in markdown
    assert r"| in the handler | 1.23 ms |" in markdown
    assert "(#60;1 ms)" in diagram
    bus = Bus()
    bus >> request("users", "get", id="r", reply_to="caller:a")
    bus.now -= 3600
    bus >> answer("caller:a", id="r")
    for text in (export(name, bus.journal.exchanges) for name in ("markdown", "mermaid")):
        assert " µs" not in text
        assert " ms" not in text


def test_mermaid_has_every_message_and_nothing_that_steers_it(recorded: Path) -> None:
    text = export("mermaid", exchanges(recorded))
    lines = text.splitlines()
    assert lines[0] == "sequenceDiagram"
    arrows = [line for line in lines if re.match(r" +p\d+(->>|-->>|--x|--\)|-\)|-x)p\d+: ", line)]
    assert len(arrows) == 12
    assert len(lines) == 1 + 12 + len([line for line in lines if " participant " in line])
    bus = Bus()
    bus >> request("end", 'a;b\n"#%%{init}', id="x", service="a as b")
    nasty = export("mermaid", bus.journal.exchanges)
    assert len(nasty.splitlines()) == 5
    assert ";b" not in nasty.replace("#59;b", "")


def test_markdown_cannot_be_broken_out_of(recorded: Path) -> None:
    found = exchanges(recorded)
    text = export("markdown", found)
    assert text.count("\n### ") == len(found) - 1
    assert "````json" in text
    bus = Bus()
    bus >> request("<img src=x>", "**bold** | [x](y)", id="x", payload={"t": "```\n# no"})
    nasty = export("markdown", bus.journal.exchanges)
    assert "<img" not in nasty.replace("\\<img", "")
    assert nasty.count("\n# ") == 0


@pytest.mark.parametrize("name", list(FORMATS))
def test_secrets_are_masked_in_every_format(recorded: Path, name: str) -> None:
    text = export(name, exchanges(recorded), ExportOptions(redact=Redactor(["password"])))
    assert "hunter2" not in text
    # A diagram has no payloads, and nothing here is in the dialects of the clients of others.
    without = ("mermaid", "nestjs", "faststream")
    assert "***" in text or name in without
    assert "hunter2" in export(name, exchanges(recorded)) or name in without


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_takes_whatever_there_is(name: str) -> None:
    bus = Bus()
    bus >> raw("x", b"\xff\x00")
    bus >> raw("x", '{"a": NaN, "action": "y"}')
    bus >> request("x", "deep", id="d", payload="[" * 300 + "]" * 300)
    bus >> answer("caller:9", id="stray")
    bus >> request("x", "late", id="late")
    bus >> progress("caller:1", id="late", payload={"n": float("inf")})
    bus >> request("\ud83d\x1b[2J\n-x", "-y\u202e", id="odd", payload={"\x1b": "\x1b"})
    bus.gap(2)
    bus.wait(20)
    text = export(name, list(bus.journal.exchanges))
    text.encode()
    assert "\x1b" not in text
    if name in ("python", "pytest", "faststream"):
        compile(text, name, "exec")


def test_an_url_is_never_exported_with_its_password(recorded: Path) -> None:
    for name in FORMATS:
        assert "s3cret" not in export(name, exchanges(recorded), ExportOptions(redis="redis://u:s3cret@host:1/0"))


def test_formats_by_name() -> None:
    names = ["a.json", "a.jsonl", "a.md", "test_a.py", "a.py", "a.mmd", "a"]
    assert [format_for(name) for name in names] == ["json", "jsonl", "markdown", "pytest", "python", "mermaid", "json"]
    assert [format_for(name) for name in ("a.capture", "a.capture.gz", "a.capture.zst")] == ["capture"] * 3
    with pytest.raises(ExportError):
        export("yaml", [])


def test_the_verb_writes_files_for_their_owner_only(console: Console, recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "test_it.py"
    done = console("export", str(recorded), "action:price", "-o", str(path), "--ignore", "*.at")
    assert done.status == 0, done.err
    assert "1 exchange written" in done.err
    assert path.stat().st_mode & 0o777 == 0o600
    assert "IGNORE: list[str] = ['*.at']" in path.read_text()
    assert console("export", str(recorded), "-o", str(path)).status == 2
    assert console("export", str(recorded), "-o", str(path), "--force").status == 0
    assert console("export", str(recorded), "--as", "yaml").status == 2
    assert "write a file" in console("export", str(recorded), "--copy").err
    lines = console("export", str(recorded), "--as", "jsonl").out.splitlines()
    assert len([json.loads(line) for line in lines]) == 6


@pytest.mark.parametrize("face", ["shell", "prompt"])
@pytest.mark.parametrize("partly", [False, True])
def test_who_is_named_by_number_and_unknown_by_a_gap_is_so_in_a_capture_of_it(
    console: Console, tmp_path: Path, face: str, partly: bool
) -> None:
    path, some = tmp_path / "all.jsonl", tmp_path / "some.jsonl"
    with CaptureWriter(path, "redis://h/0", 1.0) as writer:
        if partly:
            writer.gap(1.0, 0.0, "not all", partly=True)
        for at, number in (2.0, 1), (3.0, 2):
            body = {"action": "a", "reply_to": "r", "request_id": f"r{number}"}
            writer.write(at, "users", json.dumps(body).encode())
        if not partly:
            writer.gap(4.0, 1.0, "gone")
        writer.write(60.0, "news", b"{}")
    asked = 3 if partly else 2
    if face == "shell":
        done = console("export", str(path), f"#{asked}", "--as", "capture", "-o", str(some))
        assert (done.status, done.err.startswith("1 exchange written")) == (0, True)
    else:
        session = OfflineSession(path)
        with Prompt(session, OfflineSender(session)) as prompt:
            assert prompt(f"export #{asked} --as capture -o {some}") == 0
    assert {one.request_id: one.state for one in Recording(path).exchanges()}["r2"] is State.UNKNOWN
    assert {one.request_id: one.state for one in Recording(some).exchanges()} == {None: State.GAP, "r2": State.UNKNOWN}


def test_a_capture_of_some_has_the_gaps_between_them(console: Console, tmp_path: Path) -> None:
    """Else it would say that nobody answered where nobody looked."""
    path, some = tmp_path / "all.jsonl", tmp_path / "some.jsonl"
    with CaptureWriter(path, "redis://localhost", 0.0) as writer:
        writer.write(1.0, *request("users", "get", id="a"))
        writer.write(1.0, *request("stock", "take", id="b"))
        writer.gap(2.0, 5.0, "the connection was lost")
        writer.write(30.0, *request("users", "get", id="c"))
        writer.write(30.5, *answer("caller:1", id="c"))
        writer.seen(50.0)
    done = console("export", str(path), "to:users", "--as", "capture", "-o", str(some))
    assert "2 exchanges written" in done.err
    found = [(one.request_id, one.state) for one in Recording(some).exchanges()]
    assert found == [("a", State.UNKNOWN), (None, State.GAP), ("c", State.OK)]
    assert console("export", str(path), "to:users", "--as", "jsonl").out.count("\n") == 2


def test_a_gap_is_told_as_what_it_is() -> None:
    bus = Bus()
    bus >> request("users", "get", id="a")
    bus >> answer("caller:1", id="a")
    bus.correlator.step(Step(bus.now, bus.now + 60, 0.0))
    bus.now += 60
    bus.correlator.lose(bus.now, "may not read all", partly=True)
    bus.now += 2
    bus.correlator.resume(bus.now)
    bus.gap(3)
    diagram, text = (export(name, list(bus.journal.exchanges)) for name in ("mermaid", "markdown"))
    assert "Note over p1,p2: the clock of this machine was set forward by 1 min 0 s" in diagram
    assert "not everything was seen for 2.0 s" in diagram
    assert ": nothing was seen for 3.0 s" in diagram
    assert "At 1970-01-01 00:17:40.000 UTC: the clock" in text
    assert [line.split(" was")[0] for line in text.splitlines() if "was seen" in line] == ["Not everything", "Nothing"]


def test_what_is_unknown_by_a_gap_does_not_seem_to_have_timed_out_without_it(tmp_path: Path) -> None:
    bus, path = Bus(), tmp_path / "one.jsonl"
    asked = bus >> request("users", "get", id="a")
    bus.gap(3)
    bus.wait(60)
    assert asked.state is State.UNKNOWN
    path.write_text(export("capture", [asked]))
    assert [one.state for one in Recording(path).exchanges()] == [State.PENDING]
