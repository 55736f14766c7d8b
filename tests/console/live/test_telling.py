"""Services on a real Redis tell what they do, and the session has it: while it is open, and of the time before."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from daebus import Daebus, broadcast, logger
from daebus.client.caller import DaebusCaller
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.session import Session
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


def shop() -> Daebus:
    app = Daebus("shop", max_workers=2)

    @app.action("buy")
    def buy() -> dict[str, bool]:
        logger.info("buying")
        broadcast.send("orders", {"order": 7})
        return {"bought": True}

    @app.action("fail")
    def fail() -> None:
        raise ValueError("no \x1b[31mroom")

    @app.listen("orders")
    def on_order(message: dict[str, object]) -> None:
        raise KeyError("sku")

    return app


@pytest.fixture
def open_pulling(open_session: Callable[..., Session]) -> Callable[[], Session]:
    def start() -> Session:
        session = open_session()
        session.pulls = True
        return session

    return start


def newest(session: Session, **wanted: object) -> Exchange:
    with session.lock:
        found = (
            one
            for one in reversed(session.journal.exchanges)
            if all(getattr(one, name) == value for name, value in wanted.items())
        )
        exchange = next(found, None)
    # To whoever waits for it, that is not yet.
    assert exchange is not None, f"nothing seen with {wanted}"
    return exchange


def is_watched(session: Session) -> bool:
    """Whether a service has been asked to publish its records, and answered."""
    with session.lock:
        return any(
            one.action == "watch" and one.state is State.OK and one.flags & Flag.CONTROL
            for one in session.journal.exchanges
        )


def test_what_a_service_does_is_told_while_it_does_it(
    own_redis: RedisServer, open_pulling: Callable[[], Session], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(shop(), own_redis.url, "shop"), DaebusCaller("shop", redis_url=own_redis.url) as caller:
        session = open_pulling()
        eventually(lambda: is_watched(session), within=20, what="the service is watched")
        caller.send_request("buy", {})
        caller.send_message("fail", {})

        def told() -> bool:
            with session.lock:
                return all(
                    session.telling.of(newest(session, **wanted)).runs
                    for wanted in ({"action": "buy"}, {"action": "fail"}, {"target": "orders"})
                )

        eventually(told, within=20, what="all of it is told")
        with session.lock:
            bought = session.telling.of(newest(session, action="buy"))
            assert [line.text for line in bought.logged] == ["buying"]
            assert bought.queued is not None
            failed = session.telling.of(newest(session, action="fail")).handled[0]
            assert (failed.type, failed.error) == ("ValueError", "no \x1b[31mroom")
            assert "raise ValueError" in (failed.traceback or "")
            order = session.telling.of(newest(session, target="orders"))
            assert order.published is not None
            assert order.published.parent == newest(session, action="buy").request_id
            assert [(run.source.service, run.type) for run in order.heard] == [("shop", "KeyError")]


def test_what_was_before_is_told_in_rows_that_are_not_counted(
    own_redis: RedisServer, open_pulling: Callable[[], Session], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(shop(), own_redis.url, "shop"), DaebusCaller("shop", redis_url=own_redis.url) as caller:
        caller.send_request("buy", {})
        caller.send_message("fail", {})
        caller.send_request("buy", {})
        session = open_pulling()

        def rows() -> list[Exchange]:
            with session.lock:
                return [one for one in session.journal.exchanges if one.kind is Kind.TOLD]

        eventually(lambda: len(rows()) == 3, within=20, what="what was before is told")
        eventually(lambda: is_watched(session), within=20, what="the service is watched")
        assert sorted((one.action, one.state, one.aside.code) for one in rows()) == [
            ("buy", State.OK, None),
            ("buy", State.OK, None),
            ("fail", State.ERROR, "handler_error"),
        ]
        assert all(one.opened.at < session.status.since for one in rows())
        with session.lock:
            assert not session.stats.totals(session.clock()).count
            assert not session.directory.services["shop"].errors
            seen = sum(1 for one in session.journal.messages if one.kind is not Kind.TOLD)
            assert session.status.messages == seen


def test_a_session_that_is_not_told_to_asks_for_nothing(
    own_redis: RedisServer, open_session: Callable[..., Session]
) -> None:
    with serving(shop(), own_redis.url, "shop"):
        session = open_session()
        polled = session.wait_for(lambda: bool(session.directory.services.get("shop")), 10)
        assert polled
        assert session.wait_for(lambda: bool(session.directory.services["shop"].instances), 10)
        first = session.directory.polled
        assert session.wait_for(lambda: session.directory.polled != first, 10)
        with session.lock:
            assert {one.action for one in session.journal.exchanges if one.target == "shop"} == {"info"}


def test_listeners_and_waiting_are_counted(
    own_redis: RedisServer, open_pulling: Callable[[], Session], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(shop(), own_redis.url, "shop"), DaebusCaller("shop", redis_url=own_redis.url) as caller:
        session = open_pulling()
        eventually(lambda: is_watched(session), within=20, what="the service is watched")
        caller.send_request("buy", {})

        def counted() -> bool:
            with session.lock:
                rows = session.stats.rows(session.clock())
                runs = session.directory.services["shop"].runs
                return bool(runs) and any(row.action == "buy" and row.queue_p50 is not None for row in rows)

        eventually(counted, within=20, what="it is counted")
        with session.lock:
            (run,) = session.directory.services["shop"].runs.values()
        assert (run.kind, run.what, run.runs, run.failed, run.error) == ("listener", "orders", 1, 1, "'sku'")
        assert [one.rule for one in session.findings.book] == ["listener-raised"]
