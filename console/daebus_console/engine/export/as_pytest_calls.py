"""Exchanges as a pytest module that runs their handlers, with the calls they made answered as recorded. Pure.

The module needs no Redis: daebus[testing] and pytest alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Unread, answer_of, untraced
from daebus_console.engine.export.as_pytest import helpers, name_of, why_not
from daebus_console.engine.export.as_python import docstring, literal, redacted_note, sent, unsaid, written
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import one_line, sendable
from daebus_console.engine.message.control import is_release
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.replay.item import Resend
from daebus_console.engine.rerun.case import Case, Recorded, RecordedCall, Unfit, case_of, id_of
from daebus_console.engine.rerun.edited import told_edit

_HEAD = '''\
"""{title}

Run it with: pytest THIS_FILE. It needs no Redis: the handlers run in the process of the test, and the calls that they
make are answered as they were when this was recorded.{redacted}
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from daebus import Daebus, RawJson
from daebus.testing import BusMessage, RecordedCall, importing, rerun

# The app that has the handlers, as `daebus run` takes it: shop.orders:app
APP = os.environ.get("DAEBUS_APP") or {app!r}

# Places that may differ: * stands for anything, ? for one sign. What is in such a place does not count either.
IGNORE: list[str] = {ignore}
# Numbers are the same that differ by no more than this, or by no more than this part of the larger one.
TOLERANCE = {tolerance!r}
RELATIVE_TOLERANCE = {relative!r}
# Whether lists are the same in any order.
ANY_ORDER = {any_order!r}

nan, inf = float("nan"), float("inf")
# A RawJson is just that text.
CASES: list[dict[str, Any]] = [
'''


class _Call:
    """A call as the module makes it."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self.values, self.named = values, named

    def __repr__(self) -> str:
        told = [literal(value) for value in self.values]
        told += [f"{name}={literal(value)}" for name, value in self.named.items()]
        return f"RecordedCall({', '.join(told)})"


class _Unsaid(ValueError):
    """It cannot be said in a test; the text says why."""


def as_pytest_calls(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """The module. What no handler was asked or told, and what was not answered, is left out, and said to be."""
    assert options.calls_from is not None
    rules = options.rules
    yield _HEAD.format(
        title=docstring(options.title or "What handlers did when this was recorded."),
        redacted=redacted_note(options),
        app=options.app,
        ignore=literal(list(rules.ignore)),
        tolerance=rules.tolerance,
        relative=rules.relative,
        any_order=rules.any_order,
    )
    chosen = list(exchanges)
    known = _related(chosen, options.calls_from)
    for exchange, item, why in sendable(chosen, options.redact):
        try:
            if item is None:
                raise _Unsaid(why)
            case = case_of(exchange, known)
            told = textwrap.indent(_literal(_case(case, item, options)), "    ") + ",\n"
            remarks = [*filter(None, (case.touched, told_edit(case.edited)))]
            yield f"    # {one_line('; '.join(remarks))}\n{told}" if remarks else told
        except (_Unsaid, Unfit) as error:
            yield "    " + options.leave_out(exchange.number, one_line(str(error)))
        except RecursionError:
            yield "    " + options.leave_out(exchange.number, "it is nested too deeply")
    yield "]\n\n\n" + _body() + helpers()


def _related(chosen: list[Exchange], all_of_them: Callable[[], Iterable[Exchange]]) -> list[Exchange]:
    """All that may belong to those that are exported."""
    parents = {id_of(one) for one in chosen} - {None}
    return [one for one in all_of_them() if _nobody_signs(one) or one.parent_id in parents or is_release(one)]


def _nobody_signs(one: Exchange) -> bool:
    """Whether it is a broadcast, also one that has an action as a one-way message has."""
    return one.kind is Kind.BROADCAST or (one.kind is Kind.ONE_WAY and one.parent_id is None)


def _case(case: Case, item: Resend, options: ExportOptions) -> dict[str, Any]:
    exchange = case.exchange
    answer = untraced(answer_of(exchange))
    one_way = exchange.kind is Kind.ONE_WAY
    reason = unsaid(item) or ("" if one_way else why_not(exchange, answer))
    if reason:
        raise _Unsaid(reason)
    mask = options.redact.mask
    return {
        "id": name_of(exchange),
        "service": item.channel,
        "action": item.action,
        "payload": sent(item) if case.edit is None else written(mask(case.edit.payload)),
        "asker": exchange.source or "test",
        "one_way": one_way,
        "calls": [_call(call, options) for call in case.calls],
        "messages": [(f"{one.channel}.{one.action}", _payload(one, options)) for one in case.messages],
        "broadcasts": _broadcasts(case, options) if case.casts else None,
        "unseen": list(case.unseen),
        "sure": case.sure,
        "status": answer.status,
        "stream": [mask(payload) for payload in answer.stream],
        "answer": mask(answer.payload),
    }


def _broadcasts(case: Case, options: ExportOptions) -> list[tuple[str, Any]]:
    return [
        (one.channel, _payload(one, options))
        for one in case.broadcasts
        # Where nobody says that it is its own, it is left to another.
        if case.sure or not isinstance(one.payload, Unread)
    ]


def _call(call: RecordedCall, options: ExportOptions) -> _Call:
    answer = call.answer
    about = (call.channel, call.action, _whole(call.payload, call, options))
    stream = [_whole(part, call, options) for part in answer.stream]
    named: dict[str, Any] = {}
    if answer.answered:
        named["answer"] = _whole(answer.payload, call, options)
    if not answer.answered or answer.status == "error":
        named["status"] = "error" if answer.answered else "unanswered"
    if not answer.answered and call.request_id is not None:
        # It stands in the error that the handler gets.
        named["request_id"] = call.request_id
    if stream:
        named["stream"] = stream
    return _Call(*about, **named)


def _payload(one: Recorded, options: ExportOptions) -> Any:
    if isinstance(one.payload, Unread):
        raise _Unsaid(f"#{one.number}, which it sent, is unreadable")
    return options.redact.mask(one.payload)


def _whole(value: Any, call: RecordedCall, options: ExportOptions) -> Any:
    """The value as it is sent again: as its text where it must be."""
    if isinstance(value, Unread):
        raise _Unsaid(f"call #{call.number} ({call.name}) has what is unreadable in it")
    masked = options.redact.mask(value)
    try:
        jsontext.loads_strict(jsontext.text_of(masked))
    except ValueError:
        raise _Unsaid(f"call #{call.number} ({call.name}) has NaN or Infinity in it") from None
    return written(masked) if isinstance(masked, dict) else masked


def _literal(case: dict[str, Any]) -> str:
    """The case, a member a line, each over several where it is long."""
    lines = [f"    {name!r}: {textwrap.indent(literal(value), '    ').lstrip()},\n" for name, value in case.items()]
    return "{\n" + "".join(lines) + "}"


def _body() -> str:
    source = files("daebus_console.engine.export").joinpath("pytest_calls_body.py").read_text("utf-8")
    return source.split("# ---\n", 1)[1]
