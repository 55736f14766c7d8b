"""The rows of the directory pane: services with what is inside of them, and channels. Pure; hold the session's lock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from daebus_console.commands.terms.words import as_name
from daebus_console.engine.alike import AlikeEntry
from daebus_console.engine.directory import MOST as ROOM
from daebus_console.engine.directory import Directory
from daebus_console.engine.entries import ActionEntry, ChannelEntry, Instance, ServiceEntry
from daebus_console.engine.figures.told import figures, place
from daebus_console.engine.filter import writing
from daebus_console.engine.runs import RunEntry
from daebus_console.naming import shown
from daebus_console.render import sparkline
from daebus_console.text import cells, clean
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, fit, fit_right

MOST = 2000
"""Services, and channels, beyond that many are told by their number."""
SPARK = 12
_RUNS = {"listener": "»", "task": "⟳", "thread": "⟳", "hook": "⚑"}
_NOBODY = " nobody"
WIDE = 44
"""Cells from which on there is room for percentiles and sparklines."""
_MOST_LISTENERS = 20
_LEAST_NAME = 12
"""Cells that a name has before the figures beside it have their columns."""


@dataclass(frozen=True)
class DirectoryRow:
    """One row. `key` tells it from all others; `kind` is heading, service, action, instance, run, channel or note."""

    kind: str
    name: str
    service: str = ""
    entry: Any = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.service, self.name)

    @property
    def term(self) -> str | None:
        """The filter that narrows the flow to it, or None."""
        if self.kind in ("service", "channel"):
            return f"{self.kind}:{writing.literal(self.name)}"
        if self.kind == "alike":
            return f"channel:{writing.quoted(self.entry.pattern.pieces)}"
        if self.kind == "action":
            return f"to:{writing.literal(self.service)} action:{writing.literal(self.name)}"
        return None

    @property
    def command(self) -> str | None:
        """The beginning of the command that sends something to it, or None."""
        if self.kind == "service":
            return f"request {as_name(self.name)}"
        if self.kind == "action":
            return f"request {as_name(self.service)} {as_name(self.name, action=True)}"
        return f"broadcast {as_name(self.name)}" if self.kind == "channel" else None


def directory_rows(directory: Directory, opened: Collection[str]) -> list[DirectoryRow]:
    """All rows: services, those first that are here for certain, then channels. `opened` are services by name."""
    rows: list[DirectoryRow] = []
    services = sorted(directory.services.values(), key=lambda one: (_doubt(one), one.name.casefold(), one.name))
    for service in services[:MOST]:
        rows.append(DirectoryRow("service", service.name, entry=service))
        if service.name in opened:
            rows += _inside(service)
    if len(services) > MOST:
        rows.append(DirectoryRow("note", f"and {len(services) - MOST:,} more services"))
    channels = sorted(directory.channels.values(), key=lambda one: (_gone(one), one.name.casefold(), one.name))
    if channels or directory.reply_channels or directory.alike():
        rows.append(DirectoryRow("heading", "Channels"))
    rows += [DirectoryRow("channel", channel.name, entry=channel) for channel in channels[:MOST]]
    if len(channels) > MOST:
        rows.append(DirectoryRow("note", f"and {len(channels) - MOST:,} more channels"))
    rows += [
        DirectoryRow("alike", one.pattern.text, entry=one)
        for one in sorted(directory.alike(), key=lambda one: (one.gone is not None, one.pattern.text))
    ]
    if directory.reply_channels:
        rows.append(DirectoryRow("note", fmt.plural(directory.reply_channels, "reply channel")))
    rows += _by_pattern(directory)
    if directory.forgotten:
        more = " or more" if directory.forgotten == ROOM else ""
        rows.append(DirectoryRow("note", f"{directory.forgotten:,}{more} had no room"))
    return rows


def _by_pattern(directory: Directory) -> list[DirectoryRow]:
    """Who is subscribed to patterns, which no channel's count tells."""
    if directory.by_pattern is None:
        return [DirectoryRow("note", f"{directory.pattern_subscribers} patterns subscribed")]
    if not directory.by_pattern:
        return []
    found: dict[str, list[int]] = {}
    for one in directory.by_pattern:
        found.setdefault(one.name or one.library or one.address, []).append(one.patterns)
    rows = [DirectoryRow("heading", "Subscribed by pattern")]
    for name, patterns in list(found.items())[:_MOST_LISTENERS]:
        many = f" ×{len(patterns)}" if len(patterns) > 1 else ""
        rows.append(DirectoryRow("note", f"{clean(name)}{many}, {fmt.plural(sum(patterns), 'pattern')}"))
    if len(found) > _MOST_LISTENERS:
        rows.append(DirectoryRow("note", f"and {len(found) - _MOST_LISTENERS:,} more"))
    return rows


