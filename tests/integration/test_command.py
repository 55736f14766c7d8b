"""The program `daebus`: a service of a module runs, and what cannot be run is said in words."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus.command import main
from daebus.version import __version__
from tests.support.framework_services import ROOT, subscribers
from tests.support.processes import die_with_parent
from tests.support.waiting import eventually

USERS = """
from daebus import Daebus, request
app = Daebus("users", max_workers=2)
other = Daebus("others")
text = "no app"

@app.action("get_user")
def get_user():
    return {"id": request.payload["id"]}

@app.listen("news")
def heard(_payload):
    pass

@app.background("tidy", 60)
def tidy():
    pass
"""
Write = Callable[[str], str]
_numbers = itertools.count()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module of that text into the folder one is in, in a package of its own; returns its dotted name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(text: str) -> str:
        package = f"shop_{os.getpid()}_{next(_numbers)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "users.py").write_text(text)
        return f"{package}.users"

    return write


def test_a_service_of_a_module_runs_until_it_is_told_to_end(write: Write, redis_url: str, name: str) -> None:
    command = [sys.executable, "-m", "daebus", "run", f"{write(USERS)}:app", "--service", name, "--redis", redis_url]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        eventually(lambda: subscribers(redis_url, name) == 1, within=30)
        with DaebusCaller(name, redis_url=redis_url) as caller:
            assert caller.send_request("get_user", {"id": 7}) == {"id": 7}
        process.send_signal(signal.SIGTERM)
        _out, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert "Traceback" not in log


def test_what_handlers_take_is_looked_at_as_well(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    typed = (
        "from __future__ import annotations\nfrom daebus import Daebus\napp = Daebus('users')\n"
        "@app.action('get_user')\ndef get_user(user_id: int, by: Later | None = None) -> None: ...\n"
    )
    assert main(["check", f"{write(typed)}"]) == 2
    said = capsys.readouterr().err
    assert "error: the handler of action 'get_user' (" in said
    assert "users.py:4) has an annotation that is not known: name 'Later' is not defined" in said
    assert main(["check", write(f"{typed}Later = int\n")]) == 0


def test_one_that_cannot_start_says_why_and_fails(write: Write) -> None:
    module = write(USERS)
    with pytest.raises(SystemExit) as ended:
        main(["run", module, "--redis", "redis://:s3cret@127.0.0.1:1"])
    assert ended.value.code == 1


def test_check_tells_what_a_service_has(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    module = write(USERS)
    assert main(["check", module]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{module}: users",
        "  actions: get_user",
        "  listens to: news",
        "  background tasks: tidy",
    ]
    assert main(["check", f"{module}:other"]) == 0
    assert capsys.readouterr().out == f"{module}:other: others\n"


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        ("{}:nothing", USERS, "'{}' has no 'nothing'; it has {}:app, {}:other"),
        ("{}:text", USERS, "{}:text is no Daebus but a str; it has {}:app, {}:other"),
        ("{}", "a = 1", "'{}' has no 'app'; it has no Daebus"),
        ("{}s", USERS, "there is no module '{}s' here or where Python looks for them"),
        ("nowhere.{}", USERS, "there is no module 'nowhere' here or where Python looks for them"),
        (
            "{}",
            "import nowhere_at_all",
            "'{}' cannot be imported: ModuleNotFoundError: No module named 'nowhere_at",
        ),
        ("{}", "a = 1\nraise LookupError('no\\nidea')", "'{}' cannot be imported: LookupError: no (*users.py:2)"),
        ("{}", "def f(:\n  pass", "'{}' cannot be imported: SyntaxError: invalid syntax (*users.py:1)"),
        ("{}", "raise SystemExit(3)", "'{}' cannot be imported: SystemExit: 3 (*users.py:1)"),
        (
            "{}",
            "from daebus import Daebus\nDaebus('a').action('b')(lambda *c, d: c)",
            "'{}' cannot be imported: the handler of action 'b' (*users.py:2) takes *c,",
        ),
        ("", USERS, "'' names no module; write it as Python imports it, such as shop.users:app"),
        (":app", USERS, "':app' names no module"),
        ("users.py", USERS, "there is no module 'users' here"),
        ("./users.py", USERS, "'./users.py' names no module; write it as Python imports it"),
        ("..{}", USERS, "'..{}' names no module"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "check"])
def test_what_cannot_be_run_is_said_in_words(
    write: Write, capsys: pytest.CaptureFixture[str], verb: str, where: str, text: str, said: str
) -> None:
    module = write(text)
    assert main([verb, where.replace("{}", module)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    at = 0
    for part in said.replace("{}", module).split("*"):
        assert part in error[at:], error
        at = error.index(part, at) + len(part)
    assert "Traceback" not in error


@pytest.mark.parametrize("url", ["http://localhost", "redis://:s3c/ret@localhost"])
def test_a_url_that_is_none_is_a_mistake_and_its_password_is_not_shown(
    write: Write, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert main(["run", write(USERS), "--redis", url]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "s3c" not in error


def test_it_tells_its_version_and_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, status, said in ((["--version"], 0, __version__), (["--help"], 0, "VERB"), ([], 2, "VERB")):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == status
        told = capsys.readouterr()
        assert said in told.out + told.err
