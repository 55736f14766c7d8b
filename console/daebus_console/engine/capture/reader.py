"""Opening a capture file: a stream of frames and gaps, whatever has become of the file. Holds no more than a block.

What cannot be read of a capture is skipped and told in `warnings`; a file that is no capture, or one from a newer
version, is refused with a CaptureError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from daebus_console import naming
from daebus_console.engine.capture.format import LATEST, VERSION, CaptureError, Header, Line, PlainLine
from daebus_console.engine.capture.kinds import what_it_is
from daebus_console.engine.capture.source import CaptureSource
from daebus_console.engine.message.frame import Alone, Frame, Gap, Seen
from daebus_console.files.places import FileError, GivenUp, never
from daebus_console.files.reading import Stored

MOST_WARNINGS = 100
_MOST_TOLD = 5
_MOST_NAMES = 50_000
MOST_TOGETHER = 1024 * 1024
"""Bytes of the data of frames that are given together."""
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
_decode_plain = msgspec.json.Decoder(PlainLine).decode_lines


def open_capture(path: str | os.PathLike[str], given_up: GivenUp = never) -> Stored:
    """The file at `path`, to be read as a capture as often as wanted; `-` is standard input. Raises CaptureError."""
    try:
        return Stored(path, given_up=given_up)
    except FileError as error:
        raise CaptureError(str(error)) from None


def told_warnings(name: str, warnings: Sequence[str]) -> Iterator[str]:
    """The first of the warnings as they are told, each with the name of the capture, and how many more there are."""
    yield from (f"{name}: {warning}" for warning in warnings[:_MOST_TOLD])
    if len(warnings) > _MOST_TOLD:
        yield f"{name}: and {len(warnings) - _MOST_TOLD} more warnings"


class Place(NamedTuple):
    """Somewhere in a capture that is not compressed: after how many bytes, and how many lines end before that."""

    offset: int
    lines: int


class CaptureReader:
    """An open capture: `header` is there at once, frames and gaps come as it is iterated, `warnings` along with them.

    Raises CaptureError where it is none. `path` may be a file that is open already; that one stays open. Otherwise it
    closes by itself at the end; `close` it when stopping earlier. With a `place` it begins with the line after that.
    """

    def __init__(self, path: str | os.PathLike[str] | Stored, place: Place | None = None) -> None:
        self.stored = path if isinstance(path, Stored) else open_capture(path)
        """The file itself."""
        self._owned = self.stored is not path
        self.path = Path(self.stored.path)
        self.warnings: list[str] = []
        """What was skipped and why, in the order of the file; the first hundred of them."""
        self.skipped = 0
        """Lines that could not be read."""
        self.reached = False
        """Whether it was read until where it was to be, and no further."""
        self._ended = False
        self._torn = False
        self._line = 1
        self._names: dict[str, str] = {}
        self._decode = msgspec.json.Decoder(Line).decode
        self._at = 0.0
        self._partly = False
        self._source = CaptureSource(self.stored)
        try:
            self.header = _header(self._source)
            if place is not None:
                self._source.close()
                self._source = CaptureSource(self.stored, place.offset)
                self._source.skip_line()
                self._line = place.lines + 1
        except BaseException:
            self.close()
            raise
        self._blocks = self._source.blocks()

    def __enter__(self) -> CaptureReader:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back. Harmless when it is closed already."""
        self._source.close()
        if self._owned:
            self.stored.close()

    @property
    def within_gap(self) -> bool:
        """Whether only a part is seen where it was read to."""
        return self._partly

    @property
    def lacks(self) -> str:
        """What could not be read, so far, in a few words; empty where that is nothing."""
        lines = self.skipped - self._torn
        skipped = f"{lines:,} line{'s' * (lines != 1)} skipped" if lines else ""
        return ", ".join(filter(None, (skipped, self._source.broken or ("cut off" if self._torn else ""))))

    def __iter__(self) -> Iterator[Frame | Gap]:
        """The frames and gaps, in the order of the file.

        A gap in which a part was seen comes twice: where it begins, without an end, and where it is over.
        """
        for run in self.runs():
            if isinstance(run, Gap):
                yield run
            elif not isinstance(run, Seen):
                for at, ((channel, data),) in run:
                    yield Frame(at, channel, data)

    def runs(self, most_bytes: int = MOST_TOGETHER, until: int | None = None) -> Iterator[list[Alone] | Gap | Seen]:
        """The same as the file is read, with frames that follow each other together, and until when all was seen.

        A run has some hundred, never none, and no more than `most_bytes` of data, unless it is a single one. They end
        when the file was read `until` that byte, and go on from there when this is called again; see `reached`.
        """
        self.reached = False
        if self._ended:
            return
        try:
            for block in self._blocks:
                lines = block.split(b"\n")
                run = self._plain(block, lines) if len(block) <= most_bytes else None
                if run is not None:
                    yield run
                else:
                    yield from _together(self._items(lines), most_bytes)
                if self._source.offset == until:
                    self.reached = True
                    return
            self._ended = True
            yield from _together(self._last(self._source.rest), most_bytes)
            if self._source.problem is not None:
                self._warn(f"{self._source.problem}, after line {self._line}", 0)
        finally:
            if not self.reached:
                self.close()

    def _plain(self, block: bytes, texts: list[bytes]) -> list[Alone] | None:
        """The frames of that block with those lines, where each is a plain message: read in one go, they cost a third.

        A plain message has no other object in it, so that a line which begins with a brace begins one.
        """
        if not all(map(bytes.startswith, texts, repeat(b"{"))):
            return None
        try:
            lines = _decode_plain(block)
        except _UNREADABLE:
            return None
        if len(lines) != len(texts):
            # There are several in one.
            return None
        self._line += len(lines)
        self._at = lines[-1].at
        share = self._sharing()
        return [(line.at, ((share(name := line.channel, name), line.data.encode()),)) for line in lines]

    def _items(self, lines: list[bytes]) -> Iterator[Frame | Gap | Seen]:
        decode, share, at = self._decode, self._sharing(), self._at
        for number, text in enumerate(lines, self._line + 1):
            try:
                line = decode(text)
            except _UNREADABLE as error:
                if text.strip():
                    self._at = at
                    yield from self._odd(number, text, error)
                continue
            channel, data = line.channel, line.data
            if line.channel_base64 is not UNSET:
                channel = naming.from_bytes(line.channel_base64)
            if channel is UNSET:
                if line.seen:
                    yield Seen(line.at)
                elif line.gap is UNSET:
                    self._warn(f"line {number} is skipped: neither a message nor a gap")
                else:
                    self._partly = line.partly and not self._partly
                    end = None if self._partly else min(line.at + line.gap, LATEST)
                    yield Gap(line.at, end, line.reason, line.partly, line.lost)
                continue
            at = line.at
            name = share(channel, channel)
            if data is not UNSET:
                yield Frame(at, name, data.encode())
            elif line.data_base64 is not UNSET:
                yield Frame(at, name, line.data_base64)
            else:
                self._warn(f"line {number} is skipped: a message without data")
        self._line += len(lines)
        self._at = at

    def _odd(self, number: int, text: bytes, error: Exception) -> Iterator[Gap]:
        """A line that is none of ours, or where one capture was put behind another."""
        try:
            header = _read_header(text, self.stored.name)
        except (CaptureError, *_UNREADABLE):
            self._warn(f"line {number} is skipped: {error}")
            return
        self._warn(f"in line {number} another capture begins; its messages follow", 0)
        self.header.redacted += [key for key in header.redacted if key not in self.header.redacted]
        started = header.started if isinstance(header.started, int | float) else self._at
        self._partly = False
        yield Gap(self._at, min(max(self._at, started), LATEST), "another capture begins here")

    def _sharing(self) -> Callable[[str, str], str]:
        """What gives one string for all equal names in a block: they repeat in every line."""
        if len(self._names) > _MOST_NAMES:
            self._names.clear()
        return self._names.setdefault

    def _last(self, text: bytes) -> Iterator[Frame | Gap | Seen]:
        """What stands after the last line end: nothing, a line all the same, or what a killed recorder left of one."""
        if not text.strip():
            return
        try:
            self._decode(text)
        except _UNREADABLE:
            if self.stored.being_written:
                # What is being recorded this moment has no end yet.
                return
            self._torn = True
            self._warn(f"line {self._line + 1}, the last one, is torn and skipped: the recording was cut off there")
        else:
            yield from self._items([text])

    def _warn(self, text: str, lines: int = 1) -> None:
        self.skipped += lines
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(text)


