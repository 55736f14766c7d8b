"""Steps: sets the rules of one, lets the message go, and tells where it has come to, or that it has come nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.report import Hold
from daebus_console.engine.holding.steps import Plan, Step, plan
from daebus_console.engine.keeping.keeper import Keeper, Wanted
from daebus_console.engine.keeping.presence import debuggable
from daebus_console.engine.keeping.refused import GoneOn, Refused
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.naming import shown

_ARRIVES_WITHIN = 1.5
"""Seconds after the end of what is followed, within which it would be known that something is held."""
_ON_ITS_WAY = 0.1
"""Seconds that what was called before an answer, and that nobody answers, may take to arrive."""


class Stepper:
    """`at` is the number of what is held where the last step has come to; None while it is under way."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.at: int | None = None
        self._plan: Plan | None = None
        self._seen = 0
        """The number of the last exchange that was looked at for being one that is called."""
        self._unheld: Exchange | None = None
        """The last call since the step began that could be held, and was not."""
        self._stopped: Plan | None = None
        """The last step that has come to something that was called: it does not hold the answer as well."""
        self._before: set[tuple[str, str, str]] = set()
        """What was held when the step began, by its keys: there it has not come to."""
        keeper.followed = self._follow

    @property
    def under_way(self) -> bool:
        """Whether a step has not come to its end."""
        return self._plan is not None

    @property
    def awaited(self) -> str:
        """What comes next where a step is under way, in words; empty where none is."""
        planned = self._plan
        if planned is None:
            return ""
        exchange = self.keeper.session.correlator.find(planned.of)
        name = "it" if exchange is None else _name(exchange)
        return f"the next call of {name}, or its answer" if planned.step is Step.INTO else f"the answer of {name}"

    def step(self, held: Held, step: Step, payload: Any = None) -> None:
        """Go on from what is held; that ends a step that is under way.

        Raises StepError, GoneOn, Refused, RedisUnavailable, ReadOnly.
        """
        keeper = self.keeper
        with keeper.session.lock:
            services = debuggable(keeper.session)
            last = keeper.desk.group(self._plan.group) if self._plan is not None else []
        planned = plan(step, self._first_of(held), services)
        made = []
        if planned.rules:
            wanted = [Wanted(service, rule, group=planned.group) for service, rule in planned.rules]
            made = keeper.place(wanted, anywhere=True)
        with keeper.session.lock:
            self.at, self._plan, self._stopped = None, planned if made else None, None
            self._seen, self._unheld = keeper.session.journal.exchanges.last, None
            self._before = {hold.key for hold in keeper.desk.holds()}
        try:
            keeper.release(held, "go", payload=payload)
        except Exception:
            self._plan = None
            keeper.lift([*made, *last])
            raise
        keeper.lift(last)

    def _first_of(self, held: Held) -> Hold:
        """It, with whether nobody answers it, which a service says only of what leaves."""
        first, session = held.first, self.keeper.session
        with session.lock:
            exchange = session.correlator.find(first.id) if first.id is not None else None
        return replace(first, one_way=True) if exchange is not None and exchange.kind is Kind.ONE_WAY else first

    def end(self) -> None:
        """Follow nothing any more: all that was set for it is lifted."""
        with self.keeper.session.lock:
            self.at = self._plan = self._stopped = None

    def _follow(self) -> set[str]:
        """Look whether the step has come to its end (called by the keeper's thread).

        Returns the services that have to tell for that, also where no rule of the step is left.
        """
        session = self.keeper.session
        with session.lock:
            planned = self._plan
            told = None if planned is None else self._where(planned)
            ended = []
            if planned is not None and told is not None:
                self._plan = None
                self.keeper.desk.news.append(told)
                ended = self.keeper.desk.group(planned.group)
            too_far = self._too_far()
        self.keeper.lift(ended)
        for held in too_far:
            try:
                self.keeper.let_go(held)
            except (GoneOn, Refused):
                # Somebody else has let it go.
                continue
            name = f"{shown(held.first.service)}.{shown(held.first.name, text=True)}"
            with session.lock:
                self.keeper.desk.news.append(
                    f"H{held.number}: the answer of {name} goes on: the step stopped before it"
                )
        return set() if planned is None or told is not None else {service for service, _rule in planned.rules}

    def _too_far(self) -> list[Held]:
        """Answers that the last step holds, though it has come to something that was called before them.

        Who sends a message that nobody answers, or asks aside, goes on to its own answer at once.
        """
        stopped, desk = self._stopped, self.keeper.desk
        if stopped is None:
            return []
        return [one for one in desk.ours() if all(stopped.came_too_far(hold) for hold in one.holds)]

    def _where(self, planned: Plan) -> str | None:
        """Where the step has come to, or why nowhere; None while that is not known."""
        desk, session = self.keeper.desk, self.keeper.session
        exchange = session.correlator.find(planned.of)
        now = session.clock()
        self._look_past(planned, exchange)
        # Another rule may have been the first to hold it, or a suspension: it has come there all the same.
        come = [
            held
            for held in desk.held()
            if any(hold.key not in self._before and planned.is_for(hold) for hold in held.holds)
        ]
        # What was called goes before the answer, whichever was told of first.
        held = next((one for one in come if one.first.place != "answer"), next(iter(come), None))
        if held is not None:
            called = held.first.place != "answer"
            if not called and not self._all_told_since(planned, held):
                return None
            self.at, self._stopped = held.number, planned if called else None
            return self._arrived(planned, held)
        if exchange is None or exchange.state is State.PENDING:
            return None
        if now - exchange.ended < _ARRIVES_WITHIN:
            return None
        # Where the request was not seen, its answer stands alone, on the channel of whoever asked.
        whose = "" if exchange.action is None else f" of {shown(exchange.target or '?')}"
        how = "was answered" if exchange.answer is not None else "got no answer"
        return f"the step {planned.step} came nowhere: #{exchange.number}{whose} {how}, and nothing could be held"

    def _all_told_since(self, planned: Plan, held: Held) -> bool:
        """Whether all others would have told of what was called before that answer."""
        if planned.step is not Step.INTO:
            return True
        desk, since = self.keeper.desk, held.first.since + _ON_ITS_WAY
        services = {service for service, _rule in planned.rules}
        return all(report.at > since for (service, _instance), report in desk.reports.items() if service in services)

    def _look_past(self, planned: Plan, parent: Exchange | None) -> None:
        """Look at what was called since the step began; tell of calls that went to where nothing can be held."""
        if parent is None or planned.step is not Step.INTO:
            return
        session, able = self.keeper.session, debuggable(self.keeper.session)
        last = session.journal.exchanges.last
        for exchange in session.journal.exchanges.between(max(self._seen, parent.number) + 1, last):
            if exchange.parent_id != planned.of:
                continue
            if exchange.target in able:
                self._unheld = exchange
            else:
                told = f"#{exchange.number} {_name(exchange)} cannot be debugged: the step goes past it"
                self.keeper.desk.news.append(told)
        self._seen = last

    def _arrived(self, planned: Plan, held: Held) -> str:
        first = held.first
        where = f"{shown(first.service)}.{shown(first.name, text=True)}"
        if planned.step is not Step.INTO or first.place != "answer":
            what = "the answer of " if first.place == "answer" else ""
            return f"H{held.number}: stopped at {what}{where}"
        unheld = self._unheld
        why = "no call was made that could be held"
        if unheld is not None:
            why = f"#{unheld.number} {_name(unheld)} was called and not held"
        return f"H{held.number}: {why}: stopped at the answer of {where}"


def _name(exchange: Exchange) -> str:
    return f"{shown(exchange.target or '?')}.{shown(exchange.action or '', text=True)}"
