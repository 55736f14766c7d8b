"""The commands that were entered before, kept in a file from one time to the next.

The format is that of prompt_toolkit's FileHistory, so that both prompts may share the file. It may hold secrets that
somebody typed: nobody else may read it. A file that cannot be read or written is no history, and no error.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

MOST = 1000


def default_path() -> Path:
    """Where the file is on this platform."""
    import platformdirs

    return platformdirs.user_state_path("daebus-console") / "history"


def load(path: Path) -> list[str]:
    """The latest commands, oldest first."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found: list[str] = []
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith("+"):
            block.append(line[1:])
        elif block:
            found.append("\n".join(block))
            block = []
    return [command for command in found if "\n" not in command][-MOST:]


def append(path: Path, command: str) -> None:
    """Keep a command."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8", errors="replace") as file:
            file.write(f"\n# {stamp}\n+{command}\n")
    except OSError:
        pass
