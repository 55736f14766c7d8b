"""Who we are to services and to other consoles: user, machine and process, such as `ann@laptop:4711`."""

from __future__ import annotations

import getpass
import os
import platform


def owner() -> str:
    """The name of this console among all that debug on this Redis."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # Nobody of that number is known here, as in many a container.
        user = f"user-{os.getuid()}"
    host = platform.node().split(".")[0] or "localhost"
    return f"{user}@{host}:{os.getpid()}"[:200]
