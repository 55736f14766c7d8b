"""What a console at rest costs a Redis with very many channels, by the server's own figures."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from daebus_console.engine.directory import Directory
from daebus_console.engine.live.pace import Pace
from tests.console.sick.conftest import SERVICE, Bus, looking
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

CHANNELS = 70_000
LISTING = "cmdstat_pubsub|channels"
MOST = 0.01
"""Of the server's time."""


class Spent(NamedTuple):
    """Seconds that the server had spent on commands, in all and by command, at a time."""

    seconds: float
    at: float
    by_command: dict[str, float]


def spent(server: RedisServer) -> Spent:
    """What the server says of itself."""
    with server.client() as client:
        stats = client.info("commandstats")
        by_command = {name: entry["usec"] / 1e6 for name, entry in stats.items() if "info" not in name}
        return Spent(sum(by_command.values()), time.monotonic(), by_command)


def letters(number: int) -> str:
    """A name like no other: names that differ in a number only would be one entry."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


@pytest.mark.timeout(180)
def test_a_console_at_rest_takes_at_most_one_percent_of_the_servers_time(own_redis: RedisServer) -> None:
    with own_redis.client() as client, client.pubsub() as pubsub:
        for start in range(0, CHANNELS, 1000):
            pubsub.subscribe(*(f"device:{letters(number)}:telemetry" for number in range(start, start + 1000)))
        with looking(own_redis.url) as session:
            assert session.wait_for(lambda: session.directory.polled is not None, 60)
            # A listing is the dearest by far. It is not made again before what it cost is the share it may take.
            listed = spent(own_redis)
            until = session.discovery._listing.due_at
            share = listed.by_command[LISTING] / (until - listed.at)
            assert until - listed.at > 1, "not at every poll"
            polled = session.directory.polled
            eventually(lambda: (session.directory.polled or 0) > (polled or 0) + 5, within=60, every=0.1)
            later = spent(own_redis)
            others = later.seconds - listed.seconds - (later.by_command[LISTING] - listed.by_command[LISTING])
            share += others / (later.at - listed.at)
            assert share <= MOST, (share, listed, later)
            assert len(session.directory.channels) == 10_000
            assert session.directory.forgotten == 10_000


def test_what_is_on_the_screen_is_counted_at_each_poll(bus: Bus) -> None:
    with looking(bus.server.url) as session, bus.server.client() as client, client.pubsub() as pubsub:
        assert session.wait_for(lambda: SERVICE in session.directory.services, 10)
        # As if all else had cost very much.
        far = time.monotonic() + 3600
        session.discovery._listing.due_at = session.discovery._counting.due_at = far
        session.look_at([f"daebus.control.{SERVICE}"])
        pubsub.subscribe(f"daebus.control.{SERVICE}")
        assert session.wait_for(lambda: session.directory.services[SERVICE].subscribers == 2, 10)
        pubsub.unsubscribe()
        assert session.wait_for(lambda: session.directory.services[SERVICE].subscribers == 1, 10)


def test_a_part_of_the_channels_says_nothing_of_the_others() -> None:
    directory = Directory()
    directory.poll(1.0, {"daebus.control.users": 1, "news": 2, "old": 1, "caller:1": 1})
    directory.poll(2.0, {"news": 3, "old": 0}, complete=False)
    assert directory.services["users"].gone is None
    assert (directory.channels["news"].subscribers, directory.channels["old"].gone) == (3, 2.0)
    assert directory.reply_channels == 1
    directory.poll(3.0, {"daebus.control.users": 0}, complete=False)
    assert directory.services["users"].gone == 3.0


def test_what_costs_more_is_asked_less_often() -> None:
    pace = Pace()
    assert pace.due(0.0)
    pace.took(100.0, 0.02, 70_000)
    assert not pace.due(106.6)
    assert pace.due(106.7)


def test_a_busy_machine_does_not_make_few_channels_dear() -> None:
    pace = Pace()
    pace.took(100.0, 5.0, 10)
    assert pace.due(100.1)
