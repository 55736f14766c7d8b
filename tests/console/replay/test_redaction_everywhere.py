"""--redact, wherever a secret may turn up again: what is said of jobs, of errors and of differences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from daebus import Daebus
from daebus_console.commands.context import Context
from daebus_console.commands.doing.runner import run
from daebus_console.commands.doing.shared.differing import change_lines
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.diff.exchange import diff_exchanges
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.export import FORMATS, ExportOptions, export
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.replay.redact import of_exchanges
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.render import to_text
from tests.console.cli.conftest import Console
from tests.console.commands.support import Heard
from tests.console.engine.bus import Bus, answer, request
from tests.support.waiting import eventually

REDACT = Redactor(["password"])
SECRETS: list[Any] = [
    {"password ": "s3cret"},
    {"pairs": [["password", "s3cret"]]},
    {"name": "password", "value": "s3cret"},
    {"error": "refused: password=s3cret", "traceback": "  login('joe', password='s3cret')\nValueError"},
    ["user", "joe", "password", "s3cret"],
]


@pytest.fixture
def failing(redis_url: str, name: str) -> Iterator[str]:
    """A service whose errors tell too much."""
    app = Daebus(name)

    @app.action("fail")
    def fail() -> None:
        raise ValueError("cannot log in with password=s3cret")

    app.start(service=name, redis_url=redis_url)
    yield name
    app.stop(grace=5)


@pytest.mark.parametrize("ending", [" &", ""])
def test_nothing_that_is_said_of_a_command_tells_it(redis_url: str, failing: str, ending: str) -> None:
    with Session(redis_url) as session, Sender(session) as sender:
        assert session.wait_up(5)
        heard = Heard()
        context = Context(session, sender, heard, Face.PROMPT, live=True, redact=REDACT)
        command = parse(f"request {failing} fail password=s3cret{ending}")
        assert command is not None
        run(command, context)
        eventually(lambda: heard.errors and not context.jobs, what="it has come to its end")
        jobs = [note for note in heard.notes if "failed" in note or "answered" in note or "done" in note]
        assert bool(jobs) == bool(ending)
    assert "s3cret" not in " ".join([*heard.notes, *heard.errors, *heard.lines, *heard.steps])
    assert "password=***" in " ".join([*heard.notes, *heard.errors])


def test_the_shell_does_not_tell_it_either(redis_url: str, failing: str) -> None:
    console = Console(redis_url)
    for arguments in (
        ["request", failing, "fail", "password=s3cret"],
        ["request", failing, "fail", "password=s3cret", "oops"],
        ["request", failing, "fail", "password=s3cret", "--bogus"],
        ["request", failing, "fail", "password=s3cret", "--times", "2"],
    ):
        done = console("--redact", "password", *arguments)
        assert done.status in (1, 2)
        assert "s3cret" not in done.out + done.err
        assert "***" in done.err


@pytest.mark.parametrize("secret", SECRETS)
def test_a_difference_in_a_secret_is_told_without_it(secret: Any) -> None:
    bus = Bus()
    pair = []
    for number, said in enumerate(("s3cret-1", "s3cret-2")):
        payload = json.loads(json.dumps({"p": secret}).replace("s3cret", said))
        bus >> request("users", "get", id=str(number), payload=payload)
        pair.append(bus >> answer("caller:1", id=str(number), payload=payload))
    found = diff_exchanges(*pair, Rules())
    assert found
    text = "\n".join(map(to_text, change_lines(found.changes, of_exchanges(REDACT, *pair))))
    assert "s3cret" not in text
    assert "***" in text


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("secret", SECRETS)
def test_no_export_tells_it(name: str, secret: Any) -> None:
    bus = Bus()
    bus >> request("users", "get", id="1", payload={"p": secret})
    bus >> answer("caller:1", id="1", payload={"p": secret})
    assert "s3cret" not in export(name, bus.journal.exchanges, ExportOptions(redact=REDACT))


def test_junit_does_not_tell_it(redis_url: str, name: str, tmp_path: Path) -> None:
    app = Daebus(name)

    @app.action("pairs")
    def pairs() -> Any:
        return {"pairs": [["password", "s3cret-now"]], "n": 1}

    app.start(service=name, redis_url=redis_url)
    bus = Bus()
    bus >> request(name, "pairs", id="1")
    bus >> answer("caller:1", id="1", payload={"pairs": [["password", "s3cret-then"]], "n": 1})
    capture, junit = tmp_path / "a.jsonl", tmp_path / "junit.xml"
    capture.write_text(export("capture", bus.journal.exchanges))
    done = Console(redis_url)("--redact", "password", "replay", str(capture), "--asap", "--junit", str(junit))
    app.stop(grace=5)
    assert done.status == 1, done.err
    assert ElementTree.parse(junit).find(".//failure") is not None
    assert "s3cret" not in done.out + done.err + junit.read_text()
