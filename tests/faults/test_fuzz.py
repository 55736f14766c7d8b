"""Fifty thousand messages of any kind on every channel that a service or a caller listens to."""

from __future__ import annotations

import io
import itertools
import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from daebus import Daebus, Requester, request
from tests.support.framework_services import serving, subscribers
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

MESSAGES = 50_000
BATCH = 1_250
FIELDS = (
    "action",
    "payload",
    "reply_to",
    "request_id",
    "service",
    "parent_id",
    "sent_at",
    "timeout",
    "status",
    "final",
)

numbers = st.integers() | st.integers(-(10**400), 10**400) | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(max_size=30)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
pools = st.lists(values, min_size=20, max_size=40)
junk = st.lists(st.binary(max_size=60), min_size=10, max_size=20)


class Fuzzer:
    """Makes messages out of values that hypothesis has thought of; the same ones for the same values."""

    def __init__(self, pool: list[Any], raw: list[bytes], places: list[str]) -> None:
        self._random = random.Random(repr(pool) + repr(raw))
        self._pool = pool
        self._raw = raw
        self._places = places

    def message(self) -> bytes:
        """One of: an envelope with some fields of any type, a bare value, bytes, a torn or deeply nested text."""
        kind = self._random.random()
        if kind < 0.7:
            return self._envelope()
        if kind < 0.8:
            return _written(self._random.choice(self._pool))
        if kind < 0.9:
            return self._random.choice(self._raw)
        text = self._envelope()
        if kind < 0.97:
            cut = self._random.randrange(len(text))
            return text[:cut] + self._random.choice(self._raw) + text[cut + self._random.randrange(3) :]
        depth = self._random.choice((10, 500, 1500))
        opening, closing = self._random.choice(((b"[", b"]"), (b'{"action":', b"}"), (b'{"payload":', b"}")))
        return opening * depth + b"1" + closing * self._random.choice((0, depth))

    def _envelope(self) -> bytes:
        message: dict[str, Any] = {"action": "echo", "payload": {"n": 1}, "reply_to": "nobody", "request_id": "r"}
        for field in self._random.sample(FIELDS, self._random.randrange(4)):
            if self._random.random() < 0.2:
                message.pop(field, None)
            else:
                message[field] = self._random.choice((*self._pool, *self._places, "echo", "info", "note"))
        return _written(message)


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@pytest.fixture
def log_text(name: str) -> Iterator[io.StringIO]:
    """All that is logged but of other services, as it would be shown; apart from pytest, which keeps every record."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    # A handler of a test before may still wait for its end.
    handler.addFilter(lambda record: name in record.getMessage() or not record.getMessage().startswith("svc_"))
    logger = logging.getLogger("daebus")
    logger.addHandler(handler)
    logger.propagate = False
    yield text
    logger.propagate = True
    logger.removeHandler(handler)


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_no_message_whatever_harms_a_service_or_a_caller(
    redis_url: str, name: str, shared: bool, log_text: io.StringIO
) -> None:
    app = Daebus(name, max_workers=3, max_queue=4 * BATCH)
    heard = itertools.count()
    app.action("echo")(lambda: request.payload)
    app.action("note")(lambda: None)
    app.listen(f"{name}.event")(lambda _data: next(heard))
    app.listen(name)(lambda _data: next(heard))
    sent = 0
    with (
        serving(app, redis_url, name, shared=shared),
        redis.Redis.from_url(redis_url) as client,
        Requester(redis_url, timeout=20) as requester,
    ):
        assert requester.call(name, "echo", {"a": 1}) == {"a": 1}
        channels = [name, name, name, f"daebus.control.{name}", f"{name}.event", requester.reply_channel]

        @settings(
            max_examples=MESSAGES // 2 // BATCH,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(pools, junk)
        def batch(pool: list[Any], raw: list[bytes]) -> None:
            nonlocal sent
            fuzzer = Fuzzer(pool, raw, channels)
            pipeline = client.pipeline(transaction=False)
            for _ in range(BATCH):
                pipeline.publish(channels[sent % len(channels)], fuzzer.message())
                sent += 1
            assert min(pipeline.execute()) >= 1
            assert requester.call(name, "echo", {"n": sent}) == {"n": sent}

        while sent < MESSAGES // 2:
            batch()
        assert requester.call(f"daebus.control.{name}", "info")["service"] == name
        before = next(heard)
        client.publish(f"{name}.event", "{}")
        eventually(lambda: next(heard) > before + 2)
        service = app._service
        assert service is not None
        eventually(lambda: service.rest(0))
        assert service._dispatcher.counts["busy"] == 0
        assert service._listener.connections == 1
        assert subscribers(redis_url, name) == 1
        assert requester.pending == 0
    text = log_text.getvalue()
    # These are the nets below everything else; nothing may have fallen into them.
    for net in ("could not deal with", "cannot take a message", "in a way it should not"):
        assert net not in text, text[max(0, text.index(net) - 300) :][:3000]
    # Only a handler that gives back what JSON cannot carry has anything to complain of.
    raised = [line for line in text.splitlines() if line[:1].isalpha() and "Error: " in line and name not in line]
    assert text.count("Traceback") == text.count(f"{name}: action 'echo' raised") == len(raised)
    assert all("PayloadError: the payload cannot be written as JSON" in line for line in raised), set(raised)
