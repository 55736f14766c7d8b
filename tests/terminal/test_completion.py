"""Completion in a real bash and a real zsh: names themselves, whatever they are made of, and a line left whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from daebus import Daebus
from daebus_console.cli.completion import _fitting
from daebus_console.cli.typed import quoted, read
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
NAMES = (
    "news*",
    "a b",
    "it's",
    'say"so',
    "cash$HOME",
    "x[1]",
    "shop:orders",
    "grüße",
    "日本",
    "wow!now",
    "back\\slash",
    "q?mark",
    "semi;colon",
    "amp&er",
    "br{a,b}ce",
    "tick`id`",
    "hash#tag",
    "~tilde",
    "par(en)",
    "less<more>",
)


@pytest.fixture
def subscribed(own_redis: RedisServer) -> Iterator[RedisServer]:
    """A Redis on which somebody listens to channels with such names, and a service is there."""
    with own_redis.client() as client:
        listening = client.pubsub()
        listening.subscribe(*NAMES)
        app = Daebus("users")

        @app.action("get_user")
        def get_user() -> None:
            """One."""

        app.start(service="users", redis_url=own_redis.url)
        eventually(lambda: len(client.pubsub_channels()) >= len(NAMES) + 1, what="all are subscribed")
        yield own_redis
        app.stop(grace=5)
        listening.close()


class Shell:
    """An interactive shell in which completion is set up; `words` tells what the program is given for a line."""

    def __init__(self, name: str, server: RedisServer, directory: Path, *settings: str) -> None:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        programs = directory / "bin"
        programs.mkdir()
        program = programs / "daebus-console"
        # Asked for completion it is the program itself; else it tells its arguments.
        program.write_text(
            "#!/bin/sh\n"
            f'if [ -n "$_DAEBUS_CONSOLE_COMPLETE" ] || [ "$1" = completion ]; then\n'
            f'  PYTHONPATH="{ROOT}:{ROOT}/console" exec {sys.executable} -m daebus_console "$@"\nfi\n'
            'for argument in "$@"; do printf "<%s>" "$argument"; done >> "$TOLD"; echo >> "$TOLD"\n'
        )
        program.chmod(0o755)
        self.told = directory / "told"
        self.told.touch()
        here = directory / "here"
        here.mkdir()
        # What globs would find.
        for file in ("news1", "newsX", "x1", "qXmark", "a", "b"):
            (here / file).touch()
        environment = {
            **{key: value for key, value in os.environ.items() if key in ("HOME", "USER")},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "DAEBUS_REDIS_URL": server.url,
            "TOLD": str(self.told),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        }
        self.process = pexpect.spawn(
            SHELLS[name][0],
            SHELLS[name][1:],
            env=environment,
            cwd=here,
            encoding="utf-8",
            dimensions=(50, 200),
            timeout=60,
        )
        self._mark = 0
        self.run(*settings, f'eval "$(daebus-console completion {name})"')

    def run(self, *commands: str) -> str:
        """Have commands carried out, and wait for their end; returns what was said meanwhile."""
        said = ""
        for command in commands:
            self._mark += 1
            self.process.send(f"{command}; printf 'd%s\\n' one{self._mark}\r")
            self.process.expect(f"done{self._mark}\r?\n")
            said += self.process.before
        return said

    def words(self, line: str, *, tabs: int = 1, then: str = "") -> list[str]:
        """The program's arguments when that line is typed, tab pressed, the rest typed, and then enter."""
        # A line is there when its end is: the arguments come one by one.
        before = self.told.read_text().count("\n")
        self.process.send(line)
        for _tab in range(tabs):
            self.process.send("\t")
        self.process.send(f"{then}\r")
        try:
            eventually(lambda: self.told.read_text().count("\n") > before, within=60)
        except AssertionError:
            self.process.expect(pexpect.TIMEOUT, timeout=0.1)
            raise AssertionError(f"{line!r} was not carried out:\n{self.process.before}") from None
        return re.findall(r"<([^>]*(?:>[^<\n]+)?)>", self.told.read_text().splitlines()[-1])

    def close(self) -> None:
        self.process.close(force=True)


@pytest.fixture(params=list(SHELLS))
def shell(request: pytest.FixtureRequest, subscribed: RedisServer, tmp_path: Path) -> Iterator[Shell]:
    """Each of the shells, as it is without settings of anybody's."""
    shell = Shell(request.param, subscribed, tmp_path)
    yield shell
    shell.close()


