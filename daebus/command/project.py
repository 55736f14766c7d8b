"""`daebus new`: a folder with a service and its test, which run as they are."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
from pathlib import Path

from daebus.version import __version__

from .mistake import Mistake

_FORBIDDEN = frozenset(("setup", "conftest", "app", "tests"))
"""Names of files that tools take for something else, or that say nothing of a service."""
_SERVICE = '''"""The service {name}."""

from daebus import Daebus, logger, request

app = Daebus("{name}")


@app.action("greet")
def greet():
    """Greet somebody by name."""
    who = request.payload.get("name", "stranger")
    logger.info("greeting %s", who)
    return {{"greeting": f"Hello {{who}}"}}


if __name__ == "__main__":
    app.run()
'''
_TEST = '''"""What {name} answers, tried without a Redis server."""

from {name} import app


def test_it_greets_by_name():
    with app.test_client() as client:
        assert client.request("greet", {{"name": "Ann"}}) == {{"greeting": "Hello Ann"}}
        assert client.request("greet") == {{"greeting": "Hello stranger"}}
'''
_MAKEFILE = """# The Python of the active environment; without one that of .venv, which is made here.
PYTHON ?= $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV)/bin/python,.venv/bin/python)

.PHONY: run test check ready
.DEFAULT_GOAL := run

run: ready
\t$(PYTHON) -m daebus run {name}:app --reload

test: ready
\t$(PYTHON) -m pytest

check: ready
\t$(PYTHON) -m daebus check {name}:app

ready:
\t@test -x $(PYTHON) || python3 -m venv .venv
\t@$(PYTHON) -c 'from importlib.util import find_spec as f; import sys; sys.exit(None in map(f, sys.argv[1:]))' \\
\t  daebus fakeredis pytest watchfiles || $(PYTHON) -m pip install --quiet --editable '.[dev]'
"""
_PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["daebus>={version}"]

[project.optional-dependencies]
dev = ["daebus[reload,testing]>={version}", "pytest"]

[tool.setuptools]
py-modules = ["{name}"]

[tool.pytest.ini_options]
pythonpath = ["."]
"""
_README = """# {name}

A service on [Daebus](https://pypi.org/project/daebus/).

    make run     # serve, and run new code whenever a file changes
    make test    # the tests, which need no Redis
    make check   # whether it can be imported, and what it has

Redis is looked for at `DAEBUS_REDIS_URL`, else at `REDIS_URL`, else at `redis://localhost:6379/0`. While it runs, ask
it (with `.venv/bin/python`, where make has made that):

    python -c 'import daebus; print(daebus.DaebusCaller("{name}").send_request("greet", {{"name": "Ann"}}))'
"""
_IGNORED = ".venv/\n__pycache__/\n*.egg-info/\n.pytest_cache/\n"


def make_project(name: str) -> str:
    """Make the folder `name`; returns what to do next. Where that fails: Mistake, and nothing is made."""
    _check(name)
    folder = Path(name)
    files = {
        f"{name}.py": _SERVICE,
        f"test_{name}.py": _TEST,
        "Makefile": _MAKEFILE,
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        ".gitignore": _IGNORED,
    }
    try:
        folder.mkdir()
    except FileExistsError:
        raise Mistake(f"there is {str(folder)!r} already; nothing was changed") from None
    except OSError as error:
        raise Mistake(f"{str(folder)!r} cannot be made: {error.strerror}") from None
    try:
        for file, text in files.items():
            (folder / file).write_text(text.format(name=name, version=__version__), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Mistake(f"{str(folder / file)!r} cannot be written: {error.strerror}; nothing was made") from None
    return f"{folder}/ has a service and its test. Next:\n  cd {folder}\n  make test\n  make run"


def _check(name: str) -> None:
    """Raise Mistake for a name that cannot be that of a module, of a distribution and of a service at once."""
    if not re.fullmatch(r"[A-Za-z](?:\w*[A-Za-z0-9])?", name, re.ASCII):
        better = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
        hint = f", such as {better}" if re.match("[a-z]", better) else ""
        raise Mistake(f"{name!r} can be no module: a name has letters, digits and _, and begins with a letter{hint}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _FORBIDDEN or name.startswith("test_"):
        raise Mistake(f"{name!r} means something else to Python or its tools; take another name")
    if importlib.util.find_spec(name) is not None and not Path(name).exists():
        raise Mistake(f"Python has a module {name!r} already, which that of the service would hide")
