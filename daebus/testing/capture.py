"""What went over a bus as a file that `daebus-console open` reads; see docs/decisions/captures.md for its form."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from daebus.wire.names import encoded

from .recording import Published

VERSION = 1


def write_capture(
    path: str | os.PathLike[str], entries: Iterable[Published], where: str, started: float, until: float
) -> None:
    """Write a capture to `path`, whole or not at all, in place of what was there. Raises OSError.

    `where` is the bus, without a password; `started` when the recording began and `until` when it ended, in epoch
    seconds.
    """
    path = Path(path)
    # Made with mode 0600: there may be secrets in messages.
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with open(number, "w", encoding="utf-8") as file:
            for line in _lines(entries, where, started, until):
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _lines(entries: Iterable[Published], where: str, started: float, until: float) -> Iterator[dict[str, Any]]:
    yield {"daebus_capture": VERSION, "redis": where, "started": started}
    for at, channel, data in entries:
        line: dict[str, Any] = {"at": at}
        try:
            channel.encode()
            line["channel"] = channel
        except UnicodeEncodeError:
            line["channel_base64"] = base64.b64encode(encoded(channel)).decode()
        try:
            line["data"] = data.decode()
        except UnicodeDecodeError:
            line["data_base64"] = base64.b64encode(data).decode()
        yield line
    yield {"at": until, "seen": True}
