"""The verbs that have another process read the second half of a capture: nothing that they say depends on it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daebus_console.engine.replay import reading
from daebus_console.engine.replay.seam import seam_of
from daebus_console.engine.replay.source import Recording
from daebus_console.files import reading as files
from tests.console.replay.test_halves import LATE, all_sorts, answered, asked, plain, with_rows, written
from tests.support.processes import family
from tests.support.programs.forked import plain_environ
from tests.support.waiting import eventually

PROGRAM = """
import os, sys, time
from daebus_console.commands.doing.again import exporting_apart
from daebus_console.engine.replay import halves, plan, reading
from daebus_console.files import reading as files

reading.MOST_MESSAGES, files.BLOCK = 1_000, 4_096
plan._MOST_PARENTS = int(os.environ.get("PARENTS", "10000"))
halves.processors = lambda: int(os.environ["PROCESSORS"])
take_over, write = halves.Halves._take_over, exporting_apart._write

def told(self, reading):
    took = take_over(self, reading)
    with open(os.environ["TOOK"], "a") as file:
        file.write(f"{took}\\n")
    return took

def slowly(spool, records):
    for record in records:
        time.sleep(0.02)

halves.Halves._take_over = told
if os.environ.get("SLOWLY"):
    exporting_apart._write = slowly
if os.environ.get("FULL"):
    exporting_apart._nameless = lambda size: os.fdopen(os.open("/dev/full", os.O_RDWR | os.O_CLOEXEC), "wb")
