"""Questions of NestJS and FastStream, asked once more on a real Redis."""

from __future__ import annotations

import json
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from daebus_console.commands.context import Exit
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.dialects.faststream import body_of, frame_of, headers_of
from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.engine.replay.wire import MOST_CHANNELS
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.console.commands.test_ask import nest, serving
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt
from tests.support.waiting import eventually


@pytest.fixture
def prompt(redis_url: str) -> Iterator[Prompt]:
    with Prompt(Session(redis_url)) as made:
        yield made


ID = b"3895bd3493fdea7b3a37d"
ANSWER = b'{"response":1,"isDisposed":true,"id":"%s"}'


def packet(channel: str, data: Any, id: str) -> bytes:
    pattern = json.loads(channel) if channel.startswith("{") else channel
    return json.dumps({"pattern": pattern, "data": data, "id": id}).encode()


def written(path: Path, *messages: tuple[str, bytes]) -> Path:
    """A capture of those, a tenth of a second apart."""
    with CaptureWriter(path, "", 0.0) as writer:
        for number, (channel, data) in enumerate(messages):
            writer.write(number / 10, channel, data)
    return path


def asked_before(prompt: Prompt, redis_url: str, channel: str, *answers: dict[str, object]) -> Exchange:
    """A question that somebody else asked a service of NestJS."""
    with redis.Redis.from_url(redis_url) as client, serving(redis_url, channel, nest(channel, *answers)):
        client.publish(channel, packet(channel, [1, 2], "3895bd3493fdea7b3a37d"))
        return prompt.seen(dialect="nest", request_id="3895bd3493fdea7b3a37d", state=State.OK)


def test_a_question_of_nest_is_asked_anew_and_its_answers_are_compared(
    prompt: Prompt, redis_url: str, name: str
) -> None:
    channel = f'{{"cmd":"{name}"}}'
    parts: list[dict[str, object]] = [{"response": 1}, {"response": {"sum": 3}, "isDisposed": True}]
    origin = asked_before(prompt, redis_url, channel, *parts)
    with serving(redis_url, channel, nest(channel, *parts)):
        assert prompt(f"replay #{origin.number}") == Exit.DONE, prompt.said.all
    assert f"the same answer as in #{origin.number}" in prompt.said.all
    new = eventually(lambda: origin.aside.replays and prompt.session.journal.exchange(origin.aside.replays[-1]))
    assert new.request_id != origin.request_id
    assert json.loads(new.opened.data)["data"] == [1, 2]
    changed: list[dict[str, object]] = [{"response": 1}, {"response": {"sum": 4}, "isDisposed": True}]
    with serving(redis_url, channel, nest(channel, *changed)):
        assert prompt(f"replay #{origin.number}") == Exit.DONE
    assert "response.payload.sum" in prompt.said.all
    assert "isDisposed" not in prompt.said.all
    failed: dict[str, object] = {"err": {"message": "no"}, "isDisposed": True}
    with serving(redis_url, channel, nest(channel, failed)):
        assert prompt(f"replay #{origin.number}") == Exit.ERROR
    assert prompt(f"replay #{origin.number} --dry-run") == Exit.DONE
    assert '"data": [' in prompt.said.all
    eventually(lambda: redis.Redis.from_url(redis_url).pubsub_numsub(channel)[0][1] == 0)
    assert prompt(f"replay #{origin.number}") == Exit.NOBODY


@pytest.mark.parametrize("pattern", ["{}.g*", "*"])
def test_who_reads_by_a_pattern_serves_as_well(
    prompt: Prompt, console: Console, redis_url: str, name: str, tmp_path: Path, pattern: str
) -> None:
    """As NestJS does with `wildcards`, and FastStream with `pattern=True`: NUMSUB counts none of them."""
    channel = f"{name}.get"
    origin = asked_before(prompt, redis_url, channel, {"response": 1, "isDisposed": True})
    path = written(tmp_path / "asked.jsonl", (channel, origin.opened.data), (f"{channel}.reply", ANSWER % ID))
    answer = nest(channel, {"response": 1, "isDisposed": True})
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as reader:
        reader.psubscribe(pattern.format(name))
        eventually(lambda: reader.get_message(timeout=0.05), what="it is subscribed")
        ending = threading.Event()

        def serve() -> None:
            while not ending.is_set():
                message = reader.get_message(timeout=0.05)
                asked = message is not None and message["channel"] == channel.encode()
                for target, data in answer(message["data"]) if asked else ():
                    client.publish(target, data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            assert prompt(f"replay #{origin.number}") == Exit.DONE, prompt.said.all
            ended = console("replay", str(path), "--asap", "--json", "--redis", redis_url)
        finally:
            ending.set()
            thread.join()
    assert json.loads(ended.out)["same"] == 1, ended
    # The other console, which is there still, serves nobody.
    eventually(lambda: redis.Redis.from_url(redis_url).publish(channel, "") == 1, what="it has gone")
    ended = console("replay", str(path), "--asap", "--redis", redis_url)
    assert (ended.status, f"nobody serves {channel} (1); nothing was sent" in ended.err) == (Exit.NOBODY, True), ended
    assert prompt(f"replay #{origin.number}") == Exit.NOBODY


def test_nothing_is_heard_on_its_channels_any_more_afterwards(prompt: Prompt, redis_url: str, name: str) -> None:
    origin = asked_before(prompt, redis_url, name, {"response": 1, "isDisposed": True})
    with serving(redis_url, name, nest(name, {"response": 1, "isDisposed": True})):
        assert prompt(f"replay #{origin.number}") == Exit.DONE, prompt.said.all
    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: client.pubsub_numsub(f"{name}.reply")[0][1] == 0, what="nobody listens any more")


