"""Every verb of the shell with its standard streams closed, full or abandoned: no traceback, and never without a word.

The table is made from the table of verbs, so that a new verb is in it by itself.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller, request
from daebus_console.commands.grammar.help import _STATUSES
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.verbs import VERBS, Argument, Face, Verb
from daebus_console.engine.capture.writer import CaptureWriter
from tests.support.programs.forked import ROOT, Ended, Forks

pytestmark = pytest.mark.xdist_group("broken streams")

SHELL = [name for name, verb in VERBS.items() if Face.SHELL in verb.faces]
STATUSES = {status for status, _meaning in _STATUSES} - {70}
WORDS_OF_OURS = ("Traceback", "this is a fault of", "Exception ignored", "ResourceWarning")

GRAMMAR_OF_THEIR_OWN = {
    "break": ["SERVICE", "echo", "asked=never"],
    "fault": ["SERVICE", "echo", "delay", "10ms"],
    "release": ["3", "answer", "a=1"],
    "rerun": ["capture.jsonl", "1", "--app", "shop:app"],
    "suspend": ["SERVICE"],
    "watch": ["status:timeout", "--keep", "kept"],
}
"""Verbs that want more than their arguments say."""
SHOP = """
from daebus import Daebus, request

app = Daebus(__name__)


@app.action("echo")
def echo():
    return request.payload
