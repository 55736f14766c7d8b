"""`daebus run --reload`: new code takes over without a message lost or handled twice; what fails changes nothing."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller, DaebusError, RequestFailed, ServiceUnavailable
from daebus.command import main
from daebus.command.watching import sources
from tests.support.framework_services import ROOT, Tap, subscribers
from tests.support.processes import family
from tests.support.programs.loaded import Forked
from tests.support.waiting import eventually

SERVICE = """
import os, time
from daebus import Daebus, broadcast, request
app = Daebus("users", max_workers={workers}, grace=20)
VERSION = {version}

@app.action("version")
def version():
    return {{"version": VERSION, "pid": os.getpid()}}

@app.action("slow")
def slow():
    until = time.monotonic() + 15
    while not os.path.exists(request.payload["gate"]) and time.monotonic() < until:
        time.sleep(0.01)
    return {{"version": VERSION}}

@app.action("note")
def note():
    broadcast.send(app.service + ".noted", {{"n": request.payload["n"], "version": VERSION}})
    time.sleep(0.002)

@app.action("leave")
def leave():
    os._exit(7)

@app.on_start
def begin():
    print("begin", VERSION, flush=True)

@app.on_stop
def end():
    print("end", VERSION, flush=True)
"""
MORE = SERVICE.count("\n") + 1
"""The line at which more text begins."""


class Reloaded:
    """`daebus run --reload` on a module in a folder of its own, and what it has said."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self.folder, self.url, self.name = folder, url, name
        self.log = folder / "log.txt"
        command = [sys.executable, "-c", "import sys; from daebus.command import main; sys.exit(main())"]
        options = ["run", "users:app", "--service", name, "--redis", url, "--reload"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with self.log.open("wb") as log:
            # In the folder that one is in.
            self.process = Forked([*command, *options], env=environment, stdout=log, stderr=log, start_new_session=True)
        self.caller = DaebusCaller(name, redis_url=url, timeout=20)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def says(self, pattern: str) -> str:
        """Wait until it has said that; returns the line's part that matches."""
        return eventually(lambda: re.search(pattern, self.said), within=30, what=pattern)[0]  # type: ignore[index]

    def serves(self) -> None:
        eventually(lambda: subscribers(self.url, self.name) == 1, within=30, what=self.said)

    def version(self) -> Any:
        return self.caller.send_request("version")["version"]

    def wait(self) -> int:
        return self.process.wait(30)


def write(folder: Path, version: int, more: str = "", workers: int = 4, name: str = "users.py") -> None:
    """Put a version of the service in the place of the one before, as editors do."""
    new = folder / "users.tmp"
    new.write_text(SERVICE.format(version=version, workers=workers) + more)
    new.replace(folder / name)


def save(path: Path, text: str) -> None:
    """Put a file in the place of the one before, as if all had been saved in the same second."""
    new = path.with_suffix(".tmp")
    new.write_text(text)
    os.utime(new, (1_700_000_000, 1_700_000_000))
    new.replace(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 1)
    return tmp_path


@contextmanager
def running(folder: Path, url: str, name: str) -> Iterator[Reloaded]:
    service = Reloaded(folder, url, name)
    try:
        yield service
    finally:
        service.caller.close()
        below = family([service.process.pid])
        service.process.kill()
        service.process.wait()
        for pid in below:
            # They end by themselves, and soon, when the other one has gone.
            eventually(lambda pid=pid: pid not in family([1]) and not os.path.exists(f"/proc/{pid}/exe"), within=30)


@pytest.fixture
def service(folder: Path, redis_url: str, name: str) -> Iterator[Reloaded]:
    with running(folder, redis_url, name) as service:
        service.serves()
        yield service


def test_new_code_takes_over_and_the_old_ends_in_good_order(service: Reloaded) -> None:
    assert service.version() == 1
    write(service.folder, 2)
    eventually(lambda: service.version() == 2, within=30)
    service.says("users.py changed")
    # One after the other: what a start hook takes hold of, a stop hook has let go of.
    assert re.findall("begin 1|end 1|begin 2|end 2", service.said) == ["begin 1", "end 1", "begin 2"]
    assert len(family([service.process.pid])) == 1
    service.process.send_signal(signal.SIGTERM)
    assert service.wait() == 0
    assert re.findall("end .", service.said) == ["end 1", "end 2"]
    assert "Traceback" not in service.said


@pytest.mark.parametrize("module", ["users.py", "prices.py"])
def test_files_saved_twice_within_a_second_and_as_long_are_run_as_they_are(
    folder: Path, redis_url: str, name: str, module: str
) -> None:
    level = "\nimport prices\n\n@app.action('level')\ndef level():\n    return {'level': [VERSION, prices.LEVEL]}\n"
    texts = {
        "users.py": [SERVICE.format(version=number, workers=4) + level for number in range(1, 5)],
        "prices.py": [f"LEVEL = {number}\n" for number in range(1, 5)],
    }
    for path, versions in texts.items():
        save(folder / path, versions[0])
    with running(folder, redis_url, name) as service:
        service.serves()
        for number in range(2, 5):
            save(folder / module, texts[module][number - 1])
            expected = [number, 1] if module == "users.py" else [1, number]
            eventually(lambda expected=expected: service.caller.send_request("level")["level"] == expected, within=30)
        compiled = {path.name.partition(".")[0] for path in (folder / "__pycache__").iterdir()}
        assert compiled == {"users", "prices"}, "nothing was compiled: this test tells nothing"


def test_no_message_is_lost_or_handled_twice_while_code_changes(service: Reloaded) -> None:
    outcomes: list[Any] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                outcomes.append(service.version())
            except DaebusError as error:
                outcomes.append(error)

    def is_at(version: int) -> bool:
        """Whether the last answer is of that version. Raises what kept one from coming: it would come for ever."""
        last = outcomes[-1] if outcomes else None
        if isinstance(last, DaebusError):
            raise last
        return last == version

    sent = 0
    with Tap(service.url, f"{service.name}.noted") as tap:
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            for version in (2, 3, 4):
                write(service.folder, version)
                # The last but one is changed while it takes over.
                while not is_at(version) and (version != 3 or subscribers(service.url, service.name) == 1):
                    service.caller.send_message("note", {"n": sent})
                    sent += 1
                    # No more than the queue holds.
                    eventually(lambda sent=sent: len(tap.collect()) > sent - 300, within=30)
        finally:
            over.set()
            thread.join()
        noted = eventually(lambda: len(tap.collect(0.01)) >= sent and tap.seen)
    numbers = [int(re.search(rb'"n":(\d+)', data)[1]) for _channel, data in noted]  # type: ignore[index]
    assert sorted(numbers) == list(range(sent))
    assert set(outcomes) >= {1, 2, 4}
    assert outcomes == sorted(outcomes)


def test_what_runs_and_what_waits_is_finished_by_the_old_code(folder: Path, redis_url: str, name: str) -> None:
    write(folder, 1, workers=1)
    gate = folder / "gate"
    with running(folder, redis_url, name) as service:
        service.serves()
        answers: list[Any] = []
        ask = lambda: answers.append(service.caller.send_request("slow", {"gate": str(gate)}))  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        with DaebusCaller(f"daebus.control.{name}", redis_url=redis_url) as control:
            eventually(lambda: control.send_request("info")["queue"]["size"] == 2)
        write(folder, 2)
        # Asked when the new one has taken over, answered when it has begun.
        eventually(lambda: subscribers(redis_url, name) == 2, within=30)
        late: list[Any] = []
        eventually(lambda: len(family([service.process.pid])) == 2)
        thread = threading.Thread(target=lambda: late.append(service.version()))
        thread.start()
        gate.touch()
        for each in (*threads, thread):
            each.join(30)
        assert answers == [{"version": 1}] * 3
        assert late[0] in (1, 2)
        eventually(lambda: service.version() == 2, within=30)


def test_code_that_cannot_be_imported_changes_nothing(service: Reloaded) -> None:
    pid = service.caller.send_request("version")["pid"]
    write(service.folder, 2, "def broken(:\n    pass\n")
    service.says(rf"SyntaxError: invalid syntax \(.*users.py:{MORE}\); the old code goes on")
    write(service.folder, 3, "raise LookupError('no idea')\n")
    service.says(rf"LookupError: no idea \(.*users.py:{MORE}\); the old code goes on")
    write(service.folder, 4, "import os\nos._exit(9)\n")
    service.says("the new process ended with status 9; the old code goes on")
    assert service.caller.send_request("version") == {"version": 1, "pid": pid}
    write(service.folder, 5)
    eventually(lambda: service.version() == 5, within=30)


def test_code_that_cannot_be_imported_at_first_is_waited_for(folder: Path, redis_url: str, name: str) -> None:
    write(folder, 1, "1 / 0\n")
    with running(folder, redis_url, name) as service:
        service.says(rf"ZeroDivisionError: .* \(.*users.py:{MORE}\); waiting for a change")
        write(folder, 2)
        service.serves()
        assert service.version() == 2


def test_a_service_that_dies_is_told_of_and_comes_back_with_a_change(service: Reloaded) -> None:
    service.caller.send_message("leave")
    service.says("the service has ended with status 7; waiting for a change")
    with pytest.raises(ServiceUnavailable):
        service.version()
    write(service.folder, 2)
    service.serves()
    assert service.version() == 2
    service.caller.send_message("leave")
    service.says("(?s)status 7.*status 7")
    service.process.send_signal(signal.SIGTERM)
    assert service.wait() == 7


def test_a_start_that_fails_is_told_of(service: Reloaded) -> None:
    write(service.folder, 2, "@app.on_start\ndef no():\n    raise LookupError('no port')\n")
    service.says("(?s)LookupError: no port.*the service has ended with status 1; waiting for a change")
    write(service.folder, 3)
    service.serves()
    assert service.version() == 3


def test_where_it_is_ended_while_code_changes_all_are_answered(folder: Path, redis_url: str, name: str) -> None:
    write(folder, 1, workers=1)
    gate = folder / "gate"
    answers: list[Any] = []

    def ask(action: str) -> None:
        try:
            answers.append(service.caller.send_request(action, {"gate": str(gate)}))
        except RequestFailed as error:
            answers.append(error.code)

    with running(folder, redis_url, name) as service:
        service.serves()
        threads = [threading.Thread(target=ask, args=("slow",)), threading.Thread(target=ask, args=("version",))]
        threads[0].start()
        with DaebusCaller(f"daebus.control.{name}", redis_url=redis_url) as control:
            eventually(lambda: control.send_request("info")["workers"]["busy"] == 1)
        write(folder, 2)
        # The old one unsubscribes when it has finished; until then both are there.
        eventually(lambda: subscribers(redis_url, name) == 2, within=30)
        threads[1].start()
        service.process.send_signal(signal.SIGTERM)
        gate.touch()
        for thread in threads:
            thread.join(30)
        assert service.wait() == 0, service.said
    assert {"version": 1} in answers
    assert len(answers) == 2
    assert "Traceback" not in service.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_of_the_terminal_ends_it_once_in_good_order(service: Reloaded, number: int) -> None:
    gate = service.folder / "gate"
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(service.caller.send_request("slow", {"gate": str(gate)})))
    thread.start()
    with DaebusCaller(f"daebus.control.{service.name}", redis_url=service.url) as control:
        eventually(lambda: control.send_request("info")["workers"]["busy"] == 1)
    # To all processes of the terminal, as a key does it.
    os.killpg(service.process.pid, number)
    eventually(lambda: subscribers(service.url, service.name) == 0)
    gate.touch()
    thread.join(30)
    assert service.wait() == 0, service.said
    assert answers == [{"version": 1}]
    assert re.findall("end .", service.said) == ["end 1"]
    assert "Traceback" not in service.said


