"""Files that verbs of the shell read and write: inputs that are outputs, pipes, full disks, lines without an end."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.verbs import VERBS, Face
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.message.frame import Frame
from daebus_console.files.packing import zstd
from tests.console.cli.conftest import Console
from tests.support.programs.forked import Ended, Forks
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("files of the shell")

HUGE = 100 * 1024 * 1024


@pytest.fixture(scope="module")
def forks(shared_redis: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks({"DAEBUS_REDIS_URL": shared_redis.url, "HOME": str(tmp_path_factory.mktemp("home"))}) as made:
        yield made


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.jsonl"
    with CaptureWriter(path, "", 0.0) as writer:
        for number in range(20):
            asked = {"action": "get", "payload": {"id": number}, "request_id": f"r{number}", "reply_to": "caller:1"}
            writer.write(float(number), "users", json.dumps(asked).encode())
    return path


def frames_of(path: Path) -> list[Frame]:
    return [item for item in CaptureReader(path) if isinstance(item, Frame)]


# Outputs that are inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["capture.jsonl", "link.jsonl", "hard.jsonl"])
@pytest.mark.parametrize(
    "words",
    [
        ["export", "capture.jsonl", "--force", "-o"],
        ["export", "capture.jsonl", "--as", "capture", "--force", "-o"],
        ["export", "link.jsonl", "action:get", "--force", "-o"],
        ["replay", "capture.jsonl", "--yes", "--skip-missing", "--junit"],
    ],
)
def test_an_output_that_is_an_input_never_costs_a_byte(
    forks: Forks, tmp_path: Path, capture: Path, words: list[str], output: str
) -> None:
    (tmp_path / "link.jsonl").symlink_to("capture.jsonl")
    (tmp_path / "hard.jsonl").hardlink_to(capture)
    before = capture.read_bytes()
    ended = forks(*words, output, folder=tmp_path)
    assert ended.status in (2, 3), ended
    assert "it is the file that is read" in ended.err or "nobody serves" in ended.err, ended
    assert capture.read_bytes() == (tmp_path / "hard.jsonl").read_bytes() == before
    assert (tmp_path / "link.jsonl").is_symlink()


def test_standard_output_that_goes_behind_the_input_ends(forks: Forks, tmp_path: Path, capture: Path) -> None:
    before = capture.read_bytes()
    ended = forks("export", "capture.jsonl", "--as", "capture", folder=tmp_path, stdout=str(capture))
    assert ended.status == 0, ended
    assert capture.read_bytes().startswith(before)
    assert len(frames_of(capture)) == 40


def test_an_export_is_private_and_keeps_links(forks: Forks, tmp_path: Path, capture: Path) -> None:
    target = tmp_path / "target.json"
    target.write_text("old")
    target.chmod(0o644)
    (tmp_path / "link.json").symlink_to("target.json")
    assert forks("export", "capture.jsonl", "-o", "link.json", folder=tmp_path).status == 2
    assert target.read_text() == "old"
    assert forks("export", "capture.jsonl", "-o", "link.json", "--force", folder=tmp_path).status == 0
    assert (tmp_path / "link.json").is_symlink()
    assert len(json.loads(target.read_text())) == 20
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.jsonl.gz", "jsonl"), ("test_a.py.gz", "pytest"), ("a.md.gz", "markdown"), ("a.md.zst", "markdown")],
)
def test_what_is_named_so_is_compressed_and_of_the_form_of_the_rest(
    forks: Forks, tmp_path: Path, capture: Path, name: str, form: str
) -> None:
    ended = forks("export", "capture.jsonl", "-o", name, folder=tmp_path)
    assert f"as {form}" in ended.err, ended
    plain = forks("export", "capture.jsonl", "--as", form, folder=tmp_path)
    unpack = gzip.decompress if name.endswith(".gz") else zstd().decompress
    assert unpack((tmp_path / name).read_bytes()).decode() == plain.out


@pytest.mark.parametrize("name", ["again.jsonl.gz", "again.jsonl.zst"])
def test_a_compressed_capture_is_opened_again(forks: Forks, tmp_path: Path, capture: Path, name: str) -> None:
    assert forks("export", "capture.jsonl", "--as", "capture", "-o", name, folder=tmp_path).status == 0
    ended = forks("replay", name, "--dry-run", folder=tmp_path)
    assert (ended.status, "20 requests to 1 service" in ended.out) == (0, True), ended


# Straight -----------------------------------------------------------------------------------------------------


def test_dashes_pipes_and_descriptors(console: Console, tmp_path: Path, capture: Path) -> None:
    """In a real shell, whose process substitutions they are."""
    program = "python -m daebus_console"
    plain = console("export", str(capture), "--as", "command").out
    assert plain.count("request users get") == 20
    for line in (
        f"cat capture.jsonl | {program} export - --as command",
        f"{program} export <(cat capture.jsonl) --as command",
        f"{program} export - --as command < capture.jsonl",
        f"{program} export /dev/stdin --as command < capture.jsonl",
        f"{program} export capture.jsonl --as command -o -",
        f"{program} export capture.jsonl --as command -o /dev/stdout",
        f"{program} export capture.jsonl --as command -o /dev/fd/7 7>&1",
        f"{program} export capture.jsonl --as command -o >(cat) | cat",
        f"gzip -c capture.jsonl | {program} export - --as capture | {program} export - --as command",
    ):
        script = f'python() {{ "$PYTHON" "$@"; }}; {line}'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=_environ(console),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.stdout == plain, (line, done)


def _environ(console: Console) -> dict[str, str]:
    from tests.support.programs.forked import ROOT

    path = f"{ROOT}{os.pathsep}{ROOT / 'console'}"
    ours = {"PYTHON": sys.executable, "PYTHONPATH": path, "DAEBUS_REDIS_URL": console.url}
    # Where files can be of a kilobyte only, Python would leave a part of its own bytecode behind.
    return {**os.environ, **ours, "PYTHONDONTWRITEBYTECODE": "1"}


def test_an_export_into_a_pipe_of_that_name(forks: Forks, tmp_path: Path, capture: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[str] = []
    reading = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reading.start()
    ended = forks("export", "capture.jsonl", "--as", "jsonl", "-o", "pipe", folder=tmp_path)
    reading.join(10)
    assert ended.status == 0, ended
    assert len(found[0].splitlines()) == 20


def test_what_is_exported_into_a_pipe_is_as_in_a_file(forks: Forks, tmp_path: Path) -> None:
    """On a screen a family is shown in pieces; whoever takes it along gets it whole."""
    path = tmp_path / "family.jsonl"
    text = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL} \u202e \x9b31m"
    with CaptureWriter(path, "", 0.0) as writer:
        writer.write(1.0, "news", json.dumps({"text": text}, ensure_ascii=False).encode())
    assert forks("export", "family.jsonl", "--as", "markdown", "-o", "a.md", folder=tmp_path).status == 0
    ended = forks("export", "family.jsonl", "--as", "markdown", folder=tmp_path)
    assert ended.out == (tmp_path / "a.md").read_text()


def test_a_recording_to_standard_output_is_a_capture(
    console: Console, tmp_path: Path, redis_url: str, name: str
) -> None:
    import redis

    with (
        redis.Redis.from_url(redis_url) as client,
        (tmp_path / "piped.jsonl").open("wb") as file,
        console.start("record", "-", f"channel:{name}", stdout=file) as process,
    ):

        def seen() -> int:
            client.publish(name, '{"n": 1}')
            return len(frames_of(tmp_path / "piped.jsonl")) if (tmp_path / "piped.jsonl").stat().st_size else 0

        eventually(seen, within=30)
        process.send_signal(2)
        _out, err = process.communicate(timeout=30)
    count = len(frames_of(tmp_path / "piped.jsonl"))
    assert process.returncode == 130
    assert f"{count} messages" in err


def test_a_recording_whose_reader_has_gone_ends_quietly(forks: Forks, tmp_path: Path) -> None:
    ended = forks("record", "-", "--for", "20", folder=tmp_path, stdout="broken pipe")
    assert (ended.status, "error" in ended.err) == (0, False), ended


def test_a_terminal_gets_no_capture(forks: Forks, tmp_path: Path) -> None:
    ended = forks("record", "-", "--for", "0.2", folder=tmp_path, stdout="terminal")
    assert ended.status == 2
    assert "it is a terminal; name a file, or pipe it on" in ended.err


# Full disks ---------------------------------------------------------------------------------------------------


# zstd's blocks are of 128 kB, and none is there in part.
@pytest.mark.parametrize(("name", "kilobytes"), [("full.jsonl", 64), ("full.jsonl.gz", 64), ("full.jsonl.zst", 512)])
def test_the_closing_line_counts_what_is_in_the_file(
    console: Console, tmp_path: Path, redis_url: str, name: str, kilobytes: int
) -> None:
    import random

    import redis

    command = f'ulimit -f {kilobytes}; exec "$PYTHON" -m daebus_console record {name}'
    with (
        subprocess.Popen(
            ["bash", "-c", command], cwd=tmp_path, env=_environ(console), stderr=subprocess.PIPE, encoding="utf-8"
        ) as process,
        redis.Redis.from_url(redis_url) as client,
    ):
        while process.poll() is None:
            client.publish("noise", random.randbytes(2_000))
        err = process.stderr.read() if process.stderr is not None else ""
    count = len(frames_of(tmp_path / name))
    assert count > 5
    assert f"\n{count} messages, {kilobytes * 1.024:.1f} kB, in {name}\n" in err, err
    assert err.endswith(f"error: recording to {name} ended: File too large\n")
    assert process.returncode == 2


@pytest.mark.parametrize("verb", ["export", "replay"])
def test_a_full_disk_leaves_what_was_there(forks: Forks, tmp_path: Path, capture: Path, verb: str) -> None:
    del forks
    output = tmp_path / "output"
    output.write_text("old")
    words = "-o output --force" if verb == "export" else "--junit output --skip-missing --yes"
    script = f"ulimit -f 1; exec python3 -m daebus_console {verb} capture.jsonl {words}"
    console = Console("redis://localhost:1/0")
    done = subprocess.run(
        ["bash", "-c", script.replace("python3", '"$PYTHON"')],
        cwd=tmp_path,
        env=_environ(console),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode in (2, 5), done
    assert "Traceback" not in done.stderr
    assert output.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["capture.jsonl", "output"]


UNBUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])


@UNBUFFERED
@pytest.mark.parametrize("line", ["export capture.jsonl --as capture", "export capture.jsonl", "help filters"])
def test_a_result_of_which_a_part_was_written_is_an_error(
    tmp_path: Path, capture: Path, line: str, unbuffered: str
) -> None:
    del capture
    # Python tries the rest once more at its end where it has a buffer, so nothing but the disk is to be full then.
    done = subprocess.run(
        ["bash", "-c", f'ulimit -f 1; exec "$PYTHON" -m daebus_console {line} > out'],
        cwd=tmp_path,
        env={**_environ(Console("redis://localhost:1/0")), "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (tmp_path / "out").stat().st_size == 1024
    assert (done.returncode, done.stderr) == (2, "error: cannot write to standard output: File too large\n")


@UNBUFFERED
def test_being_stopped_while_a_pipe_is_full_loses_nothing(tmp_path: Path, unbuffered: str) -> None:
    with CaptureWriter(tmp_path / "large.jsonl", "", 0.0) as writer:
        writer.write(0.0, "users.news", json.dumps({"text": "x" * 300_000}).encode())
    arguments = [sys.executable, "-m", "daebus_console", "export", "large.jsonl", "--as", "jsonl"]
    environ = {**_environ(Console("redis://localhost:1/0")), "PYTHONUNBUFFERED": unbuffered}
    whole = subprocess.run(arguments, cwd=tmp_path, env=environ, capture_output=True, timeout=60).stdout
    with subprocess.Popen(arguments, cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        room = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
        eventually(lambda: _in_pipe(pipe) == room, what="the pipe is full")
        process.send_signal(signal.SIGSTOP)
        # Stopped from within the writing, which ends there with the part that is written.
        eventually(lambda: _state(process.pid) == "T", what="it is stopped")
        process.send_signal(signal.SIGCONT)
        found = process.stdout.read()
    assert len(whole) > 300_000
    assert (found == whole, process.returncode) == (True, 0), len(found)


def _in_pipe(pipe: int) -> int:
    """How many bytes wait in it to be read."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


