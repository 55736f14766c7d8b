"""Compressing files: by gzip where the name ends in .gz, by zstd where it ends in .zst.

zstd is in Python from 3.14 on; before that the package backports.zstd is the same, which one may do without.
"""

from __future__ import annotations

import contextlib
import zlib
from importlib import import_module
from typing import Any, Protocol

from daebus_console.files.places import file_error

SUFFIXES = (".gz", ".zst")
WANTED = "Python 3.14, or: pip install 'daebus[zstd]'"
"""What zstd takes."""
_WINDOW = 32 * 1024
"""Bytes that gzip looks back."""
_CRUMB = 64


class Packer(Protocol):
    """Compresses a stream. What came before a flush can be read from what has come out; the last one ends it."""

    def compress(self, data: bytes | bytearray) -> bytes:
        """As much of it as is ready."""

    def flush(self, *, last: bool) -> bytes:
        """The rest of what was handed in."""

    def arrived(self) -> None:
        """All that came out up to the flush just made is where it was to go."""

    def unpacked(self, data: bytes) -> bytes:
        """What can be had of the beginning of what came out since all had `arrived`: a disk took no more."""


def packer_for(path: str) -> Packer | None:
    """What a file of that name is compressed by, if anything. Raises FileError where that is not installed."""
    if path.endswith(".gz"):
        return _Gzip()
    if not path.endswith(".zst"):
        return None
    module = zstd()
    if module is None:
        missing = f"zstd needs {WANTED}"
        raise file_error(ValueError(missing), f"cannot write {path}: {missing}")
    return _Zstd(module)


def zstd() -> Any:
    """The module for zstd; None where there is none."""
    for name in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            return import_module(name)
    return None


def salvaged(decompressor: Any, data: bytes, *errors: type[Exception]) -> bytes:
    """What can be had of data that is damaged, or ends too early: all but the few bytes before that."""
    texts: list[bytes] = []
    with contextlib.suppress(*errors):
        for start in range(0, len(data), _CRUMB):
            texts.append(decompressor.decompress(data[start : start + _CRUMB]))
    return b"".join(texts)


class _Gzip:
    def __init__(self) -> None:
        self._zip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._window = self._recent = b""

    def compress(self, data: bytes | bytearray) -> bytes:
        # All that is exported goes through here, of which only the end is wanted.
        self._recent = (self._recent + data[-_WINDOW:])[-_WINDOW:]
        return self._zip.compress(data)

    def flush(self, *, last: bool) -> bytes:
        return self._zip.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    def arrived(self) -> None:
        self._window = self._recent

    def unpacked(self, data: bytes) -> bytes:
        return salvaged(zlib.decompressobj(-15, zdict=self._window), data, zlib.error)


class _Zstd:
    """A frame for all that lies between two flushes, so that each can be read without those before."""

    def __init__(self, module: Any) -> None:
        # Without a checksum what is damaged may be read as something else, and nobody notices.
        options = {module.CompressionParameter.checksum_flag: 1}
        self._module, self._zip = module, module.ZstdCompressor(options=options)
        self._begun = False

    def compress(self, data: bytes | bytearray) -> bytes:
        self._begun = self._begun or bool(data)
        found: bytes = self._zip.compress(data)
        return found

    def flush(self, *, last: bool) -> bytes:
        del last
        if not self._begun:
            return b""
        self._begun = False
        found: bytes = self._zip.flush()
        return found

    def arrived(self) -> None:
        """Each frame begins anew."""

    def unpacked(self, data: bytes) -> bytes:
        return salvaged(self._module.ZstdDecompressor(), data, self._module.ZstdError, EOFError)
