"""The findings that the user knows of, in a file of his own, so that they stay known the next time.

A file that cannot be read or written is told of once; what is marked then counts until the console ends.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daebus_console.engine.findings.known import Known, Mark
from daebus_console.files.reading import read_regular
from daebus_console.files.writing import Writing

LARGEST = 4 * 1024 * 1024
"""Bytes of the largest file that is taken for one."""


def known_path() -> Path:
    """Where the file is on this platform."""
    import platformdirs

    return platformdirs.user_state_path("daebus-console") / "known.json"


class KnownFile:
    """What is known, read when it is first asked for. Without a path nothing is kept."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.problem: str | None = None
        """Why it cannot be read or written."""
        self._known: Known | None = None

    @property
    def known(self) -> Known:
        """The marks."""
        if self._known is None:
            self._known = self._read() or Known()
        return self._known

    def set(self, identity: str, mark: Mark | None) -> None:
        """Mark the finding of that id, or with None take its mark away; and keep that."""
        _put(self.known, identity, mark)
        if self.path is None or self.problem is not None:
            return
        # Another console may have written meanwhile: what it marked stays.
        fresh = self._read()
        if fresh is None:
            return
        _put(fresh, identity, mark)
        self._known = fresh
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with Writing(self.path, force=True, private=True) as file:
                file.write(json.dumps({"daebus_known": 1, "known": fresh.as_json()}, indent=1) + "\n")
        except OSError as error:
            self.problem = f"What is known cannot be kept in {self.path}: {error}"

    def _read(self) -> Known | None:
        """What is in the file; None where it cannot be told."""
        if self.path is None:
            return Known()
        try:
            found: Any = json.loads(read_regular(self.path, LARGEST))
        except FileNotFoundError:
            return Known()
        except (OSError, ValueError, RecursionError) as error:
            self.problem = f"What is known cannot be read from {self.path}, which is left as it is: {error}"
            return None
        return Known.from_json(found.get("known") if isinstance(found, dict) else None)


def _put(known: Known, identity: str, mark: Mark | None) -> None:
    if mark is None:
        known.marks.pop(identity, None)
    else:
        known.marks[identity] = mark