def _state(process: int) -> str:
    """What the system says that a process does."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


# Lines without an end -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with files of 100 MB on one line."""
    folder = tmp_path_factory.mktemp("huge")
    line = b"x" * HUGE
    (folder / "line").write_bytes(line)
    (folder / "object").write_bytes(b'{"a": "' + line + b'"}')
    (folder / "capture.jsonl").write_bytes(
        b'{"daebus_capture": 1}\n' + line + b"\n" + b'{"at":1,"channel":"a","data":"{}"}\n'
    )
    (folder / "endless.jsonl").write_bytes(b'{"daebus_capture": 1}\n' + line + line + line)
    yield folder
    for path in folder.iterdir():
        path.unlink()


def _reading(file: str) -> list[list[str]]:
    """A use of each verb of the shell that reads a file."""
    found = []
    for verb in VERBS.values():
        if Face.SHELL not in verb.faces or verb.name == "open":
            continue
        for argument in verb.arguments:
            if argument.kind is Kind.WORDS:
                found.append([verb.name, file, *(["1", "--app", "shop:app"] if verb.name == "rerun" else [])])
            elif verb.name == "release" and argument.kind is Kind.ITEMS:
                found.append([verb.name, "3", "answer", f"@{file}"])
            elif argument.kind is Kind.ITEMS:
                head = ["nobody", "ask"] if verb.arguments[0].kind is Kind.SERVICE else ["nobody.news"]
                found.append([verb.name, *head, f"@{file}"])
        found += [[verb.name, "nobody", one.name, file] for one in verb.options if one.kind is Kind.FILE]
    return found


