"""logs and running: of real services, at the shell and at a prompt, and of a capture."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from daebus import Daebus, DaebusError, logger
from daebus.client.caller import DaebusCaller
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.records.record import Handled
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.console.commands.prompt import prompting
from tests.console.commands.remembered import Passed, remembered
from tests.console.commands.support import Heard
from tests.console.engine.bus import raw, request
from tests.console.engine.records.told import batch, handled, record
from tests.support.framework_services import serving
from tests.support.waiting import eventually

NO_RECORDS = (
    "this capture holds no records of services; `record` takes them along, unless it is --passive or its filter lets"
    " none through"
)


def shell(url: str, line: str, *, read_only: bool = False) -> tuple[int, Heard]:
    heard, command, session = Heard(), parse(line), Session(url)
    assert command is not None
    try:
        with Sender(session, read_only=read_only) as sender:
            return run(command, Context(session, sender, heard, Face.SHELL)), heard
    finally:
        session.stop()


@pytest.fixture
def stuck(redis_url: str, name: str) -> Iterator[DaebusCaller]:
    """A service with one worker, which holds it while it calls itself, and another that fails."""
    app = Daebus(name, max_workers=1)

    @app.action("audit")
    def audit() -> dict[str, object]:
        with DaebusCaller(name, redis_url=redis_url) as caller:
            caller.send_request("check", {}, timeout=30)
        return {}

    @app.action("check")
    def check() -> dict[str, object]:
        logger.warning("nothing left of %s", "tea")
        raise ValueError("no stock")

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        yield caller
        # What still waits is let go with the service.


def test_a_service_that_waits_for_itself_is_named(redis_url: str, name: str, stuck: DaebusCaller) -> None:
    with DaebusCaller(name, redis_url=redis_url) as caller:

        def ask() -> None:
            with suppress(DaebusError):
                caller.send_request("audit", {}, timeout=1.5)

        asking = threading.Thread(target=ask)
        asking.start()

        def circle() -> bool:
            status, heard = shell(redis_url, f"running {name} --json", read_only=True)
            found = [one for one in heard.records if "circle" in one]
            return status == Exit.ERROR and bool(found) and found[0]["circle"] == [name]

        eventually(circle, within=20, what="the circle is named")
        status, heard = shell(redis_url, f"running {name}")
        assert status == Exit.ERROR
        said = "\n".join(heard.lines)
        assert f"a circle: {name} waits for its own workers" in said
        assert f"waits for {name} check" in said
        assert "test_telling.py:" in said
        asking.join()


def test_what_was_logged_and_where_it_failed(
    redis_url: str, name: str, stuck: DaebusCaller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(Exception, match="no stock"):
        stuck.send_request("check", {})
    status, heard = shell(redis_url, f"logs {name} --json", read_only=True)
    assert status == Exit.DONE
    found = {one["level"]: one for one in heard.records}
    assert found["WARNING"]["text"] == "nothing left of tea"
    assert "ValueError: no stock" in found["FAILED"]["text"]
    assert "raise ValueError" in found["FAILED"]["traceback"]
    status, heard = shell(redis_url, f"logs {name} level:error")
    assert [line for line in heard.lines if "tea" in line] == []
    assert "handler_error" in heard.lines[-1]
    status, heard = shell(redis_url, f"logs {name} TEA")
    assert len(heard.lines) == 1
    assert shell(redis_url, f"logs {name} nothing-like-it")[1].notes == ["none of 3 lines match"]


@pytest.fixture
def talkative(redis_url: str, name: str, caplog: pytest.LogCaptureFixture) -> Iterator[DaebusCaller]:
    """A service that has failed, and has since logged far more than one answer holds."""
    caplog.set_level(logging.INFO)
    app = Daebus(name)

    @app.action("talk")
    def talk() -> dict[str, object]:
        logger.error("the disk is full")
        for number in range(1_500):
            logger.info("line %s %s", number, "x" * 300)
        return {}

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        caller.send_request("talk", {}, timeout=30)
        yield caller


def test_what_was_logged_before_much_else_is_asked_for(
    redis_url: str, name: str, talkative: DaebusCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What nobody asked for has no more room than this.
    monkeypatch.setattr("daebus_console.engine.telling._LEAST_ROOM", 100_000)
    status, heard = shell(redis_url, f"logs {name} level:error --json", read_only=True)
    assert (status, [one["text"] for one in heard.records], heard.notes) == (Exit.DONE, ["the disk is full"], [])
    _status, heard = shell(redis_url, f"logs {name} --json")
    lines = [one["text"].split()[1] for one in heard.records if one["text"].startswith("line ")]
    assert lines == [str(number) for number in range(1_500)]


def test_what_was_not_asked_for_is_said(
    redis_url: str, name: str, talkative: DaebusCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus_console.commands.doing.shared.asking.MOST_MORE", 1)
    status, heard = shell(redis_url, f"logs {name} line")
    assert status == Exit.DONE
    assert heard.lines[-1].split()[6] == "1499"
    assert heard.notes == [f"more is recorded than was told: older records of {name} are missing here"]


def test_what_there_is_no_room_for_is_said(
    redis_url: str, name: str, talkative: DaebusCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus_console.engine.telling.ROOM", 100_000)
    _status, heard = shell(redis_url, f"logs {name}")
    assert len(heard.lines) < 200
    assert heard.notes == ["more was told than there is room for here: some records are missing"]


@pytest.mark.parametrize("verb", ["logs", "running"])
def test_who_is_not_there_cannot_tell(redis_url: str, name: str, verb: str) -> None:
    assert shell(redis_url, f"{verb} {name}")[0] == Exit.NOBODY


def test_running_names_who_is_not_there_beside_those_that_tell(redis_url: str, name: str) -> None:
    with serving(Daebus(name), redis_url, name):
        status, heard = shell(redis_url, f"running {name} {name}_gone --json")
    assert (status, heard.errors) == (Exit.NOBODY, [f"no service '{name}_gone' is there"])
    assert [one["service"] for one in heard.records] == [name]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("logs #99", "there is no exchange #99"),
        ("logs users level:loud", "there is no level loud"),
        ("logs users level:erorr", "there is no level erorr"),
    ],
)
def test_what_makes_no_sense_is_told(line: str, said: str) -> None:
    with remembered() as passed:
        passed.session.recorded = True  # type: ignore[misc]  # nobody is asked
        assert passed(line) == Exit.USAGE
        assert said in passed.prompt.heard.mistakes[0].message


def told(passed: Passed) -> None:
    passed >> request("users", "get", id="a", service="web")
    records = (
        record(1, "logged", passed.now, id="a", level="INFO", logger="shop", text="looking\nfor \x1b[31mann"),
        handled(
            2, "a", "get", passed.now, outcome="handler_error", type="KeyError", error="'ann'", traceback="a.py\nb.py"
        ),
    )
    passed.session.telling.watched([passed >> batch("users", *records)], 0.0)


def test_the_log_of_one_exchange_and_of_a_capture(tmp_path: Path) -> None:
    with remembered() as passed:
        passed.session.recorded = True  # type: ignore[misc]  # nobody is asked
        told(passed)
        assert passed("logs #1") == Exit.DONE
        first, second, third, *trace = passed.said.splitlines()
        assert "INFO" in first
        assert first.endswith("shop: looking")
        assert second.strip().startswith("for ")
        assert "\x1b" not in passed.said
        assert "get: handler_error (waited 2 ms, took 10 ms): KeyError: 'ann'" in third
        assert [line.strip() for line in trace] == ["a.py", "b.py"]
        assert passed("logs #1 --json") == Exit.DONE
        assert [one["exchange"] for one in passed.records] == [1, 1]
        file = tmp_path / "told.jsonl"
        lines = [json.dumps({"daebus_capture": 1, "redis": "redis://x", "started": passed.now})]
        with passed.session.lock:
            lines += [
                json.dumps({"at": one.at, "channel": one.channel, "data": one.data.decode()})
                for one in passed.session.journal.messages
            ]
        file.write_text("\n".join(lines) + "\n")
        assert passed(f"logs #1 --in {file} --json") == Exit.DONE
        assert [one["level"] for one in passed.records] == ["INFO", "FAILED"]
        assert passed(f"logs users --in {file}") == Exit.DONE
        assert "#1" in passed.said
        assert passed(f"running --in {file}") == Exit.NOBODY


def test_what_was_told_until_looking_on_is_interrupted(redis_url: str, name: str, stuck: DaebusCaller) -> None:
    with Session(redis_url) as session, prompting(session) as prompt:
        assert session.wait_up(5)
        session.pulls = True
        with pytest.raises(DaebusError, match="no stock"):
            stuck.send_request("check", {})

        def told() -> bool:
            with session.lock:
                failed = any(one.failed for one in session.telling.records if isinstance(one, Handled))
                return failed and bool(session.directory.services[name].instances)

        eventually(told, within=30, what="it is told")
        prompt.context.cancellation.cancel()
        assert prompt(f"logs {name} level:error --for 60 --json") == Exit.INTERRUPTED
        assert "FAILED" in {one["level"] for one in prompt.heard.records}
        assert prompt(f"logs {name} --for 60") == Exit.INTERRUPTED
        assert any("nothing left of tea" in line for line in prompt.heard.lines)
        assert prompt(f"why {name} check --for 60") == Exit.INTERRUPTED
        assert "no stock" in "".join(prompt.heard.lines)
        prompt.heard.records.clear()
        assert prompt(f"services {name} --for 60 --json") == Exit.INTERRUPTED
        assert [one["service"] for one in prompt.heard.records] == [name]
        assert (prompt.heard.errors, prompt.heard.mistakes) == ([], [])


@pytest.mark.parametrize("passive", [False, True])
def test_a_recording_at_the_shell_has_what_services_tell_unless_it_is_passive(
    redis_url: str, name: str, tmp_path: Path, passive: bool
) -> None:
    app = Daebus(name)

    @app.action("buy")
    def buy() -> dict[str, object]:
        logger.warning("nothing left of tea")
        raise ValueError("no stock")

    file = tmp_path / "shop.jsonl"
    heard, command = Heard(), parse(f"record {file}")
    assert command is not None
    session = Session(redis_url, Settings(passive=passive))
    with (
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
        Sender(session, read_only=passive) as sender,
    ):
        context = Context(session, sender, heard, Face.SHELL)
        recording = threading.Thread(target=run, args=(command, context))
        recording.start()

        def passed() -> bool:
            with suppress(DaebusError):
                caller.send_request("buy", {}, timeout=5)
            with session.lock:
                told = {one.service for one in session.telling.records.sources.values()}
                seen = any(one.target == name for one in session.journal.exchanges)
            return name in told or (passive and seen)

        try:
            eventually(passed, within=30, what="it passed")
        finally:
            context.cancellation.cancel()
            recording.join(30)
            session.stop()
    status, heard = shell("redis://localhost:1/0", f"logs {name} --in {file} --json")
    if passive:
        assert (status, heard.records, heard.notes) == (Exit.NOBODY, [], [NO_RECORDS])
        assert shell("redis://localhost:1/0", f"logs --in {file}")[1].notes == [NO_RECORDS]
        assert shell("redis://localhost:1/0", f"logs #1 --in {file}")[1].notes == [NO_RECORDS]
    else:
        assert status == Exit.DONE
        assert {one["text"] for one in heard.records} >= {"nothing left of tea"}
        status, heard = shell("redis://localhost:1/0", f"logs other --in {file}")
        assert (status, heard.notes) == (Exit.NOBODY, ["this capture holds no records of 'other'"])


def test_a_capture_without_the_records_does_not_say_that_nothing_ended(tmp_path: Path) -> None:
    """A filter may let through that a service was asked for its records, and that it had none yet."""
    with remembered() as passed:
        passed.session.recorded = True  # type: ignore[misc]  # nobody is asked
        passed >> request("users", "get", id="a", service="web")
        passed.session.telling.watched([passed >> batch("users")], 0.0)
        assert passed.session.telling.records.sources
        for line in ("logs", "logs users", "logs #1"):
            assert passed(line) == Exit.NOBODY
            assert passed.notes[-1] == NO_RECORDS


def test_what_services_did_not_pass_on_is_said() -> None:
    with remembered() as passed:
        passed.session.recorded = True  # type: ignore[misc]  # nobody is asked
        told(passed)
        passed >> request("users", "get", id="b", service="web")
        more = batch("users", handled(9, "z", "get", passed.now), left_out=903, lost=4)
        passed.session.telling.watched([passed >> more], 0.0)
        left_out = "users left 907 records out: more came than it passes on"
        for line in ("logs", "logs users", "logs #3"):
            assert passed(line) == Exit.DONE
            assert passed.notes[-1] == left_out
        heard_by_some = passed >> raw("orders.created", b'{"n": 1}')
        assert heard_by_some.kind is Kind.BROADCAST
        assert passed(f"logs #{heard_by_some.number}") == Exit.DONE
        assert passed.notes[-1] == left_out
        for line in ("logs #1", "logs other*"):
            passed(line)
            assert left_out not in passed.notes


def test_how_listeners_and_tasks_ran_is_listed(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.listen(f"{name}.events")
    def on_event(_event: dict[str, object]) -> None:
        raise KeyError("sku")

    with serving(app, redis_url, name):

        def listed() -> bool:
            _status, heard = shell(redis_url, f"services {name} --json")
            runs = heard.records[0]["runs"]
            return [(one["kind"], one["runs"], one["failed"], one["error"]) for one in runs] == [
                ("listener", 1, 1, "'sku'")
            ]

        with redis.Redis.from_url(redis_url) as client:
            client.publish(f"{name}.events", '{"a": 1}')
        eventually(listed, within=20, what="the listener is listed")
        _status, heard = shell(redis_url, f"services {name}")
        assert f"on {name}.events" in "\n".join(heard.lines)
