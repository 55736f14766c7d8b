"""The same on a real Redis: what is heard there is what was published, typed or recorded, byte for byte."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from daebus_console.engine import jsontext
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.console.fidelity.texts import ALL, payload
from tests.console.replay.prompt import Prompt, answered
from tests.support.waiting import eventually

ANSWER = '{"price":19.90,"id":1,"id":2,"big":12345678901234567890.10,"user": {"n" : 1.10, "s":"\\u00e9"}}'


class Bare:
    """A service that knows no framework: it keeps what it hears and answers with a text of its own."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.heard: list[bytes] = []
        self._client = redis.Redis.from_url(url)
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(name)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            message = self._pubsub.get_message(timeout=0.1)
            if message is None:
                continue
            self.heard.append(message["data"])
            fields = json.loads(message["data"])
            if fields.get("reply_to"):
                reply = json.dumps({"status": "success", "request_id": fields["request_id"], "payload": None})
                self._client.publish(fields["reply_to"], reply.replace('"payload": null', f'"payload": {ANSWER}'))

    def payloads(self) -> list[str]:
        """The texts of the payloads that were heard."""
        texts = [data.decode() for data in self.heard]
        return [text[one.start : one.end] for text in texts for one in jsontext.children(text) if one.key == "payload"]

    def forget(self, count: int) -> None:
        """Forget what was heard: so many messages, which may still be on their way."""
        eventually(lambda: len(self.heard) == count, what="all were heard")
        self.heard.clear()

    def close(self) -> None:
        """Harmless when it is closed already."""
        self._stopping.set()
        self._thread.join()
        self._pubsub.close()
        self._client.close()


@pytest.fixture
def bare(redis_url: str, name: str) -> Iterator[Bare]:
    made = Bare(redis_url, name)
    yield made
    made.close()


@pytest.fixture
def prompt(redis_url: str) -> Iterator[Prompt]:
    with Prompt(Session(redis_url)) as made:
        yield made


def test_a_replay_of_a_recording_publishes_what_was_recorded(
    prompt: Prompt, bare: Bare, redis_url: str, tmp_path: Path
) -> None:
    chance = random.Random(5)
    texts = [ALL, *(payload(chance) for _ in range(200))]
    path = tmp_path / "a.jsonl"
    with Recorder(prompt.session, path), redis.Redis.from_url(redis_url) as client:
        for number, text in enumerate(texts):
            reply_to = f'"caller:{bare.name}"'
            fields = f'"action":"ok","reply_to":{reply_to},"request_id":"{bare.name}-{number}"'
            client.publish(bare.name, f'{{{fields}, "payload" : {text}}}')
        eventually(lambda: len(bare.heard) == len(texts), what="all were heard")
        published = list(bare.heard)
        prompt.seen(request_id=f"{bare.name}-{len(texts) - 1}")
    recorded = [item.data for item in CaptureReader(path) if isinstance(item, Frame) and item.channel == bare.name]
    assert recorded == published
    bare.heard.clear()
    assert prompt(f"replay {path} --asap --in-flight 1 --yes") == 0, prompt.said.all
    assert bare.payloads() == texts


def test_an_edit_touches_its_path_alone(prompt: Prompt, bare: Bare, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.publish(
            bare.name, f'{{"action":"ok","reply_to":"caller:x","request_id":"{bare.name}", "payload" : {ALL}}}'
        )
    number = prompt.seen(request_id=bare.name).number
    bare.forget(1)
    assert prompt(f"replay #{number} price:=20.00 -z") == 0, prompt.said.all
    assert bare.payloads() == [ALL.replace("19.90", "20.00").replace('"z":-0.0,', "")]


def test_items_and_variables_go_out_as_they_were_typed_and_answered(prompt: Prompt, bare: Bare) -> None:
    assert prompt(f"request {bare.name} ok price:=19.90 e:=1e400 user.n:=1.10") == 0, prompt.said.all
    assert '"price": 19.90' in prompt.said.all
    assert '"big": 12345678901234567890.10' in prompt.said.all
    assert '"id": 1,' in prompt.said.all
    assert prompt(f"request {bare.name} ok p:=$last.price u:=$last.user all:=$last") == 0, prompt.said.all
    assert prompt("set kept $last.big") == 0
    assert prompt("set kept") == 0
    assert prompt.said.results == ["12345678901234567890.10"]
    assert prompt(f"send {bare.name} ok k:=$kept") == 0
    eventually(lambda: len(bare.heard) == 3, what="all were heard")
    assert bare.payloads() == [
        '{"price":19.90,"e":1e400,"user":{"n":1.10}}',
        f'{{"p":19.90,"u":{{"n" : 1.10, "s":"\\u00e9"}},"all":{ANSWER}}}',
        '{"k":12345678901234567890.10}',
    ]


def test_a_broadcast_is_published_as_it_was_typed(console: Console, redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(f"{name}_news")
        assert console("broadcast", f"{name}_news", ALL).status == 0
        assert console("broadcast", f"{name}_news", "-", stdin=f" {ALL}\n").status == 0
        heard: list[str] = []

        def listen() -> bool:
            message = pubsub.get_message(timeout=0.1)
            heard.extend([message["data"].decode()] if message else [])
            return len(heard) == 2

        eventually(listen, what="both were heard")
        assert heard == [ALL, ALL]


def test_a_request_at_the_shell_prints_the_answer_as_it_came(console: Console, bare: Bare) -> None:
    done = console("request", bare.name, "ok", "--json")
    assert done.out == (
        '{"price": 19.90, "id": 1, "id": 2, "big": 12345678901234567890.10, "user": {"n": 1.10, "s": "\\u00e9"}}\n'
    )
    done = console("request", bare.name, "ok")
    assert '"price": 19.90' in done.out
    assert "more than once in one object, the last counts: id" in done.err


def test_a_stand_in_answers_with_the_text_that_was_recorded(
    prompt: Prompt, bare: Bare, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(prompt.session, path):
        for price in ("19.90", "12345678901234567890.10", "12345678901234567890.11"):
            assert prompt(f"request {bare.name} ok price:={price}") == 0
        eventually(lambda: len(answered(prompt.session, bare.name, "ok")) == 3, what="the tap has seen the answers")
    bare.close()
    assert bare.name == name
    assert prompt(f"mock {name} --from {path}") == 0, prompt.said.all
    assert prompt(f"request {name} ok price:=19.9") == 0, prompt.said.all
    assert jsontext.text_of(prompt.context.variables["last"]) == ANSWER
    assert prompt(f"request {name} ok price:=12345678901234567890.11") == 0
    assert prompt("mocks --json") == 0
    assert [one["answered"] for one in prompt.said.records] == [{"exact": 2, "nearest": 0, "unknown": 0}]
    assert prompt(f"mock {name} other x:=1.10 e:=1e400") == 0, prompt.said.all
    assert prompt(f"request {name} other") == 0
    assert jsontext.text_of(prompt.context.variables["last"]) == '{"x":1.10,"e":1e400}'


def test_an_exported_script_sends_the_text(console: Console, bare: Bare, prompt: Prompt, tmp_path: Path) -> None:
    assert prompt(f"request {bare.name} ok '{ALL}'") == 0, prompt.said.all
    number = prompt.seen(target=bare.name).number
    script = tmp_path / "again.py"
    assert prompt(f"export #{number} -o {script}") == 0
    assert "RawJson(" in script.read_text()
    bare.heard.clear()
    environ = {**os.environ, "DAEBUS_REDIS_URL": console.url, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-W", "error", str(script)], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert bare.payloads() == [ALL]
