r"""A channel of one byte, ff, and a channel of the four characters \xff: two channels, wherever they turn up."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.export import export
from daebus_console.engine.filter.completion import quote
from daebus_console.engine.filter.language import parse
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from daebus_console.naming import from_bytes
from tests.console.cli.conftest import Console
from tests.console.engine.bus import Bus, raw
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

BYTE, SIGNS = from_bytes(b"\xff"), r"\xff"


@pytest.fixture
def own_console(own_redis: RedisServer) -> Console:
    return Console(own_redis.url)


@pytest.fixture
def subscribed(own_redis: RedisServer) -> Iterator[redis.client.PubSub]:
    """Somebody who is subscribed to both."""
    with redis.Redis.from_url(own_redis.url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(b"\xff", b"\\xff")
        for _ in range(2):
            assert pubsub.get_message(timeout=5) is not None
        yield pubsub


def publish(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.publish(b"\xff", '{"from": "byte"}')
        client.publish(b"\\xff", '{"from": "signs"}')


def test_a_session_and_its_directory_tell_them_apart(
    own_redis: RedisServer, subscribed: redis.client.PubSub, tmp_path: Path
) -> None:
    path = tmp_path / "capture.jsonl"
    with Session(own_redis.url, Settings()) as session:
        assert session.wait_up(5)
        assert session.wait_for(lambda: {BYTE, SIGNS} <= set(session.directory.channels), 10)
        with Recorder(session, path):
            publish(own_redis)
            assert session.wait_for(lambda: session.status.messages >= 2, 5)
        with session.lock:
            messages = [one for one in session.journal.messages if one.channel in (BYTE, SIGNS)]
    assert [(one.channel, one.data) for one in messages] == [
        (BYTE, b'{"from": "byte"}'),
        (SIGNS, b'{"from": "signs"}'),
    ]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (byte,) = [line for line in lines if "channel_base64" in line]
    assert (base64.b64decode(byte["channel_base64"]), "channel" in byte) == (b"\xff", False)
    assert [one.opened.channel for one in Recording(path).exchanges() if "from" in one.opened.data.decode()] == [
        BYTE,
        SIGNS,
    ]


@pytest.mark.parametrize("name", ["plain.jsonl", "zipped.jsonl.gz"])
@pytest.mark.parametrize("data", [b"text", b"\x80"])
def test_a_capture_keeps_names_of_any_bytes(tmp_path: Path, name: str, data: bytes) -> None:
    channels = [from_bytes(one) for one in (b"\xff", b"\\xff", b"", b"a\x00b", b"\xed\xb2\x80", "é".encode())]
    with CaptureWriter(tmp_path / name, "", 0.0) as writer:
        for channel in channels:
            writer.write(1.0, channel, data)
    assert [item for item in CaptureReader(tmp_path / name) if isinstance(item, Frame)] == [
        Frame(1.0, channel, data) for channel in channels
    ]


def test_an_older_capture_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text('{"daebus_capture": 1}\n{"at": 1, "channel": "\\\\xff", "data": "{}"}\n')
    assert [item.channel for item in CaptureReader(path) if isinstance(item, Frame)] == [SIGNS]


def test_tail_and_its_json_tell_them_apart(
    own_console: Console, own_redis: RedisServer, subscribed: redis.client.PubSub
) -> None:
    for options in ((), ("--json",)):
        with own_console.start("tail", "--count", "2", *options) as tail:
            with redis.Redis.from_url(own_redis.url) as client:
                eventually(lambda: client.pubsub_numpat() > 0, what="tail looks")
            publish(own_redis)
            out, _err = tail.communicate(timeout=30)
            if not options:
                assert [line.split()[3] for line in out.splitlines()] == [r"\xff", r"\\xff"]
            else:
                byte, signs = map(json.loads, out.splitlines())
                assert (byte["channel"], base64.b64decode(byte["channel_base64"])) == ("\ufffd", b"\xff")
                assert base64.b64decode(byte["to_base64"]) == b"\xff"
                assert (signs["channel"], signs["to"]) == (SIGNS, SIGNS)
                assert "channel_base64" not in signs


def test_services_lists_both(own_console: Console, subscribed: redis.client.PubSub) -> None:
    people = own_console("services", "--all").out
    assert r" \\xff" in f" {people}" or "\n\\\\xff" in people
    assert "\n\\xff " in people
    found = [json.loads(line) for line in own_console("services", "--all", "--json").out.splitlines()]
    assert {one["channel"] for one in found} == {"\ufffd", SIGNS}
    assert {one["channel_base64"] for one in found if "channel_base64" in one} == {base64.b64encode(b"\xff").decode()}


@pytest.mark.parametrize(("written", "channel"), [(r"\xff", b"\xff"), (r"\\xff", b"\\xff")])
def test_verbs_send_to_the_one_that_is_named(
    own_console: Console, subscribed: redis.client.PubSub, written: str, channel: bytes
) -> None:
    assert own_console("broadcast", written, "n:=1").out == f"published on {written}, 1 subscriber\n"
    assert own_console("send", written, "act", "n:=2").out == f"sent to {written}, 1 subscriber\n"
    done = own_console("request", written, "act", "--timeout", "1s")
    assert (done.status, "no answer" in done.err or "within" in done.err) == (4, True), done.err
    heard = [subscribed.get_message(timeout=5) for _ in range(3)]
    assert [message and message["channel"] for message in heard] == [channel] * 3


def test_replay_publishes_to_the_same_one(
    own_console: Console, subscribed: redis.client.PubSub, tmp_path: Path
) -> None:
    bus = Bus()
    bus >> raw(BYTE, '{"from": "byte"}')
    bus >> raw(SIGNS, '{"from": "signs"}')
    path = tmp_path / "capture.jsonl"
    path.write_text(export("capture", bus.journal.exchanges))
    done = own_console("replay", str(path), "--include", "broadcast", "--asap", "--yes")
    assert done.status == 0, done.err
    heard: list[Any] = [subscribed.get_message(timeout=5) for _ in range(2)]
    assert [(one["channel"], json.loads(one["data"])["from"]) for one in heard] == [
        (b"\xff", "byte"),
        (b"\\xff", "signs"),
    ]
    assert own_console("replay", str(path), r"channel:\xff", "--include", "broadcast", "--asap", "--yes").status == 0
    only: Any = subscribed.get_message(timeout=5)
    assert (only["channel"], subscribed.get_message(timeout=0.3)) == (b"\xff", None)


@pytest.mark.parametrize("text", [r"channel:\xff", r"to:\xff", r"channel:*\xff", r"\xff"])
def test_filters_tell_them_apart(text: str) -> None:
    bus = Bus()
    byte, signs = bus >> raw(BYTE, '{"a": 1}'), bus >> raw(SIGNS, '{"a": 1}')
    found = parse(text)
    assert (found(byte), found(signs)) == (True, False)
    other = parse(text.replace("\\", "\\\\"))
    assert (other(byte), other(signs)) == (False, True)


def test_a_completed_filter_finds_the_name_it_was_offered_for() -> None:
    for name in (BYTE, SIGNS, "a\nb", "\u202e", r"a\b"):
        bus = Bus()
        mine, other = bus >> raw(name, '{"a": 1}'), bus >> raw(f"{name}x", '{"a": 1}')
        found = parse(f"channel:{quote(name)}")
        assert (found(mine), found(other)) == (True, False)


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_exports_say_which_one_it_was(name: str) -> None:
    bus = Bus()
    bus >> raw(BYTE, '{"a": 1}')
    bus >> raw(SIGNS, '{"a": 1}')
    text = export(name, bus.journal.exchanges)
    found = json.loads(text) if name == "json" else [json.loads(line) for line in text.splitlines()]
    assert [one["messages"][0].get("channel_base64") for one in found] == [base64.b64encode(b"\xff").decode(), None]
    assert [one["messages"][0]["channel"] for one in found] == ["\ufffd", SIGNS]


Opened = Callable[..., Session]


@pytest.mark.parametrize("patterns", ["caf??", "caf?,*", r"a[\]]b,caf*", "caf[a-],caf*,caf??", r"caf\xc3?"])
def test_what_the_server_sends_for_channels_is_shown_once(
    own_console: Console, own_redis: RedisServer, patterns: str
) -> None:
    with (
        own_console.start("tail", "--channels", patterns, "--count", "2", "--json") as tail,
        redis.Redis.from_url(own_redis.url) as client,
    ):
        eventually(lambda: client.pubsub_numpat() == len(patterns.split(",")), what="tail looks")
        client.publish("café", '{"n": 1}')
        client.publish("café", '{"n": 2}')
        out, _err = tail.communicate(timeout=30)
    assert [json.loads(line)["payload"]["n"] for line in out.splitlines()] == [1, 2]


def test_a_stand_in_answers_for_a_service_of_any_name(own_console: Console, own_redis: RedisServer) -> None:
    with own_console.start("mock", r"\xff", "act", "n:=1", "--times", "1") as mock:
        with redis.Redis.from_url(own_redis.url) as client:
            eventually(lambda: client.pubsub_numsub(b"\xff")[0][1] == 1, what="it stands in")
        done = own_console("request", r"\xff", "act")
        assert (done.status, json.loads(done.out)) == (0, {"n": 1})
        assert r"standing in for \xff:" in mock.communicate(timeout=30)[1]
