"""What became of a call, as whoever made it is told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from daebus.client.call import Call, payload_of
from daebus.errors import RequestFailed, RequestTimeout
from daebus.wire.envelope import Reply
from daebus.wire.reading import read_reply
from daebus.wire.writing import write_response


class Nobody:
    """Makes calls that nobody attends to."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_arguments: None


def refused(code: str, elapsed: float | None = None) -> Reply:
    error = {"error": "no worker was free within 1 s", "code": code}
    reply = read_reply(write_response(error, request_id="r", ok=False, elapsed=elapsed))
    assert isinstance(reply, Reply)
    return reply


def test_a_service_that_finds_the_time_to_be_over_tells_no_more_than_the_clock() -> None:
    call = Call(Nobody(), "users", "get", "r", 1.0)
    with pytest.raises(RequestTimeout, match=r"within 1 s \(request r\); it was not handled: no worker was free"):
        payload_of(refused("expired"), call, call.deadline)
    # A code of the service's own, for something else that has expired.
    with pytest.raises(RequestFailed) as caught:
        payload_of(refused("expired"), call, time.monotonic())
    assert caught.value.code == "expired"
    with pytest.raises(RequestFailed, match="no worker"):
        payload_of(refused("busy"), call, call.deadline)


def test_of_what_a_handler_had_begun_it_is_not_said_that_it_was_not_handled() -> None:
    call = Call(Nobody(), "users", "get", "r", 1.0)
    with pytest.raises(RequestTimeout, match=r"^no answer .* within 1 s \(request r\); it was not finished: no worker"):
        payload_of(refused("expired", elapsed=1.0), call, call.deadline)