def _gone(entry: ServiceEntry | ChannelEntry) -> bool:
    return entry.gone is not None


def _doubt(service: ServiceEntry) -> int:
    """How little says that it is here: any number of names may be asked, or told of by others, whoever is behind."""
    if service.gone is not None:
        return 3
    if service.framework or (service.subscribers and not service.heard):
        return 0
    return 1 if service.heard else 2


def _inside(service: ServiceEntry) -> list[DirectoryRow]:
    rows = [DirectoryRow("action", one.name, service.name, one) for one in _by_name(service)]
    rows += [DirectoryRow("instance", one.id, service.name, one) for one in service.instances.values()]
    rows += [
        DirectoryRow("run", f"{one.kind} {one.name} {one.what}", service.name, one)
        for one in sorted(service.runs.values(), key=lambda one: (one.kind, one.name, one.what))
    ]
    return rows or [DirectoryRow("note", "nothing known of it yet", service.name)]


def _by_name(service: ServiceEntry) -> list[ActionEntry]:
    return sorted(service.actions.values(), key=lambda one: one.name)


def row_line(
    row: DirectoryRow,
    width: int,
    now: float,
    opened: Collection[str] = (),
    p95: Callable[[ServiceEntry], float | None] = lambda _service: None,
    *,
    polled: bool = True,
    rule: str = "",
) -> Line:
    """One row as a line of `width` cells.

    `p95` gives the 95th percentile of a service's latencies in seconds; `polled` tells that subscribers are known;
    `rule` is the sign of a debugger's rule.
    """
    if row.kind == "service":
        line = _service_line(row.entry, width, now, row.name in opened, p95 if width >= WIDE else None, polled)
        if not rule or row.entry.gone is not None:
            return line
        (sign, role), rest = line[1], line[2:]
        return [line[0], (rule, "warn"), (sign[1:], role), *rest]
    if row.kind in ("channel", "alike"):
        return _channel_line(row.entry, row.name, width, now)
    if row.kind == "run":
        return _run_line(row.entry, width)
    if row.kind == "action":
        line = _action_line(row.entry, width)
        return [(f"  {rule} ", "warn"), *line[1:]] if rule else line
    if row.kind == "instance":
        return _instance_line(row.entry, width, now)
    if row.kind == "heading":
        return [(fit(f" {row.name} ".ljust(width, "─"), width), "dim")]
    return [(fit(("    " if row.service else "   ") + row.name, width), "dim")]


def _service_line(
    service: ServiceEntry,
    width: int,
    now: float,
    opened: bool,
    p95: Callable[[ServiceEntry], float | None] | None,
    polled: bool,
) -> Line:
    if service.gone is not None:
        left = fmt.duration(max(0.0, now - service.gone))
        return [
            ("▸ " if not opened else "▾ ", "dim"),
            (fit(f"{shown(service.name)} gone {left} ago", width - 2), "dim"),
        ]
    sign, role = (
        ("●", "ok")
        if service.framework
        else ("○", "plain")
        if service.subscribers
        else ("○", "error" if polled else "plain")
    )
    bad, name = service.errors + service.timeouts, shown(service.name)
    tail: Line = []
    if bad:
        tail.append((f" {fmt.size(bad).rstrip('B')}✗", "error"))
    if service.takers > 1:
        tail.append((f" ×{service.takers}", "accent"))
    tail.append((_rate(service.rate.per_second(now)), "plain"))
    if p95 is not None:
        took = p95(service)
        tail.append((fit_right("" if took is None else fmt.duration(took), 7), "dim"))
        tail.append((" " + sparkline(service.rate.history(now, SPARK)), "name"))
    room = width - 5 - _taken(tail)
    nobody = polled and not service.subscribers and not service.framework
    # Where there is no room for it, the sign before the name tells it alone.
    if nobody and room - len(_NOBODY) >= min(cells(name), _LEAST_NAME):
        tail.insert(bool(bad), (_NOBODY, "error"))
        room -= len(_NOBODY)
    return [
        ("▾" if opened else "▸", "dim"),
        (f" {sign} ", role),
        (fit(name, room), "name"),
        *tail,
        (" ", "plain"),
    ]


def _channel_line(channel: ChannelEntry | AlikeEntry, name: str, width: int, now: float) -> Line:
    if channel.gone is not None:
        many = f" ×{channel.names:,}" if isinstance(channel, AlikeEntry) else ""
        return [("  · ", "dim"), (fit(f"{shown(name)}{many} gone", width - 4), "dim")]
    tail: Line = []
    if isinstance(channel, AlikeEntry):
        tail.append((f" ×{channel.names:,}", "dim"))
    elif channel.subscribers:
        tail.append((f" ×{channel.subscribers}", "accent" if channel.subscribers > 1 else "dim"))
    tail.append((_rate(channel.rate.per_second(now)), "plain"))
    if width >= WIDE:
        tail.append((" " * 8 + sparkline(channel.rate.history(now, SPARK)), "name"))
    room = width - 4 - sum(len(text) for text, _role in tail)
    return [(" » ", "dim"), (fit(shown(name), room), "plain"), *tail, (" ", "plain")]


