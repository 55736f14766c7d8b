"""Jobs for a process that has something loaded and forks a child for each: a text of JSON, and files with it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

_HEAD = 8
"""Bytes that tell how long a job is."""


class Asking:
    """Starts such a process, and gives it jobs from any thread. It ends with this one, or when it is closed."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self._sending = threading.Lock()
        self._jobs, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                **options,
            )

    def begin(self, job: Mapping[str, Any], files: Sequence[int]) -> int:
        """Give it a job, with those files; returns the file in which is told what becomes of it."""
        text = json.dumps(job).encode()
        told, theirs = os.pipe()
        with self._sending:
            socket.send_fds(self._jobs, [f"{len(text):{_HEAD}}".encode()], [theirs, *files])
            self._jobs.sendall(text)
        os.close(theirs)
        return told

    def close(self) -> None:
        """Have it end, and wait for that."""
        self._jobs.close()
        self._process.wait()


def take(jobs: socket.socket) -> tuple[Any, list[int]] | None:
    """The next job and its files, the first of which is for telling; None when nobody asks any more."""
    head, files, _flags, _address = socket.recv_fds(jobs, _HEAD, 8)
    if not head:
        return None
    head = _whole(jobs, head, _HEAD)
    return json.loads(_whole(jobs, b"", int(head))), list(files)


def _whole(jobs: socket.socket, data: bytes, size: int) -> bytes:
    while len(data) < size:
        data += jobs.recv(size - len(data))
    return data


def serve(jobs: socket.socket, keep: Callable[[Any, int, list[int]], None]) -> None:
    """For each job fork one that keeps to it, `keep(job, told, files)`, until nobody asks any more."""
    while (taken := take(jobs)) is not None:
        job, files = taken
        if not os.fork():
            try:
                jobs.close()
                keep(job, files[0], files[1:])
            finally:
                os._exit(0)
        for file in files:
            os.close(file)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
