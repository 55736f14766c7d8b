"""What others' messages are, where the order, the names or the number of those who answer make it hard."""

from __future__ import annotations

import base64
import json
import struct
import sys
from typing import Any

import msgspec
import pytest

from daebus_console.engine.message.exchange import Flag, Kind, State
from tests.console.engine.bus import answer, request
from tests.console.engine.dialects.support import ForeignBus

HOST = "0123456789abcdef0123456789abcdef"


def nest(bus: ForeignBus, cmd: str, id: str) -> Any:  # what it is called on the wire
    return bus.say(f'{{"cmd":"{cmd}"}}', {"pattern": {"cmd": cmd}, "data": 1, "id": id})


def frame(headers: dict[str, str], body: bytes = b"{}") -> bytes:
    """A frame of FastStream."""
    pairs = b"".join(struct.pack(">H", len(part.encode())) + part.encode() for pair in headers.items() for part in pair)
    head = struct.pack(">H", len(headers)) + pairs
    return b"\x89BIN\r\n\x1a\n" + struct.pack(">HII", 1, 18, 18 + len(head)) + head + body


def event(kind: str, uuid: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "uuid": uuid, "hostname": "w1@host", **more}


def kombu(body: Any) -> dict[str, Any]:
    return {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {},
        "properties": {"body_encoding": "base64"},
    }


def result(uuid: str, status: str = "SUCCESS") -> dict[str, Any]:
    return {"status": status, "result": 3, "traceback": None, "children": [], "task_id": uuid}


def test_neighbouring_ids_of_nest_are_never_mixed_up() -> None:
    bus = ForeignBus()
    ids = ["3895bd3493fdea7b3a37d", "895bd3493fdea7b3a37d9", "95bd3493fdea7b3a37d9a"]
    asked = [nest(bus, "sum", one) for one in ids]
    for one in reversed(ids):
        bus.say('{"cmd":"sum"}.reply', {"response": one, "isDisposed": True, "id": one})
    assert [json.loads(one.answer.data)["response"] for one in asked] == ids


def test_two_instances_of_nest_answer_and_nothing_is_wrong() -> None:
    bus = ForeignBus()
    bus.there['{"cmd":"sum"}'] = 2
    asked = nest(bus, "sum", "a" * 21)
    for _ in range(2):
        bus.say('{"cmd":"sum"}.reply', {"response": 3, "isDisposed": True, "id": "a" * 21})
    assert (asked.state, asked.replies, asked.aside.expected) == (State.OK, 2, 2)
    assert not asked.has(Flag.DUPLICATE)


@pytest.mark.parametrize(
    ("pattern", "channel", "action"),
    [
        ({"role": "x", "cmd": "sum"}, '{"cmd":"sum","role":"x"}', '{"cmd":"sum","role":"x"}'),
        ({"cmd": "é"}, '{"cmd":"é"}', "é"),
        ("plain.str", "plain.str", "plain.str"),
        (7, "7", "7"),
    ],
)
def test_patterns_of_nest_are_their_channels(pattern: Any, channel: str, action: str) -> None:
    sent = ForeignBus().say(channel, {"pattern": pattern, "data": {}, "id": "b" * 21})
    assert (sent.dialect, sent.kind, sent.action, sent.target) == ("nest", Kind.REQUEST, action, channel)


@pytest.mark.parametrize(
    "message",
    [
        {"pattern": "another", "data": 1, "id": "c" * 21},
        {"pattern": {"cmd": "sum"}, "data": 1, "id": 5},
        {"pattern": {"cmd": "sum"}, "data": 1, "id": "c", "more": 1},
        {"pattern": {"cmd": "sum"}},
    ],
)
def test_what_nest_would_not_write_is_plain(message: Any) -> None:
    assert ForeignBus().say('{"cmd":"sum"}', message).dialect == "plain"


def test_an_answer_before_its_question_is_an_orphan_and_the_question_still_waits() -> None:
    bus = ForeignBus()
    stray = bus.say("x.reply", {"response": 1, "isDisposed": True, "id": "d" * 21})
    asked = bus.say("x", {"pattern": "x", "data": 1, "id": "d" * 21})
    assert (stray.state, asked.state) == (State.ORPHAN, State.PENDING)


def test_a_part_without_a_question_is_an_orphan_only_where_its_id_is_one_of_nest() -> None:
    bus = ForeignBus()
    found = [bus.say("x.reply", {"id": id, "response": "fine"}) for id in ("1", "job-7", "e" * 21)]
    assert [one.state for one in found] == [State.SENT, State.SENT, State.ORPHAN]
    asked = bus.say("x", {"pattern": "x", "data": 1, "id": "2"})
    assert bus.say("x.reply", {"id": "2", "response": "fine"}) is asked


def test_answers_of_one_framework_are_not_taken_for_those_of_another_nor_for_ours() -> None:
    bus = ForeignBus()
    ours = bus >> request("x", "act", id="same", reply_to="x.reply")
    theirs = bus.say("x", {"pattern": "x", "data": 1, "id": "same"})
    bus.say("x.reply", {"response": 1, "isDisposed": True, "id": "same"})
    assert (ours.state, theirs.state) == (State.PENDING, State.OK)
    bus >> answer("x.reply", id="same")
    assert (ours.state, theirs.replies) == (State.OK, 1)


