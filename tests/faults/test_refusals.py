"""What a Redis that is well and refuses means: each command of the framework, in each state that refuses some.

The table is `COMMANDS` x `CODES`. Whether a state refuses a command is asked of the server at hand, since versions
differ: where it does, whoever asked is told at once with the server's words; where it does not, all goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    ConnectionLost,
    Daebus,
    DaebusCaller,
    DaebusError,
    RedisRefused,
    RedisUnavailable,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
    broadcast,
    request,
    response,
)
from daebus.service.claims import CLAIMING
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.refusals import CODES, redis_that_may, refuses, refusing
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, RedisServer]]:
    """Those of the tests before, by what they may be brought to refuse with."""
    started: dict[str, RedisServer] = {}
    yield started
    for server in started.values():
        server.close()


@dataclass
class Bench:
    """A service of which one instance runs, another of which two share the work, and a state that may begin."""

    server: RedisServer
    code: str
    name: str
    caplog: pytest.LogCaptureFixture
    gate: threading.Event = field(default_factory=threading.Event)
    heard: list[Any] = field(default_factory=list)
    noted: list[Any] = field(default_factory=list)
    _waits: int = 0

    def __post_init__(self) -> None:
        self.sharing = [self.app(), self.app()]

    def unclaimed(self) -> tuple[int, int]:
        """How many messages the two could not claim since Redis began to refuse that, and how many of them came to
        nothing."""
        found = [app._service._refusals._episodes.get(CLAIMING) for app in self.sharing if app._service]
        return sum(one.count for one in found if one), sum(one.dropped for one in found if one)

    @property
    def shared(self) -> str:
        return f"{self.name}_shared"

    def app(self, **options: Any) -> Daebus:
        app = Daebus(self.name, **options)
        app.action("echo")(lambda: request.payload)
        app.action("note")(lambda: self.noted.append(request.payload))
        app.action("wait")(self._wait)
        app.listen(f"{self.name}_news")(self.heard.append)
        return app

    def _wait(self) -> dict[str, Any]:
        if request.payload.get("partly"):
            response.send({}, final=False)
        self._waits += 1
        self.gate.wait(20)
        if request.payload.get("partly"):
            response.send({}, final=False)
        return {"waited": True}

    @property
    def waits(self) -> int:
        """How many handlers wait for the gate."""
        return self._waits

    def lines(self, *words: str, level: int = logging.ERROR) -> list[str]:
        """What was logged of this bench with all of the words."""
        return [
            record.getMessage()
            for record in self.caplog.records
            if record.levelno == level and all(word in record.getMessage() for word in (self.name, *words))
        ]

    def caller(self, service: str | None = None, timeout: float = 20) -> DaebusCaller:
        return DaebusCaller(service or self.name, redis_url=self.server.url, timeout=timeout)


@pytest.fixture(params=CODES)
def bench(
    request: pytest.FixtureRequest,
    servers: dict[str, RedisServer],
    name: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    code = request.param
    if code not in servers:
        servers[code] = redis_that_may(code)
    bench = Bench(servers[code], code, name, caplog)
    url = bench.server.url
    monkeypatch.setattr("daebus.transport.reconnecting.REFUSED_DELAY", 0.5)
    with (
        serving(bench.app(), url, name),
        serving(bench.sharing[0], url, bench.shared, shared=True),
        serving(bench.sharing[1], url, bench.shared, shared=True),
    ):
        yield bench
        bench.gate.set()


class Waiting:
    """A request that is under way in a thread of its own, and what became of it."""

    def __init__(self, caller: DaebusCaller, **payload: Any) -> None:
        self._caller = caller
        self._payload = payload
        self._outcome: Any = None
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Waiting:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.join()

    def _ask(self) -> None:
        try:
            self._outcome = self._caller.send_request("wait", self._payload)
        except DaebusError as error:
            self._outcome = error

    def outcome(self) -> Any:
        """What it was answered with, or raised; waited for."""
        self._thread.join()
        return self._outcome


Check = Generator[None, str | None, None]
"""Until the first `yield` all is well; it gives the code with which the command is refused, or None. After a second one
all is well again."""


@contextmanager
def told(refused: str | None) -> Iterator[None]:
    """The block raises the refusal where there is one."""
    if refused is None:
        yield
        return
    with pytest.raises(RedisRefused, match=refused) as caught:
        yield
    assert caught.value.code == refused
    assert not isinstance(caught.value, ConnectionLost)


def a_request(bench: Bench) -> Check:
    with bench.caller() as caller:
        caller.send_request("echo", {})
        refused = yield
        with told(refused):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        yield
        assert caller.send_request("echo", {"n": 2}) == {"n": 2}


def a_request_from_asyncio(bench: Bench) -> Check:
    with asyncio.Runner() as runner:
        caller = AsyncDaebusCaller(bench.name, redis_url=bench.server.url, timeout=20)
        runner.run(caller.send_request("echo", {}))
        refused = yield
        with told(refused):
            assert runner.run(caller.send_request("echo", {"n": 1})) == {"n": 1}
        with told(refused):
            assert runner.run(caller.send_message("note", {"n": 1})) == 1
        yield
        assert runner.run(caller.send_request("echo", {"n": 2})) == {"n": 2}
        runner.run(caller.close())


def a_one_way_message(bench: Bench) -> Check:
    with bench.caller() as caller:
        caller.send_message("note", {"n": 0})
        refused = yield
        with told(refused):
            assert caller.send_message("note", {"n": 1}) == 1
        yield
        eventually(lambda: bench.noted == ([{"n": 0}] if refused else [{"n": 0}, {"n": 1}]))


def a_broadcast(bench: Bench) -> Check:
    refused = yield
    with told(refused):
        assert broadcast.send(f"{bench.name}_news", {"n": 1}) == 3
    yield
    eventually(lambda: bench.heard == ([] if refused else [{"n": 1}] * 3))


def an_answer(bench: Bench) -> Check:
    with bench.caller(timeout=2 if bench.code == "NOPERM" else 30) as caller, Waiting(caller) as asked:
        eventually(lambda: bench.waits == 1)
        refused = yield
        bench.gate.set()
        if refused is not None:
            eventually(lambda: len(bench.lines(refused)) == 1)
        if bench.code == "NOPERM":
            # Nothing can be published, not even that.
            assert isinstance(asked.outcome(), RequestTimeout)
        elif refused is None:
            assert asked.outcome() == {"waited": True}
        yield
        if bench.code != "NOPERM":
            assert asked.outcome() == {"waited": True}
        elif refused is not None:
            # It is noticed with the next answer to one whom no answer had reached.
            caller.send_request("echo", {})
        if refused is not None:
            eventually(lambda: bench.lines("allows publishing answers again", level=logging.WARNING))
        assert len(bench.lines()) <= 1


def a_partial_answer(bench: Bench) -> Check:
    with bench.caller(timeout=2 if bench.code == "NOPERM" else 30) as caller, Waiting(caller, partly=True) as asked:
        eventually(lambda: bench.waits == 1)
        refused = yield
        bench.gate.set()
        if bench.code == "NOPERM":
            assert isinstance(asked.outcome(), RequestTimeout)
        elif refused is None:
            assert asked.outcome() == {"waited": True}
        else:
            eventually(lambda: bench.lines("raised"))
        yield
        if refused is not None and bench.code != "NOPERM":
            outcome = asked.outcome()
            assert isinstance(outcome, RequestFailed)
            assert (outcome.code, outcome.type) == ("handler_error", "RedisRefused")
            assert refused in outcome.message


def a_claim(bench: Bench) -> Check:
    with (
        bench.caller(bench.shared) as caller,
        DaebusCaller(bench.shared, redis_url=bench.server.url) as other,
        bench.server.client() as client,
    ):
        before = _claims(client)
        caller.send_request("echo", {})
        # The one that does not get it claims it as well, perhaps after the answer.
        eventually(lambda: _claims(client) - before == 2)
        refused = yield
        if refused is None:
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        elif bench.code == "BUSY":
            with told(refused):
                caller.send_request("echo", {"n": 1})
        else:
            for asker in (caller, other, caller, other):
                with pytest.raises(RequestFailed, match=refused) as caught:
                    asker.send_request("echo", {"n": 1})
                assert caught.value.code == "redis_refused"
            assert caller.send_message("note", {"n": 1}) == 2
            # Each by a worker of its own: the first may be waiting still for a node that has the slot.
            eventually(lambda: bench.unclaimed() == (10, 2))
        yield
        assert caller.send_request("echo", {"n": 2}) == {"n": 2}
        if refused is not None and bench.code != "BUSY":
            over = eventually(lambda: _two(bench.lines("allows claiming requests again", level=logging.WARNING)))
            assert all("(refused 5 times; 1 of them for messages" in line for line in over)
            assert bench.noted == []
        assert len(bench.lines()) <= 2


def _claims(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_set", {}).get("calls", 0))


def _two(lines: list[str]) -> list[str] | None:
    return lines if len(lines) == 2 else None


def passing_on(bench: Bench) -> Check:
    with bench.caller(bench.shared) as caller:
        refused = yield
        for _ in range(3):
            with told(refused) if bench.code == "BUSY" else pytest.raises(RequestFailed) as caught:
                caller.send_request("nope")
            assert bench.code == "BUSY" or caught.value.code == "unknown_action"
        # One line for what cannot be counted and one for what cannot be claimed, from either.
        assert len(bench.lines()) <= 4
        if refused is not None and bench.code != "BUSY":
            eventually(lambda: bench.lines(refused))


def counting_subscribers(bench: Bench) -> Check:
    with bench.caller() as caller, bench.caller(f"{bench.name}_nobody", timeout=1) as nobody:
        caller.send_request("echo", {})
        refused = yield
        with told(refused) if bench.code == "BUSY" else nullcontext():
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        # That nobody is at a replica says nothing: all may be at its master.
        at_a_replica = pytest.raises(RedisUnavailable, match="is a replica, where nobody subscribes")
        unserved = at_a_replica if bench.code in ("READONLY", "MASTERDOWN") else pytest.raises(ServiceUnavailable)
        with told(refused) if bench.code == "BUSY" else pytest.raises(RequestTimeout) if refused else unserved:
            nobody.send_request("echo")


def subscribing_of_a_caller(bench: Bench) -> Check:
    with bench.caller() as caller:
        refused = yield
        with told(refused):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        yield
        assert caller.send_request("echo", {"n": 2}) == {"n": 2}


def subscribing_from_asyncio(bench: Bench) -> Check:
    with asyncio.Runner() as runner:
        caller = AsyncDaebusCaller(bench.name, redis_url=bench.server.url, timeout=20)
        refused = yield
        with told(refused):
            assert runner.run(caller.send_request("echo", {"n": 1})) == {"n": 1}
        yield
        assert runner.run(caller.send_request("echo", {"n": 2})) == {"n": 2}
        runner.run(caller.close())


def subscribing_of_a_service(bench: Bench) -> Check:
    app, service = bench.app(), f"{bench.name}_late"
    refused = yield
    with told(refused):
        app.start(service=service, redis_url=bench.server.url, shared=bench.code not in ("NOPERM", "BUSY"))
    yield
    if refused is None:
        with bench.caller(service) as caller:
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        app.stop()


def subscribing_again(bench: Bench) -> Check:
    with bench.server.client() as client, bench.caller() as caller:
        client.ping()
        refused = yield
        if bench.code == "BUSY":
            # Nor can anybody be disconnected while that lasts.
            return
        client.client_kill_filter(_type="pubsub")
        if refused is None:
            eventually(lambda: _answers(caller))
        else:
            eventually(lambda: len(bench.lines(refused)) == 3)
        yield
        eventually(lambda: _answers(caller))
        assert len(bench.lines()) == (3 if refused else 0)


def signs_of_life(bench: Bench) -> Check:
    with pytest.MonkeyPatch.context() as patch, bench.server.client() as client, bench.caller() as caller:
        patch.setattr("daebus.transport.listener.HEARTBEAT_AFTER", 0.7)
        with Waiting(caller) as asked:
            eventually(lambda: bench.waits == 1)
            client.ping()
            with bench.caplog.at_level(logging.DEBUG, "daebus"):
                before = _subscribes(client)
                refused = yield
                if refused is None:
                    eventually(lambda: _subscribes(client) > before, within=30)
                else:
                    words = f"answers a sign of life with: {refused}"
                    eventually(lambda: words in bench.caplog.text, within=30)
                yield
            bench.gate.set()
            assert asked.outcome() == {"waited": True}
        assert bench.lines(level=logging.WARNING) == bench.lines() == []


def _subscribes(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_subscribe", {}).get("calls", 0))


def _answers(caller: DaebusCaller) -> bool:
    try:
        return caller.send_request("echo", {"n": 2}) == {"n": 2}
    except (ServiceUnavailable, ConnectionLost):
        return False
    except RedisUnavailable as error:
        # Nobody is there yet, which of a replica says less.
        if "is a replica" not in str(error):
            raise
        return False


_PUBLISH = (("PUBLISH", "x", "y"), "publish")
_SUBSCRIBE = (("SUBSCRIBE", "x"), "subscribe")
COMMANDS: dict[Callable[[Bench], Check], tuple[tuple[str, ...], str]] = {
    a_request: _PUBLISH,
    a_request_from_asyncio: _PUBLISH,
    a_one_way_message: _PUBLISH,
    a_broadcast: _PUBLISH,
    an_answer: _PUBLISH,
    a_partial_answer: _PUBLISH,
    a_claim: (("SET", "x", "y", "NX", "PX", "1000"), "set"),
    passing_on: (("INCR", "x"), "incr"),
    counting_subscribers: (("PUBSUB", "NUMSUB", "x"), "pubsub|numsub"),
    subscribing_of_a_caller: _SUBSCRIBE,
    subscribing_from_asyncio: _SUBSCRIBE,
    subscribing_of_a_service: _SUBSCRIBE,
    subscribing_again: _SUBSCRIBE,
    signs_of_life: _SUBSCRIBE,
}
"""What is done, the command that it takes, and the right to that."""


@pytest.mark.parametrize("check", COMMANDS, ids=lambda check: check.__name__)
def test_what_redis_refuses_is_told_and_logged_once(bench: Bench, check: Callable[[Bench], Check]) -> None:
    command, right = COMMANDS[check]
    with closing(check(bench)) as steps:
        next(steps)
        with refusing(bench.server, bench.code, [right]):
            try:
                steps.send(refuses(bench.server, *command))
            except StopIteration:
                return
        for _ in steps:
            pass


@pytest.mark.parametrize("code", CODES)
def test_each_state_refuses_something(servers: dict[str, RedisServer], code: str) -> None:
    if code not in servers:
        servers[code] = redis_that_may(code)
    with refusing(servers[code], code, ["set"]):
        assert refuses(servers[code], "SET", "x", "y") == ("READONLY" if code == "MASTERDOWN" else code)
    assert refuses(servers[code], "SET", "x", "y") is None
