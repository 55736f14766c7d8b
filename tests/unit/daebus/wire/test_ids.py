"""Ids of requests differ, whatever the program does with `random` or with processes."""

from __future__ import annotations

import os
import random
import re
from concurrent.futures import ThreadPoolExecutor

from daebus.wire.ids import new_request_id


def test_an_id_is_32_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{32}", new_request_id())


def test_ids_of_many_threads_differ() -> None:
    with ThreadPoolExecutor(8) as threads:
        each = list(threads.map(lambda _: [new_request_id() for _ in range(2000)], range(8)))
    assert len({one for ids in each for one in ids}) == 16000


def test_a_seed_set_by_the_program_does_not_repeat_them() -> None:
    random.seed(1)
    first = new_request_id()
    random.seed(1)
    assert new_request_id() != first


def test_a_forked_child_has_other_ids() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() != new_request_id()
