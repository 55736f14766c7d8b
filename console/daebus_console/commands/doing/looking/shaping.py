"""shape: what messages look like, for people and as JSON Schema; and which of them are not like the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from daebus_console import naming
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.declared import Declared
from daebus_console.commands.doing.shared.inputs import misplaced, one_form
from daebus_console.commands.doing.shared.material import Material, gather
from daebus_console.commands.doing.shared.putting_out import form_named
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.words import Word
from daebus_console.engine.filter import writing
from daebus_console.engine.insight.schema import DIALECT, comment, examples, format_in, only_these, record, schema
from daebus_console.engine.insight.shape import Shape
from daebus_console.engine.insight.shapes import PARTS, Place, Shapes
from daebus_console.engine.schema.beside import Part, as_data, beside
from daebus_console.engine.schema.described import Whole
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, fit, line, preview, table

_FORMS = ("text", "json", "jsonschema")
_UNREADABLE = "unreadable"
_MOST_SHOWN = 200
_MOST_ROWS = 400


def run_shape(command: Command, context: Context) -> int:
    """Learn from what is looked at, and print the shapes of what is named, or what there are shapes of."""
    form = _form(command)
    material = gather(command, context, with_filter=False)
    target, action = _names(material.words)

    def wanted(place: str, asked: str | None) -> bool:
        return (target is None or place == target) and (action is None or asked == action)

    shapes = Shapes(wanted, context.redact if context.redact else None).add_all(material.each())
    material.tell_warnings(context)
    found = in_order(shapes)
    if not found:
        context.output.error("no message was seen" + (f" of {_called(target, action)}" if target is not None else ""))
        return material.ended(Exit.NOBODY)
    if command["departing"]:
        _print_departing(shapes, material, context, form)
    elif form == "jsonschema":
        for value in _schemas(found):
            context.output.record(value)
    elif form == "json":
        declared = _declared(material, context)
        for place, shape in found:
            told = _declared_data(shape, declared.of(place))
            unreadable = shapes.unreadable.get(place, 0)
            context.output.record({**_place(place), "unreadable": unreadable, **told, **record(shape)})
    elif target is None:
        context.output.result(_overview(found, shapes.unreadable))
    else:
        declared = _declared(material, context)
        for place, shape in found:
            unreadable = shapes.unreadable.get(place, 0)
            lines = lines_of(place, shape, unreadable, declared.of(place), context.output.width)
            context.output.result(told for told, _part in lines)
    if shapes.left_out:
        context.output.note(f"{shapes.left_out:,} messages of more actions than there is room for are left out")
    return material.ended()


def _declared(material: Material, context: Context) -> Declared:
    if material.path is not None:
        return Declared.told_in(material.each())
    with context.session.lock:
        return Declared(context.session.directory)


def _form(command: Command) -> str:
    if command["as"] is None:
        return "json" if command["json"] else "text"
    one_form(command, "json", "jsonschema")
    form = form_named(command, "form", _FORMS)
    if command["departing"] and form == "jsonschema":
        raise misplaced(command, "--departing", "--departing lists messages: as text, or with --json")
    return form


def _names(words: tuple[Word, ...]) -> tuple[str | None, str | None]:
    if len(words) > 2:
        raise words[2].error("expected a service or channel and an action, and nothing more")
    names: list[str | None] = [None, None]
    for index, word in enumerate(words):
        try:
            names[index] = naming.read(word.text)
        except ValueError as error:
            raise word.error(str(error)) from None
    return names[0], names[1]


def _called(target: str, action: str | None) -> str:
    return shown(target) + (f" {shown(action, text=True)}" if action else "")


def in_order(shapes: Shapes) -> list[tuple[Place, Shape]]:
    """What was learned, by name and from the request to the answer."""
    return sorted(
        shapes.found.items(), key=lambda item: (item[0].target, item[0].action or "", PARTS.index(item[0].part))
    )


def _place(place: Place) -> dict[str, Any]:
    return {**fields("of", place.target), "action": place.action, "message": place.part}


# For people ---------------------------------------------------------------------------------------------------------


def _overview(found: list[tuple[Place, Shape]], unreadable: Mapping[Place, int]) -> list[Line]:
    counts: dict[tuple[str, str | None], Counter[str]] = {}
    for place, shape in found:
        parts = counts.setdefault((place.target, place.action), Counter())
        parts[place.part] += shape.count
        parts[_UNREADABLE] += unreadable.get(place, 0)
    rows: list[list[str | Span]] = []
    for (target, action), parts in counts.items():
        told = [f"{parts[part]:,} {part}{'s' * (parts[part] != 1)}" for part in PARTS if parts[part]]
        told += [f"{parts[_UNREADABLE]:,} {_UNREADABLE}"] if parts[_UNREADABLE] else []
        rows.append(
            [Span(shown(target), "bold"), Span(shown(action or "", text=True), "key"), Span(", ".join(told), "dim")]
        )
    return table(("SERVICE OR CHANNEL", "ACTION", "SEEN"), rows)


def lines_of(
    place: Place, shape: Shape, unreadable: int, declared: Whole | None, width: int
) -> list[tuple[Line, Part | None]]:
    """A shape in lines of at most `width` cells, each with the part of the payload that it is of, if it is of one."""
    seen = f"{shape.count:,} message{'s' * (shape.count != 1)}"
    also = f", and {unreadable:,} {_UNREADABLE}" if unreadable else ""
    head = line(Span(_called(place.target, place.action), "bold"), f": {place.part}, ", Span(seen + also, "dim"))
    if not shape.count:
        return [(head, None), (line(""), None)]
    parts = list(islice(beside(shape, declared), _MOST_ROWS + 1))
    headings = ("FIELD", "TYPE", "THERE", *(("DECLARED",) if declared is not None else ()), "SEEN")
    rows = [_row(part, with_declared=declared is not None) for part in parts[:_MOST_ROWS]]
    table_lines = [fit(one, width) for one in table(headings, rows)]
    lines: list[tuple[Line, Part | None]] = [(head, None), (table_lines[0], None)]
    lines += zip(table_lines[1:], parts, strict=False)
    if len(parts) > _MOST_ROWS:
        lines.append((line(Span("  … and more; --json tells all", "dim")), None))
    return [*lines, (line(""), None)]


def _row(part: Part, *, with_declared: bool) -> list[str | Span]:
    seen, of = part.seen, part.of
    there = "never" if seen is None else "always" if seen.count >= of else f"{seen.count:,} of {of:,}"
    name = "  " * (part.level + 1) + (shown(part.name, text=True) or ("(payload)" if not part.level else '""'))
    row: list[str | Span] = [
        Span(name, "key"),
        "" if seen is None else _types(seen),
        Span(there, "dim" if there == "always" else "warn"),
    ]
    if with_declared:
        words = part.declared if part.not_so in ("", part.declared) else f"{part.declared}: {part.not_so}"
        row.append(Span(words, "warn" if part.not_so else "accent"))
    return [*row, "" if seen is None else _seen(seen)]


def _types(shape: Shape) -> str:
    nullable = "null" in shape.types
    names = sorted((name for name in shape.types if name != "null"), key=lambda name: -shape.types[name])
    if not names:
        return "null"
    if len(names) == 1:
        kind = format_in(shape)
        told = f"{names[0]} ({kind})" if kind is not None else names[0]
    else:
        told = ", ".join(f"{name} {_share(shape.types[name], shape.count)}" for name in names)
    return f"{told}, null {_share(shape.types['null'], shape.count)}" if nullable else told


def _share(count: int, of: int) -> str:
    percent = 100 * count / of
    return f"{percent:.0f} %" if 1 <= percent <= 99 else f"{percent:.2g} %" if percent < 1 else f"{count:,} of {of:,}"


def _seen(shape: Shape) -> Span:
    if shape.hidden:
        return Span("hidden", "warn")
    parts: list[str] = []
    if shape.low < shape.high:
        parts.append(comment_range(shape))
    if shape.fewest >= 0:
        many = f"{shape.fewest:,}" if shape.fewest == shape.most else f"{shape.fewest:,} to {shape.most:,}"
        parts.append(f"{many} item{'s' * (shape.most != 1)}")
    if shape.folded is not None:
        parts.append("keys are data, such as " + ", ".join(shown(key, text=True) for key in shape.keys))
    given = ", ".join(preview(value, 24) for _type, value in examples(shape))
    if given:
        parts.append(f"only {given}" if only_these(shape) else f"such as {given}")
    if shape.cut:
        parts.append("more than is kept")
    return Span("; ".join(parts), "dim")


def comment_range(shape: Shape) -> str:
    """From which to which number."""
    return next((part for part in comment(shape).split("; ") if part.startswith("from ")), "")


# For programs -------------------------------------------------------------------------------------------------------


def _declared_data(shape: Shape, whole: Whole | None) -> dict[str, Any]:
    return {} if whole is None else {"declared": whole.schema, "not_as_declared": as_data(beside(shape, whole))}


def _schemas(found: list[tuple[Place, Shape]]) -> Iterator[dict[str, Any]]:
    """One schema for each action or channel, with one definition for each of its messages."""
    by_name: dict[tuple[str, str | None], dict[str, Any]] = {}
    for place, shape in found:
        by_name.setdefault((place.target, place.action), {})[place.part.replace(" ", "_").replace("-", "_")] = schema(
            shape
        )
    for (target, action), definitions in by_name.items():
        yield {
            "$schema": DIALECT,
            "title": _called(target, action),
            "$comment": "Learned from messages that were seen; it promises nothing.",
            "$defs": definitions,
            "anyOf": [{"$ref": f"#/$defs/{name}"} for name in definitions],
        }


def _print_departing(shapes: Shapes, material: Material, context: Context, form: str) -> None:
    found = total = 0
    rows: list[Line] = []
    for exchange in material.each():
        for place, departure in shapes.departing(exchange):
            total += 1
            path = writing.field(departure.path) if departure.path else "payload"
            if form != "text":
                context.output.record(
                    {
                        "exchange": exchange.number,
                        "at": round(exchange.opened.at, 6),
                        **_place(place),
                        "path": path,
                        "what": departure.what,
                        "not_so": departure.are,
                        "of": departure.of,
                    }
                )
            elif found < _MOST_SHOWN:
                found += 1
                called = _called(place.target, place.action)
                rows.append(
                    line(
                        Span(f"#{exchange.number}", "bold"),
                        f"  {called}: {place.part}  ",
                        Span(path, "key"),
                        f" {departure.what} ",
                        Span(f"({departure.are:,} of {departure.of:,} are not so)", "dim"),
                    )
                )
    if form == "text":
        context.output.result(rows)
        context.output.note(
            f"{total:,} places depart from what most are like" + (f"; {found:,} are listed" if total > found else "")
            if total
            else "no message departs from what most are like"
        )
