"""What an instance is doing: at the shell for the services that are named, on the screen for those unfolded."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from daebus import Daebus, DaebusCaller, request
from daebus_console.commands.context import Exit
from daebus_console.engine.entries import Instance
from daebus_console.engine.figures.told import Figures, figures
from daebus_console.tui.rows.directory import DirectoryRow, row_line
from daebus_console.tui.rows.lines import text_of
from tests.console.sick.conftest import SERVICE, Bus, carry_out
from tests.console.tui.support import Driver, drive
from tests.support.redis_server import RedisServer

INFO = {
    "service": "loyalty",
    "instance": "i1",
    "host": "build-machine-7",
    "pid": 4711,
    "started": 1000.0,
    "workers": {"max": 10, "busy": 2},
    "queue": {"size": 3, "max": 1000},
    "counts": {"handled": 812, "errors": 4, "busy": 5, "expired": 1},
}


@pytest.fixture
def busy(own_redis: RedisServer) -> Iterator[threading.Event]:
    """The service `loyalty` with two workers, one at work until the event is set."""
    app, done = Daebus("loyalty", max_workers=2), threading.Event()

    @app.action("wait")
    def wait() -> object:
        done.wait(60)
        return request.payload

    @app.action("fail")
    def fail() -> None:
        raise ValueError("on purpose")

    app.start(service="loyalty", redis_url=own_redis.url)
    with DaebusCaller("loyalty", redis_url=own_redis.url) as caller:
        caller.send_message("wait", {})
        with pytest.raises(Exception, match="on purpose"):
            caller.send_request("fail", {})
        yield done
    done.set()
    app.stop(grace=5)


def test_the_service_that_is_named_is_listed_with_its_instances(own_redis: RedisServer, busy: threading.Event) -> None:
    other = Bus(own_redis).serve(name="unnamed")
    try:
        said = carry_out(own_redis.url, "services loyalty")
        assert said.status == Exit.DONE, said.words
        head, row = said.heard.lines[-2:]
        assert head.split() == [
            "SERVICE",
            "INSTANCE",
            "PROCESS",
            "WORKERS",
            "QUEUE",
            "HANDLED",
            "ERRORS",
            "REFUSED",
            "UP",
            "PROBE",
        ]
        assert row.split()[3:8] == ["1/2", "0", "0", "1", "0"]
        assert row.rstrip().endswith(("ms", "µs", " s", "?")), row
        assert "unnamed" not in said.shown
        assert "unnamed" in carry_out(own_redis.url, "services").shown
    finally:
        other.stop(grace=1)


@pytest.mark.parametrize(("names", "status"), [("loy*", 0), ("loyal?y", 0), ("nobody", 3), ("loyalty nobody", 3)])
def test_names_may_be_globs_and_who_is_missing_is_told(bus: Bus, names: str, status: int) -> None:
    said = carry_out(bus.server.url, f"services {names}")
    assert said.status == status
    assert (SERVICE in said.shown) == ("loy" in names)
    assert [error for error in said.heard.errors if "nobody" in error] == (
        ["no service 'nobody' is there"] if status else []
    )


def test_it_is_asked_again_while_it_is_unfolded(own_redis: RedisServer, busy: threading.Event) -> None:
    async def story(console: Driver) -> None:
        await console.sees("loyalty")
        await console.press("tab")
        directory = console.app.main.directory
        directory.focus()
        await console.press("home", "right")
        await console.sees("1/2")
        busy.set()
        # Within the ten seconds after which all are asked again.
        await console.until(lambda: "0/2" in console.text, within=9)

    drive(own_redis.url, story, size=(200, 35))


def test_a_line_with_room_says_it_in_words() -> None:
    text = text_of(row_line(DirectoryRow("instance", "i1", "loyalty", Instance("i1", INFO, 0.0)), 110, 1040.0))
    assert "build-machine-7:4711" in text
    for part in ("2/10 busy", "3 queued", "812 handled", "4 errors", "6 refused", "40.0s up"):
        assert part in text


@pytest.mark.parametrize("width", range(20, 60, 4))
def test_a_narrow_line_keeps_the_figures_before_the_name(width: int) -> None:
    text = text_of(row_line(DirectoryRow("instance", "i1", "loyalty", Instance("i1", INFO, 0.0)), width, 1040.0))
    assert len(text) <= width
    assert "2/10" in text
    assert width < 44 or "812✓ 4✗ 6⊘" in text


@pytest.mark.parametrize("info", [{}, {"workers": 3, "queue": [], "counts": "x", "started": True}])
def test_what_an_instance_does_not_tell_is_not_made_up(info: dict[str, object]) -> None:
    assert figures(info, 10.0) == Figures()


def test_what_is_asked_of_a_running_service_has_all_the_figures(bus: Bus) -> None:
    (record,) = carry_out(bus.server.url, "services loyalty --json").heard.records
    (instance,) = record["instances"]
    told = figures(instance, instance["started"] + 5)
    assert None not in (told.busy, told.workers, told.queued, told.room, told.handled, told.errors, told.refused)
    assert told.up == pytest.approx(5)
