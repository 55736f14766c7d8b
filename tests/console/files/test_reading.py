"""Reading a file of the user: what it held when it was opened, from whatever it is."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daebus_console.files.places import FileError
from daebus_console.files.reading import Stored, read_regular


def content(stored: Stored) -> bytes:
    return b"".join(stored.blocks())


@contextmanager
def feeding(pipe: Path, data: bytes) -> Iterator[None]:
    """Somebody who writes into a pipe."""
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(data))
    writer.start()
    yield
    writer.join(10)


def test_a_file_is_read_as_often_as_wanted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1_000_000))
    stored = Stored(path)
    assert content(stored) == content(stored) == path.read_bytes()
    assert stored.size == 1_000_000


def test_it_stays_what_it_was_whatever_becomes_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    stored = Stored(path)
    with path.open("ab") as file:
        file.write(b", more")
    assert content(stored) == b"first"
    path.unlink()
    path.write_bytes(b"another")
    assert content(stored) == b"first"


def test_one_that_is_cut_off_meanwhile_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    stored = Stored(path)
    os.truncate(path, 10)
    assert content(stored) == b"x" * 10
    assert stored.size == 1000


def test_a_pipe_is_read_as_often_as_a_file(tmp_path: Path) -> None:
    data = os.urandom(700_000)
    with feeding(tmp_path / "pipe", data):
        stored = Stored(tmp_path / "pipe")
        assert content(stored) == data
    assert content(stored) == data
    assert stored.size == 0


def test_waiting_for_a_pipe_can_be_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="given up"):
        content(Stored(tmp_path / "pipe", given_up=lambda: True))


def test_a_descriptor_is_read_from_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"read, left")
    number = os.open(path, os.O_RDONLY)
    try:
        os.read(number, 6)
        with pytest.raises(FileError, match="no descriptor of that number"):
            Stored(f"/dev/fd/{number}")
        os.set_inheritable(number, True)
        assert content(Stored(f"/dev/fd/{number}")) == b"left"
    finally:
        os.close(number)


def test_files_without_a_size_have_content_all_the_same() -> None:
    assert b"Linux" in content(Stored("/proc/version"))
    assert content(Stored("/dev/null")) == b""


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path, says in (
            (tmp_path, "is a directory"),
            (tmp_path / "absent", "there is no file"),
            (tmp_path / "socket", "cannot be read"),
            ("nul\0", "cannot be read"),
        ):
            with pytest.raises(FileError, match=says):
                content(Stored(path))


def test_lines_and_sizes_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo\n" + b"x" * 3_000_000)
    found = Stored(path).lines(2 * 1024 * 1024)
    assert [next(found), next(found)] == [b"one\n", b"two\n"]
    with pytest.raises(FileError, match="one line is longer than 2 MB"):
        next(found)
    assert list(Stored(path).lines(4_000_000))[2] == b"x" * 3_000_000
    with pytest.raises(FileError, match="is larger than 1 MB"):
        Stored(path).all(1024 * 1024)
    with pytest.raises(FileError, match="is larger than 1 MB"):
        Stored("/dev/zero").all(1024 * 1024)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    for name in (path, "/dev/null"):
        stored = Stored(name)
        content(stored)
        stored.close()
        stored.close()
        del stored
        content(Stored(name))
    assert len(os.listdir("/proc/self/fd")) == before


def test_files_of_ours_are_regular_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    os.mkfifo(tmp_path / "pipe")
    assert read_regular(path, 10) == b"text"
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "absent", 10)
    for name, says in (
        (tmp_path / "pipe", "a named pipe, not a regular file"),
        (tmp_path, "a directory, not a regular file"),
        ("/dev/zero", "a device, not a regular file"),
        (path, "is larger than"),
    ):
        with pytest.raises(FileError, match=says):
            read_regular(name, 3)
