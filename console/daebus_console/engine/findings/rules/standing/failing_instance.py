"""failing-instance: one instance of a service fails what the others do well."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.figures.told import place
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.kinds import is_meant
from daebus_console.engine.findings.payloads import error_of
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, to
from daebus_console.engine.message.exchange import DAEBUS, Exchange, State

_LATEST = 40
_ENOUGH = 10
_OTHERS = 20
_FAIL, _WELL = 0.8, 0.95
_MOST = 500
_MOST_INSTANCES = 50
_TOO_MANY = (1 - _WELL) * _LATEST * _MOST_INSTANCES
_RAISED = "handler_error"
_FAILS = frozenset({_RAISED, "bad_request", "no_response", "redis_refused"})
"""Errors that nobody wrote as an answer: of all others, what an instance refuses or says no to may be its part."""

_Answers = deque[tuple[float, bool]]
"""The latest answers of an instance: when each came, and whether it was a success."""


class Found(Rule):
    """Compares the instances of a service by how their answers to an action end."""

    name = "failing-instance"
    severity = Severity.WARNING
    title = "an instance that fails what the others do well"
    page = """\
Of the instances of a service one answers an action with errors, nearly always, while the others answer it with
success: a new version that is not right, or an environment, a machine or a connection that is not as that of the
others. A caller fails by chance, and goes well when it tries again.

It is thought so because answers name their instance: of its latest ten or more four in five are errors, and of
twenty or more of the others, in the same time, hardly one. Refusals (`busy`, `expired` …) and errors that the handler
gives as an answer do not count, nor exceptions that say that something is not there or too much: instances may share
the work by what each of them has.

Look at its log: what has it, or lacks, that the others have not? `services NAME` shows where it runs."""

    def begin(self) -> None:
        self._of: dict[tuple[str, str], dict[str, _Answers]] = {}

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Count them, and judge by each that is an error."""
        of = self._of.get((service, action))
        if of is None:
            of = {}
            remember(self._of, (service, action), of, _MOST)
        for one in exchanges:
            name, answer = one.instance, one.answer
            if name is None or answer is None or one.dialect != DAEBUS or (answer.error and not _fails(one)):
                continue
            answers = of.get(name)
            if answers is None:
                answers = deque(maxlen=_LATEST)
                remember(of, name, answers, _MOST_INSTANCES)
            answers.append((answer.at, not answer.error))
            if one.state is State.ERROR and len(of) > 1:
                self._judge(service, action, one, of)

    def lost(self) -> None:
        """Answers may have gone unseen."""
        self._of.clear()

    def _judge(self, service: str, action: str, one: Exchange, of: dict[str, _Answers]) -> None:
        name = one.instance or ""
        its = of[name]
        failed, since = sum(not well for _, well in its), its[0][0]
        if len(its) < _ENOUGH or since < self.world.in_part or failed < _FAIL * len(its):
            return
        others, well = _others(of, name, since)
        if others < _OTHERS or well < _WELL * others:
            return
        where = next(self._place(service, name), "")
        self.book.report(
            self.name,
            self.severity,
            one.ended,
            [one.number],
            service=service,
            action=action,
            about=name,
            text=f"the instance {shown(name, text=True)} of {shown(service)} fails {shown(action, text=True)}, which"
            " others do well",
            because=f"{failed} of its latest {len(its)} answers are errors, and {well} of {others} of the"
            " others in the same time are none",
            advice=f"see what it{where} has, or lacks, that the others have not: version, environment, machine",
            where=f"{to(service, action)} status:error",
        )

    def _place(self, service: str, name: str) -> Iterator[str]:
        """Where it runs, if it told so."""
        entry = self.world.directory.services.get(service)
        instance = entry.instances.get(name) if entry is not None else None
        if instance is not None and (found := place(instance.info)):
            yield f" ({shown(found, text=True)})"


def _fails(exchange: Exchange) -> bool:
    """Whether it ended with an error that nobody meant as an answer."""
    code = exchange.aside.code
    return code in _FAILS if code != _RAISED else not is_meant(error_of(exchange)[0])


def _others(of: dict[str, _Answers], name: str, since: float) -> tuple[int, int]:
    """How many answers of the other instances since then are known, and how many of them are no errors.

    Where so many are errors that it is certain that those do not do it well, the rest is not counted.
    """
    count = well = 0
    for other, answers in of.items():
        if other != name:
            latest = [ok for at, ok in answers if at >= since]
            count, well = count + len(latest), well + sum(latest)
            if count - well > _TOO_MANY:
                break
    return count, well
