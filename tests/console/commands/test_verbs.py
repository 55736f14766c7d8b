"""Each verb is a file of its own, which is found without being named anywhere."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from daebus_console.cli.options import take_globals
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse_argv
from daebus_console.commands.grammar.help import PROGRAM, help_on
from daebus_console.commands.grammar.script import commands_in
from daebus_console.commands.verbs import VERBS, Face, module_of

OF_THE_SHELL = {"repl", "completion", "demo"}
"""The program itself does these; see cli/shell.py."""

GREET = """
from daebus_console.commands.terms.verb import Verb

VERB = Verb("greet-all", "say hello", place=15)

def run(command, context):
    return 0
"""

LISTS = """
import importlib.util, sys
spec = importlib.util.find_spec("daebus_console.commands.verbs")
spec.submodule_search_locations.append(sys.argv[1])
verbs = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = verbs
spec.loader.exec_module(verbs)
print(*verbs.VERBS)
from daebus_console.commands.grammar.command import parse
print(parse("greet-all").name, verbs.module_of("greet-all").run(None, None))
"""


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_the_file_of_its_name(name: str) -> None:
    module = module_of(name)
    assert module.VERB is VERBS[name]
    assert module.__name__.rpartition(".")[2] == name.replace("-", "_")
    assert callable(getattr(module, "run", None)) == (name not in OF_THE_SHELL)


def examples(name: str, face: Face) -> list[str]:
    lines = help_on(name, face)
    return [line.strip() for line in lines[lines.index("examples") + 1 :]]


@pytest.mark.parametrize("name", VERBS)
def test_the_examples_of_its_help_are_commands(name: str) -> None:
    for line in examples(name, Face.PROMPT):
        (command,) = commands_in(line)
        assert command.name == name
    if Face.SHELL not in VERBS[name].faces:
        return
    for line in examples(name, Face.SHELL):
        program, *words = shlex.split(line)
        assert program == PROGRAM
        command = parse_argv(take_globals(words)[1])
        assert command.name == name
        named = [word for word in words if word.startswith("#")]
        assert all(f"'{word}'" in line for word in named), "a shell takes what is behind a # for a comment"
        assert not named or any(word.endswith(".jsonl") for word in words), "only a capture has numbers at the shell"


@pytest.mark.parametrize("name", VERBS)
def test_the_help_says_where_a_verb_does_not_work(name: str) -> None:
    for face, told in ((Face.SHELL, "It works at a prompt only."), (Face.PROMPT, "It works at the shell only.")):
        assert (told in help_on(name, face)) == (face not in VERBS[name].faces)


def test_the_shell_names_its_own_verbs_where_there_is_none_of_that_name() -> None:
    with pytest.raises(CommandError) as caught:
        parse_argv(["zzz"])
    named = caught.value.message.partition("there are: ")[2].split(", ")
    assert named == [name for name, verb in VERBS.items() if Face.SHELL in verb.faces]
    with pytest.raises(CommandError) as caught:
        parse_argv(["exit"])
    assert caught.value.suggestion is None


def test_no_two_verbs_stand_at_one_place() -> None:
    assert len({verb.place for verb in VERBS.values()}) == len(VERBS)


def test_a_file_that_is_added_is_a_verb(tmp_path: Path) -> None:
    (tmp_path / "greet_all.py").write_text(GREET)
    done = subprocess.run(
        [sys.executable, "-c", LISTS, str(tmp_path)], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    listed, parsed = done.stdout.splitlines()
    assert listed.split()[:3] == ["services", "greet-all", "tail"]
    assert parsed == "greet-all 0"
