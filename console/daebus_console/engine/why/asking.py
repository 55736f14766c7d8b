"""Which causes are looked for in which order: of an exchange, and of a service and its action. Pure."""

from __future__ import annotations

from dataclasses import replace

from daebus_console.dates import clock
from daebus_console.engine import dialects
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.words import call, duration, near, quoted, shown, term
from daebus_console.engine.message.envelope import broken
from daebus_console.engine.message.exchange import DAEBUS, PLAIN, Exchange, Flag, Kind, State
from daebus_console.engine.message.touched import bent, hand_in
from daebus_console.engine.records.record import DEBUGGER
from daebus_console.engine.why import answers, debugged, recorded, serving
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.doors import caller_kept_out
from daebus_console.engine.why.foreign import why_foreign
from daebus_console.engine.why.sight import Sight
from daebus_console.engine.why.silence import unanswered
from daebus_console.render import plural
from daebus_console.text import beginning, clean

_BAD = (State.ERROR, State.TIMEOUT, State.UNKNOWN)
_LATEST = 20_000
_HELD = "held"
_NOTHING = "nothing is wrong: "


def why_exchange(sight: Sight, exchange: Exchange) -> Cause:
    """Why that exchange has no answer or effect, or failed; what a debugger did to it, or to its calls, is told."""
    cause = _why(sight, exchange)
    its = (exchange, *sight.calls_of(exchange))
    told = hand_in(its)
    if not told or cause.name in (DEBUGGER, _HELD):
        return cause
    if cause.name or not any(map(bent, its)):
        return replace(cause, evidence=(*cause.evidence, told))
    text = cause.text.removeprefix(_NOTHING)
    return Cause(DEBUGGER, told, (text, *cause.evidence), "send it again to see what it does without a debugger")


def _why(sight: Sight, exchange: Exchange) -> Cause:
    kind = exchange.kind
    dialect = None if exchange.dialect in (DAEBUS, PLAIN) else dialects.named(exchange.dialect)
    if dialect is not None:
        return why_foreign(sight, exchange, dialect)
    if kind is Kind.REQUEST:
        return _request(sight, exchange)
    if kind is Kind.ONE_WAY:
        return _one_way(sight, exchange)
    if kind is Kind.BROADCAST:
        return _broadcast(sight, exchange)
    if kind is Kind.RESPONSE:
        stray = next(sight.findings_on(exchange, "stray-answer"), None)
        return _of_finding(stray) if stray is not None else Cause(
            "orphan",
            "it answers a request that this console did not see",
            ("no request with its id was seen: it was sent before this console looked, in a gap, or to a channel that"
             " it does not read", f"it came on {quoted(exchange.opened.channel)}"),
            "look at the same in a capture that began earlier",
        )  # fmt: skip
    if kind is Kind.UNREADABLE:
        return _unreadable(exchange)
    gap = exchange.aside.gap
    reason = clean(gap.reason) if gap is not None else "the connection was lost"
    missing = "nothing is missing here" if gap is not None and gap.saw is None else "messages may be missing here"
    return Cause("gap", f"{missing}: {reason}", (), "")


def why_action(sight: Sight, service: str, action: str | None) -> Cause:
    """Why requests or messages to that service, or its action, have no answer or effect."""
    name = action or ""
    found = _of_channel(sight, service) if action is None else None
    if found is not None:
        return found
    found = serving.nobody(sight, service, 0.0)
    if found is None and action is not None:
        found = serving.unknown_action(sight, service, name, _sent(sight, service, name))
    found = found or debugged.holds_of(sight, service, action) or recorded.circle(sight, service)
    found = found or serving.silent(sight, service)
    if found is None and (found := serving.busy(sight, service)) is not None:
        found = recorded.stood(sight, service) or found
    if found is not None:
        return found
    if not _seen(sight, service):
        found = caller_kept_out(sight, service)
        if found is not None:
            return found
    bad, went_wrong, ended = _latest_bad(sight, service, action)
    if bad is not None:
        cause = why_exchange(sight, bad)
        often = f"{went_wrong} of {ended} that are remembered went wrong, the latest in #{bad.number}"
        return Cause(cause.name, f"#{bad.number}: {cause.text}", (*cause.evidence, often), cause.advice)
    found = _worst_of(sight, service, action)
    if found is not None:
        return found
    if not sight.subscribers(service) and not sight.world.instances.of(service):
        return _unlisted(sight, service, action)
    text = f"nothing speaks against it: {serving.can(sight, service, name)}"
    if _seen(sight, service):
        return Cause("", text, (), "")
    other = "whoever calls it may use another Redis, or another name"
    if sight.recorded:
        never = f"nothing that was sent to it is in this capture: a filter may have left it out, and {other}"
        return Cause("", text, (never,), "see what its caller is connected to")
    never = f"nothing was sent to it since this console looks: {other}"
    return Cause("", text, (never,), f"see what its caller is connected to; tail to:{term(service)} shows what comes")


