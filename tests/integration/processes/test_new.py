"""`daebus new`: what it makes runs as it is, and what is there already stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus.command import main
from daebus.version import __version__
from tests.support.framework_services import ROOT, program


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_what_it_makes_runs_as_it_is(folder: Path, redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "orders_17"]) == 0
    assert "cd orders_17\n  make test\n  make run" in capsys.readouterr().out
    made = folder / "orders_17"
    assert sorted(each.name for each in made.iterdir()) == [
        ".gitignore",
        "Makefile",
        "README.md",
        "orders_17.py",
        "pyproject.toml",
        "test_orders_17.py",
    ]
    # Older releases have neither the test client nor the extras.
    assert made.joinpath("pyproject.toml").read_text().count(f'>={__version__}"') == 2
    assert "`DAEBUS_REDIS_URL`, else at `REDIS_URL`" in made.joinpath("README.md").read_text()
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PYTHONPATH": str(ROOT), "DAEBUS_REDIS_URL": redis_url}
    # As at a prompt, also where this was started by make.
    environment = {
        name: value for name, value in environment.items() if not name.startswith(("PYTEST", "DAEBUS_TEST", "MAKE"))
    }
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        ["make", "test", "check"], cwd=made, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert done.stdout.endswith("orders_17:app: orders_17\n  actions: greet\n")
    run = program("orders_17.py", cwd=str(made), DAEBUS_REDIS_URL=redis_url, serves="orders_17", url=redis_url)
    with run, DaebusCaller("orders_17", redis_url=redis_url) as caller:
        assert caller.send_request("greet", {"name": "Ann"}) == {"greeting": "Hello Ann"}
    lint = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=120", str(made)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_what_is_there_already_stays(folder: Path, capsys: pytest.CaptureFixture[str], there: str) -> None:
    target = folder / "orders"
    if there == "folder":
        target.mkdir()
        (target / "orders.py").write_text("mine")
    elif there == "file":
        target.write_text("mine")
    else:
        target.symlink_to(folder / "nowhere")
    assert main(["new", "orders"]) == 2
    assert capsys.readouterr().err == "error: there is 'orders' already; nothing was changed\n"
    assert os.listdir(folder) == ["orders"]
    if there != "link":
        assert (target / "orders.py" if there == "folder" else target).read_text() == "mine"


def test_what_cannot_be_written_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Path.write_text

    def full(path: Path, *arguments: object, **options: object) -> int:
        if path.name == "Makefile":
            raise OSError(28, "No space left on device")
        return write(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["new", "orders"]) == 2
    assert "No space left on device; nothing was made" in capsys.readouterr().err
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("user-service", "such as user_service"),
        ("User Service", "such as user_service"),
        ("", "can be no module"),
        ("../orders", "such as orders"),
        ("/orders", "can be no module"),
        ("a/b", "such as a_b"),
        ("1st", "can be no module"),
        ("_x", "can be no module"),
        ("käse", "can be no module"),
        ("orders.py", "such as orders_py"),
        ("class", "means something else"),
        ("match", "means something else"),
        ("setup", "means something else"),
        ("conftest", "means something else"),
        ("test_orders", "means something else"),
        ("json", "Python has a module 'json' already"),
        ("redis", "Python has a module 'redis' already"),
        ("daebus", "Python has a module 'daebus' already"),
    ],
)
def test_a_bad_name_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    assert main(["new", name]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(folder) == []
