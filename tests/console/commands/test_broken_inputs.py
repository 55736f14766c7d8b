"""Every verb that takes a file, given what is none: an error in words, and nothing is sent, lost or waited for.

The table is made from the table of verbs, so that a new verb is in it by itself.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.verbs import VERBS, Face, Verb
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt
from tests.console.commands.support import Viewed

_KINDS = (Kind.FILE, Kind.WORDS, Kind.ITEMS, Kind.VALUE)


def _lines(verb: Verb) -> Iterator[tuple[Kind, str]]:
    """Uses of a verb with {} where a file is named, and what kind of file it is."""
    required = {Kind.SERVICE: "nobody_there", Kind.ACTION: "ask", Kind.CHANNEL: "nobody.news", Kind.NAME: "value"}
    required |= {Kind.HELD: "next", Kind.VERDICT: "answer"}
    head = [verb.name]
    for argument in verb.arguments:
        if argument.kind in _KINDS:
            at = "@{}" if argument.kind in (Kind.ITEMS, Kind.VALUE) else "{}"
            yield argument.kind, " ".join([*head, at])
        if (argument.required and argument.kind in required) or argument.kind in (Kind.ACTION, Kind.NAME, Kind.VERDICT):
            head.append(required[argument.kind])
    for option in verb.options:
        if option.kind is Kind.FILE:
            yield option.kind, " ".join([*[word for word in head if word != "ask"], option.name, "{}"])


USES = [
    pytest.param(kind, line, id=line.replace(" {}", "").replace(" @{}", " @"))
    for verb in VERBS.values()
    if Face.PROMPT in verb.faces
    for kind, line in _lines(verb)
]


def reads_commands(line: str) -> bool:
    return line.startswith("source")


class Screen(Viewed):
    """A view that opens captures: reads them to their end."""

    failed: str | None = None

    def open(self, session: OfflineSession) -> None:
        session.start()
        assert session.wait_up(30)
        session.stop()
        self.failed = session.failed


@pytest.fixture
def prompt(redis_url: str) -> Iterator[Prompt]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        made = Prompt(session)
        made.context.view = made.view = Screen()
        yield made
        made.close()


def said(prompt: Prompt) -> str:
    heard = prompt.heard
    return "\n".join([*heard.errors, *(error.message for error in heard.mistakes), *heard.notes])


def taken(prompt: Prompt) -> str:
    """What was said since the last time."""
    found, heard = said(prompt), prompt.heard
    for kept in (heard.errors, heard.mistakes, heard.notes):
        kept.clear()
    return found


def capture(path: Path) -> Path:
    with CaptureWriter(path, "", 0.0) as writer:
        for number in range(3):
            writer.write(float(number), "nobody_there", b'{"action": "ask", "payload": {"n": %d}}' % number)
    return path


def unreadable(path: Path) -> Path:
    path.write_text("text")
    path.chmod(0)
    return path


def directory(path: Path) -> Path:
    path.mkdir()
    return path


def written(content: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def loop(path: Path) -> Path:
    path.symlink_to(path.name)
    return path


BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda path: path, "there is no file|cannot read"),
    "directory": (directory, "is a directory|cannot read"),
    "loop": (loop, "be read: Too many levels|cannot read"),
    "unreadable": (unreadable, "be read: Permission denied|cannot read"),
    "descriptor of ours": (lambda _path: Path("/dev/fd/3"), "no descriptor of that number"),
    "no descriptor": (lambda _path: Path("/dev/fd/999"), "no descriptor of that number"),
    "standard input": (lambda _path: Path("/dev/stdin"), "standard input, which a prompt does not have"),
    "binary": (written(b"\x7fELF\x02\x00\xff\xfe" * 1_000), "binary data|not UTF-8|no JSON"),
    "garbage": (written(b'"\n{{{[[[ \xc3\xa9 &\n'), "no capture|no JSON|never closed|expected"),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("kind", "line"), USES)
def test_what_is_no_file_is_refused_in_words(
    prompt: Prompt, tmp_path: Path, kind: Kind, line: str, broken: str
) -> None:
    if broken == "unreadable" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    make, says = BROKEN[broken]
    path = make(tmp_path / "given.jsonl")
    assert prompt(line.replace("{}", str(path))) == Exit.USAGE
    assert any(word in said(prompt) for word in says.split("|")), said(prompt)


@pytest.mark.parametrize("path", ["/dev/null", "empty"])
@pytest.mark.parametrize(("kind", "line"), USES)
def test_what_is_empty_is_said(prompt: Prompt, tmp_path: Path, kind: Kind, line: str, path: str) -> None:
    (tmp_path / "empty").touch()
    status = prompt(line.replace("{}", str(tmp_path / path)))
    if reads_commands(line):
        assert status == Exit.DONE
        return
    assert status == Exit.USAGE
    assert "is empty" in said(prompt)


@pytest.mark.parametrize(("kind", "line"), USES)
def test_an_endless_device_is_no_endless_wait(prompt: Prompt, kind: Kind, line: str) -> None:
    assert prompt(line.replace("{}", "/dev/zero")) == Exit.USAGE
    assert any(word in said(prompt) for word in ("no capture", "larger than", "longer than")), said(prompt)


@pytest.mark.parametrize(("kind", "line"), USES)
def test_a_socket_is_refused(prompt: Prompt, tmp_path: Path, kind: Kind, line: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "given.jsonl"))
        assert prompt(line.replace("{}", str(tmp_path / "given.jsonl"))) == Exit.USAGE
    assert "cannot be read" in said(prompt) or "cannot read" in said(prompt)


@pytest.mark.parametrize(("kind", "line"), USES)
def test_waiting_for_a_pipe_ends_with_the_command(prompt: Prompt, tmp_path: Path, kind: Kind, line: str) -> None:
    os.mkfifo(tmp_path / "given.jsonl")
    prompt.context.cancellation = Cancellation()
    prompt.context.cancellation.cancel()
    assert prompt(line.replace("{}", str(tmp_path / "given.jsonl"))) in (Exit.USAGE, Exit.INTERRUPTED)
    assert "given up" in said(prompt)


@pytest.mark.parametrize(("kind", "line"), USES)
def test_a_pipe_is_as_good_as_a_file(prompt: Prompt, tmp_path: Path, kind: Kind, line: str) -> None:
    if kind in (Kind.ITEMS, Kind.VALUE):
        content = b'{"n": 1}'
    else:
        content = b"set a 1\n" if reads_commands(line) else capture(tmp_path / "capture.jsonl").read_bytes()
    pipe = tmp_path / "given.jsonl"
    os.mkfifo(pipe)
    feeding = threading.Thread(target=lambda: pipe.write_bytes(content))
    feeding.start()
    in_pipe = prompt(line.replace("{}", str(pipe))), taken(prompt)
    feeding.join(10)
    file = tmp_path / "again.jsonl"
    file.write_bytes(content)
    prompt("unmock")
    taken(prompt)
    in_file = prompt(line.replace("{}", str(file))), taken(prompt)

    def alike(told: str) -> str:
        """Without the name of the file, and with the numbers of what was sent alike."""
        return told.replace(str(file), "FILE").replace(str(pipe), "FILE").replace("2", "1")

    assert (in_pipe[0], alike(in_pipe[1])) == (in_file[0], alike(in_file[1]))


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.WORDS])
def test_what_other_verbs_wrote_is_named(prompt: Prompt, tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "given.jsonl"
    path.write_text(json.dumps({"exchange": 1}, separators=(",", ":")) + "\n")
    lines = [use.values[1] for use in USES if use.values[0] is kind and not reads_commands(str(use.values[1]))]
    assert lines
    for line in lines:
        assert prompt(str(line).replace("{}", str(path))) == Exit.USAGE
        assert "JSON lines, as export writes them" in said(prompt)


# In the middle of it ------------------------------------------------------------------------------------------


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """A capture of broadcasts: before they go out again, it is asked."""
    path = tmp_path / "news.jsonl"
    with CaptureWriter(path, "", 0.0) as writer:
        for number in range(2_000):
            writer.write(number / 1e6, "nobody.news", b'{"n": %d, "text": "%s"}' % (number, b"x" * 500))
    return path


LATE = b'{"at":9,"channel":"nobody.news","data":"{}"}\n'


@pytest.mark.parametrize(
    ("happens", "status", "sent"),
    [
        (lambda path: os.truncate(path, 0), Exit.USAGE, "became shorter while it was read"),
        (lambda path: path.unlink(), Exit.DONE, "2000 sent again"),
        (lambda path: path.write_bytes(b"something else"), Exit.USAGE, "no capture"),
        (lambda path: path.rename(path.with_suffix(".old")), Exit.DONE, "2000 sent again"),
        (lambda path: path.write_bytes(path.read_bytes() + LATE), Exit.DONE, "2000 sent again"),
    ],
)
def test_what_becomes_of_a_capture_between_plan_and_replay(
    prompt: Prompt, news: Path, happens: Callable[[Path], object], status: Exit, sent: str
) -> None:
    def confirm(question: str, word: str = "y") -> bool:
        assert question.startswith("2,000 broadcasts go out again")
        happens(news)
        return True

    prompt.context.confirm = confirm
    assert prompt(f"replay {news} --include broadcast --asap") == status
    assert sent in said(prompt) + "\n".join(prompt.heard.lines)


def test_a_command_that_is_too_long_is_refused_before_it_is_read(prompt: Prompt, tmp_path: Path) -> None:
    path = tmp_path / "commands.txt"
    path.write_text("set a 1\n\nset b '" + "x" * 3_000_000 + "'\n")
    assert prompt(f"source {path}") == Exit.USAGE
    assert "the command in line 3 is longer than 1024 kB" in said(prompt)
    path.write_text("set a 1\n\nset b '" + "x\n" * 3_000_000)
    assert prompt(f"source {path}") == Exit.USAGE


def test_a_filter_is_bounded() -> None:
    with pytest.raises(CommandError, match="a filter has at most 10,000 characters, and this one 20,000"):
        parse("tail " + "x" * 20_000)