exporting_apart._ROOM = float(os.environ.get("ROOM", "4"))
from daebus_console.__main__ import main
sys.exit(main())
"""


def start(folder: Path, *words: str, processors: int = 2, **more: str) -> subprocess.Popen[bytes]:
    environ = {**plain_environ(), "PROCESSORS": str(processors), "TOOK": str(folder / "took"), **more}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *words],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def done(folder: Path, *words: str, processors: int, **more: str) -> tuple[int, bytes, bytes]:
    with start(folder, *words, processors=processors, **more) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return written(tmp_path, all_sorts())


@pytest.mark.parametrize(
    "words",
    [
        ("export", "capture.jsonl", "--as", "jsonl"),
        ("export", "capture.jsonl", "status:error", "to:svc1"),
        ("export", "capture.jsonl", "action:nothing-like-that"),
        ("stats", "capture.jsonl"),
        ("stats", "capture.jsonl", "status:ok", "--json"),
        ("replay", "capture.jsonl", "--dry-run"),
        ("replay", "capture.jsonl", "to:svc2", "--dry-run", "--roots", "--include", "both", "--json"),
    ],
)
def test_what_is_said_is_the_same(tmp_path: Path, capture: Path, words: tuple[str, ...]) -> None:
    with capture.open("a") as file:
        file.write('{"at": 1_0')
    alone, both = done(tmp_path, *words, processors=1), done(tmp_path, *words, processors=2)
    assert (tmp_path / "took").read_text() == "True\n"
    assert alone[0] == 0
    assert both == alone
    assert b"torn" in both[2]


def test_where_the_end_of_processes_is_ignored_there_is_one(tmp_path: Path, capture: Path) -> None:
    """As below some that start others and want to hear nothing of them."""
    words = ("stats", str(capture))
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process = start(tmp_path, *words)
    finally:
        signal.signal(signal.SIGCHLD, before)
    with process:
        found = process.communicate(timeout=120)
    assert (process.returncode, *found) == done(tmp_path, *words, processors=1)


@pytest.mark.parametrize(("more", "took"), [({"FULL": "yes"}, "False\n"), ({"ROOM": "1e12"}, None)])
def test_without_room_all_of_it_is_written_by_one(
    tmp_path: Path, capture: Path, more: dict[str, str], took: str | None
) -> None:
    """None where the file system is full, and none is taken where little is left."""
    words = ("export", str(capture), "--as", "jsonl")
    assert done(tmp_path, *words, processors=2, **more) == done(tmp_path, *words, processors=1)
    told = tmp_path / "took"
    assert (told.read_text() if told.exists() else None) == took


def test_a_file_is_the_same(tmp_path: Path, capture: Path) -> None:
    for processors, name in ((1, "alone.json.gz"), (2, "both.json.gz")):
        status, _out, err = done(tmp_path, "export", str(capture), "-o", name, processors=processors)
        assert (status, err.startswith(b"3")) == (0, True), err
    assert (tmp_path / "took").read_text() == "True\n"
    alone, both = (gzip.decompress((tmp_path / f"{name}.json.gz").read_bytes()) for name in ("alone", "both"))
    assert both == alone
    numbers = [one["exchange"] for one in json.loads(both)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("verb", [("export", "--as", "jsonl"), ("stats", "--json"), ("replay", "--dry-run")])
def test_numbers_of_exchanges_are_those_of_the_whole(tmp_path: Path, capture: Path, verb: tuple[str, ...]) -> None:
    words = (verb[0], str(capture), "id:#2900,r7", *verb[1:])
    assert done(tmp_path, *words, processors=2) == done(tmp_path, *words, processors=1)
    assert not (tmp_path / "took").exists()


def test_calls_are_nested_where_they_are_in_one(tmp_path: Path) -> None:
    """A hundred ids are remembered. What is only a copy counts as the request where that came before both begin."""

    def told(number: int, **more: str) -> dict[str, object]:
        data = json.dumps({"action": "tell", "message_id": f"m{number:04}", "payload": {}, **more})
        return {"at": 1_000 + number / 100, "channel": "svc1", "data": data}

    rows = [told(number) for number in range(6_000)]
    seam = seam_of_rows(tmp_path, rows)
    original = asked(seam - 1_300, "x", sent_at=1_000.5)
    rows[seam - 1_300 : seam - 1_298] = [original, answered(seam - 1_300, 1, "x")]
    rows[seam - 1_060] = {**original, "at": told(seam - 1_060)["at"], "channel": "copies"}
    rows[seam - 980 : seam - 978] = [asked(seam - 980, "y", parent_id="x"), answered(seam - 980, 1, "y")]
    written(tmp_path, rows)
    words = ("replay", "capture.jsonl", "--dry-run", "--include", "both", "--json")
    alone, both = (done(tmp_path, *words, processors=number, PARENTS="100") for number in (1, 2))
    assert (tmp_path / "took").read_text() == "False\n"
    assert json.loads(alone[1])["nested"] == 0
    assert both == alone


def seam_of_rows(folder: Path, rows: list[dict[str, object]]) -> int:
    """How many of them are before the seam."""
    path = written(folder, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "MOST_MESSAGES", 1_000)
        patch.setattr(files, "BLOCK", 4_096)
        seam = seam_of(Recording(path).stored)
    assert seam is not None
    return path.read_bytes()[: seam.at].count(b"\n") - 1


def test_many_actions_are_told_apart_as_in_one(tmp_path: Path) -> None:
    """More than there is room for, all of them in the second half."""
    rows = list(plain())
    rows[LATE:] = [asked(LATE // 2 + number, action=f"do_{number}") for number in range(1_500)]
    written(tmp_path, rows)
    alone, both = (done(tmp_path, "stats", "capture.jsonl", processors=number) for number in (1, 2))
    assert (tmp_path / "took").read_text() == "False\n"
    assert b"(beyond 500 actions)" in both[1]
    assert both == alone


def test_what_asks_only_services_themselves_is_counted_on_both_sides(tmp_path: Path) -> None:
    asking = [{**asked(place // 2, f"c{place}"), "channel": "daebus.control.svc1"} for place in (LATE // 4, LATE)]
    written(tmp_path, with_rows(plain(), (LATE // 4, asking[0]), (LATE, asking[1])))
    alone, both = (done(tmp_path, "export", "capture.jsonl", "-o", f"{n}.jsonl", processors=n) for n in (1, 2))
    assert (tmp_path / "took").read_text() == "True\n"
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert both[2].replace(b"2.jsonl", b"1.jsonl") == alone[2]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, None])
def test_however_it_ends_no_process_is_left(tmp_path: Path, capture: Path, how: signal.Signals | None) -> None:
    """The first waits for the second; with None, whoever reads what it says has gone."""
    with start(tmp_path, "export", str(capture), "--as", "jsonl", SLOWLY="yes") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        other = eventually(lambda: family([process.pid]), what="there are two")
        if how is None:
            process.stdout.close()
        else:
            os.kill(process.pid, how)
        err = process.stderr.read()
        process.wait(60)
    assert b"Traceback" not in err
    for pid in other:
        eventually(lambda pid=pid: not Path(f"/proc/{pid}/cmdline").exists(), what="it is gone")  # type: ignore[misc]


HALVES = """
import sys, time
from daebus_console.engine.replay import halves, reading
from daebus_console.engine.replay.source import Recording
from daebus_console.files import reading as files

reading.MOST_MESSAGES, files.BLOCK = 1_000, 4_096
halves.processors = lambda: 2
recording = Recording(sys.argv[1])
dumps = halves.pickle.dumps

def told(value):
    data = dumps(value)
    if len(data) > 1_000:
        print("read", flush=True)
    return data

def work():
    for _exchange in recording.exchanges():
        pass
    return "x" * 10_000_000

halves.pickle.dumps = told

with halves.Halves(recording, work):
    next(iter(recording.exchanges()))
    time.sleep(600)
"""


def test_what_has_more_to_say_than_a_pipe_holds_does_not_wait_for_whoever_is_gone(capture: Path) -> None:
    command = [sys.executable, "-c", HALVES, str(capture)]
    with subprocess.Popen(command, env=plain_environ(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"read\n"
        other = family([process.pid])
        process.kill()
    assert other
    for pid in other:
        eventually(lambda pid=pid: not Path(f"/proc/{pid}/cmdline").exists(), what="it is gone")  # type: ignore[misc]