def test_silence_of_faststream_is_unknown_and_no_failure() -> None:
    bus = ForeignBus()
    channel = "E7YWUgMJKCv8vB1G28TWVz"
    asked = bus.say("sum", frame({"correlation_id": "1", "reply_to": channel}))
    bus.wait(11)
    before = asked.state
    bus.say(channel, frame({"correlation_id": "1"}))
    assert (before, asked.state) == (State.UNKNOWN, State.OK)


def test_an_answer_of_faststream_is_one_where_its_question_or_its_channel_says_so() -> None:
    bus = ForeignBus()
    assert bus.say("chain-out", frame({"correlation_id": "1"})).kind is Kind.BROADCAST
    assert bus.say("E7YWUgMJKCv8vB1G28TWVz", frame({"correlation_id": "1"})).state is State.ORPHAN
    asked = bus.say("sum", frame({"correlation_id": "2", "reply_to": "answers"}))
    assert bus.say("answers", frame({"correlation_id": "2"})) is asked
    assert bus.say("answers", frame({"correlation_id": "3"})).kind is Kind.BROADCAST


def test_a_list_of_celerys_events_opens_an_exchange_for_each_task() -> None:
    bus = ForeignBus()
    events = [event("task-received", one, name="tasks.add") for one in "abc"]
    bus.say("/0.celeryev/task.multi", kombu([*events, event("task-started", "a")]))
    assert [(one.kind, one.number, one.request_id) for one in bus.exchanges] == [
        (Kind.REQUEST, 1, "a"), (Kind.REQUEST, 2, "b"), (Kind.REQUEST, 3, "c"),
    ]  # fmt: skip
    assert bus.correlator.pending == 3
    for one in "abc":
        bus.say(f"celery-task-meta-{one}", result(one))
    assert {one.state for one in bus.requests()} == {State.OK}
    assert (bus.correlator.pending, bus.journal.kept, len(bus.journal.messages)) == (0, 4, 4)
    assert [one.number for one in bus.journal.exchanges] == [1, 2, 3]
    bus.say("prices", {"price": 1})
    assert bus.exchanges[-1].number == 4


def test_a_result_before_its_task_is_received_is_paired_all_the_same() -> None:
    bus = ForeignBus()
    first = bus.say("celery-task-meta-a", result("a", "FAILURE") | {"result": {"exc_type": "ValueError"}})
    assert (first.kind, first.state, first.aside.code) == (Kind.RESPONSE, State.ERROR, "ValueError")
    received = event("task-received", "a", name="tasks.add", parent_id="p")
    bus.say("/0.celeryev/task.multi", kombu([received]))
    assert (first.kind, first.state, first.action, first.target) == (Kind.REQUEST, State.ERROR, "tasks.add", "w1@host")
    assert first.request is not None
    assert first.request.channel == "/0.celeryev/task.multi"
    assert (first.latency, first.parent_id, len(first.messages)) == (None, "p", 2)


def test_without_a_result_backend_events_tell_how_a_task_ended() -> None:
    bus = ForeignBus()
    bus.say("/0.celeryev/task.multi", kombu([event("task-received", one, name="t") for one in "ab"]))
    ends = [event("task-succeeded", "a", runtime=0.5), event("task-failed", "b", exception="ValueError('x')")]
    bus.say("/0.celeryev/task.multi", kombu(ends))
    first, second = bus.requests()
    assert (first.state, first.elapsed) == (State.OK, 0.5)
    assert (second.state, second.aside.code) == (State.ERROR, "ValueError")


def test_states_that_a_task_of_celery_names_itself_are_on_the_way_to_its_end() -> None:
    bus = ForeignBus()
    asked = bus.say("/0.celeryev/task.multi", kombu([event("task-received", "a", name="t")]))
    told = [bus.say("celery-task-meta-a", result("a", "PROGRESS") | {"result": {"done": n}}) for n in range(3)]
    assert (told, asked.state) == ([asked] * 3, State.PENDING)
    bus.say("celery-task-meta-a", result("a"))
    assert (asked.state, asked.replies) == (State.OK, 4)
    stray = bus.say("celery-task-meta-b", result("b", "PROGRESS"))
    assert (stray.dialect, stray.kind) == ("celery", Kind.BROADCAST)


def test_events_of_celery_after_the_result_add_how_long_it_took() -> None:
    bus = ForeignBus()
    bus.say("/0.celeryev/task.multi", kombu([event("task-received", "a", name="t")]))
    bus.say("celery-task-meta-a", result("a"))
    bus.say("/0.celeryev/task.multi", kombu([event("task-succeeded", "a", runtime=0.5)]))
    (task,) = bus.requests()
    assert (task.state, task.replies, task.elapsed) == (State.OK, 1, 0.5)


