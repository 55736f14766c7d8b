"""contrast: the values that the selected exchanges have more often than the others of their action, or less often."""

from __future__ import annotations

from typing import Any

from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared.material import gather
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.filter import language as filters
from daebus_console.engine.filter import writing
from daebus_console.engine.insight import facets as of
from daebus_console.engine.insight.contrast import FEWEST, Difference
from daebus_console.engine.insight.sides import Compared, compare
from daebus_console.engine.insight.terms import Terms, plain, terms
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, fit, line, plural, preview, size, table

FAILURES = "status:error,timeout"
"""What is selected where nothing is said."""
_MOST_SHOWN = 20
_WIDEST = 40


def run_contrast(command: Command, context: Context) -> int:
    """Compare, and print what differs."""
    against = _against(command)
    material = gather(command, context)
    selecting = material.wanted.text or FAILURES
    chosen = filters.parse(selecting)
    redact = context.redact if context.redact else None
    found = compare(material.each, chosen, against, redact)
    told = terms(found, selecting, material.each, chosen, against, redact) if command["json"] else {}
    for one in found:
        if command["json"]:
            context.output.record(_record(one, selecting, told[one.target, one.action]))
        else:
            context.output.result(row for row, _difference in lines_of(one, selecting, context.output.width))
    if not found:
        asked = material.wanted.text
        context.output.note(f"nothing passes the filter {asked}" if asked else "nothing has failed")
    material.tell_warnings(context)
    return material.ended()


def _against(command: Command) -> filters.Filter | None:
    text: str | None = command["against"]
    if text is None:
        return None
    try:
        return filters.parse(text)
    except filters.FilterError as error:
        begin = max(command.line.rfind(text), 0)
        raise CommandError(error.message, begin + error.position, error.length, error.suggestion) from None


# For people ---------------------------------------------------------------------------------------------------------


def lines_of(one: Compared, selecting: str, width: int) -> list[tuple[Line, Difference | None]]:
    """A comparison in lines of at most `width` cells, each with the difference that it tells, if it tells one."""
    head: list[str | Span] = [
        Span(f"{one.selected:,}", "bold"),
        " against ",
        Span(f"{one.others:,}", "bold"),
        Span(f"  {_called(one)}", "key"),
        Span(_looked_into(one), "dim"),
    ]
    differences = one.differences(selecting)
    more = f"; {len(differences) - _MOST_SHOWN} more differ" if len(differences) > _MOST_SHOWN else ""
    told = f"  {plural(one.contrast.compared, 'value')} compared"
    if one.selected < FEWEST or one.others < FEWEST:
        told = f"  too few to compare: {FEWEST} are needed on either side"
        differences = []
    elif not differences:
        told += "; none differs by more than chance explains"
    else:
        told += f"{more}; what goes together need not be the cause"
    shown_ones = differences[:_MOST_SHOWN]
    rows: list[list[str | Span]] = [
        [
            Span(f"  {name_of(difference)}", "key"),
            value_of(difference),
            Span(_percent(difference, 0), "bold" if difference.more else ""),
            str(difference.selected),
            _percent(difference, 1),
            str(difference.others),
        ]
        for difference in shown_ones
    ]
    headings = ("  WHAT", "IS", "SELECTED", "", "OTHERS", "")
    lines = table(headings, rows, right=frozenset({2, 3, 4, 5})) if rows else []
    return [
        (line(*head), None),
        *((fit(row, width), of) for row, of in zip(lines, [None, *shown_ones], strict=False)),
        (line(Span(told, "dim")), None),
        (line(""), None),
    ]


def _called(one: Compared) -> str:
    if not one.target and one.action is None:
        return "all together"
    return shown(one.target) + (f".{shown(one.action, text=True)}" if one.action is not None else "")


def _looked_into(one: Compared) -> str:
    steps = [
        f"every {step}th of the {name}"
        for step, name in zip(one.steps, ("selected", "others"), strict=True)
        if step > 1
    ]
    return f"  ({' and '.join(steps)} looked into)" if steps else ""


def name_of(difference: Difference) -> str:
    """What differs: a word, or the path of a field."""
    facet = difference.facet
    if facet.kind not in (of.VALUE, of.TYPE, of.LENGTH, of.THERE):
        return facet.kind
    path = writing.field(facet.path)
    return {of.TYPE: f"type of {path}", of.LENGTH: f"length of {path}"}.get(facet.kind, path)


def value_of(difference: Difference) -> str:
    """The value of which it has more, or less."""
    kind, value, sign = difference.facet.kind, difference.value, difference.sign
    if kind == of.THERE:
        return "there" if value else "missing"
    if kind == of.SIZE:
        return f"{'up to ' if sign == '<=' else 'over ' if sign == '>' else 'some '}{size(int(value))}"
    text = preview(plain(difference.value), _WIDEST) if kind == of.VALUE else shown(str(plain(value)))
    return text if sign == "=" else f"{sign} {text}"


def _percent(difference: Difference, side: int) -> str:
    share = (difference.selected, difference.others)[side]
    percent = 100 * share.have / share.of
    if 0 < percent < 1:
        return "<1 %"
    return ">99 %" if 99 < percent < 100 else f"{percent:.0f} %"


# For programs -------------------------------------------------------------------------------------------------------


def _record(one: Compared, selecting: str, told: Terms) -> dict[str, Any]:
    differences = one.differences(selecting)
    return {
        **fields("of", one.target or None),
        "action": one.action,
        "filter": selecting,
        "selected": one.selected,
        "others": one.others,
        "enough": one.selected >= FEWEST and one.others >= FEWEST,
        "every": {"selected": one.steps[0], "others": one.steps[1]},
        "compared": one.contrast.compared,
        "differences": [
            {
                "what": difference.facet.kind,
                "path": writing.field(difference.facet.path) if difference.facet.path else None,
                "is": difference.sign,
                "value": plain(difference.value),
                "selected": list(difference.selected),
                "others": list(difference.others),
                "least": round(difference.least, 4),
                "filter": told.get(difference),
            }
            for difference in differences
        ],
    }
