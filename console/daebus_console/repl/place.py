"""Where the file is in which commands are kept. Light: nothing of prompt_toolkit is loaded for it."""

from __future__ import annotations

from pathlib import Path


def history_path() -> Path:
    """The file of this user, on this platform."""
    import platformdirs

    return platformdirs.user_state_path("daebus-console") / "history"
