"""What a supervisor and the process of its service tell each other: words and values, a JSON line each.

The supervisor asks: `start`, `take over` (with a secret), `begin`, `expect` (a secret), `keep`, `end` (whether a mark
says where), `stop`. The process tells: `imported` (with its grace, in seconds), `mistake` (a text), `expecting` (the
secret), `cut` (whether by a mark). When the line ends at the side of the process, its supervisor is gone, however that
ended.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

_AT_ONCE = 65536


class Line:
    """One end of it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._rest = b""

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def tell(self, word: str, value: Any = None) -> None:
        """Tell the other end, if it is there."""
        try:
            self._socket.sendall(json.dumps([word, value]).encode() + b"\n")
        except OSError:
            # Whoever reads notices.
            pass

    def read(self) -> list[tuple[str, Any]] | None:
        """What has come, waiting for it; None at the end."""
        try:
            data = self._socket.recv(_AT_ONCE)
        except OSError:
            data = b""
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [(word, value) for word, value in map(json.loads, lines)]

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        while (told := self.read()) is not None:
            yield from told

    def close(self) -> None:
        """End it."""
        self._socket.close()
