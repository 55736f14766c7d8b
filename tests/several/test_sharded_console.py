"""The console on a bus of sharded Pub/Sub: it sees everybody and everything, and nobody takes it for somebody."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import redis

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Requester, ServiceUnavailable, request, response
from daebus.wire.sharded import ANNOUNCED, WATCHED, announcement
from daebus_console.commands.context import Exit
from daebus_console.engine.live.tap import Tap
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.mock.answers import FixedAnswer, Given
from daebus_console.engine.mock.mocks import Mocks, ServicePresent
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from daebus_console.tui.titles.header import header, shortened
from tests.console.sick.conftest import carry_out
from tests.support.framework_services import serving
from tests.support.hammer import hammering
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, order
from tests.support.slots import masters, names
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("several")


@contextmanager
def looking(url: str, settings: Settings | None = None) -> Iterator[Session]:
    with Session(url, settings) as session:
        assert session.wait_up(30), session.status.problem
        yield session


def shop(name: str) -> Daebus:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)

    @app.action("count")
    def count() -> Iterator[dict[str, int]]:
        for number in range(3):
            yield {"n": number}

    @app.action("tell")
    def tell() -> None:
        response.send({"told": True})

    app.listen(f"{name}.news")(lambda _message: None)
    return app


def exchanges(session: Session, *targets: str) -> list[Exchange]:
    with session.lock:
        found = [session.journal.exchange(number) for number in range(session.journal.next_number)]
    return [one for one in found if one is not None and (not targets or one.target in targets)]


def tally(session: Session, *targets: str) -> Counter[tuple[str | None, Kind, State]]:
    """How many there are of each, without questions to control channels."""
    some = (one for one in exchanges(session, *targets) if not one.flags & Flag.CONTROL)
    return Counter((one.action, one.kind, one.state) for one in some)


def instances(session: Session, name: str) -> int:
    with session.lock:
        entry = session.directory.services.get(name)
        return 0 if entry is None else len(entry.instances)


def test_it_sees_every_request_with_its_answers(url: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At all masters, of services and callers that were there before it and of others that come later."""
    # On a busy machine the console may take longer to come than callers wait for it, and nodes may hold each other for
    # gone for a moment, after which nobody waits.
    monkeypatch.setattr("daebus.transport.places.cluster.WATCHED_WITHIN", 20.0)
    monkeypatch.setattr("daebus.transport.places.cluster.SETTLES_WITHIN", 0.0)
    early, *later = names(name)

    async def ask(target: str) -> None:
        async with AsyncDaebusCaller(target, redis_url=url, timeout=40) as caller:
            for number in range(10):
                await caller.send_request("echo", {"n": number})

    with ExitStack() as stack:
        stack.enter_context(serving(shop(early), url, early))
        before = stack.enter_context(DaebusCaller(early, redis_url=url, timeout=40))
        before.send_request("echo")
        session = stack.enter_context(looking(url))
        for each in later:
            stack.enter_context(serving(shop(each), url, each))
        for each in (early, *later):
            eventually(lambda: session.tap.seen_since(each))  # noqa: B023 - asked at once
        for each in (early, *later):
            with DaebusCaller(each, redis_url=url, timeout=40) as caller:
                for number in range(10):
                    caller.send_request("echo", {"n": number})
                assert len(list(caller.stream_request("count"))) == 3
                caller.send_request("tell")
                caller.send_message("echo", {"n": -1})
            asyncio.run(ask(each))
        before.send_request("echo")
        wanted = Counter(
            {
                ("echo", Kind.REQUEST, State.OK): 61,
                ("count", Kind.REQUEST, State.OK): 3,
                ("tell", Kind.REQUEST, State.OK): 3,
                ("echo", Kind.ONE_WAY, State.SENT): 3,
            }
        )

        def all_seen() -> bool:
            assert tally(session, early, *later) == wanted
            return True

        eventually(all_seen)
        assert session.status.gaps == 0
        streams = [one for one in exchanges(session, *later) if one.action == "count"]
        assert [len(one.parts) for one in streams] == [2, 2]