@pytest.mark.parametrize("file", ["line", "object", "endless.jsonl"])
@pytest.mark.parametrize("words", [pytest.param(words, id=words[0]) for words in _reading("{}")])
def test_a_hundred_megabytes_on_one_line_are_refused_for_little(
    forks: Forks, huge: Path, words: list[str], file: str
) -> None:
    ended = forks(*[word.replace("{}", file) for word in words], folder=huge, seconds=60)
    assert ended.status == 2, ended
    assert any(word in ended.err for word in ("larger than 64 MB", "no capture", "longer than 256 MB")), ended
    assert ended.megabytes < 900, "some copies of it, and no more"


@pytest.mark.parametrize("file", ["line", "object"])
def test_nor_are_they_carried_out(forks: Forks, huge: Path, file: str) -> None:
    ended = forks("repl", folder=huge, stdin=str(huge / file))
    assert (ended.status, "one line is longer than 16 MB" in ended.err) == (2, True), ended
    assert ended.megabytes < 300


def test_in_a_capture_they_are_one_line_that_is_skipped(forks: Forks, huge: Path) -> None:
    ended: Ended = forks("export", "capture.jsonl", folder=huge)
    assert ended.status == 0, ended
    assert "line 2 is skipped" in ended.err
    assert len(json.loads(ended.out)) == 1
    assert ended.megabytes < 900
