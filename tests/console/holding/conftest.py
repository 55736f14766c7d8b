"""A small shop that may be debugged, and a prompt beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any

import pytest
import redis

from daebus import Daebus, DaebusCaller, request
from daebus_console.commands.under_way import under_way
from daebus_console.engine.holding.desk import Held, Known
from daebus_console.engine.keeping.keeper import Keeper
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt, prompting
from tests.support.framework_services import serving
from tests.support.waiting import eventually


class Asked:
    """A request on its way, in a thread of its own."""

    def __init__(self, url: str, service: str, action: str, payload: dict[str, Any], timeout: float) -> None:
        self.answer: Any = None
        self.error: Exception | None = None

        def work() -> None:
            caller = DaebusCaller(service, redis_url=url)
            try:
                self.answer = caller.send_request(action, payload, timeout=timeout)
            except Exception as error:
                self.error = error
            finally:
                caller.close()

        self._thread = Thread(target=work, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def result(self, within: float = 20.0) -> Any:
        """Its answer; raises the error that it ended with."""
        self._thread.join(within)
        assert self.done, "nobody answered"
        if self.error is not None:
            raise self.error
        return self.answer


class Shop:
    """Orders that ask payment: both may be debugged. What was handled is counted."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.orders, self.payment, self.audit = f"{name}_orders", f"{name}_payment", f"{name}_audit"
        self.placed = f"{name}_placed"
        self.handled: list[tuple[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Shop:
        self.start(self.payment, self._payment())
        self.start(self.orders, self._orders())
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def start(self, service: str, app: Daebus) -> Daebus:
        """One more service, or instance."""
        return self._stack.enter_context(serving(app, self.url, service))

    def _payment(self) -> Daebus:
        app = Daebus(__name__, debugger=True)

        @app.action("charge")
        def charge() -> dict[str, Any]:
            self.handled.append(("charge", dict(request.payload)))
            return {"charged": request.payload["amount"]}

        return app

    def _orders(self) -> Daebus:
        app = Daebus(__name__, debugger=True)
        payment = DaebusCaller(self.payment, redis_url=self.url)
        self._stack.callback(payment.close)

        @app.action("place")
        def place() -> dict[str, Any]:
            self.handled.append(("place", dict(request.payload)))
            paid = payment.send_request("charge", {"amount": request.payload.get("amount", 1)}, timeout=30)
            return {"placed": True, **paid}

        @app.action("ping")
        def ping() -> dict[str, Any]:
            self.handled.append(("ping", dict(request.payload)))
            return {"pong": True}

        return app

    def ask(self, action: str = "place", payload: dict[str, Any] | None = None, timeout: float = 30.0) -> Asked:
        """Ask orders, and do not wait."""
        return Asked(self.url, self.orders, action, payload or {}, timeout)

    def crowd(self, count: int) -> None:
        """So many requests to orders, 7 kB each: no more than some thirty of them have room in an answer."""
        with redis.Redis.from_url(self.url) as client:
            for n in range(count):
                payload = {"n": n, "text": "x" * 7_000}
                told = {"action": "ping", "payload": payload, "request_id": f"r{n}", "service": "old"}
                client.publish(self.orders, json.dumps(told))


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    with Shop(redis_url, name) as shop:
        yield shop


@pytest.fixture
def session(redis_url: str, shop: Shop) -> Iterator[Session]:
    with Session(redis_url) as session:
        known(session, shop.orders, shop.payment)
        yield session


def known(session: Session, *services: str) -> None:
    """Wait until the session knows what these services are."""

    def told() -> bool:
        with session.lock:
            entries = [session.directory.services.get(name) for name in services]
        return all(entry is not None and entry.instances for entry in entries)

    eventually(told, what="the services have told of themselves")


class Debugging:
    """A prompt, and what its keeper knows."""

    def __init__(self, session: Session, prompt: Prompt) -> None:
        self.session, self.prompt = session, prompt

    def __call__(self, line: str) -> int:
        return self.prompt(line)

    @property
    def heard(self) -> Any:
        return self.prompt.heard

    @property
    def keeper(self) -> Keeper:
        keeper = under_way(self.session).keeper
        assert keeper is not None
        return keeper

    def held(self) -> list[Held]:
        with self.session.lock:
            return self.keeper.desk.held()

    def known(self) -> list[Known]:
        with self.session.lock:
            return self.keeper.desk.known()

    def news(self) -> list[str]:
        with self.session.lock:
            return list(self.keeper.desk.news)

    @property
    def latest(self) -> str:
        """The newest of the news; empty where there is none."""
        return next(reversed(self.news()), "")

    def holding(self, count: int = 1, where: Callable[[Held], bool] = lambda _held: True) -> list[Held]:
        """Wait until so many such messages are held."""
        eventually(lambda: len([one for one in self.held() if where(one)]) == count, what=f"{count} held")
        return [one for one in self.held() if where(one)]


@pytest.fixture
def console(session: Session) -> Iterator[Debugging]:
    with prompting(session) as prompt:
        yield Debugging(session, prompt)
        under_way(session).close()
