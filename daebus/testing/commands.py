"""Commands as they are packed for Redis, unpacked."""

from __future__ import annotations

from collections.abc import Iterator

from daebus.wire.resp import INCOMPLETE, PlainReader


def given(data: bytes) -> Iterator[list[bytes]]:
    """The commands in `data`, each as its words. A command looks as a reply does that is a list of texts."""
    reader = PlainReader()
    reader.feed(data)
    while (command := reader.gets()) is not INCOMPLETE:
        yield command
