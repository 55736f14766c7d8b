"""A text in the user's editor: in a file only he may read, and back. Must not import Textual."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class EditorError(Exception):
    """Nothing came of it; the text says why and what to do."""


def command() -> list[str]:
    """The editor that VISUAL or EDITOR names, else vi. Raises EditorError."""
    for name in ("VISUAL", "EDITOR"):
        text = os.environ.get(name, "").strip()
        if not text:
            continue
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise EditorError(f"{name} cannot be read ({error}): {text}") from None
        if shutil.which(words[0]) is None:
            raise EditorError(f"{name} names {words[0]}, which is not on the PATH")
        return words
    if shutil.which("vi") is None:
        raise EditorError("No editor: set EDITOR, for example EDITOR=nano")
    return ["vi"]


def edit_text(text: str, words: list[str]) -> str | None:
    """The text as the user left it; None where it was left as it was. Waits for the editor. Raises EditorError.

    The file ends in a newline, as editors want it, whether or not the text does. Bytes that are no UTF-8 come back as
    `\\xff`, so that nothing is lost.
    """
    after = _edited(text.rstrip("\n").encode() + b"\n", words)
    if after is None:
        return None
    kept = after.decode("utf-8-sig", "backslashreplace").replace("\r\n", "\n")
    return kept if text.endswith("\n") else kept.removesuffix("\n")


def _edited(before: bytes, words: list[str]) -> bytes | None:
    """What the file holds afterwards; None where that is what it held before."""
    try:
        # mkstemp gives it to its owner only (0600).
        handle, name = tempfile.mkstemp(prefix="daebus-", suffix=".json")
    except OSError as error:
        raise EditorError(f"No file for the editor can be made: {error.strerror}") from None
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(before)
        try:
            with _uninterrupted():
                status = subprocess.run([*words, name], check=False).returncode
        except OSError as error:
            raise EditorError(f"{words[0]} did not start: {error.strerror}") from None
        if status:
            raise EditorError(f"{words[0]} ended with status {status}: nothing was taken over")
        after = path.read_bytes()
    except OSError as error:
        raise EditorError(f"The file for the editor is gone or cannot be read: {error.strerror}") from None
    finally:
        path.unlink(missing_ok=True)
    return None if after == before else after


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A ctrl+c is meant for the editor, which has the terminal, and not for whoever waits for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler, since what is ignored would be ignored by the editor as well.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
