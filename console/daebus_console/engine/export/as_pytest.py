"""Exchanges as a pytest module: one test each, which asks again and compares. Pure.

The module needs daebus and pytest alone; the rules of the comparison stand in it as data, to be changed by hand.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any

from daebus_console.engine.diff.exchange import Answer, Unread, answer_of, untraced
from daebus_console.engine.export.as_python import (
    docstring,
    literal,
    redacted_note,
    redis_url,
    sent,
    too_late,
    unsaid,
    waited,
)
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import one_line, sendable
from daebus_console.engine.export.where import for_shell
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.touched import hand_in
from daebus_console.engine.replay.item import Resend

_HEAD = '''\
"""{title}

Run it with: DAEBUS_REDIS_URL={redis} pytest THIS_FILE{redacted}
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import DaebusCaller, RawJson, RequestFailed

REDIS_URL = os.environ.get("DAEBUS_REDIS_URL") or {redis!r}

# Places that may differ: * stands for anything, ? for one sign. What is in such a place does not count either.
IGNORE: list[str] = {ignore}
# Numbers are the same that differ by no more than this, or by no more than this part of the larger one.
TOLERANCE = {tolerance!r}
RELATIVE_TOLERANCE = {relative!r}
# Whether lists are the same in any order.
ANY_ORDER = {any_order!r}

nan, inf = float("nan"), float("inf")
# A RawJson is sent as just that text.
CASES: list[dict[str, Any]] = [
'''


def as_pytest(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """The module. What was not answered, or asks for no answer, is left out, and said to be."""
    rules = options.rules
    yield _HEAD.format(
        title=docstring(options.title or "What services answered when this was recorded."),
        redis=for_shell(redis_url(options)),
        redacted=redacted_note(options),
        ignore=literal(list(rules.ignore)),
        tolerance=rules.tolerance,
        relative=rules.relative,
        any_order=rules.any_order,
    )
    for exchange, item, why in sendable(exchanges, options.redact):
        answer = untraced(answer_of(exchange))
        reason = why or why_not(exchange, answer) or ("" if item is None else unsaid(item))
        if item is None or reason:
            yield "    " + options.leave_out(exchange.number, one_line(reason))
            continue
        try:
            case = textwrap.indent(literal(_case(exchange, item, answer, options)), "    ") + ",\n"
            late, touched = too_late(item, exchange), hand_in([exchange])
            remarks = [f"#{exchange.number}: {late}"] if late else []
            remarks += [touched] if touched else []
            yield "".join(f"    # {one_line(remark)}\n" for remark in remarks) + case
        except RecursionError:
            yield "    " + options.leave_out(exchange.number, "it is nested too deeply")
    yield "]\n\n\n" + _body()


def why_not(exchange: Exchange, answer: Answer) -> str:
    """Why there is nothing to compare an answer with, if there is not."""
    if exchange.kind is not Kind.REQUEST:
        return "nothing was to be answered"
    if not answer.answered:
        return f"no answer was seen ({answer.status})"
    if any(isinstance(payload, Unread) for payload in (answer.payload, *answer.stream)):
        return "its answer is unreadable"
    return ""


def _case(exchange: Exchange, item: Resend, answer: Answer, options: ExportOptions) -> dict[str, Any]:
    mask = options.redact.mask
    return {
        "id": name_of(exchange),
        "service": item.channel,
        "action": item.action,
        "payload": sent(item),
        "timeout": waited(item, exchange),
        "status": answer.status,
        "stream": [mask(payload) for payload in answer.stream],
        "answer": mask(answer.payload),
    }


def name_of(exchange: Exchange) -> str:
    """The id of its test."""
    names = "-".join(name for name in (exchange.target, exchange.action) if name)
    return f"{exchange.number}-{re.sub('[^A-Za-z0-9_.-]+', '_', names)[:60]}"


def _body() -> str:
    """What the module does with its data."""
    return _parts()[1] + helpers()


def helpers() -> str:
    """What compares, for whatever tests there are before it."""
    return _parts()[2]


def _parts() -> list[str]:
    source = files("daebus_console.engine.export").joinpath("pytest_body.py").read_text("utf-8")
    return source.split("# ---\n")
