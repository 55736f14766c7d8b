"""Whether a service can answer at all: who serves it, which actions it has, what its workers do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from daebus_console.dates import clock
from daebus_console.engine.findings.instances import are_strangers
from daebus_console.engine.findings.words import call, duration, near, quoted, shown
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.doors import service_kept_out, shut_to
from daebus_console.engine.why.recorded import busy_with
from daebus_console.engine.why.sight import Sight

_SILENT = 30.0


def nobody(sight: Sight, service: str, since: float) -> Cause | None:
    """Nobody is subscribed to it: not now, and not since then."""
    entry = sight.service(service)
    world = sight.world
    if entry is not None and entry.gone is not None:
        at = clock(entry.gone)
        kept_out = service_kept_out(sight, service)
        if kept_out is not None:
            return replace(kept_out, evidence=(*kept_out.evidence, f"its last subscriber left at {at}"))
        return Cause(
            "gone",
            f"{quoted(service)} has stopped: nobody has served it since {at}",
            (f"its last subscriber left at {at}", *shut_to(sight)),
            f"start {shown(service)}",
        )
    if not world.sees_all(since) or (entry is not None and entry.subscribers):
        return None
    channel = world.directory.channels.get(service)
    if channel is not None and channel.subscribers:
        return None
    meant = sight.meant(service)
    evidence = ["Redis lists no subscriber of that channel"]
    if meant is None:
        kept_out = service_kept_out(sight, service)
        if kept_out is not None:
            return kept_out
        listened = sight.listened(service)
        if listened is not None:
            return Cause(
                "near_name",
                f"nobody is subscribed to {quoted(service)}; services listen to {quoted(listened)}",
                (*evidence, f"a service told that it listens to {quoted(listened)}"),
                f"write {quoted(listened)} where {quoted(service)} is sent, if that is meant",
            )
        never = "nobody has been subscribed to it since this console looks: it was not started, or on another Redis"
        return Cause(
            "nobody",
            f"nobody serves {quoted(service)}",
            (*evidence, "no service with a name like it is there", never, *shut_to(sight)),
            f"start {shown(service)}, and see that it uses this Redis (the number of the database makes no difference)",
        )
    prefixed = meant.endswith(service) or service.endswith(meant)
    how = "with a prefix" if prefixed and len(meant) != len(service) else "with nearly that name"
    return Cause(
        "near_name",
        f"nobody serves {quoted(service)}; {quoted(meant)} is there",
        (*evidence, f"a service {how} has one: {quoted(meant)}"),
        f"call {quoted(meant)} instead",
    )


def unknown_action(sight: Sight, service: str, action: str, sent: Sequence[Exchange] = ()) -> Cause | None:
    """No instance, or not every one, has the action. `sent` are the messages for it of which it may be that nobody was
    told so."""
    here = sight.world.instances.here(service)
    entry = sight.service(service)
    if not here or (entry is not None and entry.takers > len(here)):
        return None
    having = [one for one in here if action in one.actions]
    if len(having) == len(here):
        return None
    lists = ", ".join(shown(name, text=True) for name in sorted(set().union(*(one.actions for one in here)))[:12])
    if having:
        lacking = [one for one in here if one not in having]
        without = ", ".join(shown(one.name, text=True) for one in lacking)
        strangers = are_strangers(having, lacking)
        return Cause(
            "some_instances",
            f"only {len(having)} of {len(here)} instances of {shown(service)} have the action {quoted(action)}",
            (
                f"without it: {without}",
                "each instance told its actions" + (", and those have none in common with the others" * strangers),
            ),
            f"give one of them another name: two apps run as {shown(service)}"
            if strangers
            else f"bring all instances of {shown(service)} to one version",
        )
    meant = near(action, sorted(set().union(*(one.actions for one in here))))
    text = f"{shown(service)} has no action {quoted(action)}"
    return Cause(
        "unknown_action",
        text if meant is None else f"{text}, but {quoted(meant)}",
        (f"its instances told their actions: {lists or 'none'}", *_untold(sent)),
        f"write {quoted(meant)} where {quoted(action)} is sent"
        if meant is not None
        else f"add the action to {shown(service)}, or correct its name",
    )


def _untold(sent: Sequence[Exchange]) -> Iterator[str]:
    """How many of them had no word of it, where there are any."""
    one_way = sum(one.kind is Kind.ONE_WAY for one in sent)
    silent = sum(one.kind is Kind.REQUEST and one.answer is None and one.state is not State.UNKNOWN for one in sent)
    ignores = 'the service may have unknown_action="ignore"'
    if len(sent) == 1 and one_way + silent:
        yield f"nobody was told so: {'it is one-way' if one_way else f'no answer came, and {ignores}'}"
    elif one_way + silent:
        ways = [f"{one_way:,} one-way"] * bool(one_way) + [f"{silent:,} unanswered ({ignores})"] * bool(silent)
        were = "was" if one_way + silent == 1 else "were"
        yield f"{one_way + silent:,} of {len(sent):,} that are remembered {were} told nothing: {', '.join(ways)}"


def restarted(sight: Sight, service: str, since: float) -> Cause | None:
    """All instances that are there began after that: whoever had it then is gone, and what it did with him."""
    began = sight.world.began(service)
    if began is None or began <= since:
        return None
    at = clock(began)
    return Cause(
        "restarted",
        f"{shown(service)} was started anew at {at}: this was under way then, or was sent while nobody served it",
        (f"it was sent at {clock(since)}; each instance that is there now began later",),
        "send it again, if it bears to be done twice",
    )


def busy(sight: Sight, service: str) -> Cause | None:
    """All workers of all instances are at work."""
    here = sight.world.instances.here(service)
    told = [one.figures for one in here if one.figures.workers and one.figures.busy is not None]
    if not told or len(told) < len(here) or any((one.busy or 0) < (one.workers or 0) for one in told):
        return None
    workers, queued = sum(one.workers or 0 for one in told), sum(one.queued or 0 for one in told)
    ago = duration(max(0.0, sight.now - max(one.last for one in here)))
    whose = (
        f"the only worker of {shown(service)} is" if workers == 1 else f"all {workers} workers of {shown(service)} are"
    )
    return Cause(
        "busy",
        f"{whose} busy, and {queued} message{'s wait' if queued != 1 else ' waits'} for one",
        (f"its instances told so {ago} ago", *busy_with(sight, service)),
        f"look at what they do: running {shown(service)}",
    )


def silent(sight: Sight, service: str) -> Cause | None:
    """It is subscribed, and has told nothing of itself for long, though it did before."""
    found, entry = sight.world.instances.of(service), sight.service(service)
    last = max((one.last for one in found), default=0.0)
    if entry is None or not entry.subscribers or not entry.framework or not sight.world.polled:
        return None
    if sight.world.instances.heard - last < _SILENT or not found:
        return None
    return Cause(
        "silent",
        f"{shown(service)} is subscribed and answers nothing since {clock(last)}, not even what it is",
        (f"it told of itself last at {clock(last)}, others at {clock(sight.world.instances.heard)}",),
        f"ping {shown(service)}; then restart it",
    )


def can(sight: Sight, service: str, action: str) -> str:
    """What is known where nothing speaks against it."""
    here = sight.world.instances.here(service)
    if not here:
        count = sight.subscribers(service)
        if not count:
            return f"nothing is known of {quoted(service)}"
        return f"{shown(service)} has {count} subscriber{'s' * (count != 1)} and has not told what it is"
    busy_, workers = sum(one.figures.busy or 0 for one in here), sight.world.instances.workers(service)
    having = sum(not action or action in one.actions for one in here)
    text = f"{having} instance{'s' * (having != 1)} of {shown(service)} serve{'s' * (having == 1)}"
    if not having:
        text = f"no instance of {shown(service)} that has told its actions serves"
    name = call(service, action).partition(" ")[2]
    told = min((one.last for one in here), default=0.0)
    entry = sight.service(service)
    beside = f"; {entry.others} more on its channel cannot be asked" if entry is not None and entry.others else ""
    return f"{text} {name or 'it'}; {busy_} of {workers or '?'} workers were busy at {clock(told)}{beside}"
