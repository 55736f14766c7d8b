"""Captures as files: full disks, replaced files, several behind one another, and files that are something else."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.capture.reader import CaptureReader, open_capture
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.export import FORMATS, ExportOptions, export
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.replay.source import Recording
from daebus_console.files.writing import Writing
from tests.console.files.test_writing import files_of_at_most
from tests.support.waiting import eventually

FRAMES = [Frame(float(number), "orders", b'{"n": %d}' % number) for number in range(1, 6)]


def write(path: Path, frames: Iterable[Frame], *, force: bool = False) -> CaptureWriter:
    with CaptureWriter(path, "", 0.0, force=force) as writer:
        for frame in frames:
            writer.write(*frame)
    return writer


def frames_of(path: Path) -> list[Frame]:
    return [item for item in CaptureReader(path) if isinstance(item, Frame)]


# Disks that fill up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["capture.jsonl", "capture.jsonl.gz", "capture.jsonl.zst"])
@pytest.mark.parametrize("bursts", [1, 3])
def test_what_a_full_disk_has_taken_is_counted_to_the_message(tmp_path: Path, name: str, bursts: int) -> None:
    path = tmp_path / name
    with files_of_at_most(60_000):
        writer = CaptureWriter(path, "", 0.0)
        count = 0
        for _burst in range(bursts):
            for _ in range(200):
                # What can hardly be compressed fills a compressed file as well.
                writer.write(float(count), "c", os.urandom(100))
                count += 1
                writer.gap(float(count), 0.5, "nothing to see")
            eventually(lambda: not writer.waiting)
        for _ in range(2_000):
            writer.write(float(count), "c", os.urandom(100))
            count += 1
        eventually(lambda: writer.error is not None)
        writer.close()
    assert "too large" in (writer.error or "")
    assert writer.bytes == path.stat().st_size == 60_000
    assert writer.written == len(frames_of(path)) > 50
    assert writer.written + writer.lost == count


def test_a_recording_that_cannot_begin_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    before = path.read_bytes()
    with files_of_at_most(10), pytest.raises(OSError, match=r"cannot record to .*: File too large"):
        CaptureWriter(path, "", 0.0, force=True)
    assert path.read_bytes() == before
    with files_of_at_most(10), pytest.raises(OSError, match=r"cannot record to .*: File too large"):
        CaptureWriter(tmp_path / "new.jsonl", "", 0.0)
    assert os.listdir(tmp_path) == ["capture.jsonl"]


def test_a_new_recording_replaces_the_old_one_for_new_readers_only(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    old = Recording(path)
    with CaptureWriter(path, "", 0.0, force=True) as writer:
        assert frames_of(path) == []
        with pytest.raises(OSError, match="a recording into it is under way"):
            CaptureWriter(path, "", 0.0, force=True)
        writer.write(*FRAMES[0])
    assert frames_of(path) == FRAMES[:1]
    assert len(list(old.exchanges())) == len(FRAMES)


@pytest.mark.parametrize("name", ["capture.jsonl", "capture.jsonl.gz"])
@pytest.mark.parametrize("how", ["removed", "replaced", "removed with its folder"])
def test_a_recording_whose_file_is_taken_away_ends_and_says_so(tmp_path: Path, name: str, how: str) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    path = folder / name
    with CaptureWriter(path, "", 0.0) as writer:
        for frame in FRAMES:
            writer.write(*frame)
        eventually(lambda: writer.written == len(FRAMES))
        if how == "replaced":
            (tmp_path / "other").write_text("another's")
            (tmp_path / "other").rename(path)
        else:
            path.unlink()
            if how != "removed":
                folder.rmdir()
        eventually(lambda: writer.error is not None)
        writer.write(9.0, "late", b"{}")
    assert writer.error == f"recording to {path} ended: the file was removed, and what was recorded is lost"
    assert (writer.removed, writer.written, writer.lost) == (True, 0, len(FRAMES) + 1)


def test_a_recording_that_is_moved_goes_on_and_says_so_in_the_end(tmp_path: Path) -> None:
    path, there = tmp_path / "capture.jsonl", tmp_path / "moved.jsonl"
    with CaptureWriter(path, "", 0.0) as writer:
        writer.write(*FRAMES[0])
        path.rename(there)
        for frame in FRAMES[1:]:
            writer.write(*frame)
    assert (writer.error, writer.moved) == (None, True)
    assert frames_of(there) == FRAMES
    with CaptureWriter(path, "", 0.0) as writer:
        writer.write(*FRAMES[0])
    assert (writer.error, writer.moved) == (None, False)


# While it is read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["capture.jsonl", "capture.jsonl.gz", "capture.jsonl.zst"])
def test_a_recording_under_way_is_read_as_far_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with CaptureWriter(path, "", 0.0) as writer:
        for frame in FRAMES:
            writer.write(*frame)
        eventually(lambda: len(frames_of(path)) == len(FRAMES))
        reader, size = CaptureReader(path), path.stat().st_size
        writer.write(9.0, "late", b"x" * 1_000_000)
        eventually(lambda: path.stat().st_size > size and writer.waiting == 0)
        assert [item for item in reader if isinstance(item, Frame)] == FRAMES
        assert reader.warnings == []


def test_a_file_that_grows_and_one_that_vanishes_are_what_they_were(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    recording = Recording(path)
    with path.open("ab") as file:
        file.write(b'{"at":9,"channel":"late","data":"{}"}\n')
    assert len(list(recording.exchanges())) == len(FRAMES)
    path.unlink()
    assert len(list(recording.exchanges())) == len(FRAMES)


def test_a_file_that_is_emptied_meanwhile_says_so(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    recording = Recording(path)
    os.truncate(path, 0)
    with pytest.raises(CaptureError, match=r"became shorter while it was read"):
        list(recording.exchanges())
    write(path, FRAMES, force=True)
    size = path.stat().st_size
    recording = Recording(path)
    os.truncate(path, size - 10)
    assert len(list(recording.exchanges())) == len(FRAMES) - 1
    assert "became shorter while it was read: 10 bytes are gone" in " ".join(recording.warnings)


def test_a_pipe_is_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    ours, theirs = os.pipe()
    os.set_inheritable(ours, True)
    os.write(theirs, path.read_bytes())
    os.close(theirs)
    recording = Recording(f"/dev/fd/{ours}")
    os.close(ours)
    assert [len(list(recording.exchanges())) for _ in range(2)] == [len(FRAMES)] * 2


# Several in one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
def test_one_capture_behind_another_is_read_with_a_gap_between(tmp_path: Path, zipped: bool) -> None:
    first, second, both = (tmp_path / f"{name}.jsonl{'.gz' * zipped}" for name in ("first", "second", "both"))
    write(first, FRAMES[:2])
    with CaptureWriter(second, "", 2.5) as writer:
        writer.write(*FRAMES[2])
    both.write_bytes(first.read_bytes() + second.read_bytes())
    reader = CaptureReader(both)
    assert list(reader) == [*FRAMES[:2], Gap(2.0, 2.5, "another capture begins here"), FRAMES[2]]
    assert reader.warnings == ["in line 4 another capture begins; its messages follow"]
    assert reader.skipped == 0


def test_keys_masked_in_any_of_them_are_known(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    headers = [{"daebus_capture": 1, "redacted": keys} for keys in (["token"], ["password", "token"])]
    path.write_text("".join(json.dumps(header) + "\n" for header in headers))
    reader = CaptureReader(path)
    list(reader)
    assert reader.header.redacted == ["token", "password"]


# Something else -----------------------------------------------------------------------------------------------


def exchanges() -> list[Exchange]:
    journal = Journal(1_000, 1_000_000)
    correlator = Correlator(journal)
    asked = {"action": "get", "payload": {"id": 1}, "request_id": "r", "reply_to": "caller:1"}
    correlator.feed(1.0, "users", json.dumps(asked).encode())
    correlator.feed(1.1, "caller:1", json.dumps({"status": "success", "payload": {}, "request_id": "r"}).encode())
    return list(journal.exchanges)


SAYS = {
    "json": "JSON, as export writes it",
    "jsonl": "JSON lines, as export writes them",
    "command": "commands, as export writes them with --as command",
    "python": "a Python file",
    "pytest": "a Python file",
    "redis-cli": "commands, as export writes them with --as redis-cli",
    "mermaid": "a Mermaid diagram",
    "markdown": "Markdown, as export writes it",
    "nestjs": "a program for NestJS, as export writes it",
    "faststream": "a Python file",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("single", [False, True])
def test_what_export_writes_is_opened_or_named(tmp_path: Path, name: str, single: bool) -> None:
    path = tmp_path / "exported"
    path.write_text(export(name, exchanges(), ExportOptions(single=single)))
    if name == "capture":
        assert len(frames_of(path)) == 2
        return
    with pytest.raises(CaptureError) as caught:
        CaptureReader(path)
    assert SAYS[name] in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?><testsuites><testsuite>', "a JUnit report"),
        ('{"daebus_capture": 1}\n'.encode("utf-16"), "UTF-16"),
        (b"BZh91AY", "compressed with bzip2"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"REDIS0011\xfa", "a dump of Redis"),
        (b"\x7fELF\0\0\0", "binary data"),
        (b'{"at":1.0,"channel":"a","data":"{}"}\n', "without the header"),
        (b'OK\n1796065222.023973 [0 127.0.0.1:44274] "PUBLISH" "a" "{}"\n', "the output of MONITOR"),
        (b'+OK\r\n+1796065222.023973 [0 127.0.0.1:44274] "PING"\r\n', "the output of MONITOR"),
        (b'1796065222.023973 [0 lua] "PUBLISH" "a" "{}"\n', "the output of MONITOR"),
        (b'Reading messages... (press Ctrl-C to quit)\n["psubscribe","*",1]\n', "what redis-cli prints"),
        (b'Reading messages... (press Ctrl-C to quit)\n"subscribe","a",1\n', "what redis-cli prints"),
        (b'Reading messages... (press Ctrl-C to quit)\n1) "ssubscribe"\n', "what redis-cli prints"),
        (b"psubscribe\n*\n1\npmessage\n*\na\n{}\n", "what redis-cli prints"),
        (b'{"at": 1.0, "service": "a", "instance": null, "level": "INFO"}\n', "as logs writes them"),
        (gzip.compress(b'{"exchange":1}\n', mtime=0), "JSON lines, as export writes them"),
        (b"hello\n", "its first line is not the header of one"),
    ],
)
def test_other_files_are_named_as_well(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match="is no capture of daebus-console") as caught:
        CaptureReader(path)
    assert says in str(caught.value)


@pytest.fixture
def no_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where nobody has installed it."""
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)


def test_without_zstd_a_capture_says_what_it_takes(tmp_path: Path, no_zstd: None) -> None:
    path = tmp_path / "capture.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(CaptureError, match=r"compressed with zstd, which needs Python 3.14, or: pip install"):
        CaptureReader(path)
    new = tmp_path / "new.zst"
    with pytest.raises(OSError, match=r"cannot write .*new.zst: zstd needs Python 3.14, or: pip install"):
        CaptureWriter(new, "", 0.0)
    with pytest.raises(OSError, match=r"cannot write .*new.zst: zstd needs"):
        Writing(new)
    assert os.listdir(tmp_path) == ["capture.zst"]


def test_a_mark_that_an_editor_put_before_it_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert frames_of(path) == FRAMES


def test_a_file_that_is_open_already_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    write(path, FRAMES)
    stored = open_capture(path)
    for _ in range(2):
        with CaptureReader(stored) as reader:
            assert len(list(reader)) == len(FRAMES)
