"""request, send and broadcast at the shell: what goes where, and the exit statuses."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests.console.cli.conftest import Console
from tests.support.framework_services import Tap
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def heard(redis_url: str, name: str) -> Iterator[redis.client.PubSub]:
    """A subscription to a channel of the test's own, `<name>_raw`."""
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(f"{name}_raw")
        assert pubsub.get_message(timeout=5) is not None
        yield pubsub


def next_message(pubsub: redis.client.PubSub) -> dict[str, object]:
    message = eventually(lambda: pubsub.get_message(timeout=0.1), what="a message")
    found: dict[str, object] = json.loads(message["data"])
    return found


def test_the_payload_of_the_answer_is_the_output(console: Console, service: str) -> None:
    done = console("request", service, "echo", "name=Ann", "age:=29", 'tags:=["a"]', "user.city=Köln")
    assert done.status == 0
    assert json.loads(done.out) == {"name": "Ann", "age": 29, "tags": ["a"], "user": {"city": "Köln"}}
    assert "answered in" in done.err
    assert "Köln" in done.out
    assert "\x1b" not in done.out + done.err


def test_json_is_one_line(console: Console, service: str) -> None:
    done = console("request", service, "echo", '{"a": {"b": [1, 2]}}', "--json")
    assert done.status == 0
    assert done.out == '{"a": {"b": [1, 2]}}\n'


def test_progress_goes_to_standard_error(console: Console, service: str) -> None:
    done = console("request", service, "stream")
    assert done.status == 0
    assert json.loads(done.out) == {"steps": 2}
    assert done.err.index('{"step": 1}') < done.err.index('{"step": 2}')


def test_an_error_of_the_service_is_status_1(console: Console, service: str) -> None:
    done = console("request", service, "fail")
    assert (done.status, done.out) == (1, "")
    assert "it broke" in done.err
    assert "handler_error, ValueError" in done.err
    done = console("request", service, "fail", "--json")
    assert done.status == 1
    assert json.loads(done.out)["error"] == "it broke"


def test_an_unknown_action_is_status_1_and_names_those_there_are(console: Console, service: str) -> None:
    done = console("request", service, "ecko")
    assert done.status == 1
    assert "unknown_action" in done.err
    assert "echo" in done.err


def test_nobody_there_is_status_3_at_once(console: Console, name: str) -> None:
    begun = time.monotonic()
    done = console("request", f"{name}_nobody", "x", "--timeout", "30")
    assert (done.status, done.out) == (3, "")
    assert "nobody serves" in done.err
    assert time.monotonic() - begun < 20
    assert console("send", f"{name}_nobody", "x").status == 3


def test_no_answer_in_time_is_status_4(console: Console, service: str) -> None:
    done = console("request", service, "slow", "seconds:=2", "--timeout", "200ms")
    assert (done.status, done.out) == (4, "")
    assert "within 0.2 s" in done.err


def test_interrupting_a_request_is_status_130(console: Console, service: str) -> None:
    # Before it has asked, Python may tell of a socket that was being made.
    with (
        Tap(console.url, service) as tap,
        console.start("request", service, "slow", "seconds:=3", "--timeout", "30") as process,
    ):
        eventually(lambda: any(b'"slow"' in data for _channel, data in tap.collect()), what="it asks")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines() == [f"stopped waiting for '{service}'; it was not told, and 'slow' may still be handled"]


def test_a_request_that_is_interrupted_before_redis_has_confirmed_it_may_be_handled(own_redis: RedisServer) -> None:
    console = Console(own_redis.url)
    with own_redis.client(decode_responses=True) as client, console.start("request", "slow", "x") as asks:
        client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
        eventually(lambda: "cmd=publish" in client.execute_command("CLIENT", "LIST"), what="it asks")
        asks.send_signal(signal.SIGINT)
        out, err = asks.communicate(timeout=30)
        client.execute_command("CLIENT", "UNPAUSE")
    assert (asks.returncode, out) == (130, "")
    assert err.splitlines() == ["stopped waiting for 'slow'; it was not told, and 'x' may still be handled"]


