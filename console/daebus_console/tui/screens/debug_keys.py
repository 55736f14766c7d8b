"""Keys of the debugger: hold what is like this, what is held, the rules, steps; their signs and their badge."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from daebus_console.commands.under_way import under_way
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Kind, State
from daebus_console.naming import shown
from daebus_console.tui.rows.findings import SIGNS
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.finding_keys import FindingKeys
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.holding.desk import Held
    from daebus_console.engine.keeping.keeper import Keeper
    from daebus_console.engine.replay.item import Resend
    from daebus_console.tui.rows.directory import DirectoryRow

RING_EVERY = 3.0
"""Seconds between two rings, at the least."""
_STEPS = {"into": "stepping into", "over": "stepping over", "out": "stepping out", "run": "running"}


class DebugKeys(FindingKeys):
    """Whoever inherits it calls `debugged` now and then, and `said` with what commands say."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("B", "hold_like", "Hold: a breakpoint on what is like this", show=False),
        Binding("H", "held", "Held: what is held, to look inside, edit and let go", show=False),
        Binding("L", "rules", "List of breakpoints and faults", show=False),
    ]
    _desk_version = -1
    _rang = 0
    _rang_at = -math.inf
    _watched = False
    last_said: Line = []  # noqa: RUF012  # replaced, never changed

    @property
    def keeper(self) -> Keeper | None:
        """Who keeps our rules; None before the first."""
        return under_way(self.session).keeper

    @property
    def stepped_to(self) -> int | None:
        """The number of what is held where the last step has come to."""
        stepper = under_way(self.session).stepper
        return None if stepper is None else stepper.at

    @on(TitleLine.Pressed, "#header")
    def _badge_pressed(self, event: TitleLine.Pressed) -> None:
        """A click on a badge does what the key does that it names."""
        text = event.text.strip()
        if text.endswith((" H", "suspended")):
            self.action_held()
        elif text.endswith(" L"):
            self.action_rules()
        elif text[:1] in {"!", *(sign for sign, _role in SIGNS.values())}:
            self.action_findings()

    def said(self, line: Line) -> None:
        """A command has said that."""
        self.last_said = [(" ", "plain"), *line]

    # Signs -----------------------------------------------------------------------------------------------------

    def debugged(self) -> Line:
        """The badge of rules and of what is held; rings for what is new, and draws signs anew. Takes the lock."""
        self._watch()
        keeper = self.keeper
        if keeper is None:
            return []
        from daebus_console.tui.rows.holding import Signs, badge

        with self.session.lock:
            desk = keeper.desk
            news = [desk.news.popleft() for _ in range(len(desk.news))]
            told, rang = badge(desk), desk.rang
            changed, self._desk_version = desk.version != self._desk_version, desk.version
            signs = Signs(desk) if changed else None
        if signs is not None:
            self.flow.rule_of = signs.of
            self.directory.rule_of = partial(_sign_on, signs)
            self.flow.redraw()
        self._ring(rang)
        for text in news:
            self.said([(text, "warn")])
            self.repl.write([(f"‖ {text}", "warn")])
        return told

    def _ring(self, rang: int) -> None:
        """Ring for what is newly held; of a flood not each time."""
        now = time.monotonic()
        if rang > self._rang and now - self._rang_at >= RING_EVERY:
            self._rang_at = now
            self.app.bell()
        self._rang = rang

    def _watch(self) -> None:
        """Look what others hold, once there is a service that may be debugged."""
        if self._watched or self.session.recorded or self.app.read_only:
            return
        with self.session.lock:
            services = list(self.session.directory.services.values())
            able = any(one.info.get("debugger") is True for each in services for one in each.instances.values())
        if able:
            self._watched = True
            from daebus_console.commands.doing.shared.keeping import made_keeper

            made_keeper(self.workspace.commands.context).watch()

    # Rules -----------------------------------------------------------------------------------------------------

    def action_hold_like(self) -> None:
        """Choose what is to be held: the next message like the selected one, or each, or where something is so."""
        from daebus_console.tui.screens.break_at import BreakScreen, Choice, choices

        if self._is_capture():
            return
        about = self._about()
        if about is None:
            self.notify(self._why_nothing_to_hold(), timeout=3, markup=False)
            return
        service, action, payload, event = about
        from daebus_console.engine.holding.condition import offered

        conditions = [] if self.app.redact else offered(payload)
        name = f"{shown(service)}{' on ' if event else '.'}{shown(action or '*', text=not event)}"

        def chosen(choice: Choice | None) -> None:
            if choice is None:
                return
            if choice.typed:
                self.begin(choice.command)
            else:
                self.do(choice.command)

        number = self._number_of_several(action) if event else None
        found = choices(service, action, conditions, event=event, number=number)
        self.app.push_screen(BreakScreen(name, found, self._against(service)), chosen)

    def _is_capture(self) -> bool:
        """Whether nothing can be held, since nothing passes any more; then it is said."""
        if self.session.recorded:
            self.notify("This is a capture, connected to no Redis: nothing can be held in it", timeout=3)
        return self.session.recorded

    def _about(self) -> tuple[str, str | None, Any, bool] | None:
        """What the keyboard is on: a service, an action or a channel, a payload, and whether it is a broadcast."""
        row = self.directory.row() if self.directory.has_focus else None
        if row is not None:
            if row.kind not in ("service", "action"):
                return None
            last = row.entry.last_seen if row.kind == "action" else None
            payload = _payload(last) if last is not None else None
            return (row.service, row.name, payload, False) if row.kind == "action" else (row.name, None, None, False)
        exchange = self.selected_exchange()
        if exchange is None or not exchange.target:
            return None
        if exchange.kind is Kind.TOLD:
            # What it carried is not known; what it is, is.
            return exchange.target, exchange.action, None, False
        payload = _payload(exchange.opened.data)
        if exchange.kind in (Kind.REQUEST, Kind.ONE_WAY):
            return exchange.target, exchange.action, payload, False
        if exchange.kind is not Kind.BROADCAST:
            return None
        with self.session.lock:
            channel = self.session.directory.channels.get(exchange.target)
            listeners = sorted(channel.listeners) if channel is not None else []
        return (listeners[0], exchange.target, payload, True) if listeners else None

    def _why_nothing_to_hold(self) -> str:
        """Why what the keyboard is on cannot be held."""
        exchange = None if self.directory.has_focus else self.selected_exchange()
        if exchange is None:
            return "Select what to hold: a message, or a service or action in the directory"
        if exchange.kind is Kind.BROADCAST and exchange.target:
            return f"No service is known to listen to {shown(exchange.target)}: nothing can be held there"
        return "Only requests, one-way messages and broadcasts can be held"

    def _number_of_several(self, channel: str | None) -> int | None:
        """The number of the selected broadcast, where more than one service listens to its channel."""
        exchange = self.selected_exchange()
        with self.session.lock:
            entry = self.session.directory.channels.get(channel or "")
            several = entry is not None and len(entry.listeners) > 1
        return exchange.number if several and exchange is not None else None

    def _against(self, service: str) -> str:
        """What is known to speak against holding anything there."""
        with self.session.lock:
            entry = self.session.directory.services.get(service)
            told = [one.info.get("debugger") for one in entry.instances.values()] if entry is not None else []
        if entry is not None and not entry.framework:
            return f"{shown(service)} is no service of this framework: it cannot be debugged"
        if told and not any(one is True for one in told):
            return f"{shown(service)} does not allow it: Daebus(debugger=True), or DAEBUS_DEBUGGER=1 in its environment"
        return ""

    def action_rules(self) -> None:
        """List breakpoints and faults."""
        if self._is_capture():
            return
        from daebus_console.tui.screens.rules import RulesScreen

        self.app.push_screen(RulesScreen(self))

    def action_held(self) -> None:
        """Show what is held."""
        if self._is_capture():
            return
        from daebus_console.tui.screens.held import HeldScreen

        self.app.push_screen(HeldScreen(self))

    def action_step(self, how: str) -> None:
        """Go on from what is held: where the cursor is, else where the last step stopped, else from the oldest."""
        from daebus_console.tui.screens.conversation import ConversationScreen

        keeper = self.keeper
        screen: object = self.app.screen
        if keeper is None or not any(keeper.desk.held()):
            self.notify("Nothing is held: B on a row sets a breakpoint", timeout=3)
            return
        chosen: Held | None = getattr(screen, "chosen", None)
        if chosen is None and isinstance(screen, ConversationScreen):
            looking = screen.conversation is None
            told = "It is still looked for what belongs to it" if looking else "Nothing of this conversation is held"
            self.notify(told if looking else f"{told}: H lists what is", timeout=3)
            return
        self.said([(f"{_STEPS[how]} …", "wait")])
        self.do(f"step {how}" + (f" {chosen.number}" if chosen is not None else ""))

    # What is held ----------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Held | None:
        """What is held of the selected row."""
        keeper, number = self.keeper, self.flow.selected
        if keeper is None or number is None:
            return None
        with self.session.lock:
            entry = self.flow.model.entry(number)
            several = keeper.desk.of_message(entry[0].request_id) if entry is not None else []
        return next(iter(several), None)

    def look_inside(self, held: Held, done: Callable[[Any], None]) -> None:
        """Fetch the payload of what is held, and hand it on; None where nobody can tell it."""
        keeper = self.keeper
        if keeper is None:
            return

        def work() -> None:
            from daebus.errors import DaebusError

            try:
                payload = keeper.look_into(held.first)
            except DaebusError as error:
                self.app.call_from_thread(self.notify, str(error), timeout=4, severity="warning", markup=False)
                return
            self.app.call_from_thread(done, payload)

        self.run_worker(work, thread=True, group="looking inside", exit_on_error=False)

    def edit_held(self, held: Held) -> None:
        """Edit the payload of what is held, and let it go on with that."""

        def edit(payload: Any) -> None:
            if not isinstance(payload, dict):
                self.notify("Its payload is too large to be edited, or is no object", timeout=4, severity="warning")
                return
            self._draft(held, payload, "goes on", f"Edit H{held.number} and let it go on", "go")

        self.look_inside(held, edit)

    def answer_held(self, held: Held) -> None:
        """Write an answer in its place, beginning with the last one that was seen, or what the service says of it."""
        if self._unanswerable(held):
            return
        payload, whence = self._last_answer(held)
        self._draft(held, payload, "is answered", f"Answer H{held.number} in its place{whence}", "answer")

    def _unanswerable(self, held: Held) -> bool:
        """Whether nothing can be answered in its place; then it is said."""
        from daebus_console.engine.holding.words import unanswerable

        why = unanswerable(held.first)
        if why:
            self.notify(why, timeout=3)
        return bool(why)

    def _last_answer(self, held: Held) -> tuple[dict[str, Any], str]:
        first = held.first
        service = first.target or first.service
        with self.session.lock:
            for exchange in reversed(self.session.journal.exchanges):
                same = exchange.target == service and exchange.action == first.name
                if same and exchange.state is State.OK and exchange.answer is not None:
                    payload = _payload(exchange.answer.data)
                    if isinstance(payload, dict):
                        return payload, f", beginning with that of #{exchange.number}"
            entry = self.session.directory.services.get(service)
            action = entry.actions.get(first.name) if entry is not None else None
            told = action.told if action is not None else None
        from daebus_console.engine.schema.described import described
        from daebus_console.engine.schema.example import example

        answer = described(first.name, "", told).answer
        made = example(answer) if answer is not None else None
        return (made, ", as its schema says") if isinstance(made, dict) else ({}, "")

    def _draft(self, held: Held, payload: dict[str, Any], told: str, title: str, verdict: str) -> None:
        from daebus_console.engine import jsontext
        from daebus_console.engine.holding.words import where
        from daebus_console.engine.replay.item import Unsendable
        from daebus_console.tui.draft.payload import PayloadDraft
        from daebus_console.tui.screens.edit import EditScreen

        try:
            draft = PayloadDraft(payload, f"{where(held.first)} {told}", self.app.redact)
        except Unsendable as error:
            self.notify(f"It cannot be edited: {error}", timeout=4, severity="warning", markup=False)
            return

        def done(item: Resend | None) -> None:
            if item is not None:
                same = verdict == "go" and jsontext.dumps(item.body) == jsontext.dumps(payload)
                self.repl.echo(f"release {held.number} {verdict}{'' if same else ', edited'}")
                self.workspace.commands.release_edited(held.number, verdict, item.body)

        def over() -> str:
            keeper = self.keeper
            with self.session.lock:
                held_on = keeper is not None and keeper.desk.find(str(held.number)) is not None
            return "" if held_on else f"H{held.number} is held no more: nothing can be done to it"

        self.app.push_screen(EditScreen(draft.resend, title, draft, over), done)

    def fail_held(self, held: Held) -> None:
        """Ask for the error, and answer with it in its place."""
        from daebus.gates.rule import FAILED
        from daebus_console.commands.terms.words import as_word
        from daebus_console.tui.screens.ask import AskScreen

        if self._unanswerable(held):
            return

        def fail(text: str | None) -> None:
            if text is not None:
                self.do(f"release {held.number} fail --error {as_word(text)}")

        first = held.first
        about = f"whoever asked gets it from {shown(first.target or first.service)}.{shown(first.name, text=True)}"
        self.app.push_screen(AskScreen("The text of the error", about, FAILED), fail)

    def conversation_of(self, id: str | None) -> None:
        """Show the conversation that the message of that id belongs to."""
        from daebus_console.tui.screens.conversation import ConversationScreen

        with self.session.lock:
            exchange = self.session.correlator.find(id) if id is not None else None
        if exchange is None:
            self.notify("It has not been seen on the bus", timeout=3)
        else:
            self.app.push_screen(ConversationScreen(self.session, exchange))


def _sign_on(signs: Any, row: DirectoryRow) -> str:
    found: str = ""
    if row.kind == "service":
        found = signs.of_service(row.name)
    elif row.kind == "action":
        found = signs.of_action(row.service, row.name)
    return found


def _payload(data: bytes) -> Any:
    try:
        return wire.plain_payload_of(data)
    except wire.Unreadable:
        return None
