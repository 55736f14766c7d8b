"""What is sent once more: one after the other, and not where its publisher has been closed."""

from __future__ import annotations

import logging
import threading

import pytest

from daebus.errors import RedisUnavailable
from daebus.transport.shards.again import OnceMore
from tests.support.waiting import eventually


class Publisher:
    """Notes what is sent, what is said to have failed, and how often it is closed; `hold` keeps one under way."""

    def __init__(self) -> None:
        self.once_more = OnceMore("shop", "redis://there:1")
        self.sent: list[str] = []
        self.failed: list[str] = []
        self.closes = 0
        self.held = threading.Event()
        self.go = threading.Event()

    def close(self) -> None:
        self.closes += 1
        self.once_more.closing()

    def put(self, what: str) -> None:
        self.once_more.put(
            lambda: self.sent.append(what), lambda error: self.failed.append(f"{what}: {error}"), self.close
        )

    def hold(self) -> None:
        def wait() -> None:
            self.held.set()
            assert self.go.wait(30)

        self.once_more.put(wait, None, self.close)
        assert self.held.wait(30)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


def test_each_has_its_turn_one_after_the_other(publisher: Publisher) -> None:
    publisher.hold()
    for number in range(20):
        publisher.put(str(number))
    assert publisher.sent == []
    publisher.go.set()
    eventually(lambda: len(publisher.sent) == 20)
    assert publisher.sent == [str(number) for number in range(20)]
    assert publisher.closes == 0


def test_what_waits_when_it_is_closed_is_not_sent_and_its_sender_is_told(publisher: Publisher) -> None:
    publisher.hold()
    publisher.put("a")
    publisher.close()
    publisher.put("b")
    publisher.go.set()
    # What was under way may have connected again, so that it is closed once more, and with it what came since.
    eventually(lambda: len(publisher.failed) == 2)
    assert publisher.failed == [
        f"{what}: the connection to Redis at redis://there:1 was closed; nothing was sent" for what in "ab"
    ]
    assert publisher.sent == []
    assert publisher.closes == 2


def test_one_that_cannot_be_sent_keeps_no_other_from_it(publisher: Publisher, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise RedisUnavailable("away")

    with caplog.at_level(logging.ERROR, "daebus"):
        publisher.once_more.put(fails, None, publisher.close)
        publisher.put("next")
        eventually(lambda: publisher.sent == ["next"])
    assert "shop: something could not be sent once more" in caplog.text
