"""Steps through a conversation, as rules for one message each. Pure.

into    the next request that this message causes, wherever that arrives; else its own answer
over    its own answer
out     the answer of what caused it
run     nothing: it goes on

At an answer, all of this is of the message that caused the one that is answered.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from daebus_console.engine.holding.report import Hold
from daebus_console.engine.holding.rule import Rule

_ANSWER = "-answer"
"""What the ids of rules for answers end with."""


class Step(StrEnum):
    """How to go on from what is held."""

    INTO = "into"
    OVER = "over"
    OUT = "out"
    RUN = "run"


class StepError(ValueError):
    """There is no such step from here; the text says why."""


class Plan(NamedTuple):
    """The rules of a step, each with its service, and a group in which they stand and fall together."""

    rules: tuple[tuple[str, Rule], ...]
    group: str
    step: Step
    of: str
    """The id of the message that is followed."""

    def is_for(self, hold: Hold) -> bool:
        """Whether one of its rules is for what is held there, by whatever rule that is held."""
        return any(service == hold.service and _fits(rule, hold) for service, rule in self.rules)

    def came_too_far(self, hold: Hold) -> bool:
        """Whether it was only to be held if nothing was called, which is known to have been."""
        return self.step is Step.INTO and hold.rule == f"{self.group}{_ANSWER}"


def plan(step: Step, hold: Hold, services: Iterable[str]) -> Plan:
    """The rules for a step from a hold, on those services that can be debugged. Raises StepError."""
    group = f"step-{uuid.uuid4().hex[:8]}"
    if step is Step.RUN:
        return Plan((), group, step, hold.id or "")
    if hold.id is None:
        raise StepError("this message has no id, so that nobody can follow it: run")
    if hold.one_way and step is Step.OVER:
        raise StepError("nobody answers a one-way message: step into it, out, or run")
    everywhere = sorted({*services, hold.service})
    # A part of an answer is on the way to it, as its request is.
    answer = hold.place == "answer" and hold.part is None
    of = hold.parent if step is Step.OUT or answer else hold.id
    if of is None:
        end = "it is the last answer of its conversation" if answer else "nothing is known to have caused it"
        raise StepError(f"{end}: there is nothing to step to; run")
    rules = _answers(group, of, everywhere)
    if step is Step.INTO and hold.place == "call":
        # What it calls has not got it yet: that is where it goes into.
        rules = (*((one, Rule(f"{group}-into", "request", of=of, once=True)) for one in everywhere), *rules)
    elif step is Step.INTO:
        rules = (*_called(group, of, everywhere), *rules)
    return Plan(rules, group, step, of)


def _called(group: str, parent: str, services: Iterable[str]) -> tuple[tuple[str, Rule], ...]:
    return tuple((one, Rule(f"{group}-into", "request", parent=parent, once=True)) for one in services)


def _answers(group: str, of: str, services: Iterable[str]) -> tuple[tuple[str, Rule], ...]:
    return tuple((one, Rule(f"{group}{_ANSWER}", "answer", of=of, final=True, once=True)) for one in services)


def _fits(rule: Rule, hold: Hold) -> bool:
    return (
        rule.place == hold.place
        and rule.parent in (None, hold.parent)
        and rule.of in (None, hold.id)
        and rule.final in (None, hold.part is None)
    )
