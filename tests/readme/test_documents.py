"""What the documents name is there: files, folders, links and the targets of the Makefile."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = ("daebus/", "console/", "tests/", "demos/", "docs/", "findings/", ".ci/")


def paths(text: str) -> set[str]:
    """The paths of the project that a document names, in code or as a link."""
    code = {word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()}
    lines = {word for line in re.findall(r"^    (.+)$", text, re.MULTILINE) for word in line.split()}
    named = {word for word in code | lines if word.startswith(ROOMS) or word.endswith(".md")}
    return named | {link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_in_it_exists(document: Path) -> None:
    named = paths(document.read_text())
    missing = [path for path in named if not (ROOT / path).exists() and not (document.parent / path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_target_in_it_can_be_made(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets


def test_what_they_name_is_in_the_source_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packed = project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    named = {document.relative_to(ROOT).parts[0] for document in DOCUMENTS} | {room.strip("/") for room in ROOMS}
    assert named <= set(packed)


def test_a_path_that_is_not_there_is_found() -> None:
    found = paths("See `tests/none.py`, [it](docs/none.md#x) and\n\n    python tests/no_more.py --quick\n")
    assert found == {"tests/none.py", "docs/none.md", "tests/no_more.py"}
