"""Asking in other dialects, on a real Redis, with services that answer as NestJS and FastStream do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from daebus_console.commands.context import Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse
from daebus_console.engine.dialects.faststream import frame_of, headers_of
from daebus_console.engine.message.exchange import Flag, State
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.support.waiting import eventually

Answer = Callable[[bytes], list[tuple[str, bytes]]]


@contextmanager
def serving(redis_url: str, channel: str, answer: Answer) -> Iterator[None]:
    """Somebody subscribes to the channel and publishes what `answer` makes of each message."""
    client = Redis.from_url(redis_url)
    listener = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis has no types
    listener.subscribe(channel)
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            message = listener.get_message(timeout=0.05)
            for target, data in answer(message["data"]) if message else ():
                client.publish(target, data)

    thread = threading.Thread(target=serve)
    thread.start()
    eventually(lambda: client.pubsub_numsub(channel)[0][1] == 1)
    try:
        yield
    finally:
        ending.set()
        thread.join()
        client.close()


def nest(channel: str, *answers: dict[str, object]) -> Answer:
    def answer(data: bytes) -> list[tuple[str, bytes]]:
        asked = json.loads(data)
        stray = {"response": "another's", "isDisposed": True, "id": asked["id"][::-1] + "x"}
        found = [stray, *({**one, "id": asked["id"]} for one in answers)]
        return [(f"{channel}.reply", json.dumps(one).encode()) for one in found]

    return answer


def test_nest_is_waited_for_to_its_own_end(redis_url: str, name: str) -> None:
    channel = f'{{"cmd":"{name}"}}'
    with Session(redis_url) as session, prompting(session) as prompt:
        assert session.wait_up(5)
        parts: list[dict[str, object]] = [{"response": 1}, {"response": [2, 3.50]}, {"isDisposed": True}]
        with serving(redis_url, channel, nest(channel, *parts)):
            assert prompt(f"ask nest '{channel}' '[1, 2]' --json") == Exit.DONE
        assert prompt.heard.records == [None]
        (asked,) = [one for one in session.journal.exchanges if one.dialect == "nest" and one.request is not None]
        # Who asks hears the answers on a connection of its own.
        assert session.wait_for(lambda: asked.state is not State.PENDING, 10)
        assert (asked.action, asked.state, asked.replies) == (name, State.OK, 3)
        assert asked.has(Flag.OURS)
        assert json.loads(asked.opened.data)["data"] == [1, 2]


def test_an_error_of_nest_is_an_error_with_its_code(redis_url: str, name: str) -> None:
    with Session(redis_url) as session, prompting(session) as prompt:
        assert session.wait_up(5)
        failed: dict[str, object] = {"err": {"code": 7, "message": "no"}, "isDisposed": True}
        with serving(redis_url, name, nest(name, failed)):
            assert prompt(f"ask nest {name}") == Exit.ERROR
        assert "(7)" in prompt.heard.errors[-1]


def test_faststream_answers_on_the_channel_that_the_question_names(redis_url: str, name: str) -> None:
    def answer(data: bytes) -> list[tuple[str, bytes]]:
        headers = headers_of(data) or {}
        back = {"correlation_id": headers["correlation_id"]}
        return [(headers["reply_to"], frame_of(back, b'{"sum": 3}'))]

    with Session(redis_url) as session, prompting(session) as prompt:
        assert session.wait_up(5)
        with serving(redis_url, name, answer):
            assert prompt(f"""ask faststream {name} '{{"a": 1}}' --json""") == Exit.DONE
        assert prompt.heard.records == [{"sum": 3}]
        silent = f"ask faststream {name} --timeout 0.1s"
        with serving(redis_url, name, lambda _data: []):
            assert prompt(silent) == Exit.TIMEOUT
        assert "sends none where a handler fails" in prompt.heard.errors[-1]
        eventually(lambda: Redis.from_url(redis_url).pubsub_numsub(name)[0][1] == 0)
        assert prompt(silent) == Exit.NOBODY


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ask nst x", "there is no dialect 'nst'"),
        ("ask daebus x", "`request SERVICE ACTION`"),
        ("ask moleculer MOL.REQ.a", "answer only nodes that they know"),
        ("ask nest x '{'", "the content is no JSON"),
        ("ask nest x NaN", "the content is no JSON"),
    ],
)
def test_what_cannot_be_asked_is_told_and_nothing_is_sent(redis_url: str, name: str, line: str, told: str) -> None:
    with Session(redis_url) as session, prompting(session) as prompt:
        assert prompt(line) == Exit.USAGE
        assert told in prompt.heard.mistakes[-1].message


@pytest.mark.parametrize(("line", "place"), [("ask nst nst", 4), ("mock nst --dialect nst --answer 1", 19)])
def test_a_dialect_that_there_is_not_is_pointed_at(redis_url: str, line: str, place: int) -> None:
    with Session(redis_url) as session, prompting(session) as prompt:
        assert prompt(line) == Exit.USAGE
        mistake = prompt.heard.mistakes[-1]
        assert mistake.message == "there is no dialect 'nst'; what can be asked and answered is faststream and nest"
        assert mistake.suggestion == "nest"
        assert (mistake.position, mistake.length) == (place, 3)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ask nest '{'", "the pattern is no JSON"),
        ("ask nest '" + '{"a":' * 100_000 + "'", "nested too deeply"),
        (r"ask nest '\ud800'", "no channel can have this name"),
        (r"""ask nest '{"cmd":"\ud800"}'""", "no channel can have this name"),
        (r"ask nest '\U00110000'", "number of a character"),
    ],
)
def test_what_no_channel_can_be_called_is_told(line: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as caught:
        parse(line)
    assert caught.value.position == line.index("'") + 1


def test_read_only_asks_nobody(redis_url: str, name: str) -> None:
    with Session(redis_url) as session, prompting(session, read_only=True) as prompt:
        assert prompt(f"ask nest {name}") != Exit.DONE
        assert "read-only" in prompt.heard.errors[-1]
