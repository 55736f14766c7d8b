"""What is remembered from one time to the next: a commented TOML file in the platform's place. Every line is optional.

A file that cannot be read or written is told of once, and never stops the console.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any

from daebus_console.files.reading import read_regular
from daebus_console.files.writing import Writing
from daebus_console.text import toml_text

LARGEST = 1024 * 1024
"""Bytes of the largest file that is taken for settings."""
_HEAD = """\
# Settings of daebus-console. Every line is optional; what is missing has its default.
# The console writes this file when you change something in it, and keeps what it does not know.
"""
_COMMENTS = {
    "theme": "# One of Textual's themes: ctrl+p, then `theme`, shows them.",
    "order": '# "newest last", "newest first" or "slowest first".',
    "wrap": "# Whether long values are shown whole, in several lines.",
    "layout": "# Hidden panes, and widths and heights in cells: left, detail-pane, repl-pane.",
    "filters": "# Filters by name: `F` in the flow offers them.",
    "mutes": '# What is muted from the start: "service" or "service action".',
    "ignore": '# What does not count where two exchanges are compared: paths such as "payload.at", "*.uptime".',
}


def default_path() -> Path:
    """Where the file is on this platform."""
    import platformdirs

    return platformdirs.user_config_path("daebus-console") / "settings.toml"


@dataclass
class SettingsFile:
    """The settings, and the file they came from. Without a path nothing is read or kept."""

    path: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @classmethod
    def load(cls, path: Path | None) -> SettingsFile:
        """Read the file; a missing one is as good as an empty one."""
        settings = cls(path)
        if path is None:
            return settings
        try:
            settings.values = tomllib.loads(read_regular(path, LARGEST).decode("utf-8-sig"))
        except FileNotFoundError:
            pass
        except RecursionError:
            settings.problem = f"The settings in {path} are nested too deeply and are left as they are"
        except (OSError, ValueError) as error:
            settings.problem = f"The settings in {path} cannot be read and are left as they are: {error}"
        return settings

    def get(self, name: str, kind: type[Any], default: Any) -> Any:
        """A setting, or the default where it is missing or of another type."""
        value = self.values.get(name, default)
        return value if isinstance(value, kind) else default

    def set(self, name: str, value: Any) -> None:
        """Change a setting and write the file, unless it could not be read."""
        if self.values.get(name) == value:
            return
        self.values[name] = value
        if self.path is None or self.problem is not None:
            return
        try:
            # Another console may have written meanwhile: what it changed stays.
            now = SettingsFile.load(self.path)
            if now.problem is not None:
                self.problem = now.problem
                return
            self.values = {**now.values, name: value}
            _write(self.path, to_toml(self.values))
        except OSError as error:
            self.problem = f"The settings cannot be written to {self.path}: {error}"


def to_toml(values: dict[str, Any]) -> str:
    """The values as TOML, with a comment above each that is known."""
    lines = [_HEAD]
    plain = {name: value for name, value in values.items() if not isinstance(value, dict)}
    for name, value in plain.items():
        lines += [_COMMENTS.get(name, ""), f"{_key(name)} = {_value(value)}"]
    for name, value in values.items():
        if isinstance(value, dict):
            lines += ["", _COMMENTS.get(name, ""), f"[{_key(name)}]"]
            lines += [f"{_key(key)} = {_value(inner)}" for key, inner in value.items()]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _key(name: str) -> str:
    plain = name and all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in name)
    return name if plain else toml_text(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    # Python writes numbers as TOML does, nan and inf as well.
    return repr(value) if isinstance(value, int | float) else toml_text(str(value))


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, so that no other console ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Writing(path, force=True, private=not path.exists()) as file:
        file.write(text)
