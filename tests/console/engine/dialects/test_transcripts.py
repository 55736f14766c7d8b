"""Every request of the real frameworks is paired with its answers, and none of what is healthy looks broken."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from daebus_console.engine.directory import SILENT_FOR, Directory
from daebus_console.engine.message.dialect import Announced
from daebus_console.engine.message.exchange import Flag, Kind, State
from daebus_console.engine.offline import OfflineSession
from tests.console.engine.dialects.support import TRANSCRIPTS, ForeignBus, outline

PAIRED = {
    "nest-v11": {"ok": 8, "part part ok": 2, "part ok": 1, "part error": 1, "error": 3, "timeout": 2},
    "nest-v12": {"ok": 8, "part part ok": 2, "part ok": 1, "part error": 1, "error": 3, "timeout": 2},
    "nest-two": {"ok (ok)": 2, "part part part part ok (ok)": 2, "error (error)": 1},
    "moleculer-json": {"ok": 8, "error": 5, "part part part part ok": 1, "part part part ok": 1},
    "moleculer-msgpack": {"ok": 8, "error": 5, "part part part part ok": 1, "part part part ok": 1},
    "moleculer-cbor": {"ok": 8, "error": 5, "part part part part ok": 1, "part part part ok": 1},
    "moleculer-upload": {"ok": 1},
    "faststream": {"ok": 4, "unknown": 2},
    "celery": {"ok": 1, "error": 1},
    "python-socketio": {"ok": 1},
    "socketio": {"ok": 4, "part ok": 1},
    "channels": {},
    "rq": {},
    "taskiq": {},
    "graphql": {},
}


def test_there_is_a_transcript_for_each_and_none_that_is_not_tried() -> None:
    assert {path.stem for path in TRANSCRIPTS.glob("*.jsonl")} == set(PAIRED)


@pytest.mark.parametrize(("name", "expected"), PAIRED.items())
def test_each_request_is_paired(name: str, expected: dict[str, int]) -> None:
    bus = ForeignBus().play(name)
    assert bus.correlator.recogniser.problem is None
    assert Counter(map(outline, bus.requests())) == expected
    assert not any(one.state is State.ORPHAN or one.kind is Kind.UNREADABLE for one in bus.exchanges)
    assert not any(one.has(Flag.DUPLICATE | Flag.REUSED_ID | Flag.MALFORMED) for one in bus.exchanges)
    assert bus.correlator.pending == 0


@pytest.mark.parametrize("name", PAIRED)
def test_a_healthy_bus_of_others_has_no_finding(name: str) -> None:
    with OfflineSession(TRANSCRIPTS / f"{name}.jsonl") as session:
        assert session.wait_up(60)
        session.findings.finish()
        assert [finding.text for finding in session.findings.book] == []
        assert (session.stats.orphans, session.stats.unreadable) == (0, 0)
        asked = sum(PAIRED[name].values())
        one_way = sum(one.kind is Kind.ONE_WAY for one in session.journal.exchanges)
        assert session.stats.totals(session.clock()).count == asked + one_way


def test_moleculer_names_askers_nodes_streams_and_what_called_what() -> None:
    bus = ForeignBus().play("moleculer-json")
    by_action = {one.action: one for one in bus.requests()}
    hop = by_action["text.hop"]
    (inner,) = [one for one in bus.requests() if one.parent_id == hop.request_id]
    assert (hop.source, hop.target, hop.instance) == ("cli-1", "txt-1", "txt-1")
    assert (inner.source, inner.target, inner.action, inner.instance) == ("txt-1", "srv-a", "math.add", "srv-a")
    assert by_action["math.mfail"].aside.code == "ERR_NO"
    late = by_action["math.slow"]
    assert late.state is State.TIMEOUT
    assert late.has(Flag.LATE)
    assert math.isclose(late.deadline - late.opened.at, 2.0, abs_tol=1e-6)
    assert late.aside.code == "REQUEST_TIMEOUT"


def test_a_streamed_upload_is_one_request() -> None:
    (upload,) = ForeignBus().play("moleculer-upload").requests()
    assert [message.kind for message in upload.messages] == [Kind.REQUEST] * 4 + [Kind.RESPONSE]
    assert upload.has(Flag.STREAM)


def test_what_is_said_all_the_time_is_quiet() -> None:
    quiet = Counter(one.action for one in ForeignBus().play("celery").exchanges if one.has(Flag.QUIET))
    assert quiet == {"worker-heartbeat": 4, "hello": 1, "events of tasks": 3}
    assert {one.action for one in ForeignBus().play("moleculer-json").exchanges if one.has(Flag.QUIET)} == {
        "DISCOVER", "INFO", "DISCONNECT",
    }  # fmt: skip


def test_the_directory_learns_nodes_and_workers() -> None:
    with OfflineSession(TRANSCRIPTS / "moleculer-json.jsonl") as session:
        assert session.wait_up(60)
        node = session.directory.services["srv-a"]
        assert node.dialect == "moleculer"
        assert {name for name, action in node.actions.items() if action.declared} >= {"math.add", "math.slow"}
        assert session.directory.services["cli-1"].gone is not None
    with OfflineSession(TRANSCRIPTS / "celery.jsonl") as session:
        assert session.wait_up(60)
        worker = session.directory.services["w1@host"]
        assert (worker.dialect, set(worker.actions)) == ("celery", {"tasks.add", "tasks.fail"})


def test_a_node_is_here_as_long_as_it_is_heard_whatever_its_channels_are_called() -> None:
    directory = Directory()
    directory.announced(100.0, Announced("srv-a", {"math.add": ""}), "moleculer")
    node = directory.services["srv-a"]
    directory.poll(110.0, {"MOL.REQ.srv-a": 1})
    assert (node.gone, node.subscribers, list(node.actions)) == (None, 1, ["math.add"])
    directory.announced(150.0, Announced("srv-a"), "moleculer")
    directory.poll(150.0 + SILENT_FOR, {"MOL.REQ.srv-a": 1})
    assert directory.services["srv-a"].gone is None
    directory.poll(151.0 + SILENT_FOR, {"MOL.REQ.srv-a": 1})
    assert directory.services["srv-a"].gone == 151.0 + SILENT_FOR
    directory.announced(300.0, Announced("srv-a"), "moleculer")
    directory.announced(301.0, Announced("srv-a", gone=True), "moleculer")
    assert directory.services["srv-a"].gone == 301.0


def test_each_message_of_them_says_its_dialect() -> None:
    for name in PAIRED:
        spoken = {one.dialect for one in ForeignBus().play(name).exchanges}
        own = name.partition("-")[0] if name != "python-socketio" else name
        assert spoken <= {own, "plain"}, name
        assert own in spoken, name