def test_broadcasts_of_all_masters_are_seen(url: str, name: str) -> None:
    with ExitStack() as stack:
        for each in names(name):
            stack.enter_context(serving(shop(each), url, each))
        session = stack.enter_context(looking(url))
        requester = stack.enter_context(Requester(url))
        channels = [f"{each}.news" for each in names(name)]
        for channel in channels:
            requester.publish(channel, b'{"a": 1}')
        eventually(lambda: Counter(one.target for one in exchanges(session, *channels)) == dict.fromkeys(channels, 1))


def test_who_comes_is_seen_within_a_second(url: str, name: str) -> None:
    with looking(url) as session, serving(shop(name), url, name):
        begun = time.monotonic()
        eventually(lambda: session.tap.seen_since(name), every=0.001)
        assert time.monotonic() - begun < 5
        with DaebusCaller(name, redis_url=url) as caller:
            caller.send_request("echo", {"n": 1})
        eventually(lambda: tally(session, name)["echo", Kind.REQUEST, State.OK] == 1)
        eventually(lambda: instances(session, name) == 1)


def test_it_shows_who_is_there_and_not_who_watches(url: str, name: str) -> None:
    one, two, three = names(name)
    forecast = shop(one)
    forecast.listen("weather")(lambda _message: None)
    with (
        serving(forecast, url, one),
        serving(shop(two), url, two),
        serving(shop(two), url, two),
        serving(shop(three), url, three),
        looking(url) as first,
        looking(url) as second,
    ):
        wanted = {one: (1, 1), two: (2, 2), three: (1, 1)}

        def shown(session: Session) -> dict[str, tuple[int, int]]:
            with session.lock:
                services = session.directory.services.items()
                return {each: (one.subscribers, len(one.instances)) for each, one in services if each in wanted}

        for session in (first, second):
            eventually(lambda: shown(session) == wanted)  # noqa: B023 - asked at once
            with session.lock:
                channels = {*session.directory.channels, *session.directory.services}
            assert not [each for each in channels if each.startswith(WATCHED) or each == ANNOUNCED]
            eventually(lambda: session.directory.subscribers_of("weather") == 1)  # noqa: B023
            assert session.directory.pattern_subscribers == 0


def test_nobody_is_taken_in_by_it(cluster: Cluster, url: str, name: str) -> None:
    """It reads the channels of a service that is gone: callers are told that nobody serves, and it is shown as gone."""
    with looking(url) as session, DaebusCaller(name, redis_url=url) as caller:
        with serving(shop(name), url, name):
            eventually(lambda: session.tap.seen_since(name) and instances(session, name))
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            eventually(lambda: not caller.send_request("echo", timeout=20))
        assert time.monotonic() - begun < 10
        assert session.tap.follows(name), "it reads it still, and is not counted"

        async def ask() -> None:
            async with AsyncDaebusCaller(name, redis_url=url) as other:
                await other.send_request("echo")

        with pytest.raises(ServiceUnavailable):
            asyncio.run(ask())
        eventually(lambda: session.directory.services[name].gone is not None)
        eventually(lambda: not session.tap.follows(name))
        eventually(lambda: not any(order(node, "PUBSUB", "SHARDCHANNELS", f"*{name}*") for node in masters(cluster)))


def test_two_consoles_do_not_keep_each_other_there(cluster: Cluster, url: str, name: str) -> None:
    with looking(url) as one, looking(url) as two:
        with serving(shop(name), url, name):
            eventually(lambda: one.tap.seen_since(name) and two.tap.seen_since(name))
        eventually(lambda: not one.tap.follows(name) and not two.tap.follows(name))


def test_an_answer_that_could_not_be_seen_is_unknown(cluster: Cluster, url: str, name: str) -> None:
    """Only where its channel was read long enough before, it is said that no answer came."""
    strange = f"strange.{name}"
    with (
        looking(url) as session,
        Requester(url) as requester,
        listening(cluster, name),
        listening(cluster, strange, announced=False),
    ):
        eventually(lambda: session.tap.seen_since(name))
        asked = b'{"action": "echo", "request_id": "%b", "reply_to": "%b", "timeout": 0.2}'
        requester.publish(name, asked % (b"first", strange.encode()))
        eventually(lambda: state(session, "first") is State.UNKNOWN)
        # It is known by the request.
        since = eventually(lambda: session.tap.seen_since(strange))
        eventually(lambda: session.clock() > since + 0.6)
        requester.publish(name, asked % (b"second", strange.encode()))
        eventually(lambda: state(session, "second") is State.TIMEOUT)