def _rate(per_second: float) -> str:
    """A rate without its unit, which the head of the pane tells."""
    return fit_right(fmt.rate(per_second).removesuffix("/s") if per_second else "·", 5)


def _taken(line: Line) -> int:
    return sum(cells(text) for text, _role in line)


def _figures(width: int, name: str, *figures: tuple[str, int, str]) -> Line:
    """Figures in columns of so many cells each, at the end of a line of that width; where the name has no room beside
    them, without what they do not need."""
    if width - sum(least for _text, least, _role in figures) >= min(cells(name), _LEAST_NAME):
        return [(fit_right(text, least), role) for text, least, role in figures]
    return [(f" {text}", role) for text, _least, role in figures if text]


def _action_line(action: ActionEntry, width: int) -> Line:
    bad = action.errors + action.timeouts
    name = shown(action.name, text=True)
    asked = f"{action.requests:,}" if action.requests else ""
    tail = _figures(width - 5, name, (asked, 7, "dim"), (f"{bad}✗" if bad else "", 5, "error"))
    room = width - 5 - _taken(tail)
    doc = f"  {clean(action.doc)}" if action.doc and room > len(name) + 8 else ""
    head: Line = [("    ", "plain"), (fit(name, min(room, max(len(name), 1))), "action")]
    return [*head, (fit(doc, room - min(room, max(len(name), 1))), "dim"), *tail, (" ", "plain")]


def _run_line(run: RunEntry, width: int) -> Line:
    """A listener or a task, as its service tells: how often it ran, and failed."""
    failed = f"{run.failed:,}✗" if run.failed else ""
    where = f" » {shown(run.what)}" if run.what else ""
    name = f"{_RUNS.get(run.kind, '⟳')} {shown(run.name, text=True)}{where}"
    tail = [*_figures(width - 5, name, (f"{run.runs:,}", 7, "dim"), (failed, 5, "error")), (" ", "plain")]
    room = width - 4 - _taken(tail)
    more = clean(run.error) if run.failed else f"up to {fmt.duration(run.longest)}" if run.longest else ""
    spare = max(0, room - len(name))
    said = fit(f"  {more}" if spare > 10 else "", spare)
    return [("    ", "plain"), (fit(name, room - spare), "plain"), (said, "error" if run.failed else "dim"), *tail]


def _instance_line(instance: Instance, width: int, now: float) -> Line:
    """An instance: how busy it is, what waits, what it has done, and how long it runs; what has no room is left out."""
    told = figures(instance.info, now)
    room = width - 7
    head = clean(place(instance.info) or instance.id)
    busy = told.busy is not None and told.workers is not None and told.busy >= told.workers
    facts = [
        (f"{told.busy}/{told.workers}", " busy", "", "warn" if busy else "plain", told.busy),
        (_number(told.queued), " queued", "q", "warn" if told.queued else "dim", told.queued),
        (_number(told.handled), " handled", "✓", "dim", told.handled),
        (_number(told.errors), " errors", "✗", "error" if told.errors else "dim", told.errors),
        (_number(told.refused), " refused", "⊘", "error" if told.refused else "dim", told.refused),
        (fmt.duration(told.up or 0.0), " up", " up", "dim", told.up),
        (fmt.duration(told.probe or 0.0), " to Redis and back", "⇄", "dim", told.probe),
    ]
    known = [(figure + long, figure + short, role) for figure, long, short, role, value in facts if value is not None]
    # The figures are what one looks for: the name of the machine gives way, then the words.
    full = sum(len(long) + 2 for long, _short, _role in known) + 8 <= room
    shown = [(long if full else short, role) for long, short, role in known]
    gap = 2 if full else 1
    needed = sum(len(text) + gap for text, _role in shown)
    name = fit(head, max(min(len(head), room - needed), min(len(head), 6)))
    line: Line = [("    ↳ ", "dim"), (name, "dim")]
    left = room - len(name)
    for text, role in shown:
        if len(text) + gap > left:
            break
        line.append((" " * gap + text, role))
        left -= len(text) + gap
    line.append((" " * max(0, left + 1), "plain"))
    return line


def _number(count: int | None) -> str:
    return fmt.size(count or 0).removesuffix("B").strip() if (count or 0) >= 10_000 else f"{count or 0:,}"
