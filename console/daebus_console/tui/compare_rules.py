"""The rules of a comparison as the screen makes them and tells them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.diff_rules import Rules
from daebus_console.text import cells, clean, cut
from daebus_console.tui.compare_rows import paths_around
from daebus_console.tui.lines import Line

_LONGEST_RULE = 200
"""Signs of a path that a rule repeats; then `*` stands for the rest."""
_WIDEST = 60


def rule_for(path: str) -> str:
    """The rule that ignores this path, and what is in it."""
    return _rule(path)


def rule_anywhere(path: str) -> str:
    """The rule that ignores what has this name wherever it stands; of a whole payload or a status, in its part."""
    around = list(paths_around(path))
    name, indexes = path, 0
    for outer in around[1:]:
        if not name.startswith("[", len(outer)):
            break
        name, indexes = outer, indexes + 1
    parents = [outer for outer in around if len(outer) < len(name)]
    part = path.partition(".")[0]
    if not parents or parents[0] == part or parents[0] == part.partition("[")[0]:
        return "stream[*]" + _rule(path[len(part) :]) if part.startswith("stream[") else _rule(path)
    return "*" + _rule(name[len(parents[0]) :]) + "[*]" * indexes


def _rule(path: str) -> str:
    """The path with signs escaped that mean something in a rule, and those that a settings file cannot hold as `?`."""
    short = path[:_LONGEST_RULE]
    rule = "".join("?" if "\ud800" <= sign <= "\udfff" else f"\\{sign}" if sign in "*?" else sign for sign in short)
    if len(path) > len(short):
        return rule.rstrip("\\") + "*"
    return rule[:-1] + "?" if rule[-1:].isspace() else rule


def rules_line(rules: Rules, width: int) -> tuple[Line, Line]:
    """Which rules are in force, and the keys that change them: for the left and the right end of a line."""
    order = "lists in any order" if rules.any_order else ""
    if not rules.ignore:
        said = f" {order.capitalize()}; else every difference counts" if order else " Every difference counts"
        keys = " i ignores a path, I its name anywhere "
        return [(said, "accent" if order else "dim")], [(keys if len(said) + len(keys) <= width else "", "dim")]
    keys = " u takes back the last, U all "
    names = [cut(clean(name), _WIDEST) for name in rules.ignore]
    room = width - len(" Ignored: ") - len(keys) - (len(order) + 3 if order else 0)
    shown = list(names)
    while len(shown) > 1 and cells(_told(shown, len(names))) > room:
        del shown[0]
    left: Line = [(" Ignored: ", "warn"), (_told(shown, len(names)), "key")]
    if order:
        left.append((f" · {order}", "accent"))
    return left, [(keys, "dim")]


def _told(shown: Sequence[str], count: int) -> str:
    """The last ones are told: it is the very last that is taken back."""
    more = count - len(shown)
    return ", ".join([*([f"{more} more"] if more else []), *shown])
