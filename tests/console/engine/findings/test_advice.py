"""What is advised exists: arguments of the framework and verbs of the console that texts name in the form of code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller
from daebus.service.answering.response import Response
from daebus_console.commands.verbs import VERBS
from daebus_console.engine.findings.rules import RULES

ROOT = Path(__file__).parents[4]
CALLS: dict[str, Callable[..., object]] = {
    "Daebus": Daebus,
    "app.run": Daebus.run,
    "app.start": Daebus.start,
    "response.send": Response.send,
    "caller.send_request": DaebusCaller.send_request,
}
ARGUMENTS = {name for call in CALLS.values() for name in inspect.signature(call).parameters}
_CALL = re.compile(r"(Daebus|app\.run|app\.start|response\.send|caller\.send_request)\((?:[\w\"']+, )?(\w+)=")
_ARGUMENT = re.compile(r"\b([a-z_]+)=(?:True|False|\"\w+\")")
_VERB = re.compile(r"`([a-z]+)(?: [A-Z#][^`]*)`")


def texts(path: Path) -> list[str]:
    """The texts in a module; a page as a whole."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        return [source]
    constants = (one.value for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Constant))
    return [one for one in constants if isinstance(one, str)]


def test_arguments_that_a_call_in_a_text_names_exist() -> None:
    modules, pages = (ROOT / "console" / "daebus_console").rglob("*.py"), (ROOT / "docs").rglob("*.md")
    found = [
        (path.name, call, name)
        for path in (*modules, *pages, ROOT / "README.md")
        for text in texts(path)
        for call, name in _CALL.findall(text)
    ]
    assert len(found) > 10
    assert [one for one in found if one[2] not in inspect.signature(CALLS[one[1]]).parameters] == []


@pytest.mark.parametrize("name", RULES)
def test_arguments_and_verbs_that_a_rule_names_exist(name: str) -> None:
    found = texts(Path(inspect.getfile(RULES[name])))
    assert {argument for text in found for argument in _ARGUMENT.findall(text)} <= ARGUMENTS
    assert set(_VERB.findall(RULES[name].page)) <= VERBS.keys()


def test_what_does_not_exist_is_seen() -> None:
    assert _CALL.findall("share it with Daebus(shared=True), or run one") == [("Daebus", "shared")]
    assert "shared" not in inspect.signature(Daebus).parameters
    assert _VERB.findall("Look with `services NAME` at it") == ["services"]
