"""Who is on the bus, listed: what the list itself says of what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from daebus import Daebus
from daebus_console.commands.context import Exit
from daebus_console.commands.terms.entries import Entry, Liner
from daebus_console.engine.directory import MOST
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.session import Session
from daebus_console.render import Line, to_text
from daebus_console.text import cells
from tests.console.commands.prompt import Prompt, prompting
from tests.console.commands.support import Heard
from tests.console.engine.bus import Bus, raw
from tests.console.sick.conftest import carry_out
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def session(redis_url: str) -> Iterator[Session]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        yield session


@pytest.mark.parametrize(
    ("beyond", "told"), [(0, None), (3, "3 other names"), (MOST + 5, "10,000 or more other names")]
)
def test_names_there_was_no_room_for_are_counted(session: Session, beyond: int, told: str | None) -> None:
    with session.lock:
        found = {f"daebus.control.one-of-many-{number}": 1 for number in range(MOST + beyond)}
        session.directory.poll(session.clock(), found)
    with prompting(session) as prompt:
        assert prompt("services") == Exit.DONE
        notes = [note for note in prompt.heard.notes if "are not listed" in note]
    assert len(notes) == (told is not None)
    assert told is None or notes[0].startswith(told)


@contextmanager
def looking(url: str, until: Callable[[Session], object]) -> Iterator[Prompt]:
    """A prompt on that Redis, once its session knows of what is looked for."""
    with Session(url) as session, prompting(session) as prompt:
        assert session.wait_up(5)
        eventually(lambda: session.directory.polled is not None and until(session), what="it is known")
        yield prompt


@pytest.fixture
def foreign(own_redis: RedisServer) -> Iterator[redis.client.PubSub]:
    """A client of another framework, by a name of its own."""
    with redis.Redis.from_url(own_redis.url, client_name="celery@here") as client, client.pubsub() as pubsub:
        yield pubsub


def confirmed(pubsub: redis.client.PubSub, count: int) -> None:
    for _ in range(count):
        assert pubsub.get_message(timeout=5) is not None


def test_a_bus_without_services_of_ours_is_not_said_to_be_empty(
    own_redis: RedisServer, foreign: redis.client.PubSub
) -> None:
    foreign.subscribe('{"cmd":"sum"}', '{"cmd":"mul"}')
    confirmed(foreign, 2)
    with looking(own_redis.url, lambda session: session.directory.channels) as prompt:
        assert prompt("services") == Exit.DONE
        assert any('{"cmd":"sum"}' in line for line in prompt.heard.lines)
        assert not any("no service is there" in note for note in prompt.heard.notes)
        assert any("no service is known here" in note for note in prompt.heard.notes)


@pytest.mark.parametrize(
    ("channels", "told"),
    [(("news",), "1 other channel has subscribers"), (("news", "tea"), "2 other channels have subscribers")],
)
def test_other_channels_are_counted(
    own_redis: RedisServer, foreign: redis.client.PubSub, channels: tuple[str, ...], told: str
) -> None:
    foreign.subscribe("users", "daebus.control.users", *channels)
    confirmed(foreign, 2 + len(channels))
    with looking(own_redis.url, lambda session: len(session.directory.channels) == len(channels)) as prompt:
        assert prompt("services") == Exit.DONE
        assert f"{told}; --all lists them" in prompt.heard.notes


def test_an_empty_bus_is_said_to_be_empty(own_redis: RedisServer) -> None:
    with looking(own_redis.url, lambda _session: True) as prompt:
        assert prompt("services") == Exit.DONE
        assert any("no service is there, and nobody is subscribed" in note for note in prompt.heard.notes)


def test_who_is_subscribed_by_pattern_is_named(own_redis: RedisServer, foreign: redis.client.PubSub) -> None:
    foreign.psubscribe("tasks.*", "/0.celery.pidbox")
    confirmed(foreign, 2)
    with looking(own_redis.url, lambda session: session.directory.by_pattern) as prompt:
        with redis.Redis.from_url(own_redis.url) as client:
            client.publish("tasks.done", "{}")
        eventually(lambda: "tasks.done" in prompt.context.session.directory.channels, what="the message")
        prompt("services --all")
        (line,) = [line for line in prompt.heard.lines if "celery@here" in line]
        assert line.split()[:2] == ["celery@here", "2"]
        (line,) = [line for line in prompt.heard.lines if "tasks.done" in line]
        assert "by pattern?" in line
        prompt("services --all --json")
        (record,) = [record for record in prompt.heard.records if "pattern_subscriber" in record]
        assert (record["pattern_subscriber"]["name"], record["patterns"]) == ("celery@here", 2)


def test_without_the_right_to_list_clients_it_is_said_that_there_are_some(
    own_redis: RedisServer, foreign: redis.client.PubSub
) -> None:
    foreign.psubscribe("tasks.*")
    confirmed(foreign, 1)
    rights = "+psubscribe +subscribe +unsubscribe +publish +ping +pubsub +info +config|get &*"
    with redis.Redis.from_url(own_redis.url) as client:
        client.execute_command("ACL", "SETUSER", "looker", "on", ">pass", *rights.split())
    url = own_redis.url.replace("redis://", "redis://looker:pass@")
    with looking(url, lambda session: session.directory.by_pattern is None) as prompt:
        prompt("services --all")
        assert any("+client|list" in note for note in prompt.heard.notes)
        assert prompt.heard.errors == []


def test_names_that_differ_in_an_id_only_are_one_line(session: Session) -> None:
    with session.lock:
        names = {f"celery-task-meta-{number:032x}": 1 for number in range(300)}
        session.directory.poll(session.clock(), names, complete=False)
    with prompting(session) as prompt:
        prompt("services --all")
        (line,) = [line for line in prompt.heard.lines if "celery" in line]
        assert line.startswith("celery-task-meta-* ×300")


def test_a_channel_with_subscribers_is_not_said_to_be_missing(redis_url: str, name: str) -> None:
    """It may be a stand-in, or a service of another framework that nobody has asked yet."""
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(name)
        confirmed(pubsub, 1)
        with looking(redis_url, lambda session: name in session.directory.channels) as prompt:
            told = f"'{name}' is not known to be a service; its channel has 1 subscriber"
            for verb in ("services", "running"):
                assert prompt(f"{verb} {name} {name}_gone") == Exit.NOBODY
                assert prompt.heard.errors[-2:] == [told, f"no service '{name}_gone' is there"]


def test_what_an_action_does_ends_at_the_edge_of_a_terminal(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.action("place")
    def place() -> dict[str, str]:
        """Take what is asked for off the shelves, have it paid for, and tell whoever wants to know."""
        return {}

    with (
        serving(app, redis_url, name),
        looking(redis_url, lambda session: name in session.directory.services) as prompt,
    ):
        prompt.heard.width = 80
        assert prompt(f"services {name}") == Exit.DONE
        row = next(line for line in prompt.heard.lines if "place" in line)
    assert cells(row) == 80
    assert row.endswith("…")


def test_of_instances_a_narrow_terminal_leaves_out_columns_and_names_them(redis_url: str, name: str) -> None:
    app = Daebus(name)
    with (
        serving(app, redis_url, name),
        looking(redis_url, lambda session: name in session.directory.services) as prompt,
    ):
        for width in (200, 80):
            prompt.heard.width = width
            prompt.heard.lines.clear()
            assert prompt(f"services {name}") == Exit.DONE
            (headings,) = [line for line in prompt.heard.lines if "WORKERS" in line]
            left_out = [column for column in ("PROBE", "UP", "PROCESS", "HANDLED") if column not in headings]
            told = [note for note in prompt.heard.notes if "no room" in note]
            assert told == ([f"no room for {', '.join(left_out)}: --json has all"] if left_out else [])
            assert bool(left_out) == (width == 80)
            assert max(map(cells, prompt.heard.lines)) <= width


def test_one_long_name_does_not_widen_the_column_for_the_rest_of_the_run() -> None:
    bus, liner = Bus(), Liner(200, Redactor(()))

    def place(channel: str) -> int:
        exchange = bus >> raw(channel, '{"mark": 1}')
        return to_text(liner.line(Entry.of(exchange.opened, exchange))).index("{")

    before = place("news")
    assert place("n" * 40) > before
    assert place("news") > before, "what comes next is aligned with it"
    for _ in range(100):
        place("news")
    assert place("news") == before


def test_how_long_it_still_looks_is_shown(redis_url: str) -> None:
    class Progress(Heard):
        def progress(self, line: Line, *, transient: bool = False) -> None:
            assert transient
            self.steps.append(to_text(line))

    said = carry_out(redis_url, "services --for 0.3", heard=lambda _session: Progress())
    assert said.status == Exit.DONE
    assert said.heard.steps[0].startswith("looking, 0 s more")
