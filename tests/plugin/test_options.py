"""--daebus-redis and --daebus-capture, what the plugin leaves alone, and pytest-xdist."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from daebus import DaebusError
from daebus.testing import Database, LocalBus, TestRun
from daebus.testing.capture import write_capture
from daebus.testing.recording import Published
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.message.frame import Frame, Seen
from tests.plugin.conftest import Run, captures

FAILS = """
import pytest
from daebus import broadcast

@pytest.mark.parametrize("what", ["a/b", "a b", "a:b"])
def test_fails(bus, what):
    broadcast.send("news", {"what": what})
    assert not bus.messages

def test_passes(bus):
    broadcast.send("news", {})

class TestAgain:
    def test_fails(self, bus):
        broadcast.send("news", {"what": "class"})
        raise KeyError

def test_without_a_bus():
    raise KeyError
"""


def test_each_failed_test_leaves_a_capture_that_the_console_opens(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "for it"
    result = run(FAILS, f"--daebus-capture={folder}")
    result.assert_outcomes(failed=5, passed=1)
    result.stdout.fnmatch_lines([f"to look at it: daebus-console open '{folder}/main-*.jsonl'"])
    names = captures(folder)
    assert len(names) == 4
    assert [name for name in names if name.startswith("main-test_it.py_TestAgain_test_fails-")]
    found = []
    for name in names:
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        reader = CaptureReader(folder / name)
        assert reader.header.redis == "the test bus"
        (frame,) = list(reader)
        assert isinstance(frame, Frame)
        assert not reader.warnings
        assert (frame.channel, time.time() - frame.at < 600) == ("news", True)
        found.append(json.loads(frame.data)["what"])
    assert sorted(found) == ["a b", "a/b", "a:b", "class"]


def test_a_capture_has_the_bytes_as_they_were(tmp_path: Path) -> None:
    sent = [
        ("news", b'{"a": 1.10, "b": "\xc3\xbc\xe2\x80\xa8"}'),
        ("news", b"\xff\x00"),
        ("caf\udce9", b'"\\ud800"'),
        ("caf\udce9", b"\xff"),
        ("n\nl", b"\n"),
    ]
    file = tmp_path / "capture.jsonl"
    file.write_text("what was there")
    write_capture(file, [Published(5.25, *message) for message in sent], "redis://h/0", 5.0, 6.5)
    reader = CaptureReader(file)
    *runs, seen = reader.runs()
    frames = [Frame(at, channel, data) for run in runs for at, ((channel, data),) in run]  # type: ignore[misc]
    assert (reader.warnings, seen) == ([], Seen(6.5))
    assert (reader.header.redis, reader.header.started) == ("redis://h/0", 5.0)
    assert [frame.data for frame in frames] == [data for _channel, data in sent]
    assert [frame.channel for frame in frames][:3:2] == ["news", "caf\udce9"]
    assert {frame.at for frame in frames} == {5.25}
    assert captures(tmp_path) == ["capture.jsonl"]


def test_where_no_capture_can_be_written_it_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(FAILS, f"--daebus-capture={tmp_path / 'file'}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --daebus-capture: cannot make the folder {tmp_path / 'file'}: File exists"])
    folder = tmp_path / "folder"
    result = run(
        f"""
        import shutil

        def test_it(bus):
            shutil.rmtree({str(folder)!r})
            raise KeyError
        """,
        f"--daebus-capture={folder}",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no capture: cannot write */main-*: No such file or directory"])


def test_settings_and_workers_of_xdist(run: Run, pytester: pytest.Pytester, redis_url: str) -> None:
    """In processes of their own, in which nothing but the fixtures imports the framework."""
    pytester.makefile(
        ".ini",
        tox=f"""
        [pytest]
        filterwarnings = error
        addopts = -p no:cacheprovider -p no:hypothesispytest
        daebus_redis = {redis_url.removesuffix("0")}6
        daebus_capture = left
        """,
    )
    pytester.makeconftest("""
        import sys
        from pathlib import Path

        loaded = [name for name in sys.modules if name.partition(".")[0] == "daebus"]

        def pytest_collection_finish():
            loaded.extend(name for name in sys.modules if name.partition(".")[0] == "daebus")
    """)
    result = run(
        """
        import time
        from pathlib import Path
        import pytest
        from conftest import loaded

        @pytest.mark.parametrize("number", range(4))
        def test_alone(number, bus, service, stub, worker_id):
            from daebus import DaebusCaller
            from shop import app

            assert loaded == []
            payments = stub("payments", {"charge": {"by": worker_id}})
            shop = service(app)
            # While the other worker has the same services.
            Path(f"here-{worker_id}").touch()
            until = time.monotonic() + 60
            while len(list(Path().glob("here-*"))) < 2 and time.monotonic() < until:
                time.sleep(0.01)
            for order in range(1, 20):
                assert shop.request("buy", {"amount": number}) == {"paid": {"by": worker_id}, "orders": order}
            assert len(payments.calls) == 19
            shop.broadcast("orders.refused", {"customer": "Ann"})
            assert len(bus.broadcasts("mails")) == 1
            raise KeyError("failed so far only here")
        """,
        "-n2",
        own_process=True,
    )
    result.assert_outcomes(failed=4)
    assert "\n".join(result.outlines).count("KeyError: 'failed so far only here'") >= 4
    names = captures(pytester.path / "left")
    assert len(names) == 4
    assert {name.partition("-")[0] for name in names} == {"gw0", "gw1"}
    with redis.Redis.from_url(redis_url) as client:
        assert not {"db6", "db7"} & client.info("keyspace").keys()


def test_a_database_with_keys_is_left_alone(run: Run, redis_url: str) -> None:
    url = f"{redis_url.removesuffix('0')}8"
    text = """
        def test_one(bus):
            bus.cache.set("a", 1)

        def test_two(bus):
            assert bus.cache.get("a") is None
    """
    with redis.Redis.from_url(url, decode_responses=True) as client:
        client.set("mine", "dear")
        result = run(text, f"--daebus-redis={url}")
        result.assert_outcomes(errors=2)
        result.stdout.fnmatch_lines([f"--daebus-redis: the database at {url} holds 1 keys that are not of tests; *"])
        assert client.get("mine") == "dear"
        client.flushdb()
        # A run that was killed leaves keys, which are known to be those of tests.
        Database(url).empty()
        client.set("left", "over")
        run(text, f"--daebus-redis={url}").assert_outcomes(passed=2)
        assert client.dbsize() == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (5, "the URL of the Redis for tests must be a non-empty str, not 5"),
        ("http://h", "not a usable Redis URL: http://h "),
        ("redis://:se/cret@h", r"not a usable Redis URL: redis://\*\*\* \(an @ stands after the host"),
        ("redis://:secret@127.0.0.1:1/0", r"cannot use the database at redis://:\*\*\*@127.0.0.1:1/0 for tests: "),
    ],
)
def test_a_redis_that_cannot_be_used_is_told(url: Any, said: str) -> None:
    with pytest.raises(DaebusError, match=said) as refused:
        Database(url)
    assert "cret" not in str(refused.value)


def test_a_test_that_has_no_redis_says_so_in_a_line(run: Run) -> None:
    result = run("def test_it(bus): pass", "--daebus-redis=redis://:secret@127.0.0.1:1/0")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--daebus-redis: cannot use the database at redis://:[*][*][*]@127.0.0.1:1/0 *"])
    assert "secret" not in "\n".join(result.outlines)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", "redis://h/3"),
        ("redis://u:p%2F@h:5/2?socket_timeout=3", "redis://u:p%2F@h:5/5?socket_timeout=3"),
        ("unix:///s?db=1", "unix:///s?db=4"),
        ("unix://u:p@/s", "unix://u:p@/s?db=3"),
    ],
)
def test_workers_have_databases_of_their_own(url: str, expected: str) -> None:
    from daebus.testing.space import _with_database

    assert _with_database(url, 3) == expected


def test_it_can_be_kept_out(run: Run) -> None:
    result = run("def test_it(bus): pass", "-p", "no:daebus_pytest")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'bus' not found"])


def test_a_run_that_is_not_over_writes_what_was_so_far(tmp_path: Path) -> None:
    bus = LocalBus()
    with TestRun(bus) as run:
        bus.publish("news", b"{}")
        run.write_capture(tmp_path / "a")
        assert len(list(CaptureReader(tmp_path / "a"))) == 1
