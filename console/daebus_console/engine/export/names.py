"""Names as they stand in JSON: few, and in every line. Pure."""

from __future__ import annotations

import json

_MOST = 10_000


class _Quoted(dict[str | None, str]):
    def __missing__(self, name: str | None) -> str:
        if len(self) >= _MOST:
            self.clear()
        found = self[name] = json.dumps(name)
        return found


quoted = _Quoted()
"""Each name as JSON."""
