"""Who we are to services and to other consoles: user, machine and process, such as `ann@laptop:4711`."""

from __future__ import annotations

import getpass
import os
import platform

_USER, _HOST = 48, 40
"""Characters of either that are told: services take 100 in all, and the number of the process is never cut."""


def owner() -> str:
    """The name of this console among all that debug on this Redis."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # Nobody of that number is known here, as in many a container.
        user = f"user-{os.getuid()}"
    host = platform.node().split(".")[0] or "localhost"
    return f"{user[:_USER]}@{host[:_HOST]}:{os.getpid()}"
