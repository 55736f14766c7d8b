"""What is done with leaves no circles: those would lie about, with payloads in them, until they are collected."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from daebus import (
    AsyncDaebusCaller,
    Daebus,
    DaebusCaller,
    RequestFailed,
    ServiceUnavailable,
    broadcast,
    request,
    response,
)
from tests.support.framework_services import serving

TIMES = 200
TRIES = 3
"""What we leave is left each time; what else this process may be at is not."""

Do = Callable[[DaebusCaller, DaebusCaller], object]


def fails(caller: DaebusCaller, _nobody: DaebusCaller) -> None:
    with suppress(RequestFailed):
        caller.send_request("fail")


def nobody_serves(_caller: DaebusCaller, nobody: DaebusCaller) -> None:
    with suppress(ServiceUnavailable):
        nobody.send_request("echo")


KINDS: dict[str, Do] = {
    "a request": lambda caller, _: caller.send_request("echo", {"a": 1}),
    "a stream": lambda caller, _: list(caller.stream_request("steps")),
    "progress": lambda caller, _: caller.send_request("steps", on_progress=lambda part: None),
    "several": lambda caller, _: list(caller.map("echo", [{"a": 1}, {"a": 2}])),
    "a message": lambda caller, _: caller.send_message("echo", {"a": 1}),
    "a broadcast": lambda caller, _: broadcast.send(f"{caller.target_service}.news", {"a": 1}),
    "an error": fails,
    "nobody serves": nobody_serves,
}


@pytest.fixture
def app(name: str) -> Daebus:
    app = Daebus(name)

    @app.action("echo")
    def echo() -> int:
        return response.send(request.payload)

    @app.action("steps")
    def steps() -> Iterator[dict[str, Any]]:
        yield {"step": 1}
        yield {"step": 2}

    @app.action("fail")
    def fail() -> None:
        raise ValueError("bad")

    @app.listen(f"{name}.news")
    def news(payload: dict[str, Any]) -> None:
        pass

    return app


@contextmanager
def circles() -> Iterator[Counter[str]]:
    """What is left in the block that reference counts alone do not free: the kinds of objects, and how many of each."""
    found = Counter[str]()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found.update(type(each).__qualname__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def is_little(found: Counter[str]) -> bool:
    """What beats and watches beside it may leave a little."""
    return max(found.values(), default=0) < TIMES / 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_done_with_is_freed_at_once(app: Daebus, redis_url: str, name: str, kind: str) -> None:
    do = KINDS[kind]
    with (
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
        DaebusCaller(f"{name}-nobody", redis_url=redis_url) as nobody,
    ):
        do(caller, nobody)
        for _ in range(TRIES):
            with circles() as found:
                for _ in range(TIMES):
                    do(caller, nobody)
            if is_little(found):
                break
        assert is_little(found), found


@pytest.mark.parametrize("action", ["echo", "fail", "nobody"])
def test_so_is_what_asyncio_is_done_with(app: Daebus, redis_url: str, name: str, action: str) -> None:
    async def main() -> None:
        target = f"{name}-nobody" if action == "nobody" else name
        async with AsyncDaebusCaller(target, redis_url=redis_url) as caller:

            async def do() -> None:
                with suppress(RequestFailed, ServiceUnavailable):
                    await caller.send_request(action, {"a": 1})

            await do()
            for _ in range(TRIES):
                with circles() as found:
                    for _ in range(TIMES):
                        await do()
                if is_little(found):
                    break
            assert is_little(found), found

    with serving(app, redis_url, name):
        asyncio.run(main())