def test_a_payload_from_standard_input_and_from_files(console: Console, service: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"from": "file"}')
    text = tmp_path / "note.txt"
    text.write_bytes("\ufeffzwei\nZeilen".encode())
    done = console("request", service, "echo", "-", "x=1", stdin='{"from": "stdin"}')
    assert json.loads(done.out) == {"from": "stdin", "x": "1"}
    done = console("request", service, "echo", f"@{body}", f"note=@{text}", f"again:=@{body}")
    assert json.loads(done.out) == {"from": "file", "note": "zwei\nZeilen", "again": {"from": "file"}}


def test_files_that_give_nothing_are_status_2_and_nothing_is_sent(
    console: Console, heard: redis.client.PubSub, name: str, tmp_path: Path
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    broken = tmp_path / "broken.json"
    broken.write_text('{"a": }')
    for item, message in [
        (f"a=@{tmp_path}/absent", "No such file"),
        (f"a=@{tmp_path}", "Is a directory"),
        (f"a=@{binary}", "not UTF-8"),
        (f"a:=@{broken}", "line 1, column 7"),
        ("a=@/dev/null/x", "cannot read"),
    ]:
        done = console("send", f"{name}_raw", "x", item)
        assert (done.status, done.out) == (2, "")
        assert message in done.err
    assert heard.get_message(timeout=0.2) is None


def test_a_one_way_message_is_action_and_payload_with_an_id_of_its_own(
    console: Console, heard: redis.client.PubSub, name: str
) -> None:
    done = console("send", f"{name}_raw", "record", "value:=1")
    assert done.status == 0
    assert "1 subscriber" in done.out
    message = next_message(heard)
    assert (message["action"], message["payload"]) == ("record", {"value": 1})
    assert set(message) == {"action", "payload", "service", "message_id", "sent_at"}


def test_a_broadcast_is_the_object_as_it_is(console: Console, heard: redis.client.PubSub, name: str) -> None:
    done = console("broadcast", f"{name}_raw", "id:=17", "name=Ann", "--json")
    assert done.status == 0
    assert json.loads(done.out) == {"channel": f"{name}_raw", "subscribers": 1, "receivers": 1}
    assert next_message(heard) == {"id": 17, "name": "Ann"}


def test_a_broadcast_to_nobody_is_no_error_but_said(console: Console, name: str) -> None:
    done = console("broadcast", f"{name}_nobody", "a=1")
    assert done.status == 0
    assert "nobody is subscribed" in done.err


def test_a_request_says_who_asks_and_how_long_it_waits(
    console: Console, heard: redis.client.PubSub, redis_url: str, name: str
) -> None:
    answered = threading.Event()

    def answer() -> None:
        asked = next_message(heard)
        assert asked["service"] == "daebus-console"
        assert asked["timeout"] == 7.0
        assert asked["action"] == "ask"
        with redis.Redis.from_url(redis_url) as client:
            reply = {"status": "success", "payload": {"ok": True}, "request_id": asked["request_id"], "final": True}
            client.publish(str(asked["reply_to"]), json.dumps(reply))
        answered.set()

    thread = threading.Thread(target=answer)
    thread.start()
    done = console("request", f"{name}_raw", "ask", "--timeout", "7")
    thread.join()
    assert answered.is_set()
    assert done.status == 0
    assert json.loads(done.out) == {"ok": True}


def test_read_only_refuses_what_publishes(console: Console, heard: redis.client.PubSub, name: str) -> None:
    channel = f"{name}_raw"
    for arguments in (
        ["request", channel, "x"],
        ["send", channel, "x"],
        ["broadcast", channel, "a=1"],
        ["bench", channel, "x"],
        ["demo", "--headless"],
    ):
        for line in (["--read-only", *arguments], [*arguments, "--read-only"]):
            done = console(*line)
            assert done.status == 2
            assert "read-only" in done.err
    assert heard.get_message(timeout=0.2) is None
    assert console("--read-only", "services").status == 0


def test_passive_publishes_nothing_not_even_questions(console: Console, service: str, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(f"daebus.control.{service}")
        assert pubsub.get_message(timeout=5) is not None
        for arguments in (["tail", "--for", "1s"], ["services", service]):
            assert console("--passive", *arguments).status == 0
        for arguments in (["logs", service], ["running", service], ["ping", service], ["request", service, "echo"]):
            done = console("--passive", *arguments)
            assert done.status == 2, done
            assert "passive" in done.err, done
            assert "--read-only" not in done.err, done
        assert pubsub.get_message(timeout=0.2) is None
        assert console("services", service).status == 0
        assert pubsub.get_message(timeout=5) is not None, "what is asked else"


def test_without_redis_it_is_status_5() -> None:
    console = Console(f"redis://127.0.0.1:{free_port()}/0")
    for arguments in (
        ["services"],
        ["tail"],
        ["request", "a", "b"],
        ["send", "a", "b"],
        ["broadcast", "a", "b=1"],
        ["stats", "--for", "1"],
        ["bench", "a", "b"],
    ):
        done = console(*arguments)
        assert (done.status, done.out) == (5, ""), arguments
        assert "cannot connect" in done.err
        assert "Traceback" not in done.err


def test_a_wrong_password_is_status_5_and_never_printed() -> None:
    with closing(RedisServer(password="richtig").start()) as server:
        console = Console(server.url.replace("richtig", "geheim"))
        for arguments in (["services"], ["tail"], ["request", "a", "b"], ["send", "a", "b"], ["stats"]):
            done = console(*arguments)
            assert done.status == 5, done.err
            assert "geheim" not in done.out + done.err
            assert "***" in done.err


def test_a_malformed_url_is_status_2() -> None:
    for url in ("http://:geheim@x", "redis://h:port:x/0", "nonsense"):
        done = Console("redis://127.0.0.1:1")("--redis", url, "services")
        assert done.status == 2
        assert "not a usable Redis URL" in done.err
        assert "geheim" not in done.err


def test_bench_counts_and_measures(console: Console, service: str) -> None:
    done = console("bench", service, "echo", "a=1", "-n", "50", "-c", "5", "--json")
    assert done.status == 0
    figures = json.loads(done.out)
    assert figures["ok"] == figures["requests"] == 50
    assert figures["errors"] == {}
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    assert sum(bar["count"] for bar in figures["histogram"]) == 50
    done = console("bench", service, "fail", "-n", "7")
    assert done.status == 1
    assert "handler_error: 7" in done.out
    done = console("bench", service, "slow", "seconds:=2", "-n", "2", "-c", "2", "--timeout", "100ms", "--json")
    assert done.status == 4
    assert json.loads(done.out)["timeouts"] == 2
    assert console("bench", f"{service}_nobody", "x", "-n", "5").status == 3


@pytest.mark.parametrize(("code", "counted"), [("timeout", "timeout"), (None, "without a code")])
def test_errors_are_counted_by_their_code_whatever_that_is(
    console: Console, redis_url: str, name: str, code: str | None, counted: str
) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(name)
        assert pubsub.get_message(timeout=5) is not None

        def refuse(count: int) -> None:
            for _ in range(count):
                asked = next_message(pubsub)
                payload = {"error": "no"} | ({"code": code} if code is not None else {})
                reply = {"status": "error", "payload": payload, "request_id": asked["request_id"]}
                client.publish(str(asked["reply_to"]), json.dumps(reply))

        with ThreadPoolExecutor(1) as aside:
            refusing = aside.submit(refuse, 3)
            done = console("bench", name, "get", "-n", "3", "--json")
            refusing.result()
    assert done.status == 1
    assert (json.loads(done.out)["errors"], json.loads(done.out)["timeouts"]) == ({counted: 3}, 0)


def test_bench_keeps_to_its_rate(console: Console, service: str) -> None:
    done = console("bench", service, "echo", "-n", "20", "-c", "4", "--rate", "20", "--json")
    figures = json.loads(done.out)
    assert figures["ok"] == 20
    # The twentieth is due 19 / 20 of a second after the first.
    assert figures["seconds"] >= 0.94


def test_an_interrupted_bench_tells_what_it_has(console: Console, service: str) -> None:
    with console.start("bench", service, "slow", "seconds:=0.1", "-n", "10000", "--json") as process:
        seen = console(
            "tail", f"service:{service}", "action:slow", "kind:response", "--count", "2", "--for", "30", "--all"
        )
        assert seen.out.count("\n") >= 2
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert json.loads(out)["ok"] >= 1