def test_a_second_signal_ends_it_at_once(service: Reloaded) -> None:
    with DaebusCaller(f"daebus.control.{service.name}", redis_url=service.url) as control:
        service.caller.send_message("slow", {"gate": "/nowhere/at/all"})
        eventually(lambda: control.send_request("info")["workers"]["busy"] == 1)
    for _ in range(2):
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: subscribers(service.url, service.name) == 0)
    assert service.wait() == 128 + signal.SIGTERM
    assert "end 1" not in service.said


def test_where_the_supervisor_is_killed_the_service_ends_by_itself(service: Reloaded) -> None:
    (pid,) = family([service.process.pid])
    service.process.kill()
    service.says("end 1")
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), within=30)
    assert subscribers(service.url, service.name) == 0


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("users.py", True),
        ("shop/users.py", True),
        ("shop/.users.py", False),
        ("shop/#users.py#", False),
        ("shop/users.py~", False),
        ("shop/users.pyc", False),
        ("shop/.users.py.swp", False),
        ("shop/users.py.tmp123", False),
        ("shop/__pycache__/users.py", False),
        (".venv/lib/users.py", False),
        ("venv/lib/users.py", False),
        ("node_modules/a/users.py", False),
        ("notes.md", False),
        ("py", False),
    ],
)
def test_which_files_count(tmp_path: Path, path: str, counts: bool) -> None:
    # Where the folder itself lies is of no interest.
    for folder in (tmp_path, tmp_path / "venv" / ".hidden"):
        assert sources([str(folder / path)], [folder]) == ([path] if counts else [])
    assert sources([str(tmp_path / path)], [tmp_path / "other"]) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reload", "--reload-dir", "nowhere"], "--reload-dir: there is no folder 'nowhere'"),
        (["--reload-dir", "."], "--reload-dir says where --reload looks for changes; give that as well"),
        (["--reload", "--redis", "http://x"], "Redis"),
    ],
)
def test_what_cannot_be_watched_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["run", "users:app", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_without_watchfiles_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert main(["run", "users:app", "--reload"]) == 2
    assert capsys.readouterr().err == "error: --reload needs watchfiles: pip install 'daebus[reload]'\n"
