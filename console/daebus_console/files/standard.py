"""The three standard streams, where whoever started us has closed some of them. Light: it is imported first of all."""

from __future__ import annotations

import os
import sys

_STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""A stand-in for standard input cannot be read, one for standard output not written: who tries is told."""


def complete() -> None:
    """Put a stand-in wherever a standard stream is closed.

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
