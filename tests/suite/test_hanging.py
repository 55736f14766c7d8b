"""A test that hangs does not hang the suite: the run ends, names the test, runs the others, and leaves no process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.suite.guard import GRACE, LIMIT
from tests.support.suite.supervisor import SOCKET
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to an ancestor of theirs"),
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("hanging"),
]
ROOT = Path(__file__).parents[2]
OTHERS = 8
"""So many tests that do not hang stand in each file."""

HEAD = f"""
import asyncio, ctypes, os, signal, subprocess, sys, threading, time
import pytest

DEAF = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(1000)"
ORPHAN = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"

def deaf_children():
    attached = subprocess.Popen([sys.executable, "-c", DEAF])
    subprocess.Popen([sys.executable, "-c", DEAF], start_new_session=True)
    subprocess.run([sys.executable, "-c", ORPHAN, DEAF])
    return attached

@pytest.fixture
def never_begins():
    threading.Event().wait()

@pytest.fixture
def never_ends():
    yield
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass

@pytest.mark.parametrize("number", range({OTHERS}))
def test_another(number):
    pass
"""
HANGS = """
@pytest.mark.timeout(0.5)
def test_python():
    while True:
        pass

@pytest.mark.timeout(0.5)
def test_nothing_raised_gets_through():
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass

@pytest.mark.timeout(0.5)
def test_c_with_the_lock_of_the_interpreter():
    lock = ctypes.create_string_buffer(64)
    for _twice in range(2):
        ctypes.PyDLL(None).pthread_mutex_lock(lock)

@pytest.mark.timeout(0.5)
def test_a_lock():
    threading.Event().wait()

@pytest.mark.timeout(0.5)
def test_stopped():
    os.kill(os.getpid(), signal.SIGSTOP)

@pytest.mark.timeout(0.5)
def test_a_fixture_that_never_begins(never_begins):
    pass

@pytest.mark.timeout(0.5)
def test_a_fixture_that_never_ends(never_ends):
    pass

@pytest.mark.timeout(0.5)
def test_an_event_loop():
    async def never():
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                pass
    asyncio.run(never())

@pytest.mark.timeout(2)
def test_children_that_heed_no_signal():
    deaf_children().wait()

def test_its_process_dies():
    deaf_children()
    os.kill(os.getpid(), signal.SIGKILL)
"""
THREAD = """
def test_that_leaves_it():
    threading.Thread(target=threading.Event().wait, name="endless").start()
"""
CHILD = """
def test_that_leaves_it():
    subprocess.Popen([sys.executable, "-c", DEAF, "a child"], start_new_session=True).returncode = 0
"""
STUCK = """
@pytest.mark.timeout(1000)
def test_that_takes_for_ever():
    child = deaf_children()
    open("under_way", "w").close()
    child.wait()
"""


@dataclass
class Run:
    """A run of pytest, which has ended."""

    status: int
    output: str
    left: list[str]
    """The command lines of the processes that it left."""


def begin(folder: Path, tests: str, *options: str, limit: float = 300) -> subprocess.Popen[str]:
    """Run these tests in that folder, below the guard of this suite."""
    (folder / "test_file.py").write_text(HEAD + tests)
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.support.suite.guard"]\n')
    (folder / "pytest.ini").write_text(
        "[pytest]\ntimeout = 60\ntimeout_method = signal\naddopts = --import-mode=importlib -p no:cacheprovider -rA\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", SOCKET))}
    environment |= {"PYTHONPATH": str(ROOT), LIMIT: str(limit), GRACE: "1"}
    # The plugin of hypothesis takes each process as long to load as all the rest.
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, text=True, env=environment
    )


def run(folder: Path, tests: str, *options: str, limit: float = 300) -> Run:
    """The same, to its end."""
    with begin(folder, tests, *options, limit=limit) as process:
        output, _none = process.communicate(timeout=200)
    return Run(process.returncode, output, processes_of(folder))


def processes_of(folder: Path) -> list[str]:
    """The processes that work in that folder, as all do that a run there starts."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and os.readlink(process / "cwd") == str(folder):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two workers in which tests hang in every way."""
    return run(tmp_path_factory.mktemp("hung"), HANGS, "-n", "2", "--dist", "loadgroup")


def test_a_run_with_tests_that_hang_ends_and_fails(hung: Run) -> None:
    assert hung.status == 1, hung.output


@pytest.mark.parametrize("test", re.findall(r"def (test_\w+)", HANGS))
def test_the_test_that_hung_is_named(hung: Run, test: str) -> None:
    assert re.search(rf"^(FAILED|ERROR) test_file.py::{test}", hung.output, re.MULTILINE), hung.output


def test_no_other_test_is_lost_or_harmed(hung: Run) -> None:
    passed = set(re.findall(r"^PASSED test_file.py::test_another\[(\d)\]", hung.output, re.MULTILINE))
    assert passed == {str(number) for number in range(OTHERS)}, hung.output


def test_nothing_that_was_started_is_left(hung: Run) -> None:
    assert hung.left == []


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(
    ("tests", "told"),
    [
        (THREAD, r"test_file.py::test_that_leaves_it: its thread endless never ends"),
        (CHILD, r"left behind: process \d+, .* a child"),
    ],
    ids=["thread", "child"],
)
def test_what_a_test_leaves_running_fails_the_run(tmp_path: Path, tests: str, told: str, workers: str) -> None:
    done = run(tmp_path, tests, "-n", workers)
    assert f" {OTHERS + 1} passed" in done.output
    assert re.search(f"^suite: {told}", done.output, re.MULTILINE), done.output
    assert done.status == 1
    assert done.left == []


def test_a_run_over_its_limit_ends(tmp_path: Path) -> None:
    done = run(tmp_path, STUCK, "-n", "2", limit=1)
    assert done.status == 1
    assert "suite: the run is over its limit of 1 s" in done.output
    assert done.left == []


def test_a_run_that_is_told_to_end_says_what_was_running(tmp_path: Path) -> None:
    """As the time limit of `.ci/run` does it."""
    with begin(tmp_path, STUCK, "-n", "2") as process:
        eventually(lambda: (tmp_path / "under_way").exists(), within=100, what="the test runs")
        process.terminate()
        output, _none = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "suite: the run was asked to end" in output
    assert "suite: running: test_file.py::test_that_takes_for_ever, for " in output, output
    assert processes_of(tmp_path) == []
