"""What an event loop calls functions by that may wait: as asyncio has it, on threads that end with the process."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from daebus.service.work.aside import DefaultExecutor


class Given:
    """What a function is given."""


@pytest.fixture
def no_collecting() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collecting")
def test_what_a_function_was_given_that_raised_is_freed_with_its_error() -> None:
    executor = DefaultExecutor("test")
    given: list[weakref.ref[Given]] = []

    def fails(_given: Given) -> None:
        raise ValueError("no")

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(executor)
        one = Given()
        given.append(weakref.ref(one))
        with pytest.raises(ValueError, match="no"):
            await asyncio.to_thread(fails, one)

    # It waits for the threads.
    asyncio.run(main())
    assert given[0]() is None
