"""demo --headless, seen from another shell."""

from __future__ import annotations

import json
import signal

from tests.console.cli.conftest import Console
from tests.console.cli.test_looking import KEYS
from tests.support.waiting import eventually


def test_another_shell_sees_the_shop() -> None:
    console = Console("redis://127.0.0.1:1/0")
    with console.start("demo", "--headless") as demo:
        try:
            assert demo.stdout is not None
            line = eventually(lambda: next(line for line in demo.stdout if line.startswith("redis: ")))
            shop = Console(line.removeprefix("redis: ").strip())
            services = [json.loads(found)["service"] for found in shop("services", "--json").out.splitlines()]
            assert {"gateway", "users", "stock", "payment"} <= set(services)
            done = shop("tail", "--json", "--count", "60", "--for", "40")
        finally:
            demo.send_signal(signal.SIGINT)
            _out, err = demo.communicate(timeout=40)
    assert demo.returncode == 0
    assert "Traceback" not in err
    records = [json.loads(found) for found in done.out.splitlines()]
    # A request that has no answer in time is told once more, which is no message more.
    assert len({record["seq"] for record in records}) == 60
    assert all(record.keys() >= KEYS for record in records)
    assert {record["kind"] for record in records} <= {"request", "response", "one_way", "broadcast"}
    requests = {record["request_id"]: record for record in records if record["kind"] == "request"}
    answers = [record for record in records if record["kind"] == "response" and record["request_id"] in requests]
    assert len(answers) > 5
    for answer in answers:
        request = requests[answer["request_id"]]
        assert (answer["action"], answer["from"], answer["to"]) == (request["action"], request["to"], request["from"])
        assert answer["latency_ms"] >= 0


def test_it_ends_by_itself_after_a_while() -> None:
    done = Console("redis://127.0.0.1:1/0")("demo", "--headless", "--for", "500ms")
    assert done.status == 0
    assert "redis: redis://" in done.out


def test_a_redis_that_is_not_there_is_status_5() -> None:
    done = Console("redis://127.0.0.1:1/0")("demo", "--headless", "--redis", "redis://:geheim@127.0.0.1:1/0")
    assert done.status == 5
    assert "geheim" not in done.out + done.err


def test_a_url_that_is_none_is_a_wrong_call_as_everywhere() -> None:
    done = Console("redis://127.0.0.1:1/0")("demo", "--headless", "--redis", "localhost:6379")
    assert (done.status, done.out) == (2, "")
    assert "not a usable Redis URL" in done.err
