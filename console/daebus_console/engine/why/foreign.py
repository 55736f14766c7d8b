"""Why something in the dialect of another framework has no answer, or failed: what its wire tells, and what it cannot.

Pure. Nothing is said of its services that only ours would tell: what stands here is who is subscribed, what the
answers say, and whose time it was.
"""

from __future__ import annotations

from daebus_console.dates import clock
from daebus_console.engine.alike import pattern_of
from daebus_console.engine.findings.words import duration, quoted, shown
from daebus_console.engine.message.dialect import Dialect
from daebus_console.engine.message.envelope import broken, read
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.why import recorded
from daebus_console.engine.why.answers import late
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight
from daebus_console.text import beginning, clean

_LONGEST = 300
_FORM = "services of Daebus want JSON objects: send one, or use another channel where it is not meant for them"


def why_foreign(sight: Sight, exchange: Exchange, dialect: Dialect) -> Cause:
    """Why that exchange, in that dialect, is as it is."""
    if exchange.kind is Kind.REQUEST:
        if exchange.answer is None:
            return _unanswered(sight, exchange, dialect)
        return _answered(exchange, dialect)
    if exchange.kind is Kind.RESPONSE:
        return _alone(exchange, dialect)
    found = _of_listeners(sight, exchange) or _nobody(sight, exchange, dialect)
    found = found or _taken_by_none(sight, exchange, dialect)
    if found is not None:
        return found
    dropped = _dropped(sight, exchange)
    if dropped:
        there = _there(sight, exchange)
        evidence = (*([] if there is None else [there]), _unknown(dialect))
        return Cause("unreadable", f"{dropped[0]}; whether somebody else takes it is not known", evidence, _FORM)
    text = dialect.remark(exchange.opened.channel, exchange.opened.data) or f"it has no answer in {dialect.title}"
    return Cause("", f"nothing speaks against it: {text}", (_unknown(dialect),), "")


def _unanswered(sight: Sight, exchange: Exchange, dialect: Dialect) -> Cause:
    found = _nobody(sight, exchange, dialect) or _taken_by_none(sight, exchange, dialect)
    if found is not None:
        return found
    so_far = max(0.0, sight.now - exchange.opened.at)
    sent = f"#{exchange.number} was sent at {clock(exchange.opened.at)}"
    there = _there(sight, exchange)
    evidence = (
        sent,
        *([] if there is None else [there]),
        *_dropped(sight, exchange),
        *_parts(exchange),
        _unknown(dialect),
    )
    declared = exchange.has(Flag.DECLARED)
    waits = exchange.deadline - exchange.opened.at
    if exchange.state is State.PENDING:
        limit = f"its asker waits {duration(waits)}" if declared else "how long its asker waits is not told on the wire"
        if sight.recorded:
            text = f"it has no answer where the recording ends, {duration(so_far)} after it: {limit}"
            return Cause("recording_ends", text, evidence)
        return Cause("running", f"it has no answer yet, after {duration(so_far)}: {limit}", evidence, "wait for it")
    gap = sight.gap_after(exchange.opened.at)
    if exchange.state is State.UNKNOWN and gap is not None:
        text = f"its answer may have come unseen: messages are missing from {clock(gap.start)}"
        return Cause("gap", text, (sent, clean(gap.reason)), "look at its asker, who knows")
    if dialect.silence is not None:
        return Cause("silence", f"what became of it cannot be known: {dialect.silence}", evidence, _log(exchange))
    if exchange.state is State.UNKNOWN:
        text = "its answer may have come where this console did not read"
        return Cause("gap", text, evidence, "look at its asker, who knows")
    text = f"no answer came within the {duration(waits)} that its asker waits"
    if not declared:
        text = f"no answer came within {duration(waits)}; its asker may still wait: how long is not told on the wire"
    return Cause("no_answer", text, evidence, _log(exchange))


def _answered(exchange: Exchange, dialect: Dialect) -> Cause:
    answer = exchange.answer
    if answer is None:
        raise ValueError("it has no answer")
    if answer.error:
        code = exchange.aside.code
        said = dialect.content(answer.data)
        content = "" if said is None else beginning(said[: 4 * _LONGEST].decode("utf-8", "replace"), _LONGEST)
        by = f" of {shown(exchange.instance)}" if exchange.instance is not None else ""
        late_too = late(exchange)
        return Cause(
            code or "error",
            f"the answer{by} is an error{f' with the code {shown(code, text=True)}' if code else ''}",
            (*([f"it says: {content}"] if content else []), *(late_too.evidence if late_too is not None else ())),
            f"look at what was asked: show #{exchange.number}",
        )
    found = late(exchange)
    if found is not None:
        return found
    expected, ended = exchange.aside.expected, 1 + sum(one.final for one in exchange.aside.extra or ())
    if dialect.each_answers and expected > ended:
        return Cause(
            "some_answered",
            f"{ended} of {expected} that were subscribed have answered to the end; its asker takes the first",
            (_unknown(dialect),),
            "",
        )
    took = exchange.latency
    how = f" after {duration(took)}" if took is not None else ""
    return Cause("", f"nothing is wrong: it was answered{how}", (_unknown(dialect),), "")


