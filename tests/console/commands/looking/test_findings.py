"""findings and known: at the shell on the bus and on captures, and at a prompt."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus
from daebus.client.caller import DaebusCaller
from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.looking import finding
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import Command, parse
from daebus_console.commands.grammar.help import help_on
from daebus_console.commands.known_file import KnownFile
from daebus_console.commands.verbs import Face
from daebus_console.engine import dialects
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.findings.rules import RULES
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt, prompting
from tests.console.commands.support import Heard
from tests.console.engine.dialects.test_recognising import Rival
from tests.console.engine.findings.watched import Watched
from tests.support.framework_services import serving

NOWHERE = "redis://localhost:1/0"


def shell(line: str, url: str = NOWHERE, known: KnownFile | None = None) -> tuple[int, Heard]:
    """Carry out a command as the shell does; returns its exit status, and what it said."""
    command = parse(line)
    assert command is not None
    return carried_out(command, url, known)


def carried_out(
    command: Command, url: str = NOWHERE, known: KnownFile | None = None, stopped: Cancellation | None = None
) -> tuple[int, Heard]:
    """The same of one whose words were read."""
    heard, session = Heard(), Session(url)
    try:
        with Sender(session) as sender:
            context = Context(session, sender, heard, Face.SHELL, cancellation=stopped or Cancellation())
            return run(command, context if known is None else replace(context, known=known)), heard
    finally:
        session.stop()


def misspelled() -> Watched:
    """A bus on which one-way messages went to an action that is misspelled, and an error was swallowed."""
    bus = Watched()
    bus.info("mailer", "send_receipt")
    for _ in range(3):
        bus.send("mailer", "send_recipt")
    order = bus.ask("gateway", "buy")
    bus.fail(bus.ask("billing", "charge", of=order))
    bus.answer(order)
    bus.info("mailer", "send_receipt")
    return bus


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "shop.jsonl"
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for message in misspelled().session.journal.messages:
            writer.write(message.at, message.channel, message.data)
    return path


@pytest.fixture
def prompt() -> Prompt:
    bus = misspelled()
    bus.wait(1)
    bus.say("tick", {})
    with prompting(bus.session) as prompt:
        return prompt


def test_a_filter_that_the_shell_would_read_is_quoted_for_it(tmp_path: Path) -> None:
    bus = Watched()
    bus.info("mailer", "send receipt")
    for _ in range(3):
        bus.send("mailer", "send recipt")
    bus.info("mailer", "send receipt")
    path = tmp_path / "shop.jsonl"
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for message in bus.session.journal.messages:
            writer.write(message.at, message.channel, message.data)
    _status, heard = shell(f"findings {path}")
    assert heard.lines[-1].split("see", 1)[1].strip() == "'to:mailer action:\"send recipt\"'   #2, #3, #4"


def test_a_capture_is_looked_through(capture: Path) -> None:
    status, heard = shell(f"findings {capture} --json")
    assert status == Exit.DONE
    grave, mild = heard.records
    assert (grave["rule"], grave["severity"], grave["service"], grave["action"], grave["count"]) == (
        "unknown-action",
        "error",
        "mailer",
        "send_recipt",
        3,
    )
    assert grave["evidence"] == [2, 3, 4]
    assert grave["known"] is None
    assert mild["rule"] == "swallowed-error"
    assert heard.errors == []


def test_what_is_told_is_parted_between_words(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heard, "width", 60)
    status, heard = shell(f"findings {capture}")
    assert status == Exit.DONE
    long = [one for one in heard.lines if len(one) > 60 and not one.startswith("        see ")]
    assert long == []
    because = next(index for index, one in enumerate(heard.lines) if one.startswith("        because  "))
    assert heard.lines[because + 1].startswith((" " * 17, "        do"))


def test_of_a_long_capture_no_more_is_kept_than_has_room(
    tmp_path: Path, capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_MESSAGES", 50)
    sessions: list[OfflineSession] = []

    def kept(*given: Any) -> OfflineSession:
        sessions.append(OfflineSession(*given))
        return sessions[-1]

    monkeypatch.setattr(finding, "OfflineSession", kept)
    path = tmp_path / "long.jsonl"
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for number in range(500):
            writer.write(6.0 + number / 100, "news", b'{"number":%d}' % number)
    path.write_bytes(capture.read_bytes() + path.read_bytes())
    status, heard = shell(f"findings {path} --json")
    assert status == Exit.DONE
    assert [found["rule"] for found in heard.records] == ["unknown-action", "swallowed-error"]
    (session,) = sessions
    assert session.status.messages > 500
    assert session.journal.kept == 50


def test_for_a_person_each_says_what_why_and_what_to_do(capture: Path) -> None:
    status, heard = shell(f"findings {capture}")
    text = "\n".join(heard.lines)
    assert status == Exit.DONE
    assert "error   mailer has no action 'send_recipt', but 'send_receipt'" in text
    assert "3 times, " in text
    assert "because  its instance told which actions it has" in text
    assert "do       write 'send_receipt' where 'send_recipt' is sent" in text
    assert "see      to:mailer action:send_recipt   #2, #3, #4" in text


@pytest.mark.parametrize(("level", "status"), [("info", 1), ("warning", 1), ("error", 1)])
def test_a_ci_fails_on_what_is_as_grave(capture: Path, level: str, status: int) -> None:
    assert shell(f"findings {capture} --fail-on {level}")[0] == status


def test_and_not_on_what_is_milder(tmp_path: Path) -> None:
    path = tmp_path / "late.jsonl"
    bus = Watched()
    asked = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.answer(asked)
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for message in bus.session.journal.messages:
            writer.write(message.at, message.channel, message.data)
    assert shell(f"findings {path} --fail-on warning")[0] == Exit.ERROR
    assert shell(f"findings {path} --fail-on error")[0] == Exit.DONE


def test_mistakes_are_told(tmp_path: Path, capture: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text("no capture\n")
    assert shell(f"findings {broken}")[0] == Exit.USAGE
    assert shell(f"findings {tmp_path / 'none.jsonl'}")[0] == Exit.USAGE
    status, heard = shell(f"findings {capture} --fail-on fatal")
    assert status == Exit.USAGE
    assert heard.mistakes[0].message == "--fail-on is info, warning or error"
    assert shell("known five")[0] == Exit.USAGE


def test_an_empty_list_says_what_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    CaptureWriter(path, "redis://localhost/0", 5.0).close()
    status, heard = shell(f"findings {path} --fail-on info")
    assert status == Exit.DONE
    assert heard.notes == [f"nothing was found; {len(RULES)} things were looked for: help rules"]


def test_of_a_capture_that_was_not_read_to_its_end_it_is_not_said_that_nothing_was_found(
    capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is interrupted before anything is read.
    monkeypatch.setattr(OfflineSession, "start", lambda _self: None)
    stopped = Cancellation()
    stopped.cancel()
    command = parse(f"findings {capture} --fail-on info")
    assert command is not None
    status, heard = carried_out(command, stopped=stopped)
    assert status == Exit.INTERRUPTED
    assert heard.notes == [f"interrupted: only the beginning of {capture} was looked through"]


def test_what_is_known_is_hidden_and_fails_nothing(tmp_path: Path, capture: Path) -> None:
    file = tmp_path / "state" / "known.json"
    _status, heard = shell(f"findings {capture} --json")
    for one in heard.records:
        status, marked = shell(f"known {one['id']} 'sees to it: Ann'", known=KnownFile(file))
        assert (status, len(marked.notes)) == (Exit.DONE, 1)
        assert marked.notes[0].startswith(f"{one['id']} is hidden whatever comes: it was not found here")
    assert file.stat().st_mode & 0o777 == 0o600
    status, heard = shell(f"findings {capture} --fail-on info", known=KnownFile(file))
    assert status == Exit.DONE
    assert heard.lines == []
    assert "2 more are known; --all lists them" in heard.notes
    _status, heard = shell(f"findings {capture} --all --json", known=KnownFile(file))
    assert [one["known"] for one in heard.records] == ["sees to it: Ann"] * 2
    first = heard.records[0]["id"]
    status, marked = shell(f"known {first} --forget", known=KnownFile(file))
    assert (status, marked.notes) == (Exit.DONE, [f"{first} is shown again"])
    assert shell(f"known {first} --forget", known=KnownFile(file))[0] == Exit.ERROR
    assert shell(f"findings {capture} --fail-on error", known=KnownFile(file))[0] == Exit.ERROR
    _status, heard = shell("known", known=KnownFile(file))
    assert len(heard.lines) == 1
    # What it is nobody knew when it was marked, nor how grave.
    assert re.fullmatch("[0-9a-f]{8}  whatever comes .*", heard.lines[0])
    assert heard.lines[0].endswith("sees to it: Ann")


def test_at_a_prompt_what_was_found_since_the_start(prompt: Prompt) -> None:
    assert prompt("findings --json") == Exit.DONE
    assert [one["rule"] for one in prompt.heard.records] == ["unknown-action", "swallowed-error"]
    finding = prompt.heard.records[1]["id"]
    prompt(f"known {finding} on purpose")
    assert prompt.context.known.known.marks[finding].count == 1
    hidden = f"{finding} (swallowed-error gateway buy) is hidden until it is seen more than once, or is graver"
    assert hidden in prompt.heard.notes
    prompt("known")
    assert "up to once" in prompt.heard.lines[-1]
    prompt("findings")
    assert "1 more is known; --all lists them" in prompt.heard.notes


def test_a_dialect_that_raises_is_told_of() -> None:
    bus = Watched()
    bus.session.correlator.recogniser = Recogniser([*dialects.chosen(()), Rival()])
    bus.say("raise", {"pattern": "raise"})
    with prompting(bus.session) as prompt:
        assert prompt("findings") == Exit.DONE
    assert "rival: RuntimeError: no" in prompt.heard.errors[0]


def test_two_consoles_keep_the_marks_of_each_other(tmp_path: Path) -> None:
    one, other = KnownFile(tmp_path / "known.json"), KnownFile(tmp_path / "known.json")
    assert one.known.marks == other.known.marks == {}
    shell("known 00000001 first", known=one)
    shell("known 00000002 second", known=other)
    assert {mark.note for mark in KnownFile(tmp_path / "known.json").known.marks.values()} == {"first", "second"}


@pytest.mark.parametrize("text", ["{", '{"known": 7}', '{"known": {"00000001": []}}', "[" * 100_000])
def test_a_file_that_cannot_be_read_is_told_of_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(text)
    file = KnownFile(path)
    assert file.known.marks == {}
    status, heard = shell("known 00000001 note", known=file)
    assert set(file.known.marks) == {"00000001"}
    if file.problem is None:
        assert (status, set(json.loads(path.read_text())["known"])) == (Exit.DONE, {"00000001"})
        return
    assert (status, path.read_text()) == (Exit.USAGE, text)
    assert "left as it is" in heard.errors[0]
    assert not [note for note in heard.notes if "is hidden" in note]


@pytest.mark.parametrize("line", ["known", "known 00000001 note", "known 00000001 --forget"])
@pytest.mark.parametrize("broken", ["unreadable", "unwritable"])
def test_at_the_shell_what_cannot_be_kept_or_read_is_not_done(tmp_path: Path, line: str, broken: str) -> None:
    (tmp_path / "state").write_text("a file where a folder is wanted")
    path = tmp_path / "state" / "known.json"
    if broken == "unwritable":
        path = tmp_path / "known.json" / "state" / "known.json"
        path.parent.parent.symlink_to(tmp_path / "nowhere" / "at" / "all")
    status, heard = shell(line, known=KnownFile(path))
    if broken == "unwritable" and "note" not in line:
        # Nothing is there, which is no trouble.
        assert status == (Exit.ERROR if "--forget" in line else Exit.DONE)
        return
    assert status == Exit.USAGE
    assert heard.errors[0].startswith("What is known cannot be")
    assert heard.notes == []


def test_at_a_prompt_what_cannot_be_kept_counts_until_the_console_ends(prompt: Prompt, tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text("{")
    prompt.context = replace(prompt.context, known=KnownFile(path))
    assert prompt("known 00000001 on purpose") == Exit.DONE
    assert prompt.heard.notes[-2].startswith("00000001 is hidden")
    assert prompt.heard.notes[-1].endswith("; it counts until this console ends")


def test_a_live_bus_is_looked_at(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.action("send_receipt")
    def send_receipt() -> None:
        pass

    command = parse("findings --for 1500ms --json --fail-on error")
    assert command is not None
    with (
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
        Session(redis_url) as session,
        Sender(session) as sender,
    ):
        assert session.wait_up(10)
        assert session.wait_for(lambda: bool(session.findings.world.instances.of(name)), 10)
        caller.send_message("send_recipt")
        heard = Heard()
        assert run(command, Context(session, sender, heard, Face.SHELL, live=True)) == Exit.ERROR
    (found,) = [one for one in heard.records if one["service"] == name]
    assert (found["rule"], found["count"]) == ("unknown-action", 1)


def test_help_tells_what_is_looked_for_and_of_each_rule() -> None:
    rules = help_on("rules", Face.SHELL)
    for name, rule in RULES.items():
        assert any(name in line and rule.title in line for line in rules)
        page = help_on(name, Face.PROMPT)
        assert page[0].startswith(f"{name}: {rule.title}")
        assert max(map(len, page[1:])) <= 78
