"""export: what passes through it counted, and of a large capture the second half written apart, by another process."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import IO

from daebus_console.commands.doing.shared.choosing import Chosen
from daebus_console.engine.export import ExportOptions
from daebus_console.engine.export.as_json import laid_out, lines, numbered
from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.replay.halves import Halves

RECORDS = {"json": laid_out, "jsonl": lines}
"""The formats that are made of a record for each exchange, whatever the others are."""
_LENGTH = struct.Struct("<I")
_AT_ONCE = 1_000


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

    def __init__(self, halves: Halves[tuple[int, int]] | None = None) -> None:
        self._halves = halves

    def records(self, count: Counted) -> Iterator[str]:
        """Its records, counted there as well. Ask for them when those of the first half are through."""
        halves = self._halves
        if halves is None or halves.result is None:
            return
        passed, control = halves.result
        count.passed += passed
        count.control += control
        yield from _read(halves.spool, halves.shift)


@contextmanager
def other_half(chosen: Chosen, name: str, options: ExportOptions, whole: bool) -> Iterator[OtherHalf]:
    """Have the second half of a capture exported meanwhile, where there is one and the format allows it."""
    write, recording = RECORDS.get(name), chosen.recording
    if write is None or recording is None:
        yield OtherHalf()
        return

    def work() -> tuple[int, int]:
        count = Counted(chosen.each(), whole, ())
        _write(halves.spool, write(count, options))
        return count.passed, count.control

    halves = Halves(recording, work, numbers="#" in chosen.matching.text)
    with halves:
        yield OtherHalf(halves)


def _write(spool: IO[bytes] | None, records: Iterable[str]) -> None:
    assert spool is not None, "there is one where there is another process"
    some: list[bytes] = []
    for record in records:
        data = record.encode("utf-8", "surrogatepass")
        some += _LENGTH.pack(len(data)), data
        if len(some) >= _AT_ONCE:
            spool.write(b"".join(some))
            some.clear()
    spool.write(b"".join(some))


def _read(spool: IO[bytes] | None, shift: int) -> Iterator[str]:
    assert spool is not None, "there is one where there was another process"
    spool.seek(0)
    read = spool.read
    while length := read(_LENGTH.size):
        yield numbered(read(*_LENGTH.unpack(length)).decode("utf-8", "surrogatepass"), shift)