def _alone(exchange: Exchange, dialect: Dialect) -> Cause:
    if dialect.unasked:
        state = "that it failed" if exchange.state is State.ERROR else "how it ended"
        text = f"it tells {state}; who asked for it is not on the bus"
        return Cause("error" if exchange.state is State.ERROR else "", text, (_unknown(dialect),), "")
    return Cause(
        "orphan",
        "it answers a question that this console did not see",
        (
            f"they belong together by {dialect.pairs}; no such question was seen",
            f"it came on {quoted(exchange.opened.channel)}",
        ),
        "look at the same in a capture that began earlier",
    )


def _nobody(sight: Sight, exchange: Exchange, dialect: Dialect) -> Cause | None:
    """Nobody is subscribed to its channel, as far as that can be told: those who read by patterns are counted, too."""
    channel, directory = exchange.opened.channel, sight.world.directory
    if not sight.world.sees_all(exchange.opened.at) or not directory.counted or directory.forgotten:
        return None
    count = directory.subscribers_of(channel)
    # Of names that differ in an id only it is not remembered which of them have subscribers.
    if count or (count is None and pattern_of(channel) is not None):
        return None
    gone = sight.gone(channel)
    if exchange.parts or exchange.aside.expected or (gone is not None and gone >= exchange.opened.at):
        since = "" if gone is None else f" since {clock(gone)}"
        return Cause(
            "gone",
            f"nobody is subscribed to {quoted(channel)} any more: whoever was there has gone since it was sent",
            (
                f"#{exchange.number} was sent at {clock(exchange.opened.at)}",
                *_parts(exchange),
                f"Redis lists no subscriber of that channel{since}",
            ),
            "start again who is to take it",
        )
    return Cause(
        "nobody",
        f"nobody is subscribed to {quoted(channel)}: no {dialect.title} is there that takes it",
        ("Redis lists no subscriber of that channel, and nobody who reads by a pattern",),
        "start who is to take it, or correct the name of the channel",
    )


def _of_listeners(sight: Sight, exchange: Exchange) -> Cause | None:
    """What services of Daebus that listen to its channel tell that became of it there."""
    found = recorded.failed(sight, exchange) or recorded.refused(sight, exchange)
    return found or recorded.done(sight, exchange)


def _taken_by_none(sight: Sight, exchange: Exchange, dialect: Dialect) -> Cause | None:
    """Only services of Daebus read its channel, which drop it."""
    channel, directory = exchange.opened.channel, sight.world.directory
    dropped = _dropped(sight, exchange)
    if not dropped or exchange.parts or directory.pattern_subscribers > sight.world.patterns:
        return None
    count = directory.subscribers_of(channel)
    ours = sum(directory.services[name].subscribers for name in _readers(sight, channel) if name in directory.services)
    if not count or count > ours:
        return None
    sent = f"#{exchange.number} was sent at {clock(exchange.opened.at)}"
    return Cause(
        "unreadable",
        f"nobody takes it: {dropped[0]}",
        (sent, f"{count} subscribed to {quoted(channel)}: none but those", _unknown(dialect)),
        _FORM,
    )


def _readers(sight: Sight, channel: str) -> list[str]:
    """The services of Daebus that read that channel, as their own or as listeners."""
    directory = sight.world.directory
    entry = directory.channels.get(channel)
    own = {channel} & directory.framework
    return sorted(own | entry.listeners if entry is not None else own)


def _dropped(sight: Sight, exchange: Exchange) -> tuple[str, ...]:
    """That services of Daebus drop it, and why, where any read its channel."""
    channel, data = exchange.opened.channel, exchange.opened.data
    readers = _readers(sight, channel)
    if not readers:
        return ()
    reason = broken(data)
    if reason is None and channel not in sight.world.directory.listened and not read(data).action:
        reason = "it names no action"
    if reason is None:
        return ()
    return (f"{' and '.join(map(shown, readers))} drop{'s' * (len(readers) == 1)} it: {beginning(reason, _LONGEST)}",)


def _there(sight: Sight, exchange: Exchange) -> str | None:
    count = sight.world.directory.subscribers_of(exchange.opened.channel)
    if count:
        return f"{count} subscribed to {quoted(exchange.opened.channel)} when that was last asked"
    if sight.world.directory.pattern_subscribers > sight.world.patterns:
        return "there are programs that read by a pattern; whether theirs is one for this channel, Redis does not tell"
    return None


def _parts(exchange: Exchange) -> tuple[str, ...]:
    count = len(exchange.parts)
    return (f"{count} part{'s' * (count != 1)} of its answer came",) if count else ()


def _unknown(dialect: Dialect) -> str:
    return f"what {dialect.title} does not tell on the wire: {dialect.unknown}"


def _log(exchange: Exchange) -> str:
    return f"look at the log of whoever serves {quoted(exchange.target or exchange.opened.channel)}"
