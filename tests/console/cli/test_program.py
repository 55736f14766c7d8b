"""The program itself: help, mistakes, start-up, and what it must never print."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
import redis

from daebus_console.commands.verbs import VERBS, Face
from tests.console.cli.conftest import Console
from tests.console.cli.test_looking import traffic
from tests.support.programs.forked import ROOT

INJECTIONS = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;aGFjaw==\x07",
    "\x9b31m",
    "a\rb\x08c\x00d",
    "line\nbreak\ttab\x0b\x0c\x85",
    "\u202egnp.exe",
    "zero\u200bwidth\u2060\ufeff",
    "\u2066isolate\u2069",
    "line\u2028sep\u2029",
    "tag\U000e0041",
    "z\u0300\u0301\u0302\u0303\u0304\u0305algo",
    "[bold]markup[/bold]",
]
UNSAFE = {
    *(chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) != "\n"),
    *"\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\U000e0041",
}


def test_help_lists_every_verb_of_the_shell(console: Console) -> None:
    done = console("--help")
    assert (done.status, done.err) == (0, "")
    for verb in VERBS.values():
        assert (f"\n  {verb.name} " in done.out) == (Face.SHELL in verb.faces)
    assert "--redis URL" in done.out
    assert "examples" in done.out
    assert console("help").out == done.out


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS.values() if Face.SHELL in verb.faces])
def test_every_verb_has_help_with_examples(console: Console, verb: str) -> None:
    done = console(verb, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"usage: daebus-console {verb}")
    assert f"\n  daebus-console {verb}" in done.out
    assert console("help", verb).out == done.out


def test_help_needs_no_redis_and_no_right_arguments() -> None:
    console = Console("nonsense")
    assert console("request", "--help").status == 0
    assert console("help", "filters").status == 0
    assert console("help", "items").status == 0


def test_the_version(console: Console) -> None:
    from daebus.version import __version__

    assert console("--version").out == f"daebus-console {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reqest", "users"], "did you mean request?"),
        (["pause"], "at a prompt only"),
        (["show", "#1"], "at a prompt only"),
        (["request"], "expected SERVICE"),
        (["request", "a", "b", "c:=d"], "did you mean c=d?"),
        (["request", "a", "b", "&"], "& is for prompts"),
        (["tail", "colour:red"], "no key 'colour'"),
        (["tail", "--count", "x"], "whole number"),
        (["--nonsense"], "no option --nonsense"),
        (["--redsi", "redis://a", "tail"], "did you mean --redis?"),
        (["--json", "services"], "--json is an option of `services`: it stands behind it\n"),
        (["--for=5", "stats"], "--for is an option of `stats`: it stands behind it\n"),
        (["--json", "jq"], "--json is an option of verbs, such as `services`: it stands behind one\n"),
        (["--jsoon", "services"], "there is no option --jsoon\n"),
        (["--redis"], "lacks its value"),
        (["services", "--redis"], "lacks its value"),
        (["--redis", "a", "--redis", "b", "services"], "given twice"),
        (["help", "reqest"], "did you mean request?"),
        (["demo", "--for", "3"], "--headless"),
        (["demo"], "needs a terminal"),
        ([], "needs a terminal"),
        (["request", "a", "b", "x=\x1b[31m", "y"], "no item"),
    ],
)
def test_mistakes_are_status_2_and_explained(console: Console, arguments: list[str], message: str) -> None:
    done = console(*arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err


def test_a_mistake_is_pointed_at(console: Console) -> None:
    done = console("request", "users", "get", "name=Ann Lee", "id:=x")
    first, line, caret, usage = done.err.splitlines()
    assert first.startswith("error: this is no JSON")
    assert line == "  request users get 'name=Ann Lee' id:=x"
    assert caret.index("^") == line.index(":=x") + 2
    assert usage.startswith("usage: daebus-console request SERVICE")


@pytest.mark.parametrize("arguments", [["--help"], ["services"], ["request", "x", "y"], ["tail", "--for", "100ms"]])
def test_neither_textual_nor_prompt_toolkit_is_imported(redis_url: str, arguments: list[str]) -> None:
    code = (
        "import sys, daebus_console.cli.shell as cli\n"
        f"status = cli.run({arguments!r})\n"
        "heavy = {name.partition('.')[0] for name in sys.modules} & {'textual', 'prompt_toolkit', 'rich', 'pygments'}\n"
        "print('imported:', sorted(heavy), file=sys.stderr)\n"
    )
    environ = {**os.environ, "DAEBUS_REDIS_URL": redis_url, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, encoding="utf-8", timeout=60)
    assert "imported: []" in done.stderr


def test_help_imports_neither_redis_nor_msgspec() -> None:
    code = (
        "import sys, daebus_console.cli.shell as cli\n"
        "cli.run(['request', '--help'])\n"
        "print({'redis', 'msgspec'} & set(sys.modules), file=sys.stderr)\n"
    )
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, encoding="utf-8", timeout=60)
    assert done.stderr == "set()\n"


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'console')!r}]\n"
        "from daebus_console.__main__ import main\n"
        "sys.exit(main())\n"
    )
    # Without site-packages nothing of the extra is there.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'daebus[console]'" in done.stderr
    assert "msgspec" in done.stderr
    assert "Traceback" not in done.stderr


def test_colour_only_where_a_person_looks(console: Console, service: str) -> None:
    assert "\x1b[" not in console("services").out
    assert "\x1b[" in console("services", environ={"FORCE_COLOR": "1"}).out
    for environ, coloured in (
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ):
        ours, theirs = pty.openpty()
        with console.start("services", stdout=theirs, environ=environ) as process:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    data = os.read(ours, 65536)
                except OSError:
                    break
                if not data:
                    break
                shown += data
            os.close(ours)
            assert process.wait(30) == 0
        assert (b"\x1b[" in shown) == coloured


@pytest.mark.parametrize("injection", INJECTIONS)
def test_nothing_of_a_message_commands_the_terminal(
    console: Console, redis_url: str, name: str, injection: str
) -> None:
    channel = f"{name}_{injection}".encode("utf-8", "surrogatepass")
    bodies = [
        json.dumps(
            {
                "action": injection,
                "payload": {injection: injection},
                "service": injection,
                "request_id": "1",
                "reply_to": "caller:x",
            }
        ),
        json.dumps({injection: injection}, ensure_ascii=False),
        injection,
    ]

    def send(client: redis.Redis) -> None:
        for body in bodies:
            client.publish(channel, body.encode("utf-8", "surrogatepass"))

    with traffic(redis_url, send):
        human = console("tail", "--count", "3", "--for", "20", environ={"FORCE_COLOR": ""})
        program = console("tail", "--json", "--count", "3", "--for", "20")
    for done in (human, program):
        assert done.status == 0
        assert done.out.count("\n") == 3
        assert not UNSAFE & set(done.out)
        assert not UNSAFE & set(done.err)
    records = [json.loads(line) for line in program.out.splitlines()]
    assert {injection: injection} in [record["payload"] for record in records]


def test_an_answer_commands_nothing_either(console: Console, service: str) -> None:
    for injection in INJECTIONS:
        if "\x00" in injection:
            continue
        for mode in ([], ["--json"]):
            done = console("request", service, "echo", f"text={injection}", *mode)
            assert done.status == 0
            assert json.loads(done.out) == {"text": injection}
            assert not UNSAFE & set(done.out)


def test_a_terminal_that_knows_ascii_only_gets_ascii(console: Console, service: str) -> None:
    environ = {"PYTHONIOENCODING": "ascii"}
    done = console("request", service, "echo", "name=Ångström 李", environ=environ)
    assert done.out.isascii()
    done = console("request", service, "echo", "name=Ångström 李", "--json", environ=environ)
    assert done.out.isascii()
    assert json.loads(done.out) == {"name": "Ångström 李"}


@pytest.mark.parametrize("name", ["DAEBUS_REDIS_URL", "REDIS_URL"])
def test_a_wrong_url_of_the_environment_is_told_with_its_variable(console: Console, name: str) -> None:
    environ = {"DAEBUS_REDIS_URL": "", name: "localhost:6379"}
    for arguments in (["services"], ["known"]):
        done = console(*arguments, environ=environ)
        assert (done.status, done.out) == (2, "")
        assert done.err.endswith(f", from {name}\n")
    done = console("--redis", "localhost:6379", "services", environ=environ)
    assert "not a usable Redis URL" in done.err
    assert name not in done.err
