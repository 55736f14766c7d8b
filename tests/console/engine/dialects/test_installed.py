"""Dialects of other packages, by entry points: that of the page that tells how one is made, and broken ones."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import DistributionFinder, MetadataPathFinder, PathDistribution
from pathlib import Path

import pytest

from daebus_console.commands.grammar.help import help_on
from daebus_console.commands.verbs import Face
from daebus_console.engine import dialects
from daebus_console.engine.filter.language import parse
from daebus_console.engine.message.exchange import State
from tests.console.engine.dialects.support import ForeignBus

PAGE = Path(__file__).parents[4] / "docs" / "dialects.md"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is on the path of modules, where a package with entry points can be put."""
    monkeypatch.syspath_prepend(str(tmp_path))
    dialects.installed.cache_clear()
    yield tmp_path
    sys.modules.pop("postbox_console", None)
    dialects.installed.cache_clear()


def install(folder: Path, source: str, *points: str) -> None:
    (folder / "postbox_console.py").write_text(source)
    info = folder / "postbox_console-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: postbox-console\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{dialects.GROUP}]", *points]) + "\n")


def test_the_one_on_the_page_works_as_it_stands(package: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(source.splitlines()) <= 45
    install(package, source, "postbox = postbox_console:Postbox")
    bus = ForeignBus()
    asked = bus.say("post:ann", {"letter": "hi", "from": "bob", "no": "1"})
    failed = bus.say("post:ann", {"letter": "hi", "from": "bob", "no": "2"})
    bus.say("post:bob:back", {"no": "2", "sorry": "moved"})
    bus.say("post:bob:back", {"no": "1", "reply": "hello"})
    assert [(one.dialect, one.state, one.source) for one in (asked, failed)] == [
        ("postbox", State.OK, "bob"), ("postbox", State.ERROR, "bob"),
    ]  # fmt: skip
    assert parse("dialect:postbox")(asked)
    assert "postbox: Postbox 1" in help_on("dialects", Face.SHELL)


def test_one_with_answers_that_cannot_be_asked_is_not_said_to_have_none(package: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    install(package, source, "postbox = postbox_console:Postbox")
    known, _problems = dialects.installed()
    assert (known["postbox"].unable, known["rq"].unable) == ("its class does not say how", "it has no answers")


def test_one_that_cannot_be_used_is_told_of_and_the_others_are_there(package: Path) -> None:
    source = "class Nest:\n    name = 'nest'\nraise_later = None\n"
    install(package, source, "a = postbox_console:Missing", "b = postbox_console:Nest", "c = nowhere:X")
    known, problems = dialects.installed()
    assert set(known) == set(dialects.DIALECTS)
    assert len(problems) == 3
    assert "it is no Dialect" in problems[1]
    assert problems[0] in help_on("dialects", Face.SHELL)


class Elsewhere(MetadataPathFinder):
    """A finder of packages as others have them: not by the path of modules."""

    folder = ""

    @classmethod
    def find_distributions(cls, context: DistributionFinder.Context | None = None) -> Iterable[PathDistribution]:
        return super().find_distributions(DistributionFinder.Context(path=[cls.folder]))


@pytest.mark.parametrize("kind", ["dist-info", "egg-info", "EGG-INFO", "an archive", "a finder"])
def test_it_is_found_wherever_packages_are(package: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all packages are is looked up only where one of them may add a dialect, which is quick to see."""
    assert dialects.installed() == (dict(dialects.DIALECTS), ())
    dialects.installed.cache_clear()
    within = package / "postbox.egg" if kind == "EGG-INFO" else package / "elsewhere" if " " in kind else package
    within.mkdir(exist_ok=True)
    install(within, "", "a = postbox_console:Missing")
    folder = within / "postbox_console-1.0.dist-info"
    if kind == "EGG-INFO":
        folder.rename(within / "EGG-INFO")
        monkeypatch.syspath_prepend(str(within))
    elif kind == "egg-info":
        (folder / "METADATA").rename(folder / "PKG-INFO")
        folder.rename(within / "postbox_console-1.0.egg-info")
    elif kind == "an archive":
        monkeypatch.syspath_prepend(shutil.make_archive(str(package / "packed"), "zip", within))
    elif kind == "a finder":
        monkeypatch.setattr(Elsewhere, "folder", str(within))
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Elsewhere])
    _known, problems = dialects.installed()
    assert len(problems) == 1
    assert "the dialect a of postbox_console:Missing cannot be used" in problems[0]


def test_what_is_asked_for_and_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no dialect 'nst'; there are daebus, celery"):
        dialects.chosen(["daebus", "nst"])


def test_each_says_what_it_is_and_what_its_wire_does_not_tell() -> None:
    text = "\n".join(help_on("dialects", Face.PROMPT))
    for name, dialect in dialects.DIALECTS.items():
        assert f"\n{name}: {dialect.title}" in text
        assert dialect.unknown
