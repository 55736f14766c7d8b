"""repl from a file or a pipe, and completion in the user's shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.cli.conftest import Console
from tests.support.programs.forked import ROOT


def test_commands_from_a_pipe(console: Console, service: str) -> None:
    done = console(
        "repl",
        stdin=f'# one\nset id 7\nrequest {service} echo id:=$id --json\n\nrequest {service} echo {{"a":\n1}} --json\n',
    )
    assert done.status == 0, done.err
    assert [json.loads(line) for line in done.out.splitlines() if line.startswith("{")] == [{"id": 7}, {"a": 1}]
    assert "daebus>" not in done.out + done.err
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("request {service} fail", 1, "it broke"),
        ("nonsense", 2, "there is no verb"),
        ("request {service} echo 'open", 2, "never closed"),
        ("request {service}x echo", 3, "nothing was sent"),
        ("request {service} slow seconds:=5 --timeout 200ms", 4, "no answer"),
        ("pause", 2, "no view beside this prompt for `pause`, and no replay is under way"),
    ],
)
def test_the_first_failure_ends_it(console: Console, service: str, command: str, status: int, says: str) -> None:
    line = command.format(service=service)
    done = console("repl", stdin=f"set a 1\n{line}\nset b 2\n")
    assert done.status == status, done.err
    assert says in done.err
    assert "stopped in line 2 of standard input" in done.err
    assert "$b" not in done.out


def test_what_is_left_to_itself_is_awaited_at_the_end(console: Console, service: str) -> None:
    done = console("repl", stdin=f"request {service} slow seconds:=0.5 --json &\nrequest {service} fail &\n")
    assert done.status == 1
    assert '{"slept": true}' in done.out
    assert "] done: request" in done.err
    assert "] failed: request" in done.err


def test_who_quits_waits_for_nothing_that_has_no_end(console: Console, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    done = console("repl", stdin=f"watch status:timeout --keep {folder} &\nquit\n")
    assert done.status == 0, done.err


def test_quit_ends_a_script(console: Console) -> None:
    done = console("repl", stdin="set a 1\nquit\nnonsense\n")
    assert done.status == 0, done.err


def test_a_script_that_is_no_text(console: Console) -> None:
    with console.start("repl", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.buffer.write(b"set a 1\nset b \xff\xfe\n")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "line 2 of standard input is not UTF-8 text (byte 7)" in err
    assert "$a" in out


def test_without_redis_a_script_ends_with_five() -> None:
    done = Console("redis://127.0.0.1:1/0")("repl", stdin="set a 1\n")
    assert done.status == 5
    assert done.out == ""
    assert done.err == Console("redis://127.0.0.1:1/0")("stats").err
    assert "is it running there?" in done.err


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_an_option_of_the_url_that_cannot_be_is_a_mistake_of_the_user(scheme: str) -> None:
    done = Console(f"{scheme}://127.0.0.1:1?nonsense=1")("services")
    assert done.status == 2
    assert "it has an option that cannot be: nonsense" in done.err
    assert "is it running there?" not in done.err


def test_scripts_send_nothing_when_read_only(console: Console, service: str) -> None:
    done = console("--read-only", "repl", stdin=f"request {service} echo\n")
    assert done.status == 2
    assert "read-only" in done.err


@pytest.mark.parametrize("value", ["yes", "", "ON"])
def test_confirm_remote_is_on_or_off(console: Console, value: str) -> None:
    done = console("--confirm-remote", value, "services")
    assert done.status == 2
    assert "--confirm-remote" in done.err


# Completion in the user's shell --------------------------------------------------------------------------------

_ASK = """
eval "$(daebus-console completion bash)"
COMP_LINE="$1"; COMP_POINT=${#1}
read -ra COMP_WORDS <<< "$1"; [[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]}-1))
_daebus_console daebus-console "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environ(redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Variables with which a shell finds the program, and the program the bus."""
    program = tmp_path / "daebus-console"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m daebus_console "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}",
        "DAEBUS_REDIS_URL": redis_url,
    }


@pytest.fixture
def tab(environ: dict[str, str]) -> object:
    """What tab offers at the end of a line of bash."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")

    def ask(line: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", _ASK, "bash", line], env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout.split("\n")[:-1]

    return ask


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_takes_the_completion_without_anything_else_being_set_up(environ: dict[str, str]) -> None:
    script = 'eval "$(daebus-console completion zsh)"; print -r -- $_comps[daebus-console]'
    done = subprocess.run(["zsh", "-f", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("_daebus_console\n", "")


def test_tab_at_the_shell(tab: object, service: str) -> None:
    assert callable(tab)
    assert tab("daebus-console bro") == ["broadcast"]
    assert tab("daebus-console --read") == ["--read-only"]
    assert tab(f"daebus-console request {service[:7]}") == [service]
    assert tab(f"daebus-console request {service} ") == ["echo", "fail", "slow", "stream"]
    assert tab(f"daebus-console --read-only request {service} ec") == ["echo"]


def test_completion_is_for_shells_that_are_known(console: Console) -> None:
    assert "compdef _daebus_console daebus-console" in console("completion", "zsh").out
    assert "complete -F _daebus_console daebus-console" in console("completion", "bash").out
    done = console("completion", "tcsh")
    assert done.status == 2
    assert "bash and zsh" in done.err
