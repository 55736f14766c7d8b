"""The README tells the truth: its programs run, its commands are understood."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus.errors import RequestFailed
from daebus_console.commands.grammar.command import parse, parse_argv
from daebus_console.commands.verbs import VERBS
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)
PROGRAMS = PROGRAM.findall(README)
SERVICES = PROGRAM.findall((ROOT / "docs" / "services.md").read_text())
CALLERS = PROGRAM.findall((ROOT / "docs" / "callers.md").read_text())
DOCUMENTS = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
LINES = [line for text in DOCUMENTS for line in re.findall(r"^    (?:\$ )?(.*?)(?:\s+# .*)?$", text, re.MULTILINE)]
COMMANDS = sorted({line.removeprefix("daebus-console ") for line in LINES if line.startswith("daebus-console ")})
PROMPTED = sorted({line for line in LINES if line.partition(" ")[0] in VERBS and '": ' not in line})
"""What is typed at a prompt; the messages in debugger.md are objects."""


@pytest.fixture
def environment(redis_url: str, tmp_path: Path) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "console"), str(tmp_path)])
    return {**os.environ, "REDIS_URL": redis_url, "PYTHONPATH": path, "NO_COLOR": "1"}


@pytest.fixture
def greeter(tmp_path: Path, environment: dict[str, str]) -> Iterator[None]:
    """The README's service, serving."""
    (tmp_path / "greeter.py").write_text(PROGRAMS[0])
    with subprocess.Popen([sys.executable, "greeter.py"], cwd=tmp_path, env=environment) as process:
        try:
            eventually(lambda: _run(["request", "greeter", "greet"], environment, tmp_path).returncode == 0, within=20)
            yield
        finally:
            process.terminate()
    assert process.returncode == 0


def _run(arguments: list[str], environment: dict[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    return _python(["-m", "daebus_console", *arguments], environment, directory)


def _python(arguments: list[str], environment: dict[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, timeout=60)


@pytest.mark.usefixtures("greeter")
def test_the_service_the_caller_and_the_request_of_the_readme_work(environment: dict[str, str], tmp_path: Path) -> None:
    caller = _python(["-c", PROGRAMS[1]], environment, tmp_path)
    assert caller.stdout.strip() == "{'greeting': 'Hello Ann'}", caller.stderr
    example = re.search(r"^    \$ daebus-console (request greeter .*)\n((?:    .*\n)+)", README, re.MULTILINE)
    assert example is not None
    answer = _run(shlex.split(example[1]), environment, tmp_path)
    assert answer.stdout.split() == example[2].split(), answer.stderr


def test_the_test_of_the_readme_passes(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(PROGRAMS[0])
    (tmp_path / "test_greeter.py").write_text(_program("test_client"))
    done = _python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_greeter.py"], environment, tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def _program(with_text: str, programs: list[str] = PROGRAMS) -> str:
    return next(program for program in programs if with_text in program)


@pytest.mark.parametrize(("programs", "more"), [(PROGRAMS, {}), (SERVICES, {"tags": []})], ids=["readme", "services"])
def test_the_typed_handlers_of_the_documents_take_what_they_say(
    programs: list[str], more: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "users.py").write_text(_program("def get_user(user_id: int", programs))
    module = runpy.run_path(str(tmp_path / "users.py"))
    with module["app"].test_client() as client:
        assert client.request("get_user", {"user_id": 17}) == {"id": 17, "name": "Ann", **more}
        with pytest.raises(RequestFailed, match="user_id must be a whole number, not text") as caught:
            client.request("get_user", {"user_id": "17"})
    assert (caught.value.code, caught.value.fields[0]["path"]) == ("bad_request", "user_id")


def test_the_service_of_the_page_on_services_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(SERVICES[0])
    module = runpy.run_path(str(tmp_path / "users.py"))
    with module["app"].test_client() as client:
        assert client.request("get_user", {"user_id": 17}) == {"id": 17, "name": "Ann"}
        with pytest.raises(RequestFailed, match="no such user") as caught:
            client.request("get_user", {"user_id": 18})
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("program", CALLERS, ids=["asking", "asking again"])
def test_the_callers_of_the_page_on_callers_work(program: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(SERVICES[0])
    with subprocess.Popen([sys.executable, "users.py"], cwd=tmp_path, env=environment) as process:
        try:
            eventually(lambda: _run(["ping", "users"], environment, tmp_path).returncode == 0, within=20)
            done = _python(["-c", program], environment, tmp_path)
        finally:
            process.terminate()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("{'id': 17, 'name': 'Ann'}\n" if "print" in program else "")


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_documents_is_understood(line: str) -> None:
    words = shlex.split(line.split(" | ")[0])
    options = 0
    while options < len(words) and words[options].startswith("--"):
        options += 1 if words[options] == "--read-only" else 2
    if words[options:]:
        parse_argv(words[options:])


@pytest.mark.parametrize("line", PROMPTED)
def test_every_line_for_a_prompt_is_understood(line: str) -> None:
    assert parse(line) is not None


def test_there_are_lines_of_both_kinds() -> None:
    assert len(COMMANDS) > 30
    assert {"held", "off", "compare #12 #99"} <= set(PROMPTED)
