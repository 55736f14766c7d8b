"""An answer that is left to be sent with others goes out, however long its handler goes on."""

from __future__ import annotations

import json
import threading

import pytest
import redis

from daebus import Daebus, DaebusCaller, request, response
from tests.support.framework_services import serving
from tests.support.waiting import eventually

BOTH = "for _, each in ipairs(ARGV) do redis.call('publish', KEYS[1], each) end"


def test_where_another_thread_has_come_to_read_meanwhile(
    redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever reads sends what was left when he next looks up.
    monkeypatch.setattr("daebus.transport.listener.HEARTBEAT_AFTER", 3600.0)
    app, go_on, kept, read = Daebus(name, max_workers=2), threading.Event(), threading.Event(), threading.Event()

    @app.action("quick")
    def quick() -> None:
        response.send({})
        if request.payload.get("goes_on"):
            go_on.wait(60)
        if request.payload.get("second"):
            read.set()

    with (
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
        redis.Redis.from_url(redis_url) as client,
        client.pubsub() as answers,
    ):
        for _ in range(3):
            caller.send_request("quick")
        service = app._service
        assert service is not None
        pace, listener, publisher = service._dispatcher.pace, service._listener, service.publisher
        listener.heart, looks = None, pace._goes_on
        eventually(lambda: not publisher.in_flight)

        def kept_from_running(turn: int) -> bool:
            found = looks(turn)
            if found and not kept.is_set():
                kept.set()
                # Until another has read the second message, and waits for more.
                assert read.wait(10)
                eventually(lambda: listener._connection and listener._connection._reading)
            return found

        pace._goes_on = kept_from_running
        answers.subscribe("me")
        first = {"action": "quick", "payload": {"goes_on": True}, "reply_to": "me", "request_id": "1"}
        second = {"action": "quick", "payload": {"second": True}}
        client.eval(BOTH, 1, name, json.dumps(first), json.dumps(second))
        answer = eventually(lambda: answers.get_message(ignore_subscribe_messages=True, timeout=1))
        assert kept.is_set()
        assert not go_on.is_set()
        go_on.set()
        assert json.loads(answer["data"])["request_id"] == "1"
