"""Why a message of another framework has no answer, or failed: what its wire tells, and nothing more."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from daebus_console.engine.message.exchange import PLAIN, Exchange, Flag, State
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.why.asking import why_action, why_exchange
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight
from daebus_console.tui.rows.signs import remarks
from tests.console.engine.dialects.support import TRANSCRIPTS
from tests.console.engine.dialects.test_pairing import event, frame, kombu, result
from tests.console.engine.dialects.test_transcripts import PAIRED
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, cast

SUM = '{"cmd":"sum"}'
REPLY = SUM + ".reply"
ID = "a" * 21


def why(bus: Watched, exchange: Exchange) -> Cause:
    findings = bus.session.findings
    return why_exchange(
        Sight(findings.world, findings.book, bus.session.journal, bus.now, bus.session.telling.of), exchange
    )


def nest(bus: Watched, channel: str = SUM) -> Exchange:
    pattern: Any = {"cmd": "sum"} if channel == SUM else channel
    return bus.say(channel, {"pattern": pattern, "data": [1], "id": ID})


def polled(bus: Watched, counts: dict[str, int], patterns: int = 1) -> None:
    bus.now += 0.001
    bus.session.directory.poll(bus.now, counts, patterns)
    bus.session.findings.polled(bus.now, complete=True)


def test_nobody_has_the_pattern() -> None:
    bus = Watched()
    asked = nest(bus)
    polled(bus, {"other": 1})
    cause = why(bus, asked)
    assert (cause.name, cause.text) == (
        "nobody", "nobody is subscribed to '{\"cmd\":\"sum\"}': no NestJS microservices 11, 12 is there that takes it",
    )  # fmt: skip


def test_whoever_had_the_pattern_has_gone_since() -> None:
    bus = Watched()
    polled(bus, {SUM: 1})
    asked = nest(bus)
    bus.say(REPLY, {"response": 1, "id": ID})
    # Nobody told that somebody was there, but a part of the answer came.
    polled(bus, {"other": 1})
    unseen = nest(bus, "unseen")
    bus.say("unseen.reply", {"response": 1, "id": ID})
    polled(bus, {"other": 1})
    for one in (asked, unseen):
        cause = why(bus, one)
        assert cause.name == "gone"
        assert "has gone since it was sent" in cause.text
        assert "1 part of its answer came" in cause.evidence
        assert "correct the name" not in cause.advice
    # It had gone before this one was sent.
    bus.now += 1
    assert why(bus, nest(bus)).name != "gone"


def test_a_capture_never_goes_on() -> None:
    bus = Watched()
    asked = nest(bus)
    bus.wait(2)
    findings = bus.session.findings
    cause = why_exchange(Sight(findings.world, findings.book, bus.session.journal, bus.now, recorded=True), asked)
    assert cause.name == "recording_ends"
    assert cause.text.startswith("it has no answer where the recording ends, 2 s after it: ")
    assert cause.advice == ""


def test_with_those_who_read_by_patterns_it_is_not_known_whether_somebody_has_it() -> None:
    bus = Watched()
    asked = nest(bus)
    polled(bus, {}, patterns=18)
    cause = why(bus, asked)
    assert cause.name == "running"
    assert any("read by a pattern" in line for line in cause.evidence)


def test_of_names_with_ids_it_is_not_known_either() -> None:
    bus = Watched()
    asked = nest(bus, "task-" + "0a" * 16)
    polled(bus, {"other": 1})
    bus.session.directory.services.clear()
    assert why(bus, asked).name == "running"


def test_it_waits_and_how_long_the_asker_does_is_not_on_the_wire_of_nest() -> None:
    bus = Watched()
    asked = nest(bus)
    polled(bus, {SUM: 2})
    bus.say(REPLY, {"response": 1, "id": ID})
    before = why(bus, asked)
    assert before.name == "running"
    assert "how long its asker waits is not told" in before.text
    assert any("2 subscribed to" in line for line in before.evidence)
    assert "1 part of its answer came" in before.evidence
    bus.wait(20)
    after = why(bus, asked)
    assert (asked.state, after.name) == (State.TIMEOUT, "no_answer")
    assert "its asker may still wait" in after.text


def test_the_asker_of_moleculer_says_how_long_it_waits() -> None:
    bus = Watched()
    packet = {"id": "1", "action": "math.add", "params": {}, "timeout": 2000, "ver": "5", "sender": "cli-1"}
    asked = bus.say("MOL.REQ.srv-a", packet)
    assert "its asker waits 2 s" in why(bus, asked).text
    bus.wait(3)
    assert why(bus, asked).text == "no answer came within the 2 s that its asker waits"
    bus.say("MOL.RES.cli-1", {"id": "1", "success": True, "data": 3, "ver": "5", "sender": "srv-a"})
    assert why(bus, asked).name == "late"


def test_silence_of_faststream_may_be_anything() -> None:
    bus = Watched()
    asked = bus.say("sum", frame({"correlation_id": "1", "reply_to": "E7YWUgMJKCv8vB1G28TWVz"}))
    polled(bus, {"sum": 1})
    bus.wait(20)
    cause = why(bus, asked)
    assert (asked.state, cause.name) == (State.UNKNOWN, "silence")
    assert "FastStream sends none where a handler fails" in cause.text


def test_a_task_of_celery_may_take_any_time() -> None:
    bus = Watched()
    asked = bus.say("/0.celeryev/task.multi", kombu([event("task-received", "a", name="tasks.add")]))
    bus.wait(20)
    cause = why(bus, asked)
    assert (asked.state, cause.name) == (State.UNKNOWN, "silence")
    assert cause.text.endswith("no result on the bus yet, and a task may take any time")
    bus.say("celery-task-meta-a", result("a"))
    assert (asked.state, asked.flags & Flag.LATE) == (State.OK, 0)
    assert why(bus, asked).text == "nothing is wrong: it was answered after 20 s"


def test_who_does_not_say_how_long_he_waits_may_wait_on() -> None:
    bus = Watched()
    asked = nest(bus)
    bus.wait(12)
    bus.say(REPLY, {"response": 1, "isDisposed": True, "id": ID})
    cause = why(bus, asked)
    assert asked.state is State.OK
    assert cause.text == "the answer came after 12 s, perhaps too late for its caller: it took that long"
    assert cause.evidence == ("the caller does not tell how long it waits; the answer came after 12 s",)
    assert cause.advice == "find out what takes so long"
    assert remarks(asked) == ["answered late; how long its asker waits is not told on the wire"]
    ours = bus.ask("users", "get")
    bus.wait(12)
    bus.answer(ours)
    assert why(bus, ours).text.startswith("the answer came after 12 s, perhaps too late for its caller: ")


def test_a_service_of_ours_drops_what_it_cannot_read() -> None:
    for packed, reason in (
        (frame({"correlation_id": "1", "reply_to": "E7YWUgMJKCv8vB1G28TWVz"}), "not UTF-8 (byte 0)"),
        (frame({"correlation_id": "1"}), "not UTF-8 (byte 0)"),
        ({"pattern": "greeter", "data": 1, "id": ID}, "it names no action"),
    ):
        bus = Watched()
        bus.info("greeter", "greet")
        asked = bus.say("greeter", packed)
        bus.wait(60)
        dropped = f"greeter drops it: {reason}"
        # Who else is there is not known yet, as in a capture.
        cause = why(bus, asked)
        assert dropped in (*cause.evidence, cause.text.partition(";")[0])
        bus.poll(_greeter=1)
        cause = why(bus, asked)
        assert (cause.name, cause.text) == ("unreadable", f"nobody takes it: {dropped}")
        assert "1 subscribed to 'greeter': none but those" in cause.evidence
        # Somebody else is there, who may take it.
        bus.poll(_greeter=1, greeter=1)
        assert not why(bus, asked).text.startswith("nobody takes it")
        bus.poll(_greeter=1, patterns=2)
        assert not why(bus, asked).text.startswith("nobody takes it")


def test_listeners_of_ours_drop_what_they_cannot_read() -> None:
    bus = Watched()
    bus.info("greeter", listens=["news"])
    bus.poll(_greeter=1, news=1)
    cast_ = bus.say("news", frame({"correlation_id": "1"}))
    assert why(bus, cast_).text == "nobody takes it: greeter drops it: not UTF-8 (byte 0)"
    bus.poll(_greeter=1, news=2)
    told = why(bus, cast_)
    assert told.text == "greeter drops it: not UTF-8 (byte 0); whether somebody else takes it is not known"
    findings = bus.session.findings
    sight = Sight(findings.world, findings.book, bus.session.journal, bus.now)
    assert why_action(sight, "news", None).text == told.text


def test_what_a_listener_of_ours_did_with_it_is_told() -> None:
    data = b'{"pattern":"news","data":1}'
    bus = Watched()
    bus.info("mailer", listens=["news"])
    bus.poll(_mailer=1, news=1)
    emitted = bus.say("news", data)
    assert emitted.dialect == "nest"
    about = {"id": "run1", "listener": "on_news", "elapsed": 0.001}
    sent = batch(
        "mailer", cast("heard", 1, "news", data, bus.now, **about, outcome="error", type="KeyError", error="x")
    )
    bus.say(sent.channel, sent.data)
    assert why(bus, emitted).text == "listener on_news of mailer raised, and nobody was told: KeyError: x"


def test_an_error_is_told_in_its_own_words_and_commands_no_screen() -> None:
    bus = Watched()
    asked = nest(bus)
    bus.say(REPLY, {"err": {"code": 7, "message": "no \x1b[31m"}, "isDisposed": True, "id": ID})
    cause = why(bus, asked)
    assert cause.name == "7"
    assert "is an error with the code 7" in cause.text
    assert any('"no ' in line and "\x1b" not in line for line in cause.evidence)


def test_an_error_is_told_with_the_escapes_that_it_has() -> None:
    bus = Watched()
    asked = nest(bus)
    said = r'{"err": "no \"file\" C:\\new", "isDisposed": true, "id": "' + ID + '"}'
    bus.say(REPLY, said.encode())
    assert any(r'"no \"file\" C:\\new"' in line for line in why(bus, asked).evidence)


def test_some_instances_have_not_answered() -> None:
    bus = Watched()
    polled(bus, {SUM: 3})
    asked = nest(bus)
    bus.say(REPLY, {"response": 1, "isDisposed": True, "id": ID})
    cause = why(bus, asked)
    assert cause.name == "some_answered"
    assert cause.text.startswith("1 of 3 ")


def test_an_answer_without_its_question() -> None:
    bus = Watched()
    assert why(bus, bus.say(REPLY, {"response": 1, "isDisposed": True, "id": ID})).name == "orphan"
    stray = {"status": "FAILURE", "result": {"exc_type": "E"}, "traceback": None, "children": [], "task_id": "1"}
    cause = why(bus, bus.say("celery-task-meta-1", stray))
    assert (cause.name, cause.text) == ("error", "it tells that it failed; who asked for it is not on the bus")


@pytest.mark.parametrize("name", PAIRED)
def test_of_the_real_frameworks_only_what_failed_has_a_cause(name: str) -> None:
    with OfflineSession(TRANSCRIPTS / f"{name}.jsonl") as session:
        assert session.wait_up(60)
        sight = Sight(session.findings.world, session.findings.book, session.journal, session.clock())
        causes = {one.number: why_exchange(sight, one) for one in session.journal.exchanges if one.dialect != PLAIN}
        well = Counter(
            causes[one.number].name
            for one in session.journal.exchanges
            if one.number in causes and one.state in (State.OK, State.SENT)
        )
        ill = [causes[one.number] for one in session.journal.exchanges
               if one.number in causes and one.state not in (State.OK, State.SENT)]  # fmt: skip
    assert set(well) <= {""}
    assert all(cause.found and cause.advice for cause in ill)
