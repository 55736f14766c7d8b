"""The three standard streams, where whoever started us has closed some of them. Light: it is imported first of all."""

from __future__ import annotations

import errno
import io
import os
import sys

_STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""A stand-in for standard input cannot be read, one for standard output not written: who tries is told."""


def complete() -> None:
    """Put a stand-in wherever a standard stream is closed, and have all of what is written to one written.

    Otherwise the next file or connection that is opened would get its number, and what is meant for a person would be
    written into it.
    """
    for number, (name, mode, flags) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # it stays open
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(getattr(stream, "buffer", None), io.FileIO):
            whole = _whole(stream)
            setattr(sys, name, whole)
            if getattr(sys, f"__{name}__") is stream:
                setattr(sys, f"__{name}__", whole)


class _Whole(io.FileIO):
    """A descriptor without a buffer, to which all is written or the error raised that kept a part from it.

    With PYTHONUNBUFFERED, Python writes once, and does not look whether that was a part.
    """

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write all of it; returns its size in bytes. Raises OSError."""
        view = memoryview(data).cast("B")
        size = len(view)
        while view:
            done = super().write(view)
            if done is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            view = view[done:]
        return size


def _whole(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        _Whole(stream.fileno(), "w", closefd=False),
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=True,
    )
