"""Writing a file of the user: it stands when it is complete, and nothing is lost before."""

from __future__ import annotations

import fcntl
import gzip
import os
import resource
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from daebus_console.files.packing import zstd
from daebus_console.files.places import FileError, FileThere, StreamError
from daebus_console.files.reading import Stored
from daebus_console.files.writing import Writing, open_sink


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def folder(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is full beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_it_stands_at_its_end_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    with Writing(path) as file:
        file.write("half, ")
        file.write(b"whole")
        assert not path.exists()
    assert path.read_text() == "half, whole"
    assert folder(tmp_path) == ["new.txt"]
    assert mode(path) == 0o600


def test_what_is_there_stays_without_force_and_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("old")
    with pytest.raises(FileThere, match="is there already; use --force"):
        Writing(path)
    with suppress(ZeroDivisionError), Writing(path, force=True) as file:
        file.write("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with Writing(path, force=True) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert folder(tmp_path) == ["kept.txt"]


def test_a_disk_that_is_full_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("old")
    file = Writing(path, force=True)
    with files_of_at_most(10_000), pytest.raises(FileError, match=r"cannot write .*kept.txt: File too large"):
        file.write("x" * 1_000_000)
    file.discard()
    assert path.read_text() == "old"
    assert folder(tmp_path) == ["kept.txt"]


def test_a_file_that_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    file = Writing(path)
    file.write("ours")
    path.write_text("theirs")
    with pytest.raises(FileThere, match="has come into being meanwhile"):
        file.finish()
    assert path.read_text() == "theirs"
    assert folder(tmp_path) == ["new.txt"]


def test_a_link_stays_a_link_and_other_names_keep_what_they_had(tmp_path: Path) -> None:
    target, link, hard = tmp_path / "target.txt", tmp_path / "link.txt", tmp_path / "hard.txt"
    target.write_text("old")
    link.symlink_to(target.name)
    hard.hardlink_to(target)
    with Writing(link, force=True) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert hard.read_text() == "old"


def test_a_link_to_nothing_makes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to("deep/made.txt")
    with Writing(link) as file:
        file.write("new")
    assert (tmp_path / "deep" / "made.txt").read_text() == "new"
    assert link.is_symlink()


def test_what_is_private_is_closed_to_others_and_what_is_not_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(0o640)
    with Writing(path, force=True, private=False) as file:
        file.write("new")
    assert mode(path) == 0o640
    with Writing(path, force=True) as file:
        file.write("newer")
    assert mode(path) == 0o600
    before = os.umask(0o027)
    try:
        with Writing(tmp_path / "report.xml", private=False) as file:
            file.write("new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "report.xml") == 0o640


@pytest.mark.parametrize(
    ("name", "says"),
    [(".", "it is a directory"), ("nowhere/file", "No such file"), ("nul\0", "null"), ("x" * 300, "name too long")],
)
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(FileError, match=f"cannot write .*{says}"):
        Writing(f"{tmp_path}/{name}", force=True).finish()
    assert folder(tmp_path) == []


def test_the_longest_name_that_a_disk_takes_is_taken(tmp_path: Path) -> None:
    with Writing(tmp_path / ("x" * 255)) as file:
        file.write("text")
    assert folder(tmp_path) == ["x" * 255]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_is_write_protected_stays(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("old")
    path.chmod(0o400)
    with pytest.raises(FileError, match="Permission denied"):
        Writing(path, force=True)
    assert path.read_text() == "old"


def test_an_input_is_not_replaced_under_any_of_its_names(tmp_path: Path) -> None:
    path, link, hard = tmp_path / "a", tmp_path / "link", tmp_path / "hard"
    path.write_text("old")
    link.symlink_to("a")
    hard.hardlink_to(path)
    inputs = [Stored(path).identity]
    for name in (path, link, hard, tmp_path / "." / "a"):
        with pytest.raises(FileError, match="it is the file that is read"):
            Writing(name, force=True, inputs=inputs)
    assert path.read_text() == "old"


@pytest.mark.parametrize(("end", "unpack"), [(".gz", gzip.decompress), (".zst", zstd().decompress)])
def test_a_name_says_how_it_is_compressed(tmp_path: Path, end: str, unpack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"file.txt{end}"
    with Writing(path) as file:
        for number in range(100_000):
            file.write(f"line {number}\n")
    assert unpack(path.read_bytes()).decode().splitlines()[-1] == "line 99999"
    assert file.size == path.stat().st_size


def test_a_home_directory_is_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Writing("~/file.txt") as file:
        file.write("text")
    assert (tmp_path / "file.txt").read_text() == "text"


# Straight -----------------------------------------------------------------------------------------------------


def test_a_named_pipe_is_written_straight_once_somebody_reads(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    with Writing(pipe) as file:
        file.write("through")
    reader.join(10)
    assert found == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_waiting_for_the_reader_of_a_pipe_can_be_given_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match="nobody reads from it"):
        Writing(pipe, given_up=lambda: True)


def test_a_descriptor_goes_on_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before, ")
    number = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        with pytest.raises(FileError, match="no descriptor of that number was handed to us"):
            Writing(f"/dev/fd/{number}")
        os.set_inheritable(number, True)
        for name in (f"/dev/fd/{number}", f"/proc/self/fd/{number}"):
            with Writing(name) as file:
                file.write("behind, ")
    finally:
        os.close(number)
    assert path.read_text() == "before, behind, behind, "


def test_a_terminal_is_not_written_as_it_is() -> None:
    ours, theirs = os.openpty()
    try:
        with pytest.raises(FileError, match="it is a terminal"):
            Writing(os.ttyname(theirs))
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_device_that_is_full_is_said() -> None:
    with (
        pytest.raises(FileError, match="cannot write /dev/full: No space left on device"),
        Writing("/dev/full") as file,
    ):
        file.write("text")


def test_standard_output_that_is_gone_is_no_matter_of_files() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    kept = os.dup(1)
    os.dup2(theirs, 1)
    try:
        file = Writing("-")
        with pytest.raises(StreamError) as caught:
            file.write("text")
        file.discard()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(theirs)
    assert caught.value.quiet


# Live ---------------------------------------------------------------------------------------------------------


def test_a_live_file_is_there_from_the_start_and_nobody_else_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "live"
    sink = open_sink(path, live=True)
    sink.write(b"first")
    sink.stand()
    assert path.read_bytes() == b"first"
    with pytest.raises(FileError, match="a recording into it is under way"):
        Writing(path, force=True)
    with pytest.raises(FileError, match="a recording into it is under way"):
        open_sink(path, live=True, force=True)
    assert Stored(path).being_written
    sink.close()
    assert not Stored(path).being_written
    with Writing(path, force=True) as file:
        file.write("second")
    assert path.read_bytes() == b"second"


def test_a_live_file_that_cannot_begin_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "live"
    path.write_bytes(b"old")
    sink = open_sink(path, live=True, force=True)
    sink.write(b"new")
    assert path.read_bytes() == b"old"
    sink.close()
    sink.remove()
    assert path.read_bytes() == b"old"
    assert folder(tmp_path) == ["live"]


def test_a_lock_of_somebody_else_is_left_to_them(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not Stored(path).being_written
        with pytest.raises(BlockingIOError), path.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
