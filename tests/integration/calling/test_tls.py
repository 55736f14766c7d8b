"""A Redis that takes TLS only, with an authority of its own, and clients with a certificate."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, cache, request
from daebus.errors import RedisUnavailable
from daebus_console.engine.session import Session
from tests.support.framework_services import serving
from tests.support.tls import TlsServer, tls_server
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    server = tls_server(tmp_path_factory.mktemp("tls"))
    yield server
    server.close()


@pytest.fixture
def app(name: str) -> Daebus:
    app = Daebus(name)

    @app.action("echo")
    def echo() -> Any:
        return request.payload

    @app.action("keep")
    def keep() -> Any:
        cache.set("kept", request.payload["text"])
        return {"kept": cache.get("kept")}

    return app


@pytest.mark.parametrize("shared", [False, True])
def test_all_goes_over_it(app: Daebus, server: TlsServer, name: str, shared: bool) -> None:
    # Larger than a record of TLS, and than what a socket takes at once.
    payloads = [{"text": "x" * size} for size in (1, 20_000, 700_000)]
    session = Session(server.tls_url)
    session.start()
    assert session.wait_up(10)
    answers: list[Any] = []

    def answered() -> int:
        with session.lock:
            exchanges = [one for one in session.journal.exchanges if one.action in ("echo", "keep")]
            return sum(one.target == name and one.answer is not None for one in exchanges)

    async def ask() -> list[Any]:
        async with AsyncDaebusCaller(name, redis_url=server.tls_url, timeout=20) as caller:
            return list(await asyncio.gather(*(caller.send_request("echo", each) for each in payloads)))

    try:
        with (
            serving(app, server.tls_url, name, shared=shared),
            DaebusCaller(name, redis_url=server.tls_url, timeout=20) as caller,
        ):
            threads = [
                threading.Thread(target=lambda each=each: answers.append(caller.send_request("echo", each)))
                for each in payloads * 3
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(len(each["text"]) for each in answers) == sorted(len(each["text"]) for each in payloads * 3)
            assert asyncio.run(ask()) == payloads
            assert caller.send_request("keep", {"text": "k"}) == {"kept": "k"}
            eventually(lambda: answered() == 13, what="the console has seen all of them answered")
    finally:
        session.stop()


def test_who_shows_no_certificate_is_told_and_nothing_is_sent(server: TlsServer, name: str) -> None:
    url = f"{server.bare_url}?{server.trusting}"
    with DaebusCaller(name, redis_url=url) as caller, pytest.raises(RedisUnavailable, match="cannot connect to Redis"):
        caller.send_request("echo")


def test_a_file_that_is_missing_is_named_whatever_files_stand_before_it(server: TlsServer, name: str) -> None:
    url = server.tls_url.replace("client.key", "nothing.key")
    with (
        DaebusCaller(name, redis_url=url) as caller,
        pytest.raises(RedisUnavailable, match=r"cannot read ssl_keyfile=.*nothing\.key \(No such file"),
    ):
        caller.send_request("echo")
