"""Importing a module to have the app in it: it must not serve meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from daebus.errors import RegistrationError

_being_imported: ContextVar[bool] = ContextVar("daebus_being_imported", default=False)
"""Whether a module is imported just now to find the app in it, which is to be served afterwards, or not at all."""


@contextmanager
def importing() -> Iterator[None]:
    """While the block imports a module to have the app in it, `app.run()` and `app.start()` raise RegistrationError."""
    being_imported = _being_imported.set(True)
    try:
        yield
    finally:
        _being_imported.reset(being_imported)


def must_not_be_imported(what: str) -> None:
    """Raise RegistrationError where the module that calls `app.what()` is being imported."""
    if _being_imported.get() or (what == "run" and _is_collected()):
        raise RegistrationError(
            f'app.{what}() is called while the module is imported; put it under `if __name__ == "__main__":`'
        )


def _is_collected() -> bool:
    """Whether pytest imports modules with tests just now, on this thread."""
    plugin = sys.modules.get("daebus_pytest")
    return getattr(plugin, "collecting", False) and threading.current_thread() is threading.main_thread()
