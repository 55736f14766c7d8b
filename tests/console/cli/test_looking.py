"""services, tail, stats and record at the shell."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.console.cli.conftest import Console
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

KEYS = {
    *("seq", "at", "channel", "kind", "request_id", "action", "from", "to", "status", "final", "latency_ms", "payload")
}


@contextmanager
def traffic(redis_url: str, send: Callable[[redis.Redis], object]) -> Iterator[None]:
    """Has `send` called every 20 ms meanwhile, as long as somebody looks: whoever does so sees all that it does."""
    stopping = threading.Event()

    def keep_sending() -> None:
        with redis.Redis.from_url(redis_url) as client:
            while not stopping.wait(0.02):
                if client.pubsub_numpat():
                    send(client)

    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: client.pubsub_numpat() == 0, what="nobody looks from before")
    thread = threading.Thread(target=keep_sending)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def ask(service: str, action: str, payload: Any) -> Callable[[redis.Redis], object]:
    """Makes a whole exchange, so that one comes after the other; each with an id of its own."""
    numbers = iter(range(10**6))

    def send(client: redis.Redis) -> object:
        message = {"action": action, "payload": payload, "reply_to": "caller:test", "service": "tester"}
        with client.pubsub(ignore_subscribe_messages=True) as answers:
            answers.subscribe("caller:test")
            eventually(lambda: client.pubsub_numsub("caller:test")[0][1])
            client.publish(service, json.dumps({**message, "request_id": f"r{next(numbers)}"}))
            return eventually(lambda: _is_final(answers.get_message(timeout=1)), within=30, what="the answer")

    return send


def _is_final(message: dict[str, Any] | None) -> bool:
    return message is not None and bool(json.loads(message["data"]).get("final", True))


def tapped(console: Console, redis_url: str, send: Callable[[redis.Redis], object], *arguments: str) -> list[Any]:
    """The records of `tail --json` while `send` is called again and again."""
    with traffic(redis_url, send):
        done = console("tail", "--json", "--for", "20", *arguments)
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_services_lists_what_is_there_with_its_actions(console: Console, service: str) -> None:
    done = console("services")
    assert done.status == 0
    assert service in done.out
    assert "Give back what was sent." in done.out
    assert "\x1b" not in done.out
    header, *rows = done.out.splitlines()
    column = header.index("ACTION")
    actions = [row[column:].split()[0] for row in rows if service in row or row.startswith(" ")]
    assert {"echo", "fail", "slow", "stream"} <= set(actions)


def test_services_as_json(console: Console, service: str) -> None:
    done = console("services", "--json")
    found = next(one for one in map(json.loads, done.out.splitlines()) if one["service"] == service)
    assert found["framework"] is True
    assert found["subscribers"] == len(found["instances"]) == 1
    assert found["instances"][0]["pid"] == os.getpid()
    assert {action["name"]: action["doc"] for action in found["actions"]}["stream"] == "Two steps and an end."


def test_services_measures_rates_when_it_looks_long_enough(console: Console, redis_url: str, service: str) -> None:
    with traffic(redis_url, ask(service, "echo", {})):
        done = console("services", "--json", "--for", "1.5")
    found = next(one for one in map(json.loads, done.out.splitlines()) if one["service"] == service)
    assert 0 < found["rate"] < 60


def test_services_tells_of_other_channels(console: Console, redis_url: str, service: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(f"{name}_old_style")
        eventually(lambda: client.pubsub_numsub(f"{name}_old_style")[0][1])
        done = console("services")
        assert f"{name}_old_style" not in done.out
        assert "--all lists them" in done.err
        assert f"{name}_old_style" in console("services", "--all").out


def test_each_message_has_all_the_keys(console: Console, redis_url: str, service: str) -> None:
    records = tapped(console, redis_url, ask(service, "echo", {"n": 1}), f"service:{service}", "--count", "6")
    assert len(records) == 6
    for record in records:
        assert record.keys() >= KEYS
        assert record["action"] == "echo"
    request = next(record for record in records if record["kind"] == "request")
    answer = next(one for one in records if one["kind"] == "response" and one["request_id"] == request["request_id"])
    assert (request["from"], request["to"], request["status"]) == ("tester", service, "pending")
    assert (request["final"], request["latency_ms"]) == (None, None)
    assert (answer["from"], answer["to"], answer["status"], answer["final"]) == (service, "tester", "ok", True)
    assert answer["channel"] == "caller:test"
    assert answer["exchange"] == request["exchange"]
    assert answer["latency_ms"] == pytest.approx((answer["at"] - request["at"]) * 1000, abs=0.01)
    assert answer["payload"] == request["payload"] == {"n": 1}
    assert [record["seq"] for record in records] == sorted(record["seq"] for record in records)


def test_progress_and_errors_are_told_apart(console: Console, redis_url: str, service: str) -> None:
    records = tapped(
        console,
        redis_url,
        ask(service, "stream", {}),
        f"service:{service}",
        "kind:response",
        "-status:orphan",
        "--count",
        "6",
    )
    assert {(one["final"], one["status"]) for one in records} == {(False, "ok"), (True, "ok")}
    records = tapped(
        console,
        redis_url,
        ask(service, "fail", {}),
        f"service:{service}",
        "kind:response",
        "-status:orphan",
        "--count",
        "1",
    )
    assert records[0]["status"] == "error"
    assert records[0]["payload"]["error"] == "it broke"


@pytest.mark.parametrize(
    ("data", "kind", "payload"),
    [
        (b'{"user": 1}', "broadcast", {"user": 1}),
        (b'{"action": "x", "payload": {"a": 1}}', "one_way", {"a": 1}),
        (b'{"action": "x", "a": 1}', "one_way", {"a": 1}),
        (b"no json", "broadcast", "no json"),
        (b"[1, 2]", "broadcast", [1, 2]),
        (b"null", "broadcast", None),
        (b"\xff\x00\x1b[31m", "broadcast", None),
    ],
)
def test_kinds(console: Console, redis_url: str, name: str, data: bytes, kind: str, payload: Any) -> None:
    records = tapped(
        console, redis_url, lambda client: client.publish(f"{name}_x", data), f"channel:{name}_x", "--count", "1"
    )
    assert records[0]["kind"] == kind
    assert records[0]["payload"] == payload
    assert "error" not in records[0]


@pytest.mark.parametrize(
    ("data", "form", "payload"),
    [
        (b'"text"', "json", "text"),
        (b"text", "text", "text"),
        (b"\x93\x01\xa1a\xc0", "msgpack", [1, "a", None]),
        (b"\xff\x00\x1b[31m", "binary", None),
        (b'{"timeout": 5, "service": {}, "x": 1.10}', "json", {"timeout": 5, "service": {}, "x": 1.1}),
    ],
)
def test_what_is_not_ours_says_its_form_and_keeps_its_bytes(
    console: Console, redis_url: str, name: str, data: bytes, form: str, payload: Any
) -> None:
    (record,) = tapped(
        console, redis_url, lambda client: client.publish(f"{name}_x", data), f"channel:{name}_x", "--count", "1"
    )
    assert (record["dialect"], record["form"], record["payload"]) == ("plain", form, payload)
    assert (record["kind"], record["status"]) == ("broadcast", "sent")
    if form in ("msgpack", "binary"):
        assert base64.b64decode(record["data_base64"]) == data


def test_heartbeats_are_counted_and_shown_when_asked_for(console: Console, redis_url: str, name: str) -> None:
    beat, call = json.dumps({"cpu": 0, "ver": "5", "sender": name}), {"id": "1", "ver": "5", "sender": name}

    def send(client: redis.Redis) -> object:
        client.publish(f"MOL-{name}.HEARTBEAT", beat)
        return client.publish(f"MOL-{name}.EVENT.{name}", json.dumps(call | {"event": "made", "data": 1}))

    with traffic(redis_url, send):
        done = console("tail", "--json", "--for", "20", f"channel:MOL-{name}.*", "--count", "1")
        shown = console("tail", "--json", "--for", "20", f"channel:MOL-{name}.* is:quiet", "--count", "1")
        narrow = ("--dialects", "daebus,nest")
        plain = console(*narrow, "tail", "--json", "--for", "20", f"channel:MOL-{name}.*", "--count", "1")
    assert json.loads(done.out)["dialect"] == "moleculer"
    assert (json.loads(done.out)["kind"], json.loads(done.out)["action"]) == ("one_way", "made")
    assert "not shown" in done.err
    assert json.loads(shown.out)["flags"] == ["quiet"]
    assert json.loads(plain.out)["dialect"] == "plain"


def test_a_dialect_that_is_none_is_refused(console: Console, redis_url: str) -> None:
    done = console("--dialects", "daebus,nst", "tail")
    assert (done.status, "there is no dialect 'nst'" in done.err) == (2, True)


def test_what_is_no_number_is_shown_as_it_came(console: Console, redis_url: str, name: str) -> None:
    def send(client: redis.Redis) -> object:
        return client.publish(f"{name}_x", b'{"x": NaN,\n "y": 1.10, "y": -0.0}')

    with traffic(redis_url, send):
        done = console("tail", "--json", "--for", "20", f"channel:{name}_x", "--count", "1")
    assert '"payload": {"x": NaN,  "y": 1.10, "y": -0.0}' in done.out


def test_what_tail_writes_is_named_where_a_capture_is_wanted(
    console: Console, redis_url: str, name: str, tmp_path: Path
) -> None:
    with traffic(redis_url, lambda client: client.publish(f"{name}_x", "{}")):
        done = console("tail", "--json", "--for", "20", f"channel:{name}_x", "--count", "1")
    path = tmp_path / "tail.jsonl"
    path.write_text(done.out)
    refused = console("stats", str(path))
    assert refused.status == 2
    assert "it is JSON lines, as tail writes them with --json (record makes a file that can be" in refused.err


def test_a_message_of_ten_megabytes_passes(console: Console, redis_url: str, name: str) -> None:
    data = json.dumps({"big": "x" * 10_000_000})
    with console.start("tail", f"channel:{name}_big", "--json", "--count", "1", "--for", "30") as process:
        with redis.Redis.from_url(redis_url) as client:
            eventually(lambda: client.pubsub_numpat() or None, what="it looks")
            client.publish(f"{name}_big", data)
        out, _err = process.communicate(timeout=60)
    assert len(json.loads(out)["payload"]["big"]) == 10_000_000


def test_lines_for_people_show_the_pairing(console: Console, redis_url: str, service: str) -> None:
    with traffic(redis_url, ask(service, "echo", {"n": 1})):
        done = console("tail", f"service:{service}", "--count", "8", "--for", "20")
    assert done.status == 0
    lines = done.out.splitlines()
    assert len(lines) == 8
    asked = [line.split()[1] for line in lines if " → " in line]
    answered = [line.split()[1] for line in lines if " ← " in line]
    assert len(asked) == 4
    assert answered == asked
    assert all("ok" in line and ("ms" in line or "µs" in line) for line in lines if " ← " in line)
    # The columns stand under each other.
    assert len({line.index("echo") for line in lines[-4:]}) == 1


def test_a_request_without_an_answer_is_told(console: Console, redis_url: str, name: str) -> None:
    message = {"action": "x", "payload": {}, "reply_to": "caller:nobody", "timeout": 0.2}
    numbers = iter(range(10**6))
    with traffic(
        redis_url,
        lambda client: client.publish(f"{name}_dead", json.dumps({**message, "request_id": f"{name}{next(numbers)}"})),
    ):
        done = console("tail", f"channel:{name}_dead", "--for", "2")
    assert "no answer within 0.2 s" in done.out


def test_own_and_control_traffic_is_hidden_unless_asked_for(console: Console, service: str) -> None:
    # Looking makes the console ask the service for its info.
    assert console("tail", "--for", "1").out == ""
    assert "info" in console("tail", "--for", "1", "--all").out


def test_redacted_values_are_not_shown(console: Console, redis_url: str, service: str) -> None:
    secret = {"user": {"Password": "hunter2"}, "token": ["abc123"], "text": '{"password": "hunter2"}'}
    with traffic(redis_url, ask(service, "echo", secret)):
        for mode in (["--json"], []):
            done = console("tail", *mode, "--count", "4", "--for", "20", "--redact", "password,token")
            assert done.out.count("***") >= 4
            assert "hunter2" not in done.out
            assert "abc123" not in done.out


def test_only_the_named_channels_are_looked_at(console: Console, redis_url: str, name: str) -> None:
    def send(client: redis.Redis) -> None:
        client.publish(f"{name}.in", '{"a": 1}')
        client.publish(f"{name}_out", '{"a": 1}')

    records = tapped(console, redis_url, send, "--channels", f"{name}.*,other", "--count", "3")
    assert {record["channel"] for record in records} == {f"{name}.in"}


def test_what_answers_the_console_itself_is_not_counted(console: Console, service: str) -> None:
    with console.start("--channels", "nothing", "services", service, "--json") as asking:
        # Its service answers what a console asks it on a channel that the globs do not cover.
        assert '"pid"' in asking.communicate(timeout=60)[0]
    done = console("--channels", "nothing", "stats", "--for", "2")
    assert (done.status, "no requests were seen" in done.err) == (0, True)
    assert "also" not in done.err


@pytest.mark.parametrize("mode", [[], ["--json"]])
def test_a_closed_pipe_ends_it_quietly(console: Console, redis_url: str, name: str, mode: list[str]) -> None:
    with (
        traffic(redis_url, lambda client: client.publish(f"{name}_x", '{"a": 1}')),
        console.start("tail", *mode) as tail,
        subprocess.Popen(["head", "-n", "2"], stdin=tail.stdout, stdout=subprocess.PIPE, encoding="utf-8") as head,
    ):
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.close()
        out, _none = head.communicate(timeout=30)
        assert out.count("\n") == 2
        assert tail.wait(30) == 0
        assert tail.stderr.read() == ""


def test_a_closed_pipe_ends_it_on_a_silent_bus_as_well(own_redis: RedisServer) -> None:
    console = Console(own_redis.url)
    with console.start("tail") as tail:
        assert tail.stdout is not None
        with own_redis.client() as client:
            eventually(lambda: client.pubsub_numpat() or None, what="it looks")
        tail.stdout.close()
        assert tail.wait(30) == 0


def owed(client: redis.Redis) -> int:
    """Bytes that the server has yet to send to the tap."""
    (tap,) = [one for one in client.client_list() if "console" in one["name"] and one["psub"] != "0"]
    return int(tap["omem"])


def test_a_pipe_that_is_not_read_holds_up_nothing_and_the_loss_is_told(own_redis: RedisServer) -> None:
    console = Console(own_redis.url)
    data = json.dumps({"x": "y" * 100_000})
    with console.start("tail", "--json", "--for", "10") as tail:
        with own_redis.client() as client:
            eventually(lambda: client.pubsub_numpat() or None, what="it looks")
            for _round in range(40):
                pipeline = client.pipeline(transaction=False)
                for _message in range(40):
                    pipeline.publish("flood", data)
                pipeline.execute()
                # Nobody reads its output yet: if that held up the tap, the server would owe it more and more.
                eventually(lambda: owed(client) == 0, what="the tap takes in what is published")
        out, err = tail.communicate(timeout=60)
    assert tail.returncode == 0
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert "gap" not in kinds
    shown, missed = len(kinds), 1600 - len(kinds)
    assert missed > 0
    assert f"{shown:,} messages shown, {missed:,} not shown" in err


def test_interrupting_is_status_130_and_quiet(own_redis: RedisServer) -> None:
    # A Redis of its own: on one that others used before, it may be one of those that looks, and is heard.
    console = Console(own_redis.url)
    for arguments in (["tail"], ["tail", "--json"], ["services", "--for", "60"]):
        with own_redis.client() as client, console.start(*arguments) as process:
            eventually(lambda: client.pubsub_numpat() or None, what="it looks")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
            assert process.returncode == 130
            assert out == ""
            assert "Traceback" not in err
            eventually(lambda: client.pubsub_numpat() == 0)


def test_a_lost_connection_is_a_gap_in_the_flow(own_redis: RedisServer) -> None:
    console = Console(own_redis.url)
    with console.start("tail", "--json", "--for", "30", "--count", "2") as tail:
        with own_redis.client() as client:
            eventually(lambda: client.pubsub_numpat() or None, what="it looks")
            client.publish("x", '{"before": true}')
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["payload"] == {"before": True}
            client.client_kill_filter(_type="pubsub")
            eventually(lambda: client.publish("x", '{"after": true}'), what="it looks again")
        out, _err = tail.communicate(timeout=60)
    begun, ended, message = map(json.loads, out.splitlines())
    assert begun["kind"] == ended["kind"] == "gap"
    assert begun["end"] is None
    assert ended["start"] == begun["start"] <= ended["end"]
    assert ended["reason"]
    assert message["payload"] == {"after": True}


@pytest.mark.parametrize("mode", [[], ["--json"]])
def test_who_has_no_answer_and_whose_fate_is_unknown_is_told_as_it_becomes_so(
    own_redis: RedisServer, mode: list[str]
) -> None:
    """As people and programs are told; each is counted where the filter is after them."""
    console = Console(own_redis.url)

    def asked(action: str, timeout: float) -> str:
        return json.dumps({"action": action, "reply_to": "r", "request_id": action, "timeout": timeout})

    with console.start("tail", *mode, "status:timeout,unknown", "--count", "2", "--for", "60") as tail:
        with own_redis.client() as client:
            eventually(lambda: client.pubsub_numpat() or None, what="it looks")
            client.publish("shop", asked("forgotten", 0.1))
            assert tail.stdout is not None
            told = tail.stdout.readline()
            client.publish("shop", asked("cut_off", 1_000))
            client.client_kill_filter(_type="pubsub")
        out, _err = tail.communicate(timeout=60)
    assert tail.returncode == 0
    (unknown,) = [line for line in out.splitlines() if "cut_off" in line]
    if mode:
        both = [json.loads(told), json.loads(unknown)]
        assert [(one["kind"], one["action"], one["status"]) for one in both] == [
            ("request", "forgotten", "timeout"),
            ("request", "cut_off", "unknown"),
        ]
    else:
        assert "forgotten" in told
        assert "no answer within 0.1 s" in told
        assert "unknown: its answers cannot be seen" in unknown


def test_stats_counts_by_service_and_action(console: Console, redis_url: str, service: str) -> None:
    # It takes long enough for a busy console not to read the answer along with the request.
    slow, fail = ask(service, "slow", {"seconds": 0.1}), ask(service, "fail", {})
    with traffic(redis_url, lambda client: (slow(client), fail(client))):
        done = console("stats", "--for", "1.5", "--json")
        shown = console("stats", "--for", "1")
        filtered = console("stats", "action:fail", "status:error", "--for", "1", "--json")
    rows = {row["action"]: row for row in map(json.loads, done.out.splitlines()) if row["service"] == service}
    assert rows.keys() == {"slow", "fail"}
    assert rows["slow"]["errors"] == 0
    assert rows["fail"]["errors"] > 0
    assert 0 < rows["slow"]["p50_ms"] <= rows["slow"]["p95_ms"] <= rows["slow"]["p99_ms"]
    # It may have looked longer than told, where the machine is busy.
    assert rows["slow"]["count"] / 10 < rows["slow"]["rate"] < rows["slow"]["count"] / 1.4
    assert shown.status == 0
    assert "P95" in shown.out
    assert {row["action"] for row in map(json.loads, filtered.out.splitlines())} == {"fail"}


def test_record_writes_a_capture_that_others_may_not_read(
    console: Console, redis_url: str, service: str, tmp_path: Path
) -> None:
    file = tmp_path / "capture.jsonl"
    with traffic(redis_url, ask(service, "echo", {"n": 1, "password": "hunter2"})):
        done = console("record", str(file), f"service:{service}", "--for", "2", "--redact", "password")
    assert (done.status, done.out) == (0, "")
    header, *lines, seen = [json.loads(line) for line in file.read_text().splitlines()]
    assert header["daebus_capture"] == 1
    assert len(lines) > 1
    assert all(line.keys() >= {"at", "channel", "data"} for line in lines)
    assert seen.keys() == {"at", "seen"}
    assert "hunter2" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = console("record", str(file), "--for", "1")
    assert again.status == 2
    assert "--force" in again.err
    assert [json.loads(line) for line in file.read_text().splitlines()] == [header, *lines, seen]
    assert console("record", str(file), "--for", "100ms", "--force").status == 0
    assert len(file.read_text().splitlines()) < 1 + len(lines)


def test_record_into_what_cannot_be_written_is_status_2(console: Console, tmp_path: Path) -> None:
    for path in (tmp_path / "absent" / "x.jsonl", tmp_path):
        done = console("record", str(path), "--for", "1")
        assert (done.status, done.out) == (2, "")
        assert "Traceback" not in done.err
        assert str(path) in done.err


def test_an_interrupted_recording_is_whole(console: Console, redis_url: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "capture.jsonl"
    with (
        traffic(redis_url, lambda client: client.publish(f"{name}_x", '{"a": 1}')),
        console.start("record", str(file)) as process,
    ):
        eventually(lambda: file.exists() and file.read_text().count("\n") > 5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "messages" in err
    assert "Traceback" not in err
    text = file.read_text()
    assert text.endswith("\n")
    assert all(json.loads(line) for line in text.splitlines())


def test_a_recording_whose_file_is_taken_away_is_not_said_to_be_in_it(
    console: Console, redis_url: str, name: str, tmp_path: Path
) -> None:
    removed, moved = tmp_path / "removed.jsonl", tmp_path / "moved.jsonl"
    with traffic(redis_url, lambda client: client.publish(f"{name}_x", '{"a": 1}')):
        with console.start("record", str(removed)) as process:
            eventually(lambda: removed.exists() and removed.read_text().count("\n") > 5)
            removed.unlink()
            _out, err = process.communicate(timeout=30)
        assert process.returncode == 2
        assert f"error: recording to {removed} ended: the file was removed, and what was recorded is lost" in err
        assert " in /" not in err
        with console.start("record", str(moved)) as process:
            eventually(lambda: moved.exists() and moved.read_text().count("\n") > 5)
            moved.rename(tmp_path / "elsewhere.jsonl")
            process.send_signal(signal.SIGINT)
            _out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert f"in what was {moved} and has been moved or replaced meanwhile" in err


def test_a_user_who_may_not_see_everything_is_told_which_rule_is_missing(name: str) -> None:
    with closing(RedisServer().start()) as server:
        with server.client() as client:
            client.execute_command(
                "ACL", "SETUSER", "half", "on", ">geheim", "+@all", "~*", "resetchannels", f"&{name}.*"
            )
        console = Console(server.url.replace("redis://", "redis://half:geheim@"))
        done = console("tail", "--for", "1")
        assert done.status == 0
        assert "&*" in done.err
        assert "--channels" in done.err
        assert "geheim" not in done.err
        with server.client() as client, traffic(server.url, lambda _c: client.publish(f"{name}.x", '{"a": 1}')):
            assert console("--channels", f"{name}.*", "tail", "--count", "1", "--for", "20").out.count("\n") == 1
