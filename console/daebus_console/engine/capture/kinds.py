"""What a file is that is no capture, as far as its beginning tells. Pure."""

from __future__ import annotations

import re

from daebus_console.files.packing import WANTED, zstd

_AGAIN = "export --as capture makes a file that can be opened and replayed"
_RECORD = "record makes a file that can be opened and replayed"
_BY_ZSTD = "compressed with zstd"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b'{"exchange":', f"JSON lines, as export writes them with --as jsonl ({_AGAIN})"),
    (b'(\\[\\s*)?\\{\\s*"exchange":', f"JSON, as export writes it ({_AGAIN})"),
    (b"\\[\\]$", "an empty list in JSON"),
    (b"<\\?xml.*<testsuites?\\b", "a JUnit report, as replay writes it with --junit"),
    (b"<\\?xml|<!DOCTYPE|<html", "XML or HTML"),
    (b"### #\\d+ ", f"Markdown, as export writes it ({_AGAIN})"),
    (b"sequenceDiagram\\b", f"a Mermaid diagram, as export writes it ({_AGAIN})"),
    (b'#!.*\\bpython|"""|import |from \\w+ import ', "a Python file"),
    (b"// .*\\n// Needs @nestjs", f"a program for NestJS, as export writes it ({_AGAIN})"),
    (b"(# #\\d+ is left out.*\\n)*daebus-console ", f"commands, as export writes them with --as command ({_AGAIN})"),
    (b"(# .*\\n)*redis-cli ", f"commands, as export writes them with --as redis-cli ({_AGAIN})"),
    (b"\\xff\\xfe|\\xfe\\xff", "text in UTF-16; a capture is UTF-8"),
    (b"\\x28\\xb5\\x2f\\xfd|[\\x50-\\x5f]\\x2a\\x4d\\x18", _BY_ZSTD),
    (b"\\x1f\\x8b", "compressed with gzip, twice"),
    (b"\\xfd7zXZ\\0", "compressed with xz: decompress it first"),
    (b"BZh[1-9]", "compressed with bzip2: decompress it first"),
    (b"PK\\x03\\x04", "a zip archive: take the capture out of it first"),
    (b"REDIS\\d{4}", "a dump of Redis"),
    (b'(\\+?OK\\r?\\n)?\\+?\\d+\\.\\d+ \\[\\d+ .*\\] "', "the output of MONITOR"),
    (
        b'(Reading messages\\.\\.\\. .*\\r?\\n)?(1\\) |\\[)?"?[ps]?subscribe\\b',
        f"what redis-cli prints of a subscription ({_RECORD})",
    ),
    (b'\\{"seq":', f"JSON lines, as tail writes them with --json ({_RECORD})"),
    (b'\\{"at": ?[^,]+, ?"service":', f"JSON lines, as logs writes them with --json ({_RECORD})"),
    (b'\\{"at":', "JSON lines of a capture without the header that a capture begins with"),
)
_KNOWN = tuple((re.compile(pattern), what) for pattern, what in _STARTS)
_BINARY = re.compile(b"[\\x00-\\x08\\x0e-\\x1a\\x1c-\\x1f]")
_MOST = 4_096


def what_it_is(first_line: bytes, rest: bytes) -> str | None:
    """What a file is that begins so, for a sentence; None where nobody can tell."""
    text = (first_line[:_MOST] + b"\n" + rest[:_MOST]).rstrip(b"\n")
    for pattern, what in _KNOWN:
        if pattern.match(text):
            return what if what != _BY_ZSTD else f"{what}, which needs {WANTED}" if zstd() is None else f"{what}, twice"
    if _BINARY.search(text):
        return "binary data"
    return None
