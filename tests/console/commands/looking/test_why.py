"""why at the shell and at a prompt: what it prints, and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus import Daebus
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.looking.test_findings import shell
from tests.console.commands.prompt import prompting
from tests.console.commands.support import Heard
from tests.console.engine.findings.watched import Watched
from tests.support.framework_services import serving


def failing() -> Watched:
    bus = Watched()
    bus.fail(bus.ask("users", "get"), "no_response")
    bus.call("users", "list")
    return bus


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "shop.jsonl"
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for message in failing().session.journal.messages:
            writer.write(message.at, message.channel, message.data)
    return path


def test_the_cause_its_evidence_and_the_next_step(capture: Path) -> None:
    status, heard = shell(f"why #1 --in {capture}")
    assert status == Exit.DONE
    assert heard.lines == [
        "users get: its handler ended without an answer",
        "  · it answered no_response: no",
        "→ let the handler of users return a dict or call response.send",
    ]
    status, heard = shell(f"why users get --in {capture} --json")
    assert status == Exit.DONE
    assert heard.records[0]["cause"] == "no_response"


def test_a_cause_is_parted_between_words(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heard, "width", 40)
    status, heard = shell(f"why #1 --in {capture}")
    assert status == Exit.DONE
    assert heard.lines == [
        "users get: its handler ended without an",
        "answer",
        "  · it answered no_response: no",
        "→ let the handler of users return a dict",
        "  or call response.send",
    ]


def test_of_a_capture_that_ends_before_the_answer_it_is_said_so(tmp_path: Path) -> None:
    path, bus = tmp_path / "short.jsonl", Watched()
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for exchange in (bus.ask("users", "get"), bus.say("news", {"a": 1})):
            writer.write(exchange.opened.at, exchange.opened.channel, exchange.opened.data)
    status, heard = shell(f"why #1 --in {path}")
    assert status == Exit.DONE
    assert heard.lines[0] == "users get has no answer where the recording ends"
    assert not any("wait for it" in line for line in heard.lines)


def test_where_there_is_none_the_status_says_so(capture: Path) -> None:
    status, heard = shell(f"why #2 --in {capture} --json")
    assert status == Exit.ERROR
    assert heard.records[0]["cause"] is None
    assert heard.records[0]["text"].startswith("nothing is wrong")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("why #1", "#N is for prompts, which remember exchanges; at the shell, name a capture: --in FILE"),
        ("why '#x' --in {}", "expected the number of an exchange, such as #123, or a service"),
        ("why #1 get --in {}", "an exchange has no action to name beside it"),
        ("why #99 --in {}", "there is no exchange #99: the last one is #2"),
    ],
)
def test_mistakes_are_pointed_at(capture: Path, line: str, text: str) -> None:
    status, heard = shell(line.format(capture))
    assert status == Exit.USAGE
    assert heard.mistakes[0].message == text


def test_at_a_prompt() -> None:
    with prompting(failing().session) as prompt:
        assert prompt("why #1") == Exit.DONE
        assert prompt("why #2") == Exit.ERROR


def test_on_the_bus(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.action("get_user")
    def get_user() -> dict[str, object]:
        return {}

    def ask(line: str) -> tuple[int, Heard]:
        command, heard = parse(line), Heard()
        assert command is not None
        return run(command, Context(session, sender, heard, Face.SHELL, live=True)), heard

    with serving(app, redis_url, name), Session(redis_url) as session, Sender(session) as sender:
        assert session.wait_up(10)
        assert session.wait_for(lambda: bool(session.findings.world.instances.of(name)), 10)
        status, heard = ask(f"why {name} get_usr")
        assert (status, heard.lines[0]) == (Exit.DONE, f"{name} has no action 'get_usr', but 'get_user'")
        status, heard = ask(f"why {name} get_user")
        assert status == Exit.ERROR
        assert heard.lines[0].startswith(f"nothing speaks against it: 1 instance of {name} serves get_user")
        status, heard = ask(f"why {name}s get_user")
        assert status == Exit.DONE
        assert "nobody serves" in heard.lines[0]
