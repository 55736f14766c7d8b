"""A Redis that takes TLS only, with an authority of its own, and clients with a certificate."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, cache, request
from daebus.errors import RedisUnavailable
from daebus.transport import tls
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


def test_the_certificates_are_read_once_for_all_that_connect_and_not_on_the_event_loop(
    app: Daebus, server: TlsServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a processor some 30 ms: who asked while Redis was away held the loop up with that, and each other."""
    readers: list[threading.Thread] = []
    read = ssl.create_default_context

    def noted(*arguments: Any, **options: Any) -> ssl.SSLContext:
        readers.append(threading.current_thread())
        return read(*arguments, **options)

    async def ask(caller: AsyncDaebusCaller) -> Any:
        async with caller:
            return await caller.send_request("echo", {"n": 1})

    async def ask_all() -> list[Any]:
        callers = [AsyncDaebusCaller(name, redis_url=server.tls_url, timeout=20) for _ in range(5)]
        return list(await asyncio.gather(*map(ask, callers)))

    def ask_in_thread() -> None:
        with DaebusCaller(name, redis_url=server.tls_url, timeout=20) as caller:
            answers.append(caller.send_request("echo", {"n": 1}))

    answers: list[Any] = []
    monkeypatch.setattr(tls, "KEPT_FOR", 1000.0)
    with serving(app, server.tls_url, name):
        tls.contexts.after_fork()
        monkeypatch.setattr(ssl, "create_default_context", noted)
        assert asyncio.run(ask_all()) == [{"n": 1}] * 5
        assert len(readers) == 1
        assert readers[0] is not threading.current_thread()
        threads = [threading.Thread(target=ask_in_thread) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (answers, len(readers)) == ([{"n": 1}] * 5, 1)
        # A file that was replaced meanwhile counts a second later.
        monkeypatch.setattr(tls, "KEPT_FOR", 0.0)
        ask_in_thread()
        assert len(readers) > 1
