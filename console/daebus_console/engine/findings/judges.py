"""The rules, by what they are told of, so that each is told of what it judges and its faults harm no other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.message.touched import bent

_DEBUGGED = Flag.DEBUGGED

Told = list[Callable[..., None]]
"""The methods of rules for one kind of event; see `Rule`."""


class Judges:
    """For each kind of event whom to tell of it. Where a debugger had a hand in it, those `of_harm` alone."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = list(rules)
        self.problem: str | None = None
        """What kept a rule from judging, which is a fault of ours."""
        self.asked = self._having("asked")
        self.stray = self._having("stray")
        self.reused = self._having("reused")
        self.answered = self._having("answered")
        self.failed = self._having("failed")
        self.cast = self._having("cast")
        self.unreadable = self._having("unreadable")
        self.expired = self._having("expired")
        self.extra = self._having("extra")
        self.told = self._having("told")
        self.look = self._having("look")
        self.recorded = self._having("recorded")
        self.clocked = self._having("clocked")
        self.linked = self._having("linked")
        self.stood = self._having("stood")
        self.reported = self._having("reported")
        self.lost = self._having("lost")
        self.finish = self._having("finish")
        self.of_harm = {event: self._having(event, of_harm=True) for event in ("answered", "failed", "expired")}
        self._closed = [(self._guarded(rule.closed), rule) for rule in self._with("closed")]

    def _having(self, event: str, *, of_harm: bool = False) -> Told:
        """The methods of the rules for that event: of those that have one, and that judge harm done on purpose."""
        return [self._guarded(getattr(rule, event)) for rule in self._with(event) if rule.of_harm or not of_harm]

    def _with(self, event: str) -> list[Rule]:
        return [rule for rule in self.rules if getattr(type(rule), event) is not getattr(Rule, event)]

    def _guarded(self, method: Callable[..., None]) -> Callable[..., None]:
        """The method of a rule, so that its faults harm no other rule."""

        def judged(*arguments: Any) -> None:
            try:
                method(*arguments)
            except Exception as error:  # noqa: BLE001 - whatever a rule makes of odd messages, the others judge on
                self.broken(error)

        return judged

    def broken(self, error: Exception) -> None:
        """Note what kept a rule, or all of them, from judging."""
        self.problem = f"{type(error).__name__}: {error}"

    def close(self, parent: Exchange, family: Family) -> None:
        """Tell of a request that is over, and of the calls that were made for it."""
        natural = family
        if any(one.flags & _DEBUGGED for one in family.calls):
            natural = Family()
            natural.calls = [one for one in family.calls if not one.flags & _DEBUGGED]
            natural.beyond = family.beyond
        harmed = bool(parent.flags & _DEBUGGED) and bent(parent)
        for closed, rule in self._closed:
            of = family if rule.of_harm else natural
            if len(of.calls) >= rule.least_calls and (rule.of_harm or not harmed):
                closed(parent, of)
