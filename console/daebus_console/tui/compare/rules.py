"""The rules of a comparison as the screen makes them and tells them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.diff.rules import Rules
from daebus_console.text import cells, clean, cut
from daebus_console.tui.compare.rows import paths_around
from daebus_console.tui.rows.lines import Line, text_of

_LONGEST_RULE = 200
"""Signs of a path that a rule repeats; then `*` stands for the rest."""
_WIDEST = 60
_LEAST = 8
_ROOMY, _CRAMPED = 110, 60


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
        rule = "stream[*]" + rule_for(name[len(part) :]) if part.startswith("stream[") else rule_for(name)
        return rule + "[*]" * indexes
    return "*" + rule_for(name[len(parents[0]) :]) + "[*]" * indexes


def rule_for(path: str) -> str:
    """The rule that ignores this path, and what is in it.

    Signs are escaped that mean something in a rule, and those that a settings file cannot hold are `?`.
    """
    short = path[:_LONGEST_RULE]
    signs = ["?" if "\ud800" <= sign <= "\udfff" else f"\\{sign}" if sign in "*?" else sign for sign in short]
    whole = len(path) == len(short)
    if whole and short[-1:].isspace():
        signs[-1] = "?"
    # Behind a backslash it would stand for itself.
    for index in range(len(signs) - 1, 0, -1):
        if signs[index] == "?" and signs[index - 1] == "\\":
            signs[index - 1] = "?"
    rule = "".join(signs)
    return rule if whole else rule.rstrip("\\") + "*"


def rules_line(rules: Rules, width: int) -> tuple[Line, Line]:
    """Which rules are in force, and the keys that change them: for the left and the right end of a line."""
    order = "lists in any order" if width >= _ROOMY else "any order"
    if not rules.ignore:
        said = f" {order.capitalize()}; else every difference counts" if rules.any_order else " Every difference counts"
        keys = " i ignores a path, I its name anywhere "
        if rules.any_order:
            keys = " o: their order counts "
        return [(said, "accent" if rules.any_order else "dim")], [(keys, "dim")]
    keys = " u takes back the last, U all "
    keys = f" v shows what is ignored,{keys}" if width >= _ROOMY else " u undoes " if width < _CRAMPED else keys
    left: Line = [(" Ignored: ", "warn")]
    right: Line = [(f" · {order}", "accent")] if rules.any_order else []
    room = width - cells(text_of(left + right)) - len(keys)
    return [*left, (_told(rules.ignore, room), "key"), *right], [(keys, "dim")]


def _told(ignore: Sequence[str], room: int) -> str:
    """As many of the rules as have room, and the last in any case: it is the one that is taken back next."""
    shown: list[str] = []
    for rule in reversed(ignore):
        more = len(ignore) - len(shown) - 1
        told = ", ".join([*([f"{more} more"] if more else []), _end(clean(rule), _WIDEST), *shown])
        if shown and cells(told) > room:
            break
        shown.insert(0, _end(clean(rule), _WIDEST))
    more = len(ignore) - len(shown)
    before = f"{more} more, " if more else ""
    return before + _end(", ".join(shown), max(_LEAST, room - len(before)))


def _end(text: str, width: int) -> str:
    """The end of a text that is too long: it tells more of a path than its beginning."""
    return text if cells(text) <= width else "…" + cut(text[::-1], max(1, width))[-2::-1]