def _together(items: Iterable[Frame | Gap | Seen], most_bytes: int) -> Iterator[list[Alone] | Gap | Seen]:
    run: list[Alone] = []
    size = 0
    for item in items:
        more = len(item.data) if isinstance(item, Frame) else 0
        if run and (not isinstance(item, Frame) or size + more > most_bytes):
            yield run
            run, size = [], 0
        if not isinstance(item, Frame):
            yield item
        else:
            run.append((item.at, ((item.channel, item.data),)))
            size += more
    if run:
        yield run


class _Version(msgspec.Struct):
    daebus_capture: int


def _header(source: CaptureSource) -> Header:
    """The header from the first line. Raises CaptureError where that is none, or none of ours to read."""
    text, name = source.first_line(), source.stored.name
    if not text and source.problem is not None:
        raise CaptureError(f"{name} cannot be read: {source.problem}")
    if not text and not source.rest:
        raise CaptureError(f"{name} is empty: it holds no recording")
    try:
        return _read_header(text, name)
    except CaptureError:
        raise
    except _UNREADABLE:
        what = what_it_is(text, source.rest)
        reason = f"it is {what}" if what is not None else "its first line is not the header of one"
        raise CaptureError(f"{name} is no capture of daebus-console: {reason}") from None


def _read_header(text: bytes, name: str) -> Header:
    """Raises CaptureError for a header of another version, ValueError and the like for what is none."""
    version = msgspec.json.decode(text, type=_Version).daebus_capture
    if version > VERSION:
        raise CaptureError(
            f"{name} is a capture of version {version}, and this console reads versions up to {VERSION}: "
            "update daebus-console"
        )
    if version < 1:
        raise ValueError("no such version")
    return msgspec.json.decode(text, type=Header)
