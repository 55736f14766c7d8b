"""The shape of the tree that a static graph cannot hold: what is really imported, what is public, what agrees."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import daebus
from tests.support.imports import circles, imports_within

ROOT = Path(__file__).resolve().parents[1]


def _loaded(statement: str) -> set[str]:
    """The top-level packages in sys.modules of a fresh interpreter after that statement."""
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'console')!r}]\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        (
            "import daebus",
            {
                "daebus_console",
                "textual",
                "prompt_toolkit",
                "msgspec",
                "rich",
                "apscheduler",
                "fakeredis",
                "watchfiles",
            },
        ),
        ("import daebus_pytest", {"daebus", "redis", "fakeredis"}),
        ("import daebus_console.engine.session", {"textual", "prompt_toolkit", "rich"}),
        ("import daebus_console.__main__", {"textual", "prompt_toolkit", "rich", "msgspec"}),
        ("import daebus_console.commands.doing.runner", {"textual", "prompt_toolkit"}),
    ],
)
def test_importing_loads_no_more_than_it_must(statement: str, absent: set[str]) -> None:
    assert not _loaded(statement) & absent


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports within functions and for types alone are counted, too: what needs each other is one thing."""
    imports = imports_within(ROOT / "daebus", ROOT / "console/daebus_console")
    assert len(imports) > 200
    assert {"daebus.errors", "daebus.wire.checks"} <= imports["daebus.service.app"]
    assert circles(imports) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]


def test_all_names_what_is_public_and_no_more() -> None:
    visible = {
        name
        for name in dir(daebus)
        if not name.startswith("_") and not isinstance(getattr(daebus, name), type(sys)) and name != "annotations"
    }
    assert visible | {"__version__"} == set(daebus.__all__)


def test_the_version_is_the_same_wherever_it_stands() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == daebus.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] in ("Unreleased", daebus.__version__)


def test_no_text_of_the_tree_carries_a_path_of_some_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    pattern = re.compile(r"/(?:root|home|Users)/[\w.]+/|/work/main")
    for name in filter(None, listed):
        path = ROOT / name
        if (
            path.suffix in (".py", ".md", ".toml", ".tcss", "")
            and path.is_file()
            and name != "tests/test_architecture.py"
        ):
            assert not pattern.search(path.read_text(errors="replace")), name
