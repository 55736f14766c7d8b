"""Which changes of files are changes of a program, and the thread that waits for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .mistake import Mistake

IGNORED = frozenset(
    ("__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist", "htmlcov", "__pypackages__")
)
"""Folders in which nothing of a program is written by hand; nor is it in one whose name begins with a dot."""


def sources(paths: Iterable[str], folders: Sequence[Path]) -> list[str]:
    """Those of the paths that are Python files of a program in one of the folders, as seen from there, in order.

    What a file was is of no interest: an editor that puts a new one in the place of the old has none changed.
    """
    found = set()
    for path in map(Path, paths):
        for folder in folders:
            if path.suffix == ".py" and path.is_relative_to(folder):
                inside = path.relative_to(folder)
                # Editors' own copies begin with a dot or a #.
                if not any(part in IGNORED or part.startswith((".", "#")) for part in inside.parts):
                    found.add(str(inside))
                break
    return sorted(found)


class Watcher:
    """Watches folders, and calls `changed(paths)` on a thread of its own for each change of a program in them.

    `failed(reason)` is called where they can be watched no longer. Raises Mistake where they cannot be watched at all.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        changed: Callable[[list[str]], None],
        failed: Callable[[str], None],
    ) -> None:
        try:
            import watchfiles
        except ImportError:
            raise Mistake("--reload needs watchfiles: pip install 'daebus[reload]'") from None
        for folder in folders:
            if not folder.is_dir():
                raise Mistake(f"--reload-dir: there is no folder {str(folder)!r}")
        # It has a line for each change of any file.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._watch = watchfiles.watch
        self._folders = [folder.resolve() for folder in folders]
        self._changed = changed
        self._failed = failed
        self._ended = False
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="daebus-reload", daemon=True)

    def start(self) -> None:
        """Begin; returns once no change is missed any more."""
        self._thread.start()
        self._looked.wait()

    def stop(self) -> None:
        """End the thread."""
        self._ended = True
        self._thread.join()

    def is_set(self) -> bool:
        """Asked by watchfiles, several times a second, from when it watches: whether to end."""
        self._looked.set()
        return self._ended

    def _run(self) -> None:
        try:
            for changes in self._watch(*self._folders, watch_filter=None, stop_event=self, raise_interrupt=False):
                found = sources((path for _kind, path in changes), self._folders)
                if found:
                    self._changed(found)
        except Exception as error:  # noqa: BLE001 - it is told, whatever it is
            self._failed(str(error) or type(error).__name__)
        finally:
            self._looked.set()
