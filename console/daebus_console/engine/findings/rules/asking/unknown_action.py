"""unknown-action: messages for an action that no instance of the service has; near names are told."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.seen import Seen, see
from daebus_console.engine.findings.words import near, quoted, shown, to
from daebus_console.engine.message.exchange import Exchange, Kind

_MOST = 200


class Found(Rule):
    """Judges by what all instances tell of themselves after the message was seen."""

    name = "unknown-action"
    severity = Severity.ERROR
    title = "messages for an action that the service does not have"
    page = """\
Messages ask for an action that no instance of the service has. A request is answered with `unknown_action`; a
one-way message is dropped without a word to anybody, and looks as healthy as any other.

It is thought so because every instance told its actions after the message, and this one was not among them.

Correct the name where it is called; an action with nearly the same name is named. Else the service lacks the
action: it may be an older version, or the blueprint with it was not registered.

A one-way message is an error, for it is lost. A request is a warning where a near name is there, for it is a
slip, or where an instance had the action that has been replaced; else it is only worth to know: who asked was
told."""

    def begin(self) -> None:
        self._waiting: dict[tuple[str, str], Seen] = {}

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Remember what nobody had told to have."""
        actions = self.world.instances.actions(service)
        if actions is None:
            # Services that are not on this framework never tell; in a capture, or at the start, one may tell later.
            entry = self.world.directory.services.get(service)
            if self.world.polled is not None and (entry is None or not entry.framework):
                return
        elif action in actions:
            return
        key = (service, action)
        see(self._waiting, key, exchanges, _MOST)

    def look(self) -> None:
        """Tell of those whose service has told of itself since."""
        for key, waiting in list(self._waiting.items()):
            if self.world.instances.last(key[0]) > waiting.since:
                self._judge(key, waiting)

    def finish(self) -> None:
        """Nothing more comes: what was told before has to do."""
        for key, waiting in list(self._waiting.items()):
            self._judge(key, waiting)

    def _judge(self, key: tuple[str, str], waiting: Seen) -> None:
        service, action = key
        del self._waiting[key]
        actions = self.world.instances.actions(service)
        entry = self.world.directory.services.get(service)
        told = len(self.world.instances.here(service))
        if actions is None or action in actions or (entry is not None and entry.takers > told):
            return
        # A request that was answered otherwise was handled by somebody who does not tell of himself.
        wrong = [one for one in waiting.first if one.kind is Kind.ONE_WAY or one.aside.code == "unknown_action"]
        if not wrong:
            return
        self._tell(service, action, wrong, waiting, near(action, sorted(actions)), told)

    def _tell(self, service: str, action: str, wrong: list[Exchange], seen: Seen, meant: str | None, told: int) -> None:
        one_way = any(one.kind is Kind.ONE_WAY for one in wrong)
        had = any(action in one.actions for one in self.world.instances.of(service))
        severity = Severity.ERROR if one_way else Severity.WARNING if meant is not None or had else Severity.INFO
        name = quoted(action)
        text = f"{shown(service)} has no action {name}" + (" any more" if had else "")
        if meant is not None:
            text += f", but {quoted(meant)}"
        text += ": one-way messages for it are lost without a word" if one_way else ": requests for it fail"
        who = "its instance" if told == 1 else f"each of its {told} instances"
        self.book.report(
            self.name,
            severity,
            seen.last,
            [one.number for one in wrong],
            service=service,
            action=action,
            text=text,
            because=f"{who} told which actions it has, and this is not among them"
            + ("; one that was there before had it" if had else ""),
            advice=f"write {quoted(meant)} where {name} is sent"
            if meant is not None
            else f"add the action to {shown(service)}, or correct its name where it is called",
            where=to(service, action),
            count=seen.count,
            since=wrong[0].opened.at,
        )
