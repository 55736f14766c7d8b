"""ping: how long the way to each instance of a service and back is, past its workers and its handlers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING, Any

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import JSON, SERVICE
from daebus_console.naming import fields, quoted, shown
from daebus_console.render import Line, Span, duration, line, table

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command
    from daebus_console.engine.message.exchange import Exchange, Message

VERB = Verb(
    "ping",
    "measure the way to each instance of a service and back",
    (SERVICE,),
    (
        Option("--times", Kind.COUNT, "ask so many times (default: 4)", "N"),
        Option("--every", Kind.DURATION, "ask again after so long (default: 1 s)"),
        Option("--timeout", Kind.DURATION, "wait at most so long for each answer (default: 2 s)"),
        JSON,
    ),
    examples=("ping users", "ping users --times 20 --every 200ms", "ping users --times 1 --json"),
    details="Every instance is asked on its control channel, where its reader answers past the workers: a service"
    " that answers here and not its actions is busy. Services that are not on this framework answer no ping.",
    publishes=True,
    background=True,
    place=100,
)
TIMES = 4
EVERY = 1.0
TIMEOUT = 2.0


@dataclass
class Instance:
    """An instance that has answered: where it runs, and how long each answer took, in seconds."""

    name: str
    place: str
    took: list[float] = field(default_factory=list)


class Ping:
    """Asks all instances of a service at once for their `info`, which a reader answers though all workers are busy."""

    def __init__(self, command: Command, context: Context) -> None:
        self.service: str = command["service"]
        self.times: int = command["times"] or TIMES
        self.every: float = EVERY if command["every"] is None else command["every"]
        self.timeout: float = TIMEOUT if command["timeout"] is None else command["timeout"]
        self.quiet: bool = command["json"]
        self.context = context
        self.session = context.look()
        self.instances: dict[str, Instance] = {}
        self.sent = 0
        self.most = 0
        """How many were subscribed at once, at most."""
        self._asked: dict[str, float] = {}
        self._answers: dict[str, int] = {}
        self._came: list[Instance] = []
        self._changed = Condition(self.session.lock)

    def run(self) -> bool:
        """Ask as often as wanted; True when it was stopped before. Raises ServiceUnavailable."""
        from daebus_console.commands.doing.sending.repeating import turns

        cancellation = self.context.cancellation
        with self.session.lock:
            unwatch = self.session.watch(self._seen)
        withdraw = cancellation.on_cancel(self._wake)
        try:
            for _number in turns(self.times, self.every, self.context):
                if not self._ask():
                    return True
            return cancellation.cancelled
        except KeyboardInterrupt:
            return True
        finally:
            withdraw()
            unwatch()

    def _ask(self) -> bool:
        """One question, and its answers: until all that are subscribed have answered, or the time is over.

        False where that was interrupted: what had not come by then is not lost, and the question does not count.
        """
        request_id = uuid.uuid4().hex
        try:
            here = self._answered(request_id)
        except KeyboardInterrupt:
            here = None
        with self._changed:
            came, self._came = self._came, []
            if here is None:
                self._asked.pop(request_id, None)
                for instance in came:
                    instance.took.pop()
                return False
        self.sent += 1
        self.most = max(self.most, here)
        for instance in [] if self.quiet else came:
            told = line(
                Span(f"{self.sent:>3}", "dim"), f"  {_where(instance)}  ", Span(duration(instance.took[-1]), "ok")
            )
            self.context.output.progress(told)
        return True

    def _answered(self, request_id: str) -> int | None:
        """Ask, and wait for the answers; returns how many were to come. None where it was stopped before they did."""
        from daebus.errors import ServiceUnavailable

        with self._changed:
            self._asked[request_id] = self.session.clock()
            self._answers[request_id] = 0
        delivery = self.context.sender.control(self.service, "info", self.session.reply_to, request_id)
        here = delivery.receivers if delivery.subscribers is None else delivery.subscribers
        if not here:
            raise ServiceUnavailable(self._nobody())
        cancellation = self.context.cancellation
        with self._changed:
            self._changed.wait_for(lambda: self._answers[request_id] >= here or cancellation.cancelled, self.timeout)
            return None if cancellation.cancelled and self._answers[request_id] < here else here

    def _nobody(self) -> str:
        if self.context.sender.subscribers(self.service):
            return f"{quoted(self.service)} is served, but by no service that answers a ping"
        return f"nobody serves {quoted(self.service)}"

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _seen(self, message: Message, exchange: Exchange) -> None:
        """A message passed by (called under the session's lock)."""
        asked = self._asked.get(exchange.request_id or "")
        if asked is None or message.channel != self.session.reply_to:
            return
        from daebus_console.engine.figures.told import place
        from daebus_console.engine.message.envelope import told_in

        told = told_in(message.data)
        name = told.get("instance")
        instance = self.instances.setdefault(str(name), Instance(str(name), place(told)))
        instance.took.append(max(0.0, message.at - asked))
        self._answers[exchange.request_id or ""] += 1
        self._came.append(instance)
        self._changed.notify_all()


def run(command: Command, context: Context) -> int:
    """Ask, and print how long the answers took and how many were lost; returns the exit status."""
    from daebus.errors import RequestTimeout
    from daebus_console.commands.context import Exit

    ping = Ping(command, context)
    stopped = ping.run()
    found = sorted((one for one in ping.instances.values() if one.took), key=lambda one: (one.place, one.name))
    if ping.quiet:
        for instance in found:
            context.output.record(_record(ping, instance))
    elif found:
        context.output.result(_lines(ping, found))
    if stopped:
        return Exit.INTERRUPTED
    if not found:
        raise RequestTimeout(f"{quoted(ping.service)} answered none of {ping.sent} within {ping.timeout:g} s each")
    silent = ping.most - len(found)
    if silent > 0:
        context.output.note(f"{silent} more {'is' if silent == 1 else 'are'} subscribed and answered nothing")
    lost = any(len(instance.took) < ping.sent for instance in found)
    return Exit.TIMEOUT if lost or silent > 0 else Exit.DONE


def _where(instance: Instance) -> str:
    return shown(instance.place or instance.name, text=True)


def _lines(ping: Ping, found: list[Instance]) -> list[Line]:
    from statistics import median

    rows: list[list[str | Span]] = []
    for one in found:
        lost = ping.sent - len(one.took)
        times = (min(one.took), median(one.took), max(one.took))
        rows.append(
            [
                Span(_where(one), "bold"),
                f"{len(one.took)} of {ping.sent}",
                Span(f"{100 * lost / ping.sent:.0f} %", "warn" if lost else "dim"),
                *(duration(seconds) for seconds in times),
            ]
        )
    return table(["instance", "answered", "lost", "min", "median", "max"], rows, frozenset({1, 2, 3, 4, 5}))


def _record(ping: Ping, instance: Instance) -> dict[str, Any]:
    from statistics import median

    return {
        **fields("service", ping.service),
        "instance": instance.name,
        "place": instance.place,
        "sent": ping.sent,
        "answered": len(instance.took),
        "lost": ping.sent - len(instance.took),
        "min_ms": round(min(instance.took) * 1000, 3),
        "median_ms": round(median(instance.took) * 1000, 3),
        "max_ms": round(max(instance.took) * 1000, 3),
    }
