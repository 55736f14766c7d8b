"""A service that may not publish what it records is not heard: that is told, with the rule, wherever it matters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller
from daebus_console.commands.context import Exit
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unheard
from daebus_console.tui.titles.header import header
from tests.console.sick.conftest import Bus, carry_out, looking
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

NAME = "ledger"
RULES = ("+@all", "~*", "resetchannels", f"&{NAME}", f"&daebus.control.{NAME}", "&caller:*")
MISSING = f"missing rule &daebus.watch.{NAME} (ACL SETUSER NAME &daebus.watch.{NAME})"


@pytest.fixture
def bus(own_redis: RedisServer) -> Bus:
    return Bus(own_redis)


@pytest.fixture
def mute(bus: Bus) -> Iterator[Daebus]:
    """A service that may do all but publish its records."""
    app = bus.serve(bus.user("svc", *RULES), NAME)
    yield app
    app.stop(grace=1)


def refused(app: Daebus) -> int:
    """How often Redis has refused its records."""
    service = app._service
    assert service is not None
    episode = service._refusals._episodes.get("publishing records")
    return 0 if episode is None else episode.count


def until_refused(session: Session, bus: Bus, app: Daebus) -> None:
    """The service was asked for its records, and could not publish them."""
    session.pulls = True
    eventually(lambda: NAME in session.telling.asking.watched)
    with DaebusCaller(NAME, redis_url=bus.server.url) as caller:

        def tried() -> bool:
            caller.send_request("echo", {})
            return refused(app) > 0

        eventually(tried)


@pytest.mark.parametrize("line", ["findings --for 0.1", "findings --for 0.1 --json"])
def test_findings_does_not_pass_where_a_service_could_not_be_heard(bus: Bus, mute: Daebus, line: str) -> None:
    said = carry_out(bus.server.url, line, meanwhile=lambda session: until_refused(session, bus, mute))
    assert said.status == Exit.NO_REDIS
    (error,) = said.heard.errors
    assert error.startswith(MISSING)
    assert NAME in error
    assert "nothing was found" not in said.words


def test_the_tripwire_says_so(bus: Bus, mute: Daebus, tmp_path: Path) -> None:
    line = f"watch --on-finding error --for 0.1 --keep {tmp_path}"
    said = carry_out(bus.server.url, line, meanwhile=lambda session: until_refused(session, bus, mute))
    assert MISSING in said.words


def test_a_recording_says_so_and_so_does_whoever_reads_it(bus: Bus, mute: Daebus, tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    said = carry_out(
        bus.server.url, f"record {file} --for 0.1", meanwhile=lambda session: until_refused(session, bus, mute)
    )
    assert MISSING in said.words
    found = carry_out(bus.server.url, f"findings {file}")
    assert found.status == Exit.NO_REDIS
    assert MISSING in found.heard.errors[0]


def test_the_full_screen_says_so_until_it_is_over(bus: Bus, mute: Daebus) -> None:
    def shown(session: Session) -> str:
        with session.lock:
            return "".join(text for text, _role in header(session, 0.0)[0])

    with looking(bus.server.url) as session:
        until_refused(session, bus, mute)
        eventually(lambda: MISSING in shown(session), within=30)
        bus.change("svc", f"&daebus.watch.{NAME}")
        eventually(lambda: why_unheard(session) is None, within=30)
        assert "missing rule" not in shown(session)


def test_findings_passes_where_all_could_be_heard(bus: Bus) -> None:
    app = bus.serve(name=NAME)
    try:
        said = carry_out(bus.server.url, "findings --for 0.1")
    finally:
        app.stop(grace=1)
    assert (said.status, said.heard.errors) == (Exit.DONE, [])
