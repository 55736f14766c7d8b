"""What prompts have beside the shell: values by name, scripts, work left to itself, repetition, and questions."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, request
from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Exit
from daebus_console.commands.doing.shared.guard import host_of, is_this_machine
from daebus_console.commands.grammar.secrets import names_secret
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Flag
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt, prompting
from tests.support.waiting import eventually


@pytest.fixture
def session(redis_url: str) -> Iterator[Session]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        yield session


@pytest.fixture
def prompt(session: Session) -> Iterator[Prompt]:
    with prompting(session) as prompt:
        yield prompt


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def service(redis_url: str, name: str, gate: threading.Event) -> Iterator[str]:
    app = Daebus(name)

    @app.action("echo")
    def echo() -> Any:
        return request.payload

    @app.action("fail")
    def fail() -> Any:
        raise ValueError("it broke")

    @app.action("wait")
    def wait() -> Any:
        gate.wait(30)
        return request.payload

    app.start(service=name, redis_url=redis_url)
    yield name
    gate.set()
    app.stop(grace=5)


# Values by name ------------------------------------------------------------------------------------------------


def test_a_value_by_name_is_text_json_or_a_part_of_what_came(prompt: Prompt, service: str) -> None:
    for line in ("set id 17", 'set zip "01234"', "set who Ann", 'set all {"a": [1, 2]}', "set second $all.a[1]"):
        assert prompt(line) == Exit.DONE
    prompt(f"request {service} echo id:=$id zip:=$zip who:=$who two:=$second n:=$all.a --json")
    assert prompt.heard.records == [{"id": 17, "zip": "01234", "who": "Ann", "two": 2, "n": [1, 2]}]
    prompt("set again $last.zip")
    assert prompt.context.variables["again"] == "01234"


def test_set_shows_what_is_set(prompt: Prompt) -> None:
    assert prompt("set") == Exit.DONE
    assert "nothing is set yet" in prompt.heard.notes[0]
    prompt("set id 17")
    prompt('set name "Ann Lee"')
    prompt.heard.lines.clear()
    prompt("set")
    assert [line.split(maxsplit=1) for line in prompt.heard.lines] == [["$id", "17"], ["$name", '"Ann Lee"']]
    prompt.heard.lines.clear()
    prompt("set name")
    assert prompt.heard.lines == ['"Ann Lee"']
    assert prompt("set nme") == Exit.USAGE
    assert "there is $name" in prompt.heard.errors[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set x $nothing", "nothing is called $nothing"),
        ("set x #999999", "there is no exchange"),
        ("set x @/nowhere/at/all", "cannot read"),
    ],
)
def test_a_value_that_cannot_be_had_is_a_mistake_with_a_place(prompt: Prompt, line: str, message: str) -> None:
    assert prompt(line) == Exit.USAGE
    (error,) = prompt.heard.mistakes
    assert message in error.message
    assert line[error.position : error.position + error.length] == line.split()[2]


def test_values_of_redacted_keys_are_not_shown(session: Session) -> None:
    with prompting(session, redact=Redactor(["token"])) as prompt:
        prompt("set token abc")
        prompt('set user {"token": "abc"}')
        prompt("set")
        prompt("set user")
        assert "abc" not in "\n".join(prompt.heard.lines)
        assert prompt.context.variables["token"] == "abc"


# Scripts -------------------------------------------------------------------------------------------------------


def test_a_script_stops_at_the_first_that_fails(prompt: Prompt, service: str, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text(
        f'# a comment\nset id 5\n\nrequest {service} echo {{\n  "id": 7}} --json\n'
        f"request {service} fail\nrequest {service} echo never=1 --json\n"
    )
    assert prompt(f"source {script}") == Exit.ERROR
    assert prompt.heard.records == [{"id": 7}]
    assert prompt.heard.notes[-1] == f"stopped in line 6 of {script}"
    assert prompt.context.variables["id"] == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"set a 1\nset b \xff\n", "line 2 of"),
        (b"set a 1\nrequest users 'x\nset b 2\n", "never closed"),
        (b"nonsense\n", "there is no verb"),
        (b'request users get {"a":\n1\n', "} is missing"),
    ],
)
def test_a_script_that_is_none_is_refused(prompt: Prompt, tmp_path: Path, content: bytes, message: str) -> None:
    script = tmp_path / "script.txt"
    script.write_bytes(content)
    assert prompt(f"source {script}") == Exit.USAGE
    assert message in prompt.heard.mistakes[0].message


def test_a_script_that_sources_itself_ends(prompt: Prompt, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text(f"source {script}\n")
    assert prompt(f"source {script}") == Exit.USAGE
    assert "source itself" in prompt.heard.mistakes[0].message
    assert prompt("source /nowhere/at/all") == Exit.USAGE
    assert "No such file" in prompt.heard.mistakes[1].message


def test_the_history_saved_is_a_script(session: Session, tmp_path: Path) -> None:
    with prompting(session, redact=Redactor(["token"])) as prompt:
        for line in ("set a 1", 'set all {"x":\n 1}', "set token abc"):
            prompt(line)
        path = tmp_path / "saved.txt"
        assert prompt(f"save-history {path}") == Exit.DONE
        assert path.read_text() == 'set a 1\nset all {"x":\n 1}\n'
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert prompt(f"save-history {path}") == Exit.USAGE
        assert "--force" in prompt.heard.mistakes[0].message
        assert prompt(f"save-history {path} --force") == Exit.DONE
        prompt.context.variables.clear()
        path.write_text('set a 1\nset all {"x":\n 1}\n')
        assert prompt(f"source {path}") == Exit.DONE
        assert prompt.context.variables == {"a": 1, "all": {"x": 1}}


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("request a b token=x", True),
        ("request a b TOKEN=x", True),
        ("request a b user.token:=1", True),
        ('request a b {"user": {"token": 1}}', True),
        ('request a b note={"token":1}', True),
        ("set token x", True),
        ("filter payload.token:x", True),
        ("request a b token='x", True),
        ("set a 1\nset token 2", True),
        ("request token b name=x", False),
        ("request a b tokens=x", False),
        ("set a token", False),
        ("help request", False),
    ],
)
def test_what_is_secret_in_a_line(line: str, secret: bool) -> None:
    assert names_secret(line, Redactor(["token"])) is secret
    assert not names_secret(line, Redactor(()))


# Left to itself ------------------------------------------------------------------------------------------------


def test_what_is_left_to_itself_is_told_of_when_it_ends(prompt: Prompt, service: str, gate: threading.Event) -> None:
    assert prompt(f"request {service} wait n:=1 --timeout 30 &") == Exit.DONE
    assert prompt(f"request {service} wait n:=2 --timeout 30 --json &") == Exit.DONE
    assert [job.line for job in prompt.context.jobs.running()] == [
        f"request {service} wait n:=1 --timeout 30",
        f"request {service} wait n:=2 --timeout 30 --json",
    ]
    assert prompt("jobs") == Exit.DONE
    assert "wait n:=2" in prompt.heard.lines[-1]
    gate.set()
    eventually(lambda: not prompt.context.jobs)
    assert {note[:8] for note in prompt.heard.notes if "done" in note} == {"[1] done", "[2] done"}
    assert {"n": 2} in prompt.heard.records


def test_a_payload_is_what_it_was_when_the_command_was_entered(
    prompt: Prompt, service: str, gate: threading.Event
) -> None:
    prompt("set id 1")
    prompt(f"request {service} wait id:=$id --timeout 30 --json &")
    prompt("set id 2")
    gate.set()
    eventually(lambda: prompt.heard.records == [{"id": 1}])


def test_jobs_can_be_stopped(prompt: Prompt, service: str) -> None:
    for _time in range(2):
        prompt(f"request {service} wait --timeout 30 &")
    assert prompt("cancel 1") == Exit.DONE
    eventually(lambda: [job.number for job in prompt.context.jobs.running()] == [2])
    assert any(note.startswith("[1] stopped") for note in prompt.heard.notes)
    assert any("may still be handled" in note for note in prompt.heard.notes)
    assert prompt("cancel 7") == Exit.USAGE
    prompt("cancel")
    eventually(lambda: not prompt.context.jobs)
    assert prompt("cancel") == Exit.DONE
    assert prompt("jobs") == Exit.DONE
    assert prompt.heard.notes[-1] == "nothing is under way"


def test_a_mistake_in_what_is_left_to_itself_is_told_at_once(prompt: Prompt) -> None:
    assert prompt("request nobody echo id:=$nothing &") == Exit.USAGE
    assert "nothing is called" in prompt.heard.mistakes[0].message
    assert not prompt.context.jobs


# More than once ------------------------------------------------------------------------------------------------


def test_many_at_once_are_all_awaited(prompt: Prompt, service: str) -> None:
    assert prompt(f"request {service} echo a=b --times 20 --json") == Exit.DONE
    assert prompt.heard.records == [{"a": "b"}] * 20
    assert prompt.heard.notes[-1].startswith("20 sent: 20 answered, 0 errors, 0 timed out")
    assert prompt.context.variables["last"] == {"a": "b"}


def test_many_at_once_are_under_way_together(prompt: Prompt, service: str, gate: threading.Event) -> None:
    timer = threading.Timer(0.5, gate.set)
    timer.start()
    # One after the other they would take longer than each may.
    assert prompt(f"request {service} wait --times 4 --timeout 20 --json") == Exit.DONE
    timer.join()
    assert len(prompt.heard.records) == 4


def test_errors_and_timeouts_are_counted(prompt: Prompt, service: str) -> None:
    assert prompt(f"request {service} fail --times 3") == Exit.ERROR
    assert prompt.heard.notes[-1].startswith("3 sent: 0 answered, 3 errors")
    assert len([error for error in prompt.heard.errors if "it broke" in error]) == 3
    assert prompt(f"request {service} wait --times 2 --timeout 200ms") == Exit.TIMEOUT


def test_what_goes_on_for_ever_is_stopped(prompt: Prompt, service: str) -> None:
    cancellation = Cancellation()
    prompt.context = replace(prompt.context, cancellation=cancellation)
    seen: list[int] = []

    def stop() -> None:
        eventually(lambda: len(prompt.heard.records) >= 3)
        seen.append(len(prompt.heard.records))
        cancellation.cancel()

    thread = threading.Thread(target=stop)
    thread.start()
    assert prompt(f"request {service} echo --every 10ms --json") == Exit.INTERRUPTED
    thread.join()
    assert seen
    assert "answered" in prompt.heard.notes[-1]


def test_messages_are_published_as_often_as_told(prompt: Prompt, session: Session, name: str) -> None:
    assert prompt(f"broadcast {name} a:=1 --times 5") == Exit.DONE
    assert prompt.heard.lines == [f"published on {name} 5 times, 0 subscribers"]

    def seen() -> int:
        with session.lock:
            return sum(one.target == name and one.has(Flag.OURS) for one in session.journal.exchanges)

    eventually(lambda: seen() == 5)


# Questions -----------------------------------------------------------------------------------------------------


def test_it_is_asked_before_something_goes_to_nobody(session: Session, name: str, service: str) -> None:
    eventually(lambda: service in session.directory.services)
    with prompting(session, "n", "y") as prompt:
        assert prompt(f"request {service}x echo") == Exit.NOBODY
        assert f"did you mean {service}?" in prompt.asked.questions[0]
        assert "nothing was sent" in prompt.heard.errors[0]
        assert prompt(f"send {service}x echo") == Exit.NOBODY
        eventually(lambda: _sent_to(session, f"{service}x") == 1)
        assert prompt(f"request {service} echo") == Exit.DONE
        assert len(prompt.asked.questions) == 2


def _sent_to(session: Session, channel: str) -> int:
    with session.lock:
        return sum(one.target == channel for one in session.journal.exchanges)


def test_a_service_that_has_just_come_is_no_stranger(session: Session, redis_url: str, name: str) -> None:
    with prompting(session) as prompt:
        app = Daebus(name)
        app.action("ping")(lambda: {"ok": True})
        app.start(service=name, redis_url=redis_url)
        try:
            with session.lock:
                session.directory.services.pop(name, None)
            assert prompt(f"request {name} ping") == Exit.DONE
            assert not prompt.asked.questions
        finally:
            app.stop()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("", True),
        ("shop.localhost", True),
        ("staging", False),
        ("10.0.0.5", False),
        ("redis.example.com", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, local: bool) -> None:
    assert is_this_machine(host) is local


def test_the_host_of_a_url() -> None:
    assert host_of("redis://user:secret@staging:6380/1") == "staging"
    assert host_of("unix:///run/redis.sock") == ""
    assert host_of("redis://") == "localhost"
    assert host_of("rediss://[fe80::1]:6379") == "fe80::1"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's address counts as another's."""
    monkeypatch.setattr("daebus_console.commands.doing.shared.guard.is_this_machine", lambda _host: False)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("ending", ["--times 3", "--every 1ms --times 2"])
