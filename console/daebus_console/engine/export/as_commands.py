"""Messages as commands for a shell: daebus-console, and redis-cli. Pure.

A line does the same in bash, zsh and dash, and says nothing to a screen that it is printed on. What has no room among
the arguments of a command, or cannot stand there, goes through a pipe.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Iterator

from daebus_console import naming
from daebus_console.engine import jsontext
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import NO_CHANNEL, one_line, sendable, unsaid
from daebus_console.engine.export.quoting import fits, printed, shell_line, shell_word
from daebus_console.engine.export.where import MASTER, asking_for_master, is_of_shards, redis_cli_options, redis_option
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.replay.item import Resend

_VERBS = {Kind.REQUEST: "request", Kind.ONE_WAY: "send", Kind.BROADCAST: "broadcast"}


def as_command(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A daebus-console command each."""
    redis = redis_option(options.redis)
    for exchange, item, why in sendable(exchanges, options.redact, raw=True):
        why = why or _unsaid(item)
        if item is None or why:
            yield options.leave_out(exchange.number, one_line(why))
            continue
        channel = naming.written(item.channel)
        as_it_is = _bytes_of(item)
        if as_it_is is not None:
            encoded = base64.b64encode(as_it_is).decode() or "="
            if fits(encoded):
                yield shell_line(["daebus-console", *redis, "broadcast", channel, "--base64", encoded]) + "\n"
            else:
                yield options.leave_out(
                    exchange.number, "it is too long for a command; for redis-cli it can be exported"
                )
            continue
        action = [] if item.kind is Kind.BROADCAST else [naming.written(item.action or "", text=True)]
        timeout = ["--timeout", f"{item.timeout:g}"] if item.kind is Kind.REQUEST and item.timeout is not None else []
        words = ["daebus-console", *redis, _VERBS[item.kind], *timeout, channel, *action]
        payload = jsontext.text_of(item.payload)
        if fits(payload):
            yield shell_line([*words, payload]) + "\n"
        else:
            yield f"{printed(payload)} | {shell_line([*words, '-'])}\n"


def _bytes_of(item: Resend) -> bytes | None:
    """What is published as its bytes: what is no object, or has blanks around it, which an object that is typed loses;
    None of all else."""
    if item.raw is not None or item.kind is not Kind.BROADCAST:
        return item.raw
    text = jsontext.text_of(item.body)
    return None if text == text.strip(jsontext.BLANKS) else text.encode()


def _unsaid(item: Resend | None) -> str:
    """Why there is no command for it, if there is none."""
    if item is None:
        return ""
    if item.kind is Kind.REQUEST and not item.channel:
        return "a service without a name cannot be asked"
    return unsaid(item)


def as_redis_cli(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A PUBLISH each. A request gets a new id, and a reply channel that disturbs nobody."""
    words = ["redis-cli", *redis_cli_options(options.redis)]
    publish, subscribe = ("SPUBLISH", "SSUBSCRIBE") if is_of_shards(options.redis) else ("PUBLISH", "SUBSCRIBE")
    asking = asking_for_master(options.redis)
    if asking:
        yield f"# put the address of the master (ip and port) in the place of {MASTER}: {shell_line(asking)}\n"
    for exchange, item, why in sendable(exchanges, options.redact, raw=True):
        try:
            channel = naming.to_bytes(item.channel) if item is not None else b""
        except UnicodeEncodeError:
            item, why = None, NO_CHANNEL
        if item is None:
            yield options.leave_out(exchange.number, one_line(why))
            continue
        reply_to = ""
        if item.kind is Kind.REQUEST:
            reply_to = f"caller:{uuid.uuid4().hex}"
            yield f"# the answer: {shell_line([*words, subscribe, reply_to])}\n"
        data = item.encode(reply_to, uuid.uuid4().hex, 0.0)
        yield _publish(words, publish, channel, data) + "\n"


def _publish(words: list[str], command: str, channel: bytes, data: bytes) -> str:
    try:
        texts = [channel.decode(), data.decode()]
    except UnicodeDecodeError:
        texts = []
    if texts and all(map(fits, texts)):
        return shell_line([*words, command, *texts])
    # What it reads from its input it takes with quotes of its own, in which any byte can be written.
    return f"printf '%s\\n' {shell_word(f'{command} {_cli_quoted(channel)} {_cli_quoted(data)}')} | {shell_line(words)}"


def _cli_quoted(data: bytes) -> str:
    return f'"{data.decode("latin-1").translate(_CLI_SIGNS)}"'


def _cli_escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    # An apostrophe as well, so that the shell's own quotes need none.
    return chr(byte) if 0x20 <= byte < 0x7F and byte != 0x27 else f"\\x{byte:02x}"


_CLI_SIGNS = {byte: _cli_escaped(byte) for byte in range(256)}