def test_a_time_is_over_at_a_node_that_is_silent_while_another_is_busy(
    cluster: Cluster, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them is asked for a sign of life for any other reason."""
    monkeypatch.setattr("daebus_console.engine.live.tap.PING_AFTER", 60.0)
    monkeypatch.setattr("daebus_console.engine.live.tap.DEAD_AFTER", 120.0)
    busy, asked, answers = names(name)
    with (
        looking(url, Settings(passive=True)) as session,
        Requester(url) as requester,
        listening(cluster, busy),
        listening(cluster, asked),
        listening(cluster, answers),
    ):
        since = max(eventually(lambda one=one: session.tap.seen_since(one)) for one in (busy, asked, answers))  # type: ignore[misc]
        eventually(lambda: session.clock() > since + 0.6)
        told = b'{"action": "echo", "request_id": "silence", "reply_to": "%b", "timeout": 0.2}'
        requester.publish(asked, told % answers.encode())

        def over() -> bool:
            requester.publish(busy, b'{"n": 1}')
            return state(session, "silence") is State.TIMEOUT

        eventually(over, within=30, every=0.01)


def state(session: Session, request_id: str) -> State | None:
    with session.lock:
        found = session.correlator.find(request_id)
        return None if found is None else found.state


@contextmanager
def listening(cluster: Cluster, channel: str, *, announced: bool = True) -> Iterator[None]:
    """Somebody who subscribes to a channel, and does nothing with what comes."""
    master = next(node for node in masters(cluster) if is_owner(node, channel))
    with master.client() as client, client.pubsub() as heard:
        heard.execute_command("SSUBSCRIBE", channel)
        eventually(lambda: order(master, "PUBSUB", "SHARDNUMSUB", channel)[1])
        if announced:
            there = next(node for node in masters(cluster) if is_owner(node, ANNOUNCED))
            order(there, "SPUBLISH", ANNOUNCED, announcement([channel]))
        yield


def is_owner(node: RedisServer, channel: str) -> bool:
    try:
        order(node, "GET", channel)
        return True
    except redis.ResponseError:
        return False


def test_what_is_said_of_channels_may_be_nonsense(cluster: Cluster, url: str, name: str) -> None:
    with looking(url) as session, Requester(url) as requester:
        for data in (b"", b"{", b"[]", b'{"daebus_channels": 1}', b'{"daebus_channels": [1, "", "\\ud800", null]}'):
            requester.publish(ANNOUNCED, data)
        requester.publish(ANNOUNCED, announcement([f"{name}.nobody"]))
        eventually(lambda: session.tap.seen_since(f"{name}.nobody"))
        assert session.status.up
        eventually(lambda: not session.tap.follows(f"{name}.nobody"))
        assert not exchanges(session, ANNOUNCED)


def test_a_channel_that_is_named_is_read_whoever_is_there(url: str, name: str) -> None:
    one, two, _three = names(f"{name}.")
    settings = Settings(patterns=(one, f"{two}*"))
    with looking(url, settings) as named, Requester(url) as requester:
        assert requester.publish(one, b'{"a": 1}') == 1, "nobody else reads it"
        requester.publish(two, b'{"a": 2}')
        eventually(lambda: len(exchanges(named, one)) == 1)
        # Nobody subscribes to that one, and no pattern could show it.
        assert not exchanges(named, two)
        with serving(shop(two), url, two):
            eventually(lambda: named.tap.seen_since(f"{two}.news"))
            requester.publish(f"{two}.news", b'{"a": 3}')
            eventually(lambda: len(exchanges(named, f"{two}.news")) == 1)
            assert named.tap.followed() <= {one, two, f"{two}.news", ANNOUNCED, named.reply_to}


def test_heartbeats_are_no_traffic(url: str, name: str) -> None:
    with serving(shop(name), url, name), DaebusCaller(name, redis_url=url) as caller, looking(url) as session:
        caller.send_request("echo")
        eventually(lambda: session.correlator.probes > 2)
        assert {one.opened.kind for one in exchanges(session)} <= {Kind.REQUEST}


def test_its_own_questions_are_marked_as_such(url: str, name: str) -> None:
    with serving(shop(name), url, name), looking(url) as session:
        eventually(lambda: instances(session, name) == 1)
        questions = [one for one in exchanges(session, name) if one.action == "info"]
        assert questions
        assert all(one.flags & Flag.OURS and one.state is State.OK for one in questions)


def test_the_line_at_the_top_says_that_it_is_sharded(url: str) -> None:
    with looking(url) as session, session.lock:
        left, _right = header(session, session.clock())
        shown = "".join(text for text, _role in left)
    assert "live on 3 shards" in shown
    assert ",+5?sharded=true" in shown, "the addresses of all nodes would leave no room for it"
    assert shortened("redis+sentinel://h:1,h2:2/mymaster") == "redis+sentinel://h:1,+1/mymaster"
    assert shortened("redis://h:1/0?a=b,c") == "redis://h:1/0?a=b,c"


def test_a_redis_that_is_no_cluster_is_said_to_be_none() -> None:
    server = RedisServer().start()
    try:
        with Session(f"{server.url}?sharded=true") as session:
            assert not session.wait_up(10)
            assert "needs a cluster of Redis 7 or later, or of Valkey" in str(session.status.problem)
    finally:
        server.close()


def test_every_verb_works(url: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "seen.jsonl"

    def say(line: str) -> str:
        said = carry_out(url, line)
        assert said.status == Exit.DONE, (line, said.words)
        return said.shown + said.words

    with serving(shop(name), url, name), hammering(url, callers=1) as hammer:
        assert name in say("services")
        eventually(lambda: "echo" in say(f"services {name}"), what="it has told what it has")
        assert '"n": 7' in say(f"request {name} echo n:=7")
        assert "1 subscriber" in say(f"send {name} echo n:=1")
        assert "1 subscriber" in say(f"broadcast {name}.news n:=1")
        assert "0 subscribers" in say(f"broadcast {name}.none n:=1")
        assert say(f"ping {name}")
        assert hammer.name in say("stats --for 0.5")
        assert hammer.name in say("tail --for 0.5")
        assert " 0 messages," not in " " + say(f"record {file} --for 0.5")
        assert say(f"running {name}")
        assert name in carry_out(url, f"why {name}").shown
        assert say(f"bench {name} echo -n 20")
    assert carry_out(url, f"request {name} echo").status == Exit.NOBODY


def test_what_was_recorded_is_sent_again(cluster: Cluster, url: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "seen.jsonl"
    handled: list[int] = []
    app = Daebus(name)

    @app.action("note")
    def note() -> dict[str, int]:
        handled.append(request.payload["n"])
        return request.payload

    with serving(app, url, name):
        with looking(url) as session, DaebusCaller(name, redis_url=url) as caller:
            recorder = Recorder(session, file)
            caller.send_request("note", {"n": 5})
            eventually(lambda: tally(session, name)["note", Kind.REQUEST, State.OK] == 1)
            recorder.stop()
        said = carry_out(url, f"replay {file} --yes")
        assert said.status == Exit.DONE, said.words
        assert handled == [5, 5]
        node = cluster.nodes[0].url
        said = carry_out(url, f"replay {file} --redis {node}?sharded=true --yes")
        assert (said.status, handled) == (Exit.DONE, [5, 5, 5]), said.words


def test_it_stands_in_for_a_service_and_is_seen_to(url: str, name: str) -> None:
    answer = FixedAnswer("say", Given({"hi": 1}))
    with looking(url) as session, closing(Mocks(session.address)) as mocks:
        mocks.add(name, answer, "hi")
        eventually(lambda: session.tap.seen_since(name))
        with DaebusCaller(name, redis_url=url) as caller:
            assert caller.send_request("say") == {"hi": 1}
        eventually(lambda: tally(session, name)["say", Kind.REQUEST, State.OK] == 1)
        with pytest.raises(ServicePresent), serving(shop(f"{name}.there"), url, f"{name}.there"):
            mocks.add(f"{name}.there", answer, "hi")


def test_one_class_for_each_kind_of_bus(cluster: Cluster, url: str) -> None:
    assert isinstance(Session(cluster.url).tap, Tap)
    assert not isinstance(Session(url).tap, Tap)
