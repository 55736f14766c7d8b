"""What another thread is just importing stands in sys.modules with nothing in it yet."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from daebus import telemetry
from daebus.context import Context, entered
from daebus.transport.sockets.stream import Stream
from daebus.wire.values import plain


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ssl", "asyncio", "msgspec", "opentelemetry", "opentelemetry.trace", "opentelemetry.metrics"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


def test_a_socket_is_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(ours)
        theirs.send(b"x")
        assert stream.wait_readable(10)
        assert stream.read() == b"x"


def test_a_handler_has_its_context() -> None:
    context = Context(None, "a test")  # type: ignore[arg-type]  # nothing of a service is asked for
    with entered(context):
        assert context.task is None


def test_what_json_cannot_carry_is_told_from_what_it_can() -> None:
    @dataclass
    class Point:
        x: int

    assert json.dumps(Point(1), default=plain) == '{"x": 1}'
    with pytest.raises(TypeError):
        json.dumps(object(), default=plain)


def test_nobody_has_set_up_spans_yet() -> None:
    telemetry.look()