def _of_channel(sight: Sight, name: str) -> Cause | None:
    """Where it is a channel of broadcasts, and no service: what became of the latest, or that none came."""
    directory = sight.world.directory
    entry = directory.channels.get(name)
    if entry is None or name in directory.services or (sight.world.polled is None and not entry.listeners):
        return None
    cast = [one for one in _latest(sight) if one.kind is Kind.BROADCAST and not one.flags & Flag.CONTROL]
    here = [one for one in cast if one.target == name]
    if here:
        cause = _why(sight, here[-1])
        if not cause.found and not sight.told(here[-1]):
            # What became of the latest may not be told yet, and of others it was.
            cause = _worst_on(sight, name) or cause
        passed = plural(len(here), "broadcast on it is", "broadcasts on it are")
        return replace(cause, evidence=(*cause.evidence, f"{passed} remembered, the latest in #{here[-1].number}"))
    if not entry.listeners:
        return None
    those = " and ".join(map(shown, sorted(entry.listeners)))
    listen = f"{those} listen{'s' * (len(entry.listeners) == 1)} to {quoted(name)}"
    meant = near(name, sorted({one.target or "" for one in cast}))
    if meant is None and sight.recorded:
        return Cause("", f"{listen}, and nothing that came on it is in this capture", (), "")
    if meant is None:
        text = f"{listen}, and nothing came on it since this console looks"
        return Cause("", text, (), f"tail channel:{term(name)} shows what comes")
    return Cause(
        "near_channel",
        f"{listen}, and nothing came on it; broadcasts go to {quoted(meant)}",
        (f"no broadcast on {quoted(name)} is remembered, and some on {quoted(meant)} are",),
        f"write the same name in both places, if {quoted(meant)} is what {those} is to hear",
    )


def _unlisted(sight: Sight, service: str, action: str | None) -> Cause:
    """Nobody told what it is, and who is subscribed to it is not known: what passed is all there is."""
    sent = [
        one
        for one in _latest(sight)
        if one.target == service and action in (None, one.action) and not one.flags & Flag.CONTROL
    ]
    cast = bool(sent) and all(one.kind is Kind.BROADCAST for one in sent)
    meant = sight.listened(service) if cast else sight.meant(service)
    hint = "" if meant is None else f"; {quoted(meant)} {'has listeners' if cast else 'is there'}"
    if not sent:
        advice = f"ask at the bus itself: why {term(service)}" if sight.recorded else "services lists who is there"
        return Cause("", f"nothing is known of {quoted(service)}{hint}", (), advice)
    requests = [one for one in sent if one.kind is Kind.REQUEST]
    answered = sum(one.answer is not None for one in requests)
    if answered:
        text = f"nothing speaks against it: {answered:,} of {len(requests):,} requests to it were answered"
        return Cause("", text, ("it has not told what it is",), "")
    what = "broadcast" if cast else "message"
    passed = f"{plural(len(sent), what)} went there" + (", and no answer came" if requests else "")
    listed = "a capture does not tell who was subscribed" if sight.recorded else "who is subscribed is not known"
    advice = f"write {quoted(meant)} where {quoted(service)} is sent, if that is meant" if meant is not None else (
        f"ask at the bus itself: why {term(service)}" if sight.recorded else ""
    )  # fmt: skip
    return Cause(
        "", f"who {'listens to' if cast else 'serves'} {quoted(service)} is not known{hint}", (passed, listed), advice
    )


def _latest(sight: Sight) -> list[Exchange]:
    """Those among which it is looked: the latest that are remembered."""
    exchanges = sight.journal.exchanges
    return exchanges.between(max(1, exchanges.last - _LATEST), exchanges.last)


def _seen(sight: Sight, service: str) -> bool:
    """Whether anything was sent to it, or to a channel that it listens to, among the latest that are remembered."""
    its = {service, *(one.name for one in sight.world.directory.channels.values() if service in one.listeners)}
    return any(one.target in its and not one.flags & Flag.CONTROL for one in _latest(sight))


def _worst_of(sight: Sight, service: str, action: str | None) -> Cause | None:
    """The gravest that was found of it: a listener that raises, say."""
    for one in sight.book:
        if one.service == service and action in (None, one.action) and one.severity >= Severity.WARNING:
            return _of_finding(one)
    return None


def _worst_on(sight: Sight, channel: str) -> Cause | None:
    """The gravest that was found of broadcasts on it: that they are refused, say."""
    for one in sight.book:
        its = (sight.journal.exchange(number) for number in one.evidence)
        if one.severity >= Severity.WARNING and any(
            each is not None and each.kind is Kind.BROADCAST and each.target == channel for each in its
        ):
            return _of_finding(one)
    return None


def _of_finding(one: Finding) -> Cause:
    times = f"{one.count:,} time{'s' * (one.count != 1)}, the last at {clock(one.last)}"
    return Cause(one.rule.replace("-", "_"), one.text, (one.because, times), one.advice)


def _sent(sight: Sight, service: str, action: str) -> list[Exchange]:
    """What was sent to that action, among the latest that are remembered."""
    return [
        one
        for one in _latest(sight)
        if one.target == service and one.action == action and one.kind in (Kind.REQUEST, Kind.ONE_WAY)
    ]