def test_lists_of_tasks_are_forgotten_with_their_message() -> None:
    bus = ForeignBus(max_messages=2)
    bus.say("/0.celeryev/task.multi", kombu([event("task-received", one, name="t") for one in "abc"]))
    for number in range(3):
        bus.say("prices", {"price": number})
    assert (bus.correlator.pending, len(bus.correlator.dropped), len(bus.correlator._asked)) == (0, 3, 0)


def test_the_last_of_the_other_socketio_servers_is_the_end() -> None:
    bus = ForeignBus()
    bus.there["socket.io-request#/#"] = 3
    asked = bus.say("socket.io-request#/#", {"uid": "A", "requestId": "r", "type": 5})
    bus.say("socket.io-response#/#", {"requestId": "r", "sockets": []})
    assert asked.state is State.PENDING
    bus.say("socket.io-response#/#A#", {"requestId": "r", "sockets": []})
    assert (asked.state, asked.replies, asked.aside.expected) == (State.OK, 2, 2)


def test_acknowledgements_are_as_many_as_clients_and_in_both_encodings() -> None:
    bus = ForeignBus()
    bus.there["socket.io-request#/#"] = 2
    packed = msgspec.msgpack.encode({"uid": "A", "requestId": "r", "type": 7, "packet": {"type": 2, "data": ["ask"]}})
    asked = bus.say("socket.io-request#/#", packed)
    bus.say("socket.io-response#/#", {"type": 8, "requestId": "r", "clientCount": 2})
    for _ in range(2):
        assert asked.state is State.PENDING
        bus.say("socket.io-response#/#", msgspec.msgpack.encode({"type": 9, "requestId": "r", "packet": []}))
    assert (asked.state, asked.action) == (State.OK, "ask")


def test_with_no_other_server_nobody_is_waited_for() -> None:
    bus = ForeignBus()
    bus.there["socket.io-request#/#"] = 1
    assert bus.say("socket.io-request#/#", {"uid": "A", "requestId": "r", "type": 7}).kind is Kind.ONE_WAY


def test_a_callback_of_python_socketio_is_told_by_more_than_its_small_number() -> None:
    bus = ForeignBus()
    emit = {"method": "emit", "event": "ask", "data": [], "host_id": HOST}
    one, other = (bus.say("socketio", emit | {"callback": [sid, "/", 1]}) for sid in ("s1", "s2"))
    bus.say("socketio", {"method": "callback", "host_id": HOST, "sid": "s2", "namespace": "/", "id": 1, "args": ["x"]})
    assert (one.state, other.state) == (State.PENDING, State.OK)


def test_two_dialects_on_one_channel_are_told_apart_message_by_message() -> None:
    bus = ForeignBus()
    said = [
        bus.say("socketio", {"method": "emit", "event": "x", "data": [], "host_id": HOST}),
        bus.say("socketio", frame({})),
        bus.say("socketio", {"price": 3}),
        bus >> request("socketio", "act", id="1"),
        bus.say("socketio", b"\x93\x01\x02\x03"),
    ]
    assert [one.dialect for one in said] == ["python-socketio", "faststream", "plain", "daebus", "plain"]


def test_foreign_frames_with_our_field_names_are_theirs() -> None:
    bus = ForeignBus()
    packet = {"id": "1", "action": "math.add", "timeout": 2000, "service": "x", "payload": {}, "ver": "5"}
    asked = bus.say("MOL.REQ.srv-a", packet | {"sender": "cli-1", "params": {}})
    assert (asked.dialect, asked.source, asked.opened.whole) == ("moleculer", "cli-1", True)


def test_ten_thousand_reply_channels_take_a_bounded_memory() -> None:
    bus = ForeignBus()
    for number in range(25_000):
        bus.say(f"{number}.reply", b'{"response":1,"isDisposed":true,"id":"x"}')
    assert len(bus.correlator.recogniser.owners) <= 20_000


def test_what_is_narrowed_to_some_dialects_leaves_the_others_plain() -> None:
    bus = ForeignBus("daebus", "moleculer")
    assert nest(bus, "sum", "e" * 21).dialect == "plain"
    assert bus.say("MOL.HEARTBEAT", {"ver": "5", "sender": "a"}).dialect == "moleculer"


def test_a_message_of_another_dialect_takes_no_more_room_than_one_of_ours() -> None:
    bus = ForeignBus()
    ours, theirs = bus >> request("x", id="1"), nest(bus, "sum", "f" * 21)
    for one, other in ((ours, theirs), (ours.opened, theirs.opened)):
        assert sys.getsizeof(one) == sys.getsizeof(other)


def test_a_server_that_came_since_they_were_counted_answers_all_the_same() -> None:
    bus = ForeignBus()
    bus.there["socket.io-request#/#"] = 1
    asked = bus.say("socket.io-request#/#", {"uid": "A", "requestId": "r", "type": 5})
    before = asked.kind
    for sockets in ([], [1]):
        bus.say("socket.io-response#/#", {"requestId": "r", "sockets": sockets})
    assert (before, asked.kind, asked.state, asked.replies) == (Kind.ONE_WAY, Kind.REQUEST, State.OK, 2)
    assert not asked.has(Flag.DUPLICATE)
    assert bus.correlator.pending == 0
