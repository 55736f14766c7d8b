"""The program `daebus-console`. Imports nothing of the extra `console`, so that it can say what is missing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from daebus_console.files.standard import complete

NEEDED = ("textual", "prompt_toolkit", "hiredis", "msgspec", "platformdirs")


def missing() -> list[str]:
    """The packages of the extra that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def _at_once() -> Callable[[], object]:
    """Have ctrl+c end the process on the spot until what is returned is called.

    Nothing has begun while modules are imported, and a traceback would only tell at which of them it was.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.default_int_handler:
        return lambda: None
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return partial(signal.signal, signal.SIGINT, handler)


def main() -> int:
    """Run the program on the arguments of the process; returns its exit status."""
    complete()
    absent = missing()
    if absent:
        print(
            f"daebus-console needs what is not installed ({', '.join(absent)}). Install it with:\n"
            "  pip install 'daebus[console]'",
            file=sys.stderr,
        )
        return 2
    begin = _at_once()
    from daebus_console.cli.shell import run

    return run(sys.argv[1:], begin)


if __name__ == "__main__":
    sys.exit(main())
