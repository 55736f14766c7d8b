"""What this console has sent and will soon see on the bus like everything else. Pure."""

from __future__ import annotations

from daebus_console.engine.bounded import remember

_MOST = 10_000


class Claims:
    """Requests are claimed by their id, other messages by channel and bytes. The oldest claims are given up first."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._data: dict[tuple[str, bytes], int] = {}

    def __bool__(self) -> bool:
        return bool(self._ids or self._data)

    def expect(self, request_id: str) -> None:
        """The request of that id, soon to be seen, is sent by this console."""
        remember(self._ids, request_id, None, _MOST)

    def expect_data(self, channel: str, data: bytes) -> None:
        """Exactly these bytes, soon to be seen on that channel, are sent by this console."""
        key = (channel, data)
        remember(self._data, key, self._data.get(key, 0) + 1, _MOST)

    def take(self, request_id: str | None, channel: str, data: bytes) -> bool:
        """Whether a message is one of those announced; it is then no longer expected."""
        if request_id is not None and request_id in self._ids:
            del self._ids[request_id]
            return True
        key = (channel, data)
        count = self._data.get(key, 0)
        if count > 1:
            self._data[key] = count - 1
        elif count:
            del self._data[key]
        return count > 0

    def give_up(self, request_id: str | None, channel: str, data: bytes) -> None:
        """What was announced was not sent after all."""
        self.take(request_id, channel, data)
