"""Words and texts as a POSIX shell takes them, the same in bash, zsh and dash. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 100_000
"""Bytes of one argument that every system takes: Linux refuses a program that is given more than 128 KiB in one."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]+")


def fits(text: str) -> bool:
    """Whether the text can be an argument, readable and on one line."""
    return len(text) <= LONGEST and text.isprintable() and len(text.encode("utf-8", "surrogatepass")) <= LONGEST


def shell_line(words: Iterable[str]) -> str:
    """The words quoted for a shell, on one line."""
    return " ".join(map(shell_word, words))


def shell_word(word: str) -> str:
    """One word, quoted where it must be. Newlines at its end are lost where it holds something not printable."""
    if word.isprintable():
        # Not all of what needs no quotes elsewhere is safe in zsh, where =word is the path of a program.
        return word if _PLAIN.fullmatch(word) else "'" + word.replace("'", "'\"'\"'") + "'"
    # $'...' would be shorter, and is not known to dash.
    return f'"$({printed(word)})"'


def printed(text: str) -> str:
    """A command that prints the text, for a pipe; the shell does it by itself, so that no length is too much."""
    if text.isprintable():
        return f"printf %s {shell_word(text)}"
    return "printf '" + "".join(map(_escaped, text.encode("utf-8", "surrogatepass"))) + "'"


def _escaped(byte: int) -> str:
    if byte == 0x25:
        return "%%"
    if byte == 0x5C:
        return "\\\\"
    return chr(byte) if 0x20 <= byte < 0x7F and byte != 0x27 else f"\\{byte:03o}"