def _latest_bad(sight: Sight, service: str, action: str | None) -> tuple[Exchange | None, int, int]:
    """The latest of its exchanges that went wrong; how many did, and how many have ended."""
    latest, wrong, ended = None, 0, 0
    for one in reversed(_latest(sight)):
        if one.target != service or (action is not None and one.action != action):
            continue
        if one.kind is not Kind.REQUEST or one.flags & Flag.CONTROL:
            continue
        if one.state in _BAD or answers.elsewhere(one) is not None:
            latest, wrong = latest or one, wrong + 1
        ended += one.state is not State.PENDING
    return latest, wrong, ended


def _request(sight: Sight, exchange: Exchange) -> Cause:
    found = answers.elsewhere(exchange)
    if found is not None:
        return found
    if exchange.answer is None and _is_broken(sight, exchange):
        return _unreadable(exchange)
    if exchange.answer is None:
        return debugged.silenced(sight, exchange) or recorded.refused(sight, exchange) or unanswered(sight, exchange)
    itself = next(sight.findings_on(exchange, "waits-for-itself"), None)
    if itself is not None and exchange.number in itself.evidence and exchange.state is not State.OK:
        return Cause("waits_for_itself", itself.text, (itself.because,), itself.advice)
    found = answers.failed(sight, exchange)
    if found is None and exchange.flags & Flag.LATE:
        on_loop = (exchange.action or "") in sight.world.instances.coroutines(exchange.target or "")
        room = "the event loop" if on_loop else "a worker"
        found = answers.late(exchange, sight.calls_of(exchange), sight.told(exchange).queued, room)
    if found is not None:
        return found
    finding = sight.book.of(exchange.number)
    if finding is not None:
        return Cause(finding.rule.replace("-", "_"), finding.text, (finding.because,), finding.advice)
    took = exchange.latency
    how = f" after {duration(took)}" if took is not None else ""
    return Cause("", f"{_NOTHING}{call(exchange.target, exchange.action)} answered with success{how}", (), "")


def _one_way(sight: Sight, exchange: Exchange) -> Cause:
    service, action = exchange.target or "", exchange.action or ""
    if _is_broken(sight, exchange):
        return _unreadable(exchange)
    found = recorded.failed(sight, exchange) or recorded.done(sight, exchange) or debugged.silenced(sight, exchange)
    found = found or serving.unknown_action(sight, service, action, [exchange]) or recorded.refused(sight, exchange)
    found = found or serving.nobody(sight, service, exchange.opened.at)
    if found is not None:
        return found
    finding = next(sight.findings_on(exchange, "nobody-listens", "unknown-action", "refused"), None)
    if finding is not None:
        return Cause(finding.rule.replace("-", "_"), finding.text, (finding.because,), finding.advice)
    text = f"nothing speaks against it: {serving.can(sight, service, action)}"
    return Cause("", text, ("what its handler did is not seen from the bus",), f"look at the log of {shown(service)}")


def _broadcast(sight: Sight, exchange: Exchange) -> Cause:
    channel, world = exchange.target or "", sight.world
    if _is_broken(sight, exchange):
        return _unreadable(exchange)
    entry = world.directory.channels.get(channel)
    found = recorded.failed(sight, exchange) or recorded.refused(sight, exchange)
    found = found or recorded.unheard(sight, exchange, set(entry.listeners) if entry else set())
    found = found or recorded.done(sight, exchange)
    if found is not None:
        return found
    if entry is not None and not entry.subscribers and world.sees_all(exchange.opened.at):
        if entry.gone is not None and entry.gone >= exchange.opened.at:
            return Cause(
                "gone",
                f"nobody listens to {quoted(channel)} any more: whoever did has gone since it was sent",
                (f"Redis lists no subscriber of that channel since {clock(entry.gone)}",),
                "start again who is to listen to it",
            )
        heard = [one.name for one in world.directory.channels.values() if one.listeners and one.name != channel]
        meant = near(channel, heard)
        text = f"nobody listens to {quoted(channel)}"
        return Cause(
            "nobody",
            text if meant is None else f"{text}; {quoted(meant)} has listeners",
            ("Redis lists no subscriber of that channel",),
            f"write {quoted(meant)} where it is sent" if meant is not None else "start who is to listen to it",
        )
    listeners = ", ".join(map(shown, sorted(entry.listeners))) if entry is not None else ""
    known = f"services that listen to it: {listeners}" if listeners else "who listens is not known"
    return Cause("", f"nothing speaks against it: {known}", ("what a listener did is not seen from the bus",), "")


def _is_broken(sight: Sight, exchange: Exchange) -> bool:
    """Whether a service of this framework is to read it, and cannot."""
    directory = sight.world.directory
    ours = exchange.target in directory.framework or exchange.target in directory.listened
    return ours and broken(exchange.opened.data) is not None


def _unreadable(exchange: Exchange) -> Cause:
    reason = beginning(broken(exchange.opened.data) or "it has no form that is known", 200)
    channel = quoted(exchange.opened.channel)
    return Cause(
        "unreadable",
        f"no service takes it: {reason}",
        (f"it came on {channel}; services take JSON objects and drop all else",),
        "look at who sends it",
    )