"""


@dataclass
class World:
    """What the verbs work on: a service that is there and asked all the time, a capture of it, a folder for files."""

    forks: Forks
    url: str
    service: str
    folder: Path

    def run(self, verb: Verb, **streams: Any) -> Ended:
        """Carry a verb out."""
        for path in self.folder.glob("made*"):
            path.unlink()
        stdin = streams.pop("stdin", str(self.folder / "commands.txt"))
        return self.forks(*self.arguments(verb), folder=self.folder, stdin=stdin, **streams)

    def arguments(self, verb: Verb) -> list[str]:
        """A use of the verb that does something and ends."""
        words = [verb.name]
        if verb.name in GRAMMAR_OF_THEIR_OWN:
            words += [word.replace("SERVICE", self.service) for word in GRAMMAR_OF_THEIR_OWN[verb.name]]
        else:
            for index, argument in enumerate(verb.arguments):
                words += self._argument(verb, argument, index)
        values = {"--for": "0.3", "--times": "1", "--requests": "2", "--timeout": "5s", "--speed": "1000"}
        flags = ("--headless", "--beside", "--yes")
        names = {option.name for option in verb.options}
        if "--count" in names:
            # As long as it takes, where it can end by what has passed.
            values |= {"--count": "1", "--for": "30"}
        if "capture.jsonl" in words:
            # It is read to its end.
            names -= {"--for"}
        words += [word for name, value in values.items() if name in names for word in (name, value)]
        words += [flag for flag in flags if flag in names]
        if "--redis" in names:
            words += ["--redis", self.url]
        return words

    def _argument(self, verb: Verb, argument: Argument, index: int) -> list[str]:
        known = {
            Kind.SERVICE: [self.service],
            Kind.CHANNEL: [f"{self.service}.news"],
            # There is a cause to be found only where something is wrong.
            Kind.ACTION: ["ech" if verb.name == "why" else "echo"],
            Kind.ITEMS: ["a=1"],
            Kind.FILE: ["capture.jsonl"],
            Kind.OUTPUT: ["made.jsonl"],
            Kind.WORDS: ["capture.jsonl"],
        }
        if argument.kind in known:
            return known[argument.kind]
        # What only the verb itself knows is as in its example.
        return [shlex.split(verb.examples[0])[index + 1]] if argument.required else []


@pytest.fixture(scope="module")
def world(shared_redis: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url, service = shared_redis.url, "broken_streams"
    folder = tmp_path_factory.mktemp("streams")
    with CaptureWriter(folder / "capture.jsonl", url, 0.0) as writer:
        for number in range(3):
            asked = {"action": "echo", "payload": {"n": number}, "request_id": f"r{number}", "reply_to": "caller:1"}
            writer.write(float(number), service, json.dumps(asked).encode())
            answer = {"status": "success", "payload": {"n": number}, "request_id": f"r{number}"}
            writer.write(number + 0.1, "caller:1", json.dumps(answer).encode())
    (folder / "commands.txt").write_text(f"request {service} echo a=1\n")
    (folder / "shop.py").write_text(SHOP)
    app = Daebus(service, debugger=True)

    @app.action("echo")
    def echo() -> Any:
        return request.payload

    done = threading.Event()

    def ask() -> None:
        # A stand-in waits for somebody to answer, and a tail for something to print.
        with DaebusCaller(service, redis_url=url) as caller:
            while not done.wait(0.02):
                caller.send_request("echo", {"asked": "all the time"}, timeout=10)

    app.start(service=service, redis_url=url)
    asking = threading.Thread(target=ask)
    asking.start()
    with Forks({"DAEBUS_REDIS_URL": url, "XDG_STATE_HOME": str(folder), "TERM": "dumb"}) as forks:
        yield World(forks, url, service, folder)
    done.set()
    asking.join(20)
    app.stop(grace=5)


_normal: dict[str, Ended] = {}


@pytest.fixture
def normal(world: World, verb: str) -> Ended:
    """How it ends where nothing is broken."""
    if verb not in _normal:
        _normal[verb] = world.run(VERBS[verb])
    return _normal[verb]


def check(ended: Ended) -> None:
    """What holds however anything ends."""
    assert ended.status in STATUSES, ended
    for word in WORDS_OF_OURS:
        assert word not in ended.err, ended
        assert word not in ended.out, ended


@pytest.mark.parametrize("verb", SHELL)
def test_it_ends_well_where_nothing_is_broken(verb: str, normal: Ended) -> None:
    check(normal)
    assert normal.out or normal.err, "not without a word"
    # There is no terminal to open, nothing held to release, and no service of another framework.
    assert normal.status == {"open": 2, "release": 2, "ask": 3}.get(verb, 0), normal


@pytest.mark.parametrize("to", ["closed", "/dev/full"])
@pytest.mark.parametrize("verb", SHELL)
def test_a_result_that_cannot_be_written_is_an_error_in_one_line(
    world: World, verb: str, to: str, normal: Ended
) -> None:
    ended = world.run(VERBS[verb], stdout=to)
    check(ended)
    if not normal.out:
        assert ended.status == normal.status, ended
        return
    assert ended.status == 2, ended
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    reason = "it is closed" if to == "closed" else "No space left on device"
    assert errors == [f"error: cannot write to standard output: {reason}"], ended


@pytest.mark.parametrize("verb", SHELL)
def test_a_reader_that_has_gone_is_no_error(world: World, verb: str, normal: Ended) -> None:
    ended = world.run(VERBS[verb], stdout="broken pipe")
    check(ended)
    assert ended.status == normal.status, ended
    assert normal.status or "error" not in ended.err, ended


@pytest.mark.parametrize("to", ["closed", "/dev/full", "broken pipe"])
@pytest.mark.parametrize("verb", SHELL)
def test_notes_that_cannot_be_written_change_nothing(world: World, verb: str, to: str, normal: Ended) -> None:
    ended = world.run(VERBS[verb], stderr=to)
    check(ended)
    assert ended.status == normal.status, ended
    assert bool(ended.out) == bool(normal.out), ended


@pytest.mark.parametrize("verb", SHELL)
def test_with_all_of_them_closed_the_status_still_tells(world: World, verb: str, normal: Ended) -> None:
    ended = world.run(VERBS[verb], stdin="closed", stdout="closed", stderr="closed")
    check(ended)
    assert (ended.status == 0) <= (normal.status == 0 and (not normal.out or verb == "repl")), ended


@pytest.mark.parametrize("verb", SHELL)
def test_closed_input_matters_to_those_who_read_it(world: World, verb: str, normal: Ended) -> None:
    ended = world.run(VERBS[verb], stdin="closed")
    check(ended)
    if verb == "repl":
        assert (ended.status, ended.err) == (2, "error: standard input is closed, or not open for reading\n")
    else:
        assert ended.status == normal.status, ended


@pytest.mark.parametrize(
    "verb", [name for name in SHELL if any(one.kind is Kind.ITEMS for one in VERBS[name].arguments)]
)
@pytest.mark.parametrize("item", ["-", "a=@-"])
def test_a_payload_from_input_that_is_closed_is_refused(world: World, verb: str, item: str) -> None:
    words = [item if word == "a=1" else word for word in world.arguments(VERBS[verb])]
    ended = world.forks(*words, folder=world.folder, stdin="closed")
    check(ended)
    assert ended.status == 2, ended
    assert "standard input is closed" in ended.err, ended


@pytest.mark.parametrize(
    "line", ["services >&-", "services 2>&-", "services <&- >&- 2>&-", "export capture.jsonl >/dev/full"]
)
def test_the_interpreter_itself_starts_and_ends_the_same_way(world: World, line: str) -> None:
    """What the forks stand for, once with a shell."""
    command = f"{shlex.quote(sys.executable)} -W error -m daebus_console {line}"
    environ = {"PYTHONPATH": f"{ROOT}:{ROOT / 'console'}", "DAEBUS_REDIS_URL": world.url, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=world.folder, env=environ, capture_output=True, encoding="utf-8", timeout=60
    )
    ended = Ended(done.returncode, done.stdout, done.stderr, 0)
    check(ended)
    assert ended.status == (0 if line == "services 2>&-" else 2), ended
    assert "2>&-" in line or "error: cannot write to standard output: " in ended.err, ended
