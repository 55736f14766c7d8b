"""Stand-ins for services of NestJS and FastStream, asked as their clients ask."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from daebus_console import naming
from daebus_console.commands.doing.runner import run
from daebus_console.commands.doing.sending.mocking import mocks_of
from daebus_console.commands.grammar.command import parse, parse_argv
from daebus_console.engine import jsontext
from daebus_console.engine.dialects import DIALECTS
from daebus_console.engine.foreign import Question
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.replay.prompt import Prompt

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "dialects.md").read_text()
NAMES = ['{"cmd":"%s"}', "%s.find", "%s 'it' \"s\" $(x) `y` \\", "%s é 日本", "%s\\n*?[a]"]
CONTENTS = [
    "3",
    "null",
    '"hi \\u0000 \\u2028 \\""',
    "[1, 2.50, 1e400]",
    '{"__proto__": {"a": 12345678901234567890}, "a": 1, "a": 2}',
]


@pytest.fixture
def prompt(redis_url: str) -> Iterator[Prompt]:
    with Prompt(Session(redis_url)) as made:
        yield made


def asked(prompt: Prompt, dialect: str, channel: str, content: bytes = b"{}") -> tuple[bytes | None, bool]:
    with Sender(prompt.session) as sender:
        question = Question(sender, DIALECTS[dialect], channel, content, 10)
        try:
            question.send()
            (answer,) = question.answers()
            return answer.content, answer.error
        finally:
            question.close()


@pytest.mark.parametrize("dialect", ["nest", "faststream"])
@pytest.mark.parametrize("number", range(5))
def test_it_answers_with_the_text_that_was_given(prompt: Prompt, name: str, dialect: str, number: int) -> None:
    channel, content = NAMES[number] % name, CONTENTS[number]
    line = f"mock --dialect {dialect} {shlex.quote(naming.written(channel))} --answer {shlex.quote(content)}"
    assert prompt(line) == 0, prompt.said.all
    (mock,) = mocks_of(prompt.session).all()
    assert mock.service == channel
    said, error = asked(prompt, dialect, mock.service)
    assert said is not None
    assert (jsontext.loads(said.decode()), error) == (jsontext.loads(content), False)
    assert b"12345678901234567890" in said or "1234" not in content
    assert mock.answered == {"exact": 1}


@pytest.mark.parametrize("typed", ['{"cmd":"%s"}', '{ "cmd": "%s" }', "a=%s", "@%s"])
def test_its_name_needs_no_backslash_since_no_items_are_meant(prompt: Prompt, name: str, typed: str) -> None:
    arguments = ["mock", typed % name, "--dialect", "nest", "--answer", "3"]
    for command in (parse_argv(arguments), parse(" ".join(map(shlex.quote, arguments)))):
        assert command is not None
        assert run(command, prompt.context) == 0, prompt.said.all
        (mock,) = mocks_of(prompt.session).all()
        assert mock.service == (typed % name).replace(" ", "")
        assert asked(prompt, "nest", mock.service) == (b"3", False)
        mocks_of(prompt.session).remove([mock])


def test_the_examples_of_the_page_are_commands() -> None:
    spans = re.findall(r"`((?:ask|mock) [^`\n]+)`", PAGE)
    assert len(spans) == 2
    for line in spans:
        assert parse(line) == parse_argv(shlex.split(line))


def test_errors_of_nest_are_those_of_its_exceptions_and_faststream_has_none(prompt: Prompt, name: str) -> None:
    assert prompt(f'mock {name} --error "no \\"way\\"" --dialect nest') == 0, prompt.said.all
    said, error = asked(prompt, "nest", name)
    assert error
    assert said is not None
    assert json.loads(said)["status"] == "error"
    assert prompt(f"mock {name} --error no --dialect faststream") == 2
    assert "has no errors on its wire" in prompt.said.all


def test_what_is_no_question_is_left_alone(prompt: Prompt, redis_url: str, name: str) -> None:
    assert prompt(f"mock {name} --answer 3 --dialect nest --times 1") == 0
    with redis.Redis.from_url(redis_url) as client:
        for data in (b'{"pattern":"%s","data":1}' % name.encode(), b"text", b"\xff", b'{"id":"1","response":2}', b"{"):
            client.publish(name, data)
    assert asked(prompt, "nest", name) == (b"3", False)


def test_where_somebody_is_it_is_not_stood_in_for(prompt: Prompt, redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as there:
        there.subscribe(name)
        assert there.get_message(timeout=10) is not None
        assert prompt(f"mock {name} --answer 3 --dialect nest") == 2
        assert "is there: 1 subscriber" in prompt.said.all
        assert prompt(f"mock {name} --answer 3 --dialect nest --beside") == 0
    assert asked(prompt, "nest", name) == (b"3", False)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("mock x --answer 3 --dialect moleculer", "its nodes answer only nodes that they know"),
        ("mock x --answer 3 --dialect rq", "it has no answers"),
        ("mock x --answer 3 --dialect nst", "there is no dialect 'nst'"),
        ("mock x act --answer 3", "--answer goes with --dialect"),
        ("mock x --dialect nest", "expected --answer JSON"),
        ("mock x --answer hello --dialect nest", "the content is no JSON"),
        ("mock x act --answer 3 --dialect nest", "neither an action nor --from goes with"),
        ("mock x --answer 3 --error no --dialect nest", "--error is the whole answer"),
        ("mock x a=1 --answer 3 --dialect nest", "neither an action nor --from goes with"),
        ("mock '{\"cmd\":' --answer 3 --dialect nest", "the pattern is no JSON"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(prompt: Prompt, line: str, why: str) -> None:
    assert prompt(line) == 2
    assert why in prompt.said.all
    assert mocks_of(prompt.session).all() == []


def test_ids_of_any_kind_come_back_as_they_were() -> None:
    for id in ("a" * 21, 'quo"te\\', "é\u2028", uuid.uuid4().hex):
        packet = json.dumps({"pattern": "x", "data": 1, "id": id}).encode()
        found = DIALECTS["nest"].reply("x", packet, b"1", None)
        assert found is not None
        channel, data = found
        assert channel == "x.reply"
        assert json.loads(data) == {"response": 1, "isDisposed": True, "id": id}
