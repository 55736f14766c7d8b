"""Messages as commands for a shell: daebus-console, and redis-cli. Pure."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit, urlunsplit

from daebus_console.engine import jsontext
from daebus_console.engine.exchange import Exchange, Kind
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import one_line, sendable
from daebus_console.engine.replay.item import Resend

_VERBS = {Kind.REQUEST: "request", Kind.ONE_WAY: "send", Kind.BROADCAST: "broadcast"}


def as_command(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A daebus-console command each."""
    redis = redis_option(options.redis)
    for exchange, item, why in sendable(exchanges, options.redact):
        if item is None:
            yield f"# #{exchange.number} is left out: {one_line(why)}\n"
            continue
        names = [item.channel] if item.kind is Kind.BROADCAST else [item.channel, item.action or ""]
        # A name that begins with a dash would be taken for an option.
        dashes = ["--"] if any(name.startswith("-") for name in names) else []
        timeout = ["--timeout", f"{item.timeout:g}"] if item.kind is Kind.REQUEST and item.timeout is not None else []
        words = ["daebus-console", *redis, _VERBS[item.kind], *timeout, *dashes, *names, jsontext.text_of(item.payload)]
        yield shell_line(words) + "\n"


def as_redis_cli(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A PUBLISH each. A request gets a new id, and a reply channel that disturbs nobody."""
    for exchange, item, why in sendable(exchanges, options.redact):
        if item is None:
            yield f"# #{exchange.number} is left out: {one_line(why)}\n"
            continue
        words = ["redis-cli", *redis_cli_options(options.redis)]
        if item.kind is Kind.REQUEST:
            reply_to = f"caller:{uuid.uuid4().hex}"
            yield f"# the answer: {shell_line([*words, 'SUBSCRIBE', reply_to])}\n"
            data = _published(item, reply_to)
        else:
            data = _published(item, "")
        yield shell_line([*words, "PUBLISH", item.channel, data]) + "\n"


def _published(item: Resend, reply_to: str) -> str:
    return item.encode(reply_to, uuid.uuid4().hex, 0.0).decode()


def shell_line(words: Iterable[str]) -> str:
    """The words quoted for a POSIX shell, on one line."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if any(not sign.isprintable() for sign in word):
        # $'...' is understood by bash, zsh, ksh and POSIX.1-2024 shells, and keeps a newline from ending the line.
        escaped = "".join(_escape(byte) for byte in word.encode("utf-8", "surrogatepass"))
        return f"$'{escaped}'"
    return shlex.quote(word)


def _escape(byte: int) -> str:
    if byte in b"'\\":
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def redis_option(url: str) -> list[str]:
    """--redis with the URL; nothing where there is none. A password is never in it: $DAEBUS_REDIS_URL can hold one."""
    return ["--redis", _bare(url)] if url else []


def redis_cli_options(url: str) -> list[str]:
    """The options of redis-cli for that Redis; a password goes into $REDISCLI_AUTH."""
    if not url:
        return []
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return ["-s", parts.path]
    return ["-u", _bare(url)]


def _bare(url: str) -> str:
    """The URL without anything of a password, not even its mask."""
    parts = urlsplit(url)
    user, _colon, _password = parts.netloc.rpartition("@")[0].partition(":")
    netloc = (f"{user}@" if user else "") + parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