def test_many_messages_to_another_machine_are_confirmed_by_its_name(
    session: Session, service: str, ending: str
) -> None:
    host = host_of(session.address.url)
    with prompting(session, "y", host) as prompt:
        assert prompt(f"request {service} echo {ending} --json") == Exit.USAGE
        assert f"type {host}" in prompt.asked.questions[0]
        assert "nothing was sent" in prompt.heard.notes[-1]
        assert not prompt.heard.records
        assert prompt(f"request {service} echo {ending} --json") == Exit.DONE
        assert prompt(f"bench {service} echo -n 2 --json") == Exit.USAGE
    with prompting(session) as prompt:
        assert prompt(f"request {service} echo") == Exit.DONE
        assert not prompt.asked.questions
    with prompting(session, confirm_remote=False) as prompt:
        assert prompt(f"request {service} echo {ending}") == Exit.DONE


def test_read_only_refuses_before_anything_is_asked(session: Session) -> None:
    with prompting(session, read_only=True) as prompt:
        for line in ("request a b", "send a b &", "broadcast a --times 3", "bench a b"):
            assert prompt(line) == Exit.USAGE
        assert len(prompt.heard.errors) == 4
        assert not prompt.asked.questions
        assert prompt("set a 1") == Exit.DONE


def test_json_stays_json(prompt: Prompt, service: str) -> None:
    prompt(f"request {service} echo --json")
    assert json.dumps(prompt.heard.records) == "[{}]"
