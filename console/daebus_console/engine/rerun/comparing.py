"""What a handler did when it was run again, beside what it did when it was recorded. Pure.

Paths are those of `diff`, and `calls[0].payload`, `messages[0].payload`, `broadcasts[0].payload` by their place in the
record; what is new stands behind those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from daebus_console.engine.diff.exchange import Answer, answer_of, diff_answers
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change, How, iter_diff, same
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.rerun.case import Case, Recorded, Sent

ORDER = "calls.order"


@dataclass(frozen=True)
class Performed:
    """What a handler did. `calls` are its requests in order, each with the place in the record of the call whose answer
    it got, or None where the record has none for it."""

    answer: Answer
    calls: tuple[tuple[Sent, int | None], ...] = ()
    messages: tuple[Sent, ...] = ()
    broadcasts: tuple[Sent, ...] = ()

    @property
    def unrecorded(self) -> list[Sent]:
        """The calls that are not in the record."""
        return [sent for sent, place in self.calls if place is None]


def compares_answer(case: Case) -> bool:
    """Whether there is an answer in the record to compare with."""
    return case.exchange.kind is Kind.REQUEST and answer_of(case.exchange).answered


def changes(case: Case, now: Performed, rules: Rules) -> list[Change]:
    """All that differs: the answer, calls, messages and broadcasts."""
    found: list[Change] = []
    if compares_answer(case):
        found += diff_answers(answer_of(case.exchange), now.answer, rules)
    found += _calls(case, now, rules)
    found += _effects("messages", case.messages, now.messages, rules, complete=True)
    if case.casts:
        # A broadcast that was not told to be of this handler may be another's.
        found += _effects("broadcasts", case.broadcasts, now.broadcasts, rules, complete=case.sure, unseen=case.unseen)
    return found


def _calls(case: Case, now: Performed, rules: Rules) -> Iterator[Change]:
    made = {place: sent for sent, place in now.calls if place is not None}
    for place, call in enumerate(case.calls):
        path = f"calls[{place}]"
        if place in made:
            yield from iter_diff(call.payload, made[place].payload, rules, f"{path}.payload")
        elif not rules.ignores(path):
            yield Change(path, How.REMOVED, _whole(call), None)
    for place, sent in enumerate(now.unrecorded, len(case.calls)):
        path = f"calls[{place}]"
        if not rules.ignores(path):
            yield Change(path, How.ADDED, None, _whole(sent))
    if not rules.any_order and not rules.ignores(ORDER) and _swapped(case, now):
        before = [call.name for place, call in enumerate(case.calls) if place in made]
        yield Change(ORDER, How.CHANGED, before, [sent.name for sent, place in now.calls if place is not None])


def _swapped(case: Case, now: Performed) -> bool:
    """Whether a call was made before one that had been answered before it was made then.

    Those that were under way together have no order.
    """
    latest = float("-inf")
    for _sent, place in now.calls:
        if place is None:
            continue
        call = case.calls[place]
        if call.answered_at is not None and call.answered_at < latest:
            return True
        latest = max(latest, call.at)
    return False


def _effects(
    what: str,
    then: Sequence[Recorded],
    now: Sequence[Sent],
    rules: Rules,
    *,
    complete: bool,
    unseen: Sequence[str] = (),
) -> Iterator[Change]:
    """What was sent, each compared with the one that is most like it; with `complete`, also what is not sent now.

    `unseen` are the channels of others that were sent then, which stand behind those: there is nothing to compare.
    """
    left = dict(enumerate(then))
    untold = dict(enumerate(unseen, len(then)))
    new: list[Sent] = []
    for sent in now:
        able = [place for place, one in left.items() if one.key == sent.key]
        same_one = next(
            (one for one in able if same(left[one].payload, sent.payload, rules, f"{what}[0].payload")), None
        )
        any_one = next((place for place, channel in untold.items() if channel == sent.channel), None)
        if same_one is not None:
            del left[same_one]
        elif any_one is not None:
            del untold[any_one]
        elif able:
            place = able[0]
            yield from iter_diff(left.pop(place).payload, sent.payload, rules, f"{what}[{place}].payload")
        else:
            new.append(sent)
    for place, one in left.items() if complete else ():
        if not rules.ignores(f"{what}[{place}]"):
            yield Change(f"{what}[{place}]", How.REMOVED, _whole(one), None)
    for place, channel in untold.items() if complete else ():
        if not rules.ignores(f"{what}[{place}]"):
            yield Change(f"{what}[{place}]", How.REMOVED, {"channel": channel}, None)
    for place, sent in enumerate(new, len(then) + len(unseen)):
        if not rules.ignores(f"{what}[{place}]"):
            yield Change(f"{what}[{place}]", How.ADDED, None, _whole(sent))


def _whole(sent: Sent) -> dict[str, Any]:
    if sent.action is None:
        return {"channel": sent.channel, "payload": sent.payload}
    return {"service": sent.channel, "action": sent.action, "payload": sent.payload}