def beginning(name: str) -> str:
    """What one types of a name: as much as needs no quoting, and more than a sign."""
    return re.match(r"\w*", name)[0][:2]  # type: ignore[index]  # matches any text


@pytest.mark.parametrize("name", ["news*", "cash$HOME", "x[1]", "shop:orders"])
def test_a_name_becomes_one_argument_that_is_the_name(shell: Shell, name: str) -> None:
    assert shell.words(f"daebus-console broadcast {beginning(name)}") == ["broadcast", name]


@pytest.mark.parametrize(("typed", "name"), [("'it", "it's"), ('"say', 'say"so'), ('"shop:o', "shop:orders")])
def test_something_is_offered_behind_an_open_quote(shell: Shell, typed: str, name: str) -> None:
    assert shell.words(f"daebus-console broadcast {typed}") == ["broadcast", name]


@pytest.mark.parametrize("quote", ["", "'", '"', "$'"])
def test_what_is_put_in_means_the_name_to_bash(quote: str) -> None:
    closing = quote[-1:]
    script = "\n".join(f"printf '<%s>\\n' {quote}{quoted(name, quote)}{closing}" for name in NAMES)
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout.splitlines() == [f"<{name}>" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quote", ["", "'", '"', "$'"])
def test_what_was_put_in_is_read_again(name: str, quote: str) -> None:
    assert read(f"daebus-console broadcast {quote}{quoted(name, quote)}").last == name


def test_what_would_take_from_the_line_is_not_offered() -> None:
    assert _fitting(["Orders", "sorder"], "ord", "", "") == []
    assert _fitting(["Orders"], "ord", "", "") == ["Orders"]
    assert _fitting(["orders", "ordinals", "Orders"], "ord", "", "") == ["orders", "ordinals"]
    assert _fitting(["services"], "serv", "", "ices") == ["serv"]
    assert _fitting(["services", "service"], "serv", "", "x") == []


def test_a_filter_goes_on_behind_a_colon(shell: Shell) -> None:
    assert shell.words("daebus-console tail service:us") == ["tail", "service:users"]
    assert shell.words("daebus-console tail service:") == ["tail", "service:users"]


def test_verbs_options_services_and_actions_follow_one_another(shell: Shell) -> None:
    for line, expected in (
        ("daebus-console serv", ["services"]),
        ("daebus-console request users get", ["request", "users", "get_user"]),
        ("daebus-console tail --js", ["tail", "--json"]),
        ("daebus-console --read-only request us", ["--read-only", "request", "users"]),
    ):
        assert shell.words(line) == expected


def test_tab_within_a_word_leaves_the_line_whole(shell: Shell) -> None:
    left = "\x02"
    assert shell.words("daebus-console services" + left * 3) == ["services"]
    assert shell.words("daebus-console request 'users'" + left) == ["request", "users"]


def test_what_nobody_knows_is_left_as_it_stands(shell: Shell) -> None:
    assert shell.words("daebus-console broadcast zz", then="top") == ["broadcast", "zztop"]


@pytest.mark.parametrize("setting", ["shopt -s nullglob", "shopt -s failglob", "set -u"])
def test_bash_as_people_set_it(subscribed: RedisServer, tmp_path: Path, setting: str) -> None:
    shell = Shell("bash", subscribed, tmp_path, setting)
    try:
        assert shell.words("daebus-console broadcast ne") == ["broadcast", "news*"]
        assert shell.words("daebus-console tail service:u") == ["tail", "service:users"]
        # Nothing fits: not a word is said, and the line goes on.
        assert shell.words("daebus-console broadcast zz", then="top") == ["broadcast", "zztop"]
        assert "no match" not in shell.run("true")
    finally:
        shell.close()


@pytest.mark.parametrize("setting", ["setopt nullglob ksharrays", "setopt shwordsplit nounset"])
def test_zsh_as_people_set_it(subscribed: RedisServer, tmp_path: Path, setting: str) -> None:
    shell = Shell("zsh", subscribed, tmp_path, setting)
    try:
        assert shell.words("daebus-console broadcast ne") == ["broadcast", "news*"]
        assert shell.words("daebus-console request us") == ["request", "users"]
    finally:
        shell.close()
