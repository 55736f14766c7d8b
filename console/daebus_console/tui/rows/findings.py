"""Findings as rows, the words on one of them, and the badge that counts them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.known import Mark
from daebus_console.engine.findings.rules import RULES
from daebus_console.text import clean, folded
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, fit, fit_right

SIGNS = {Severity.ERROR: ("✗", "error"), Severity.WARNING: ("▲", "warn"), Severity.INFO: ("·", "accent")}
"""The sign and the role of each severity."""
_WIDE = 110
_MOST_NUMBERS = 8


def badge(severities: Iterable[Severity]) -> Line:
    """How many there are of each severity; empty where there are none."""
    counts = Counter(severities)
    line: Line = []
    for severity in sorted(counts, reverse=True):
        sign, role = SIGNS[severity]
        line.append((f" {sign}{counts[severity]}", role))
    if line:
        # Also where the key has no room, the last of them is apart from what stands behind it.
        line[-1] = (f"{line[-1][0]} ", line[-1][1])
        line.append(("! ", "dim"))
    return line


def heading(width: int) -> Line:
    """The names of the columns."""
    times = f"{fit('first', 9)}{fit('last', 9)}" if width >= _WIDE else fit("last", 9)
    return [(fit(f"   {fit_right('times', 6)}  {times}what is wrong", width), "dim")]


def finding_row(finding: Finding, mark: Mark | None, width: int) -> Line:
    """One finding as one line; faint where it is known."""
    sign, role = SIGNS[finding.severity]
    times = fit(fmt.clock(finding.last)[:8], 9)
    if width >= _WIDE:
        times = fit(fmt.clock(finding.first)[:8], 9) + times
    text = clean(finding.text)
    head = f"{fit_right(f'{finding.count:,}', 6)}  {times}"
    if mark is not None:
        return [(f" {sign} ", "dim"), (head, "dim"), (fit(f"known: {text}", max(1, width - 3 - len(head))), "dim")]
    return [(f" {sign} ", role), (head, "dim"), (fit(text, max(1, width - 3 - len(head))), "plain")]


def finding_lines(finding: Finding, mark: Mark | None, width: int) -> list[Line]:
    """All that is to be said of one: what is wrong, why it is thought so, what to do, where to see it."""
    lines: list[Line] = []
    for label, text, role in (
        ("", finding.text, "strong"),
        ("because", finding.because, "plain"),
        ("do", finding.advice, "plain"),
        ("filter", finding.filter, "key"),
        ("see", _numbers(finding), "name"),
        ("known", (mark.note or "no note") if mark is not None else "", "accent"),
        ("rule", f"{finding.rule}, {finding.id}; `help {finding.rule}` tells more", "dim"),
    ):
        for index, part in enumerate(folded(clean(text), max(10, width - 12)) if text else ()):
            lines.append([(fit(f" {label}" if not index else "", 10), "dim"), (part, role)])
    return lines


def nothing(width: int, height: int) -> list[Line]:
    """What an empty list says: what is looked for, and that nothing of it was found."""
    # Before its first line a list leaves one free.
    room = max(1, height - 3)
    lines: list[Line] = [[("   Nothing was found. These are looked for while messages pass:", "plain")], []]
    widest = max(len(name) for name in RULES)
    for name, rule in list(RULES.items())[: room if room >= len(RULES) else room - 1]:
        sign, role = SIGNS[rule.severity]
        title = fit(rule.title, max(1, width - widest - 10))
        lines.append([(f"     {sign} ", role), (fit(name, widest + 2), "name"), (title, "dim")])
    if room < len(RULES):
        lines.append([(f"     … and {len(RULES) - room + 1} more; `help rules` lists them all", "dim")])
    return lines


def _numbers(finding: Finding) -> str:
    shown = ", ".join(f"#{number}" for number in finding.evidence[-_MOST_NUMBERS:])
    more = len(finding.evidence) - _MOST_NUMBERS
    return f"… {shown}" if more > 0 else shown
