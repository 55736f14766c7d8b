"""describe: what the actions of a running service take and answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import redis

from daebus import Daebus
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.support import Heard
from tests.support.framework_services import serving


@dataclass
class User:
    """A user."""

    name: str
    tags: list[str]


def users_of(name: str) -> Daebus:
    app = Daebus(name)

    @app.action("get_user")
    def get_user(user_id: int, verbose: bool = False) -> User:
        """Find a user.

        By the number.
        """
        return User(str(user_id), [])

    @app.action("colour")
    def colour(name: Literal["red", "blue"], user: User | None = None) -> None: ...

    @app.action("plain")
    def plain() -> dict[str, Any]:
        """Say nothing."""
        return {}

    return app


@pytest.fixture
def users(redis_url: str, name: str) -> Iterator[str]:
    with serving(users_of(name), redis_url, name):
        yield name


def describe(url: str, words: str, *, read_only: bool = False) -> tuple[int, Heard]:
    """Carry it out; returns its exit status, and what it said."""
    heard, command = Heard(), parse(f"describe {words}")
    assert command is not None
    session = Session(url)
    try:
        with Sender(session, read_only=read_only) as sender:
            return run(command, Context(session, sender, heard, Face.SHELL)), heard
    finally:
        session.stop()


def test_all_actions_in_short_and_one_in_full(redis_url: str, users: str) -> None:
    status, heard = describe(redis_url, users, read_only=True)
    assert status == Exit.DONE
    assert heard.lines == [
        'colour(name: "blue" | "red", user: User or null = null)',
        "get_user(user_id: integer, verbose: true or false = false) -> User",
        "    Find a user.",
        "plain(...)",
        "    Say nothing.",
    ]
    status, heard = describe(redis_url, f"{users} get_user")
    assert status == Exit.DONE
    assert [text.rstrip() for text in heard.lines] == [
        "get_user(user_id: integer, verbose: true or false = false) -> User",
        "    Find a user.",
        "",
        "    By the number.",
        "",
        "payload",
        "    user_id  integer        required",
        "    verbose  true or false  false",
        "",
        "answer  User",
        "    name  text          required",
        "    tags  list of text  required",
    ]
    status, heard = describe(redis_url, f"{users} colour")
    assert heard.lines[-3].strip() == "User"
    status, heard = describe(redis_url, f"{users} plain")
    assert heard.lines[-1].strip() == "What it takes is not told."


def test_it_is_written_out_for_programs(redis_url: str, users: str) -> None:
    status, heard = describe(redis_url, f"{users} get_user --json")
    assert (status, heard.lines) == (Exit.DONE, [])
    (record,) = heard.records
    assert (record["service"], record["action"]) == (users, "get_user")
    assert record["arguments"]["required"] == ["user_id"]
    status, heard = describe(redis_url, f"{users} --as asyncapi")
    assert set(json.loads("\n".join(heard.lines))["operations"]) == {"colour", "get_user", "plain"}
    document = json.loads("\n".join(heard.lines))
    status, heard = describe(redis_url, f"{users} --as asyncapi --json")
    assert (status, heard.lines, heard.records) == (Exit.DONE, [], [document])
    status, heard = describe(redis_url, f"{users} get_user --as jsonschema")
    assert set(json.loads("\n".join(heard.lines))["$defs"]) == {"get_user.arguments", "get_user.answer", "User"}
    status, heard = describe(redis_url, f"{users} --as markdown")
    assert heard.lines[0] == f"# {users}".replace("_", "\\_")
    status, heard = describe(redis_url, f"{users} --as python")
    compile("\n".join(heard.lines), "stub", "exec")
    assert "    def get_user(self, *, user_id: int, verbose: bool = ...) -> User:" in heard.lines


def test_what_is_not_there_is_said(redis_url: str, name: str, users: str) -> None:
    status, heard = describe(redis_url, f"{users} --as yaml")
    assert status == Exit.USAGE
    assert "there is no format 'yaml'; there are: asyncapi, jsonschema, markdown, python" in heard.mistakes[0].message
    status, heard = describe(redis_url, f"{users} get_usr")
    assert (status, heard.errors) == (Exit.ERROR, [f"'{users}' has no action 'get_usr' (did you mean get_user?)"])


def test_a_service_of_others_is_told_apart_from_none(redis_url: str, name: str) -> None:
    status, heard = describe(redis_url, name)
    assert status == Exit.NOBODY
    assert heard.errors[0].startswith(f"nobody serves '{name}'")
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as mute:
        mute.subscribe(f"daebus.control.{name}")
        mute.get_message(timeout=5)
        status, heard = describe(redis_url, name)
    assert status == Exit.ERROR
    assert "has not told of them in time: nothing is known of what it takes" in heard.errors[0]
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as stranger:
        stranger.subscribe(name)
        stranger.get_message(timeout=5)
        status, heard = describe(redis_url, name)
    assert status == Exit.ERROR
    assert heard.errors == [f"'{name}' is not on this framework: nothing is known of what it takes"]
