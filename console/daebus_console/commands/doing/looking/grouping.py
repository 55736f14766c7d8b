"""groups: failures that are the same mistake, counted together."""

from __future__ import annotations

import time
from typing import Any

from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared.material import gather
from daebus_console.commands.doing.shared.putting_out import as_typed
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.insight.group import Group
from daebus_console.engine.insight.groups import Groups
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, fit, line, plural, sparkline, table

_BARS = 12
_MOST_SHOWN = 100


def run_groups(command: Command, context: Context) -> int:
    """Group the failures among what is looked at, and print the groups."""
    material = gather(command, context)
    groups = Groups(context.redact if context.redact else None, control=material.wanted.names_control)
    groups.add_all(material.matching())
    groups.tell_apart(material.matching)
    found = groups.sorted()
    if command["json"]:
        for group in found:
            context.output.record(_record(group, groups, material.wanted.text))
    elif found:
        context.output.result(_lines(found[:_MOST_SHOWN], groups, material.wanted.text, context))
        if len(found) > _MOST_SHOWN:
            context.output.note(f"and {len(found) - _MOST_SHOWN:,} more groups; --json tells all")
    if not command["json"]:
        what = "no failure" if not groups.failed else f"{groups.failed:,} of {groups.looked:,} failed"
        context.output.note(what if groups.failed else f"{what} among {plural(groups.looked, 'exchange')}")
    if groups.left_out:
        context.output.note(f"{plural(groups.left_out, 'failure')} got no group: there are too many different ones")
    material.tell_warnings(context)
    return material.ended()


def what_failed(group: Group) -> list[Span]:
    """Where it failed and with which error, in styles."""
    key = group.key
    spans = [Span(shown(key.service), "bold")]
    if key.action is not None:
        spans += [Span(".", "dim"), Span(shown(key.action, text=True), "key")]
    error = " ".join(dict.fromkeys(word for word in (key.code, key.type) if word))
    return [*spans, Span(f"  {error}", "error")] if error else spans


def _lines(found: list[Group], groups: Groups, within: str, context: Context) -> list[Line]:
    width = context.output.width
    rows: list[list[str | Span]] = []
    for group in found:
        bars = sparkline(group.spread.bars(groups.start, groups.end, _BARS))
        rows.append([f"{group.count:,}", bars, _clock(group.first), _clock(group.last), ""])
    head, *cells = table(("COUNT", "OVER TIME", "FIRST", "LAST", "WHERE AND WHAT"), rows, right=frozenset({0}))
    lines: list[Line] = [head]
    for group, cell in zip(found, cells, strict=True):
        lines.append(fit(line(*cell, *what_failed(group)), width))
        if group.text:
            lines.append(fit(line(f"       {group.text}"), width))
        more = "" if group.exact else "  (and some of others)"
        lines.append(line(Span(f"       {as_typed(_filter(group, within), context.face)}", "dim"), more))
    return lines


def _filter(group: Group, within: str) -> str:
    """The filter of a group among what that filter lets through."""
    return f"{group.filter} {within}" if within else group.filter


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _record(group: Group, groups: Groups, within: str) -> dict[str, Any]:
    key = group.key
    return {
        "count": group.count,
        **fields("service", key.service),
        "action": key.action,
        "status": key.state.value,
        "code": key.code,
        "type": key.type,
        "text": key.template or None,
        "example": group.example or None,
        "first": round(group.first, 6),
        "last": round(group.last, 6),
        "over_time": group.spread.bars(groups.start, groups.end, _BARS),
        "callers": [{**fields("from", name), "count": count} for name, count in group.callers.most_common()],
        "instances": [{"instance": name, "count": count} for name, count in group.instances.most_common()],
        "exchanges": list(group.numbers),
        "filter": _filter(group, within),
        "exact": group.exact,
    }
