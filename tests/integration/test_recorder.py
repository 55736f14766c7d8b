"""The flight recorder: what a service did, what caused what, and what is told of it on the control channel."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, RequestFailed, broadcast, logger, request, response
from daebus.recorder.recorder import digest_of
from tests.support.framework_services import Tap, serving
from tests.support.recorded import Asked
from tests.support.waiting import eventually

log = logging.getLogger("tests.recorded")


class Loud:
    def __str__(self) -> str:
        log.info("said while a line is written")
        return "loud"


class Mute:
    def __str__(self) -> str:
        raise SystemExit("no text")


@pytest.fixture(autouse=True)
def from_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.fixture
def app(redis_url: str, name: str) -> Daebus:
    """A service that does a bit of everything, under names that begin with `name`."""
    app = Daebus(name, max_workers=3, max_queue=2)
    itself = DaebusCaller(name, redis_url=redis_url, timeout=15)

    @app.action("plain")
    def plain() -> dict[str, Any]:
        return {}

    @app.action("chain")
    def chain() -> Any:
        log.info("taken: %s", request.payload)
        broadcast.send(f"{name}.news", {"n": 1})
        itself.send_message("note", {})
        return itself.send_request("plain", {})

    @app.action("note")
    def note() -> None:
        itself.send_request("plain", {})

    @app.action("async_chain")
    def async_chain() -> Any:
        async def both() -> Any:
            async with AsyncDaebusCaller(name, redis_url=redis_url, timeout=15) as caller:
                await caller.send_message("note", {})
                return await caller.send_request("plain", {})

        return asyncio.run(both())

    @app.action("fails")
    def fails() -> None:
        password = "hunter2"  # noqa: F841
        raise KeyError("no such thing")

    @app.action("answers_twice")
    def answers_twice() -> None:
        response.send({"n": 1})
        response.send({"n": 2})

    @app.action("says_no")
    def says_no() -> None:
        response.error("not today", code="closed")

    @app.action("calls_in_vain")
    def calls_in_vain() -> None:
        itself.send_request("fails", {})

    @app.action("logs")
    def logs() -> dict[str, Any]:
        log.debug("too low")
        # Of no family, so that no handler of the test's writes what it is given.
        quiet = logging.Logger("tests.recorded.alone")
        quiet.addHandler(logging.NullHandler())
        quiet.info("%s", Loud())
        log.warning("x" * 5000)
        logger.info("by the proxy, at redis://:geheim@host/0")
        quiet.error("%s", Mute())
        try:
            raise ValueError("swallowed")
        except ValueError:
            log.exception("went wrong")
        return {}

    return app


@pytest.fixture
def asked(app: Daebus, redis_url: str, name: str) -> Iterator[Asked]:
    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        yield asked


def bare(record: dict[str, Any], *kept: str) -> dict[str, Any]:
    return {field: record[field] for field in kept if field in record}


def test_a_request_leaves_its_record(asked: Asked) -> None:
    asked.call("plain", request_id="r1")
    (record,) = asked.records(1)
    assert bare(record, "seq", "kind", "id", "action", "from", "outcome") == {
        "seq": 1,
        "kind": "handled",
        "id": "r1",
        "action": "plain",
        "from": "asked",
        "outcome": "ok",
    }
    assert 0 <= record["queued"] < 10
    assert 0 <= record["elapsed"] < 10
    assert not {"payload", "error", "traceback"} & record.keys()


@pytest.mark.parametrize("action", ["chain", "async_chain"])
def test_what_a_handler_sends_names_it_as_its_parent(asked: Asked, redis_url: str, name: str, action: str) -> None:
    with Tap(redis_url, name) as tap:
        asked.call(action, request_id="r1")
        asked.records(2, kinds=["called"])
        messages = {}
        for _channel, data in tap.collect(0.05):
            message = json.loads(data)
            messages[message["action"], message.get("parent_id")] = message
    note = messages["note", "r1"]
    assert len(note["message_id"]) == 32
    assert "cause" not in note
    assert messages["plain", "r1"]["request_id"]
    assert messages["plain", note["message_id"]]
    called = {each["parent"]: bare(each, "service", "action", "outcome") for each in asked.records(2, kinds=["called"])}
    assert called == {
        parent: {"service": name, "action": "plain", "outcome": "ok"} for parent in ("r1", note["message_id"])
    }
    assert bare(asked.records(1, id=note["message_id"], kinds=["handled"])[0], "action") == {"action": "note"}


def test_a_broadcast_has_not_one_byte_more_and_is_joined_by_its_digest(
    asked: Asked, app: Daebus, redis_url: str, name: str
) -> None:
    with Tap(redis_url, f"{name}.news") as tap:
        asked.call("chain", request_id="r1")
        assert tap.next() == (f"{name}.news", b'{"n":1}')
    crc, length = digest_of(b'{"n":1}')
    (record,) = asked.records(1, kinds=["published"])
    assert bare(record, "channel", "digest", "length", "parent") == {
        "channel": f"{name}.news",
        "digest": f"{crc:08x}",
        "length": length,
        "parent": "r1",
    }


def test_what_runs_by_itself_has_an_id_and_is_named_as_the_cause(redis_url: str, name: str) -> None:
    app = Daebus(name)
    itself = DaebusCaller(f"{name}.other", redis_url=redis_url)
    told = threading.Event()

    def tell() -> None:
        itself.send_message("told", {})

    @app.background("sync", 0.02)
    def sync() -> None:
        tell()

    @app.thread("poller")
    def poller(running: Any) -> None:
        tell()
        told.wait(10)
        raise ValueError("poller broke")

    @app.on_start
    def prepare() -> None:
        tell()

    @app.listen(f"{name}.news")
    def on_news(payload: dict[str, Any]) -> None:
        tell()
        if payload:
            raise ValueError("no news")

    with Tap(redis_url, f"{name}.other") as tap, serving(app, redis_url, name), Asked(redis_url, name) as asked:
        broadcast.send(f"{name}.news", {"a": 1})
        wanted = {"task sync", "thread poller", "start hook", f"listener {name}.news"}
        causes: dict[str, str] = {}

        def all_there() -> bool:
            for _channel, data in tap.collect(0.02):
                message = json.loads(data)
                causes.setdefault(message["cause"], message["parent_id"])
            return causes.keys() == wanted

        eventually(all_there)
        told.set()
        assert len(set(causes.values())) == 4
        ran = {each["what"]: each for each in eventually(lambda: _ran(asked, 3)) if each["id"] in causes.values()}
        assert bare(ran["task"], "id", "name", "outcome") == {
            "id": causes["task sync"],
            "name": "sync",
            "outcome": "ok",
        }
        assert bare(ran["thread"], "name", "outcome", "type", "error") == {
            "name": "poller",
            "outcome": "error",
            "type": "ValueError",
            "error": "poller broke",
        }
        assert ran["hook"]["name"].endswith("prepare")
        (heard,) = asked.records(1, kinds=["heard"])
        assert heard["id"] == causes[f"listener {name}.news"]
        assert heard["listener"].endswith("on_news")
        assert (heard["outcome"], heard["error"]) == ("error", "no news")
        assert "raise ValueError" in heard["traceback"]
        assert heard["digest"] == f"{digest_of(json.dumps({'a': 1}, separators=(',', ':')).encode())[0]:08x}"
    itself.close()


def _ran(asked: Asked, kinds: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked.control("recent", after=0, kinds=["ran"])["records"]
    return found if len({each["what"] for each in found}) >= kinds else []


def test_who_raises_after_the_answer_has_failed_although_the_caller_was_told_that_all_went_well(asked: Asked) -> None:
    assert asked.call("answers_twice") == {"n": 1}
    (record,) = asked.records(1, kinds=["handled"])
    assert bare(record, "outcome", "type") == {"outcome": "handler_error", "type": "AlreadyAnswered"}
    assert "in answers_twice" in record["traceback"]


def test_failures_tell_why(asked: Asked) -> None:
    for action in ("says_no", "calls_in_vain"):
        with pytest.raises(RequestFailed):
            asked.call(action)
    outer, inner, says_no = sorted(asked.records(3, kinds=["handled"]), key=lambda each: each["action"])
    assert bare(inner, "outcome", "type", "error") == {
        "outcome": "handler_error",
        "type": "KeyError",
        "error": "'no such thing'",
    }
    assert "in fails" in inner["traceback"]
    assert "hunter2" not in json.dumps(asked.control("recent"))
    assert bare(says_no, "outcome", "type", "error") == {"outcome": "closed", "error": "not today"}
    assert bare(outer, "outcome", "type") == {"outcome": "handler_error", "type": "RequestFailed"}
    assert asked.records(1, kinds=["called"])[0]["outcome"] == "handler_error"


def test_lines_of_the_log_are_those_of_the_handler(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    log.info("outside of it")
    asked.call("logs", request_id="r1")
    logged = asked.records(5, kinds=["logged"])
    assert {each["id"] for each in logged} == {"r1"}
    assert [(each["level"], each["logger"]) for each in logged] == [
        ("INFO", "tests.recorded.alone"),
        ("WARNING", "tests.recorded"),
        ("INFO", "daebus"),
        ("ERROR", "tests.recorded.alone"),
        ("ERROR", "tests.recorded"),
    ]
    texts = [each["text"] for each in logged]
    assert texts[0] == "loud"
    assert texts[1] == "x" * 2048 + "... (5000 characters)"
    assert texts[2] == "by the proxy, at redis://:***@host/0"
    assert texts[3] == "%s (cannot be written: SystemExit)"
    assert logged[4]["error"] == "ValueError: swallowed"
    # The program's own logging has all of it.
    assert "said while a line is written" in caplog.messages


def test_the_programs_own_logging_is_as_it_was(asked: Asked) -> None:
    root = logging.getLogger()
    handlers = list(root.handlers)
    asked.call("logs")
    assert root.handlers == handlers
    made: list[str] = []
    ours = logging.getLogRecordFactory()

    def theirs(*arguments: Any, **more: Any) -> logging.LogRecord:
        record = ours(*arguments, **more)
        made.append(record.msg)
        return record

    logging.setLogRecordFactory(theirs)
    try:
        asked.call("chain", request_id="r2")
    finally:
        logging.setLogRecordFactory(ours)
    assert "taken: %s" in made
    assert [each["text"] for each in asked.records(1, id="r2", kinds=["logged"])] == ["taken: {}"]


def test_what_is_refused_is_noted_also_where_nobody_is_told(asked: Asked, redis_url: str, name: str) -> None:
    asked.requester.send(name, "plane", {})
    asked.requester.publish(name, b'{"action": 5, "request_id": "r1", "reply_to": "nobody"}')
    refused = asked.records(2, kinds=["refused"])
    assert [bare(each, "action", "code") for each in refused] == [
        {"action": "plane", "code": "unknown_action"},
        {"code": "bad_request"},
    ]
    assert refused[1]["id"] == "r1"


def test_messages_of_others_without_an_id_get_one_here(asked: Asked, redis_url: str, name: str) -> None:
    with Tap(redis_url, name) as tap:
        asked.requester.publish(name, json.dumps({"action": "note", "payload": {}}).encode())
        handled = next(each for each in asked.records(2, kinds=["handled"]) if each["action"] == "note")
        sent = [json.loads(data) for _channel, data in tap.collect(0.02)]
    assert [(each["parent_id"], each["cause"]) for each in sent if each["action"] == "plain"] == [
        (handled["id"], "message note")
    ]


def test_what_is_asked_amiss_is_told(asked: Asked) -> None:
    for payload, word in [
        ({"after": -1}, "after"),
        ({"after": "x"}, "after"),
        ({"after": True}, "after"),
        ({"limit": 0}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"kinds": "handled"}, "kinds"),
        ({"kinds": ["handeld"]}, "handeld"),
        ({"kinds": [5]}, "kinds"),
        ({"id": []}, "id"),
        ({"instance": 5}, "instance"),
    ]:
        with pytest.raises(RequestFailed) as info:
            asked.control("recent", **payload)
        assert info.value.code == "bad_request"
        assert word in str(info.value)
    for lease in (None, 0, -1, "x", True):
        with pytest.raises(RequestFailed, match="lease"):
            asked.control("watch", lease=lease)


def test_other_instances_stay_silent(asked: Asked, app: Daebus) -> None:
    assert asked.control("recent", instance=app.instance)["records"] == []
    with Tap(str(asked.requester._url), asked.requester.reply_channel) as tap:
        call = asked.requester.start(f"daebus.control.{asked.service}", "recent", {"instance": "another"})
        assert asked.control("info")["instance"] == app.instance
        call.cancel()
        ids = {json.loads(data)["request_id"] for _channel, data in tap.collect(0.02)}
    assert call.request_id not in ids


def test_info_tells_what_can_be_asked(asked: Asked) -> None:
    info = asked.control("info")
    assert set(info["features"]) == {"info", "running", "recent", "watch", "rules", "held", "release", "suspend"}
    assert info["debugger"] is False
    assert info["queue"] == {"size": 0, "max": 2}


def test_without_a_recorder_nothing_is_kept(redis_url: str, name: str) -> None:
    app = Daebus(name, recorder=0)
    app.action("plain")(dict)
    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        asked.call("plain")
        assert set(asked.control("info")["features"]) == {"info", "running", "rules", "held", "release", "suspend"}
        for verb in ("recent", "watch"):
            with pytest.raises(RequestFailed) as info:
                asked.control(verb)
            assert info.value.code == "unknown_action"


def test_a_short_recorder_tells_how_much_it_has_lost(redis_url: str, name: str) -> None:
    app = Daebus(name, recorder=5)
    app.action("plain")(dict)
    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        for _each in range(12):
            asked.call("plain")
        found = eventually(lambda: (answer := asked.control("recent", after=2)) and answer["seq"] == 12 and answer)
    assert ([each["seq"] for each in found["records"]], found["lost"], found["more"]) == ([8, 9, 10, 11, 12], 5, False)


def test_debugging_keeps_payloads_and_local_variables(app: Daebus, redis_url: str, name: str) -> None:
    with serving(app, redis_url, name, debug=True), Asked(redis_url, name) as asked:
        asked.call("plain", {"user": "ann", "token": "hunter2"})
        with pytest.raises(RequestFailed):
            asked.call("fails")
        # A record is made when its handler has ended, which is after its answer.
        fails, plain = sorted(asked.records(2, kinds=["handled"]), key=lambda each: each["action"])
    assert plain["payload"] == '{"user":"ann","token":"***"}'
    frame = fails["frames"][-1]
    assert (frame["function"].rpartition(".")[2], frame["locals"]["password"]) == ("fails", "***")
    assert "hunter2" not in json.dumps([plain, fails["frames"]])


def test_whatever_code_objects_bring_along_nothing_of_it_harms(redis_url: str, name: str) -> None:
    class Odd(Exception):
        @property
        def __class__(self) -> Any:
            raise SystemExit("no class")

        def __str__(self) -> str:
            raise SystemExit("no text")

    class Listener:
        def __getattr__(self, attribute: str) -> Any:
            raise AttributeError(attribute) if attribute != "__qualname__" else ZeroDivisionError

        def __call__(self, payload: Any) -> None:
            raise Odd

    app = Daebus(name)

    @app.action("odd")
    def odd() -> None:
        raise Odd

    app.listen(f"{name}.news")(Listener())
    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        with pytest.raises(RequestFailed):
            asked.call("odd")
        asked.requester.publish(f"{name}.news", b"{}")
        (handled,) = asked.records(1, kinds=["handled"])
        (heard,) = asked.records(1, kinds=["heard"])
    assert bare(handled, "outcome", "type", "error") == {"outcome": "handler_error", "type": "Odd", "error": "Odd"}
    assert bare(heard, "outcome", "type", "listener") == {"outcome": "error", "type": "Odd", "listener": "Listener"}


def test_a_clock_that_is_set_back_disturbs_nothing(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.call("plain")
    asked.records(1)
    real = __import__("time").time
    monkeypatch.setattr("daebus.recorder.recorder.time.time", lambda: real() - 1000)
    asked.call("plain")
    first, second = asked.records(2)
    assert second["at"] < first["at"]
    assert (second["seq"], second["elapsed"] >= 0, second["queued"] >= 0) == (2, True, True)


def test_a_forked_child_notes_nothing_and_does_not_hang(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.action("fork")
    def fork() -> dict[str, Any]:
        child = os.fork()
        if child == 0:
            try:
                log.info("in the child")
            finally:
                os._exit(7)
        return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}

    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        assert asked.call("fork") == {"status": 7}
        assert [each["kind"] for each in asked.records(1)] == ["handled"]
