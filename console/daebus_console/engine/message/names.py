"""Names shared instead of repeated. Pure."""

from __future__ import annotations

_MOST = 50_000


class Names(dict[str | None, str | None]):
    """One string for all equal names: they repeat in every message, and copies would cost more than all the rest."""

    def __missing__(self, name: str | None) -> str | None:
        if len(self) >= _MOST:
            self.clear()
        self[name] = name
        return name
