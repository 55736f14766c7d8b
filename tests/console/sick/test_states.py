"""Each verb on a Redis that refuses something: told with code and text, and on again when it is over.

Redis refuses PUBLISH, SUBSCRIBE and PUBSUB to nobody but while a script keeps it busy, whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus_console.commands.context import Exit
from tests.console.sick.conftest import SERVICE, Bus, carry_out
from tests.console.sick.states import OPTIONS, STATES
from tests.console.tui.support import Driver, drive
from tests.support.redis_server import RedisServer

BUSY = "is busy running a script"
"""What a server says of itself, whatever its name is."""

VERBS = {
    "services": "loyalty",
    "tail --for 0.2": "",
    "stats --for 0.2": "",
    "send loyalty echo n:=1": "",
    "broadcast news n:=1": "",
    "request loyalty echo n:=1": '"n": 1',
    "bench loyalty echo n:=1 -n 3": "3",
    "record FILE --for 0.2": "",
}


@pytest.fixture(params=STATES)
def sick(request: pytest.FixtureRequest) -> Iterator[tuple[str, Bus]]:
    """A server in that state, with a service that was there before."""
    code = str(request.param)
    options = (*OPTIONS, "--cluster-enabled", "yes") if code == "CLUSTERDOWN" else OPTIONS
    server = RedisServer(*options).start()
    try:
        bus = Bus(server)
        app = bus.serve()
        with STATES[code](server):
            yield code, bus
        app.stop(grace=1)
    finally:
        server.close()


def test_every_verb_does_what_redis_lets_it_and_tells_the_rest(sick: tuple[str, Bus], tmp_path: object) -> None:
    code, bus = sick
    for number, (line, result) in enumerate(VERBS.items()):
        said = carry_out(bus.server.url, line.replace("FILE", f"{tmp_path}/{number}.jsonl"))
        if code == "BUSY":
            assert said.status == Exit.NO_REDIS, line
            assert BUSY in said.words, line
        elif code in ("READONLY", "MASTERDOWN") and line.startswith("broadcast"):
            # The service is there, but nobody listens: whoever does may be at the master.
            assert said.status == Exit.NO_REDIS, line
            assert "is a replica, where nobody subscribes" in said.words, line
        else:
            assert said.status == Exit.DONE, (line, said.words)
            assert result in said.shown + said.words, (line, said.shown)


def test_the_full_screen_says_what_is_so_and_goes_on_when_it_is_over() -> None:
    server = RedisServer(*OPTIONS).start()
    try:

        async def story(console: Driver) -> None:
            await console.sees("● live")
            with STATES["BUSY"](server):
                await console.sees(BUSY)
                assert "refuses to subscribe" not in console.text
            await console.loses("BUSY")
            await console.sees("● live")
            console.publish("after", {"n": 1})
            await console.sees("» after")

        drive(server.url, story, size=(200, 35))
    finally:
        server.close()


@pytest.mark.parametrize("code", ["MISCONF", "LOADING", "MASTERDOWN"])
def test_the_full_screen_is_not_disturbed_by_a_refused_ping(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.live.tap.PING_AFTER", 0.05)
    server = RedisServer(*OPTIONS).start()
    try:

        async def story(console: Driver) -> None:
            await console.sees("● live")
            with STATES[code](server):
                console.publish(SERVICE, {"n": 1})
                await console.sees(f"» {SERVICE}")
                for word in ("refuses", "may not", code, "1 gap"):
                    assert word not in console.text

        drive(server.url, story, size=(200, 35))
    finally:
        server.close()


def test_the_full_screen_shows_a_right_that_is_missing_until_it_is_given(bus: Bus) -> None:
    url = bus.user("looker", "+@all", "~*", "resetchannels", "&caller:*", "&daebus.*", "&loyalty")

    async def story(console: Driver) -> None:
        await console.sees("◐ live in part", "missing rule &*", "seen in part since then", SERVICE)
        bus.change("looker", "&*")
        await console.sees("● live", "seen in part for")
        assert "missing" not in console.text.splitlines()[0]

    drive(url, story, size=(200, 35))
