"""Exported commands, carried out by bash, zsh and dash: what then passes on the bus is what had passed on it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from daebus_console.cli.contexts import open_context
from daebus_console.cli.options import take_globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse_argv
from daebus_console.engine.export import ExportOptions, export
from daebus_console.engine.message.exchange import Exchange
from daebus_console.naming import from_bytes
from tests.console.engine.bus import Bus, raw, request
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

SHELLS = ("bash", "zsh", "dash")
NAMES = [
    "plain",
    "two words",
    " blank at both ends ",
    "it's",
    'say "hi"',
    "$HOME",
    "$(touch pwned)",
    "`touch pwned`",
    "!!",
    "%s%n%%",
    "*",
    "[a-z]?{a,b}",
    "~",
    "=ls",
    ":=1",
    "a=b",
    "@file.json",
    "{",
    '{"a": 1}',
    "-",
    "--",
    "-h",
    "--help",
    "--redis=redis://elsewhere",
    "#1",
    "# comment",
    "&",
    ";reboot|x>y<z",
    "a\\b",
    "\\",
    "\\\\",
    "\\xff",
    "\\n",
    "line\nbreak",
    "ends in newlines\n\n",
    "tab\tcr\r",
    "\x1b[31mred\x07",
    "echo\x00x",
    "\x7f\x85\u202e\u200b",
    "naïve café \U0001f600",
]
CHANNELS = [name.encode() for name in NAMES] + [b"\xff", b"a\xc3", b"\xed\xb2\x80", b"\x80'\xfe"]
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"a": 'it\'s `x` $(y) "z" \\ ! % \n\t\r\x00\x7f€\u202e'},
    {"nested": {"list": [1, 2.5, None, True], "-": "--", "": ""}},
    {"=": "=", ":=": "@", "{": "}"},
    {"long": "x" * 140_000},
    {"long": "it's %s \\n € " * 20_000},
]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def corpus() -> list[Exchange]:
    """Broadcasts, one-way messages and requests with every name, and with every payload."""
    bus = Bus()
    for channel in CHANNELS:
        bus >> raw(from_bytes(channel), '{"n": 1}')
        bus >> raw(from_bytes(channel), '{"action": "act", "payload": {"n": 2}}')
    for number, action in enumerate([*NAMES, "\udcff", "\ud83d"]):
        bus >> raw("actions", json.dumps({"action": action, "payload": {}}))
        if number % 4 == 0:
            bus >> request("asked", action, id=f"r{number}", payload={"n": number}, timeout=30)
    for payload in PAYLOADS:
        bus >> raw("payloads", json.dumps(payload))
        bus >> raw("payloads", json.dumps(payload, ensure_ascii=False))
        bus >> raw("payloads", json.dumps({"action": "act", "payload": payload}, indent=1))
    bus >> raw("payloads", ' {"a" : 1.50, "a": "blanks around it"}\r\n')
    return list(bus.journal.exchanges)


class Heard:
    """A client that is subscribed to every channel of the corpus by its name."""

    def __init__(self, client: redis.Redis) -> None:
        self.pubsub = client.pubsub(ignore_subscribe_messages=False)
        names = [*CHANNELS, b"actions", b"asked", b"payloads"]
        self.pubsub.subscribe(*names)
        for _ in names:
            assert self.pubsub.get_message(timeout=5) is not None
        self.messages: list[tuple[bytes, bytes]] = []

    def take(self) -> list[tuple[bytes, bytes]]:
        while (message := self.pubsub.get_message(timeout=0.1)) is not None:
            self.messages.append((message["channel"], message["data"]))
        return self.messages


@pytest.fixture
def heard(own_redis: RedisServer) -> Iterator[Heard]:
    with redis.Redis.from_url(own_redis.url) as client:
        yield Heard(client)


@pytest.fixture
def answered(own_redis: RedisServer) -> Iterator[None]:
    """Somebody answers every request, so that each has been sent before its sender goes on."""
    with redis.Redis.from_url(own_redis.url) as client, client.pubsub(ignore_subscribe_messages=True) as asked:

        def answer(message: dict[str, Any]) -> None:
            request = json.loads(message["data"])
            if "reply_to" in request:
                reply = {"status": "success", "payload": {}, "request_id": request["request_id"]}
                client.publish(request["reply_to"], json.dumps(reply))

        asked.subscribe(asked=answer)
        answering = asked.run_in_thread(sleep_time=0.1)
        yield
        answering.stop()
        answering.join()


def said(channel: bytes, data: bytes) -> tuple[bytes, Any]:
    """A message without what belongs to the asker, to be compared: a broadcast is as it is."""
    message = json.loads(data)
    if "action" in message:
        return channel, (message["action"], message["payload"])
    return channel, data


def passed(exchanges: list[Exchange]) -> list[tuple[bytes, Any]]:
    return [said(os.fsencode(one.opened.channel), one.opened.data) for one in exchanges]


def carried_out(shell: str, text: str, folder: Path, path: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """A file of commands, run by that shell in an empty folder."""
    script = folder / "script"
    script.write_text(text, encoding="utf-8")
    room = folder / "room"
    room.mkdir()
    environ = {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"], "HOME": str(room)}
    environ["LC_ALL"] = "C.UTF-8"
    done = subprocess.run([shell, str(script)], cwd=room, env=environ, capture_output=True, timeout=100, check=False)
    assert list(room.iterdir()) == [], "something else was carried out"
    return done


RECORDER = """#!/bin/sh
{{
    printf '%s\\0' "$#" "$@"
    for last; do :; done
    if [ "$last" = - ]; then cat; fi
    printf '\\0'
}} >> '{file}'
"""


def taken_down(data: bytes) -> Iterator[tuple[list[bytes], bytes]]:
    """The words of each call, and what it was given to read."""
    texts = iter(data.split(b"\0")[:-1])
    for count in texts:
        yield [next(texts) for _ in range(int(count))], next(texts)


@pytest.mark.usefixtures("answered")
def test_commands_say_the_same_in_every_shell(
    shell: str, corpus: list[Exchange], own_redis: RedisServer, heard: Heard, tmp_path: Path, monkeypatch: Any
) -> None:
    options = ExportOptions(redis=own_redis.url)
    text = export("command", corpus, options)
    assert options.left_out == []
    assert text.replace("\n", "").isprintable()
    # The shell starts a stand-in that takes down what it was given, which then is carried out here: starting the whole
    # program some hundred times would take minutes.
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "daebus-console"
    program.parent.mkdir()
    program.write_text(RECORDER.format(file=calls))
    program.chmod(0o700)
    done = carried_out(shell, text, tmp_path, program.parent)
    assert (done.returncode, done.stderr) == (0, b"")

    streams = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        output = TerminalOutput(*streams)
        context = open_context(take_globals(["--redis", own_redis.url])[0], output, stack)
        for words, stdin in taken_down(calls.read_bytes()):
            settings, rest = take_globals(list(map(os.fsdecode, words)))
            assert settings.redis == own_redis.url
            with given(stdin):
                assert run(parse_argv(rest), context) == 0, streams[1].getvalue()
    eventually(lambda: len(heard.take()) == len(corpus), what="all of it has passed")
    assert [said(*one) for one in heard.messages] == passed(corpus)


@contextmanager
def given(data: bytes) -> Iterator[None]:
    """While it lasts, that is the standard input of this process."""
    kept = os.dup(0)
    try:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            os.dup2(file.fileno(), 0)
            yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_redis_cli_says_the_same_in_every_shell(
    shell: str, corpus: list[Exchange], own_redis: RedisServer, heard: Heard, tmp_path: Path
) -> None:
    options = ExportOptions(redis=own_redis.url)
    text = export("redis-cli", corpus, options)
    assert options.left_out == []
    assert text.replace("\n", "").isprintable()
    done = carried_out(shell, text, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"1\n" * len(corpus)
    eventually(lambda: len(heard.take()) == len(corpus), what="all of it has passed")
    assert [said(*one) for one in heard.messages] == passed(corpus)


@pytest.mark.usefixtures("answered")
def test_python_says_the_same(corpus: list[Exchange], own_redis: RedisServer, heard: Heard, tmp_path: Path) -> None:
    options = ExportOptions(redis=own_redis.url)
    script = tmp_path / "again.py"
    script.write_text(export("python", corpus, options), encoding="utf-8")
    assert options.left_out == []
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environ.pop("DAEBUS_REDIS_URL", None)
    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: len(heard.take()) == len(corpus), what="all of it has passed")
    assert [said(*one) for one in heard.messages] == passed(corpus)


@pytest.mark.parametrize("name", ["command", "redis-cli", "python", "pytest"])
def test_what_cannot_be_said_is_left_out_and_counted(name: str) -> None:
    bus = Bus()
    bus >> raw("half \ud83d", '{"action": "a", "payload": {}}')
    bus >> raw("x", "no JSON")
    options = ExportOptions()
    text = export(name, bus.journal.exchanges, options)
    # What is no object can be published as the bytes that it is, where the form of export knows of bytes.
    left_out = [1] if name in ("command", "redis-cli") else [1, 2]
    assert options.left_out == left_out
    assert text.count("is left out: ") == len(left_out)