def test_a_capture_of_both_and_of_ours_is_replayed_as_one(
    console: Console, shop: Shop, redis_url: str, name: str, tmp_path: Path
) -> None:
    cmd, summed = f'{{"cmd":"{name}"}}', f"{name}-sum"
    ours = {"action": "echo", "payload": {"n": 1}, "request_id": "a", "reply_to": "caller:x"}
    path = written(
        tmp_path / "both.jsonl",
        (cmd, packet(cmd, 7, "1" * 21)),
        (f"{cmd}.reply", b'{"response":7,"isDisposed":true,"id":"%s"}' % (b"1" * 21)),
        (summed, frame_of({"correlation_id": "2", "reply_to": "r" * 22}, b'{"a": 1}')),
        ("r" * 22, frame_of({"correlation_id": "2"}, b'{"sum": 3}')),
        (shop.name, json.dumps(ours).encode()),
        ("caller:x", b'{"status":"success","payload":{"n":1},"request_id":"a"}'),
        (summed, frame_of({"correlation_id": "4", "reply_to": "s" * 22}, b'"silence"')),
    )

    def faststream(data: bytes) -> list[tuple[str, bytes]]:
        headers = headers_of(data) or {}
        if body_of(data) == b'"silence"':
            return []
        return [(headers["reply_to"], frame_of({"correlation_id": headers["correlation_id"]}, b'{"sum": 4}'))]

    with (
        serving(redis_url, cmd, nest(cmd, {"response": 7, "isDisposed": True})),
        serving(redis_url, summed, faststream),
    ):
        ended = console("replay", str(path), "--asap", "--timeout", "1s", "--json", "--redis", redis_url)
    told = json.loads(ended.out)
    assert (told["same"], told["changed"], told["uncompared"], told["failed"]) == (2, 1, 1, 0), ended


def test_more_channels_than_can_be_listened_to_are_said_to_be(
    console: Console, redis_url: str, name: str, tmp_path: Path
) -> None:
    messages = [(f"{name}.{number}", packet(f"{name}.{number}", 1, f"{number:021}")) for number in range(MOST_CHANNELS)]
    path = written(tmp_path / "many.jsonl", *messages)
    with redis.Redis.from_url(redis_url) as client:
        listener = client.pubsub()  # type: ignore[no-untyped-call]  # redis has no types
        listener.subscribe(*(channel for channel, _data in messages))
        eventually(lambda: client.pubsub_numsub(messages[-1][0])[0][1] == 1)
        ended = console("replay", str(path), "--asap", "--timeout", "1s", "--redis", redis_url)
        listener.close()
    assert ended.status != Exit.DONE
    assert f"the answers of {MOST_CHANNELS} channels are waited for already" in ended.out + ended.err, ended


def test_what_cannot_be_sent_again_is_no_failure(console: Console, shop: Shop, tmp_path: Path) -> None:
    """As the plan says; in JUnit it is skipped."""
    asked = {"action": "echo", "payload": {"n": 1}, "request_id": "a", "reply_to": "caller:1", "service": "web"}
    said = {"status": "success", "payload": {"n": 1}, "request_id": "a"}
    moleculer = {
        "ver": "4",
        "sender": "node-1",
        "id": "abc",
        "action": "math.add",
        "params": {},
        "meta": {},
        "level": 1,
    }
    moleculer |= {"timeout": 0, "tracing": None, "parentID": None, "requestID": "abc", "caller": None, "stream": False}
    path = written(
        tmp_path / "both.jsonl",
        (shop.name, json.dumps(asked).encode()),
        ("caller:1", json.dumps(said).encode()),
        ("MOL.REQ.node-2", json.dumps(moleculer).encode()),
    )
    junit = tmp_path / "both.xml"
    done = console("replay", str(path), "--asap", "--junit", str(junit))
    assert "1 that cannot be sent (moleculer: its nodes answer only nodes that they know) left out" in done.err
    assert "1 sent again: 1 same" in done.out
    assert done.status == Exit.DONE
    suite = ElementTree.parse(junit).getroot()
    cases = {case.get("name"): [inside.tag for inside in case] for case in suite.iter("testcase")}
    assert cases == {"#1 echo": [], "#2 math.add": ["skipped"]}
