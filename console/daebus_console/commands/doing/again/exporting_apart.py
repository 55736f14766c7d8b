"""export: what passes through it counted, and of a large capture the second half written apart, by another process."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile, gettempdir
from typing import BinaryIO, cast

from daebus_console.commands.doing.shared.choosing import Chosen
from daebus_console.engine.export import ExportOptions
from daebus_console.engine.export.as_json import laid_out, lines, numbered
from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.replay.halves import Halves

RECORDS = {"json": laid_out, "jsonl": lines}
"""The formats that are made of a record for each exchange, whatever the others are."""
_LENGTH = struct.Struct("<I")
_BUFFER = 256 * 1024
_FOLDER = "/var/tmp"
"""Where large files may lie, which is seldom in memory."""
_ROOM = 4
"""How many times as much as the capture must be free there: others want some as well."""


class Counted:
    """Counts what passes through it; where it is not the `whole`, nothing of control channels does.

    Of those `left_out` are the numbers that the format leaves out.
    """

    def __init__(self, exchanges: Iterable[Exchange], whole: bool, left_out: Sized) -> None:
        self._exchanges = exchanges
        self._whole = whole
        self._left_out = left_out
        self.passed = self.control = 0

    def __iter__(self) -> Iterator[Exchange]:
        for exchange in self._exchanges:
            if exchange.flags & Flag.CONTROL and not self._whole:
                self.control += 1
                continue
            self.passed += exchange.kind is not Kind.GAP
            yield exchange

    @property
    def told(self) -> str:
        """How many were written, once all are."""
        count = self.passed - len(self._left_out)
        return f"{count:,} exchange{'s' * (count != 1)}"


class OtherHalf:
    """What another process makes of the second half of a capture; nothing where there is none."""

    def __init__(self, halves: Halves[tuple[int, int]] | None = None, spool: BinaryIO | None = None) -> None:
        self._halves, self._spool = halves, spool

    def records(self, count: Counted) -> Iterator[str]:
        """Its records, counted there as well. Ask for them when those of the first half are through."""
        halves, spool = self._halves, self._spool
        if halves is None or spool is None or halves.result is None:
            return
        passed, control = halves.result
        count.passed += passed
        count.control += control
        yield from _read(spool, halves.shift)


@contextmanager
def other_half(chosen: Chosen, name: str, options: ExportOptions, whole: bool) -> Iterator[OtherHalf]:
    """Have the second half of a capture exported meanwhile, where there is one and the format allows it."""
    write, recording = RECORDS.get(name), chosen.recording
    spool = None if write is None or recording is None else _nameless(recording.stored.size)
    if write is None or recording is None or spool is None:
        yield OtherHalf()
        return

    def work() -> tuple[int, int]:
        count = Counted(chosen.each(), whole, ())
        _write(spool, write(count, options))
        spool.flush()
        return count.passed, count.control

    with spool, Halves(recording, work, numbers="#" in chosen.matching.text) as halves:
        yield OtherHalf(halves, spool)


def _nameless(size: int) -> BinaryIO | None:
    """A file for what becomes of the half of so many bytes; None where it might take all the room that there is."""
    folder = _FOLDER if os.path.isdir(_FOLDER) else gettempdir()
    with suppress(OSError):
        room = os.statvfs(folder)
        if room.f_bavail * room.f_frsize > _ROOM * size:
            return cast(BinaryIO, TemporaryFile(buffering=_BUFFER, prefix="daebus-", dir=folder))
    return None


def _write(spool: BinaryIO, records: Iterable[str]) -> None:
    for record in records:
        data = record.encode("utf-8", "surrogatepass")
        spool.write(_LENGTH.pack(len(data)) + data)


def _read(spool: BinaryIO, shift: int) -> Iterator[str]:
    spool.seek(0)
    read = spool.read
    while length := read(_LENGTH.size):
        yield numbered(read(*_LENGTH.unpack(length)).decode("utf-8", "surrogatepass"), shift)
