"""Messages of other frameworks as code with their own clients: NestJS in TypeScript, FastStream in Python. Pure."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping

from daebus_console import naming
from daebus_console.engine import jsontext
from daebus_console.engine.dialects.faststream import body_of, headers_of
from daebus_console.engine.export.as_python import docstring, redacted_note, redis_url
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import one_line, when
from daebus_console.engine.export.where import MASTER, asking_for_master, for_redis_py, ioredis_options
from daebus_console.engine.message.exchange import Exchange, Kind

_NEST_HEAD = """\
// {title}
// Needs @nestjs/microservices, ioredis, reflect-metadata and rxjs; a password is taken from REDIS_PASSWORD.{redacted}
import 'reflect-metadata';
{files}import {{ ClientProxyFactory, Transport }} from '@nestjs/microservices';
import {{ lastValueFrom, timeout, toArray }} from 'rxjs';

const client = ClientProxyFactory.create({{
  transport: Transport.REDIS,
  options: {{ {place} }},
}});

async function ask(pattern: any, data: any) {{
  const answers = client.send(pattern, data).pipe(timeout({{ first: 5000, each: 5000 }}), toArray());
  console.log(JSON.stringify(await lastValueFrom(answers).catch((error) => ({{ error }}))));
}}

async function emit(pattern: any, data: any) {{
  await lastValueFrom(client.emit(pattern, data), {{ defaultValue: undefined }});
}}

async function main() {{
  await client.connect();
"""
_NEST_TAIL = "  await client.close();\n}\n\nmain();\n"

_FASTSTREAM_HEAD = '''\
"""{title}

Needs faststream[redis]. Sends to the Redis of DAEBUS_REDIS_URL, by default {redis}.{redacted}
"""

import asyncio
import os

from faststream.redis import RedisBroker

broker = RedisBroker(os.environ.get("DAEBUS_REDIS_URL", {redis!r}))


async def ask(message, channel, headers):
    try:
        answer = await broker.request(message, channel=channel, headers=headers, timeout=5.0)
        print(await answer.decode())
    except TimeoutError:
        print("no answer: nobody is there, or the handler failed")


async def main():
    await broker.connect()
'''
_FASTSTREAM_TAIL = "    await broker.stop()\n\n\nasyncio.run(main())\n"


class _Unsaid(ValueError):
    """There is no code for it; the text says why."""


def as_nest(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A program in TypeScript that sends and emits with a ClientProxy."""
    place = ", ".join(ioredis_options(redis_url(options)))
    yield _NEST_HEAD.format(
        title=one_line(options.title or "What was seen on the bus, sent again."),
        redacted=redacted_note(options).replace("\n", " "),
        files="import { readFileSync } from 'node:fs';\n" if "readFileSync(" in place else "",
        place=place,
    )
    for line in _lines("nest", exchanges, options, _nest_call):
        yield f"  //{line[1:]}" if line.startswith("#") else line
    yield _NEST_TAIL


def as_faststream(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A program in Python that requests and publishes with a broker."""
    yield _FASTSTREAM_HEAD.format(
        title=docstring(options.title or "What was seen on the bus, sent again."),
        redis=for_redis_py(redis_url(options)),
        redacted=f"{_instead(redis_url(options))}{redacted_note(options)}",
    )
    for line in _lines("faststream", exchanges, options, _faststream_call):
        yield f"    {line}" if line.startswith("#") else line
    yield _FASTSTREAM_TAIL


def _instead(url: str) -> str:
    """What to put in the place of what stands in for sentinels, whom FastStream cannot ask."""
    asking = asking_for_master(url)
    if not asking:
        return ""
    return f"\nPut the address of the master (ip and port) in the place of {MASTER}: {docstring(shlex.join(asking))}"


def _lines(
    dialect: str,
    exchanges: Iterable[Exchange],
    options: ExportOptions,
    call: Callable[[Exchange, ExportOptions], str],
) -> Iterator[str]:
    """A comment and a call for each, in the words of Python's comments."""
    for exchange in exchanges:
        why = ""
        if exchange.dialect != dialect:
            why = f"it is not in the dialect {dialect}"
        elif exchange.kind not in (Kind.REQUEST, Kind.BROADCAST):
            why = "it is an answer, and answers are never sent again"
        else:
            try:
                made = call(exchange, options)
            except _Unsaid as error:
                why = one_line(str(error))
        if why:
            yield options.leave_out(exchange.number, why)
        else:
            yield f"# #{exchange.number}, {when(exchange.opened.at)}\n"
            yield made


def _nest_call(exchange: Exchange, options: ExportOptions) -> str:
    try:
        text = options.redact(exchange.opened.data).decode()
        given = {one.name: text[one.start : one.end] for one in jsontext.read_members(text)}
        pattern, data = given["pattern"], given.get("data", "undefined")
    except (ValueError, KeyError):
        raise _Unsaid("its packet cannot be read") from None
    function = "ask" if exchange.kind is Kind.REQUEST else "emit"
    return f"  await {function}({_script(pattern)}, {_script(data)});\n"


def _script(text: str) -> str:
    """JSON as JavaScript has it, in ASCII. The one name that means something there goes through a reader of JSON."""
    plain = "".join(sign if sign.isascii() else json.dumps(sign)[1:-1] for sign in text)
    return f"JSON.parse({json.dumps(plain)})" if "__proto__" in plain or "\\u00" in plain else plain


def _faststream_call(exchange: Exchange, options: ExportOptions) -> str:
    opened = exchange.opened
    headers, body = headers_of(opened.data), body_of(opened.data)
    if headers is None or body is None:
        raise _Unsaid("its frame cannot be read")
    if not naming.is_text(opened.channel):
        raise _Unsaid("FastStream has no channel whose name is no UTF-8")
    own = {name: value for name, value in headers.items() if name not in ("correlation_id", "reply_to", "content-type")}
    masked = {name: str(value) for name, value in options.redact.mask(own).items()} if own else None
    message = _message(headers, options.redact(body))
    if exchange.kind is Kind.REQUEST:
        return f"    await ask({message}, {opened.channel!a}, {masked!a})\n"
    return f"    await broker.publish({message}, channel={opened.channel!a}, headers={masked!a})\n"


def _message(headers: Mapping[str, str], body: bytes) -> str:
    """The body as what FastStream makes such a body of, where it would; else its bytes."""
    kind = headers.get("content-type", "")
    try:
        if kind == "text/plain":
            return ascii(body.decode())
        if kind == "application/json":
            value = json.loads(body.decode(), parse_constant=_refused, parse_float=_finite)
            if not isinstance(value, str | None):
                return ascii(value)
    except (ValueError, RecursionError):
        raise _Unsaid("its body is not what its content-type says") from None
    if kind:
        raise _Unsaid(f"there is no code for a body of the content-type {kind}")
    return "None" if not body else ascii(body)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number that can be written")
