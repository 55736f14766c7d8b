"""The gate of answers: what answers a request, about to leave, which a debugger may hold, harm or edit.

The handler has ended for whoever wrote it, or goes on, and its worker is free: what is held is the message, as bytes.
The order of several answers to one request never changes: what follows a held one waits behind it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple, Protocol

from daebus.gates.gates import Gates
from daebus.gates.held import GO, Held, Mark, Outcome, Verdict
from daebus.gates.rule import ANSWER, ANSWER_TWICE, DROP, DROP_ANSWER, FAIL, Met
from daebus.wire.envelope import Request, error_payload
from daebus.wire.held import marked, payload_in, rewritten

from .notices import Notices

Send = Callable[[bytes], object]


class Answer(NamedTuple):
    """The final answer, or a part of it, of which `part` is the number, from 1.

    `send` is called on a thread that may wait for Redis.
    """

    data: bytes
    ok: bool
    part: int | None
    send: Send


class Passage:
    """The answers to one request on their way through the gate, and what has been done to the request before.

    Whoever finds nobody standing at the gate goes there itself; what comes while somebody stands there is put into the
    line, which who has stood there leads on.
    """

    __slots__ = (
        "_along",
        "_came_at",
        "_ended",
        "_extra",
        "_gate",
        "_line",
        "_request",
        "_since",
        "_stands",
        "_waited",
        "held",
        "hold",
        "mark",
    )

    def __init__(
        self, gate: AnswerGate, request: Request, came_at: float, mark: Mark | None, extra: str | None
    ) -> None:
        self._gate = gate
        self._request = request
        self._came_at = came_at
        self._extra = extra
        self._line: deque[Answer] | None = None
        self._stands = self._ended = False
        self._along = 0
        self._since: float | None = None
        self._waited = 0.0
        self.mark = mark
        self.hold: Held | None = None
        """What was held last."""
        self.held = 0.0
        """For how many seconds the request has been held up before, as far as whoever asked was told."""

    @property
    def delayed(self) -> float:
        """For how many seconds its answers have been held here, so far."""
        since = self._since
        return self._waited if since is None else self._waited + time.monotonic() - since

    @property
    def behind(self) -> int:
        """How many wait for the one that is held."""
        return len(self._line or ())

    def through(self, answer: Answer, held: float) -> list[bytes]:
        """What of an answer is to be sent now: nothing where it is dropped, or has to wait.

        Then its `send` is called later. `held` is for how many seconds the request has been held up before.
        """
        if self._extra == DROP_ANSWER and answer.part is None:
            self._gate.dropped(self._request)
        if self._extra == DROP_ANSWER or self._ended:
            return []
        self.held = held
        if not self._stands and not self._gate.watched:
            return self._after(answer, None)
        with self._gate.lock:
            waits, self._stands = self._stands, True
            if waits:
                self._line = deque() if self._line is None else self._line
                self._line.append(answer)
        if waits:
            if not self._gate.gates.wait_behind(len(answer.data), self.hold):
                self._make_room()
            return []
        answers = self._meet(answer)
        if answers is None:
            return []
        with self._gate.lock:
            if not self._line:
                self._stands = False
                return answers
        self._gate.later(self._lead_on)
        return answers

    def _make_room(self) -> None:
        """Too much waits: all of it goes on, in its order."""
        held = self.hold
        if held is not None and self._gate.gates.withdraw(held):
            held.resume(held.outcome(Verdict(along=True)))

    def _meet(self, answer: Answer) -> list[bytes] | None:
        """What is to be sent of the one that stands at the gate; None where it is held."""
        self._since = time.monotonic()
        found = self._gate.meet(self, answer, self._request, self._came_at, self.held + self._waited)
        if isinstance(found, Held):
            self.hold = found
            return None
        self._since = None
        return self._after(answer, found)

    def resume(self, answer: Answer, outcome: Outcome) -> None:
        """The one that was held goes on, and those behind it; called on whatever thread."""
        self._waited += outcome.seconds
        self._since = None

        def go() -> None:
            if outcome.verdict.along:
                self._along = self.behind
            for each in self._after(answer, outcome):
                answer.send(each)
            self._lead_on()

        self._gate.later(go)

    def _lead_on(self) -> None:
        """Have those in the line go on, until one of them is held."""
        while True:
            with self._gate.lock:
                if not self._line:
                    self._stands = False
                    return
                answer = self._line.popleft()
            self._gate.gates.goes_on(len(answer.data))
            if self._ended:
                continue
            if self._along:
                self._along -= 1
                answers: list[bytes] | None = self._after(answer, None)
            else:
                answers = self._meet(answer)
            if answers is None:
                return
            for each in answers:
                answer.send(each)

    def _after(self, answer: Answer, outcome: Outcome | None) -> list[bytes]:
        """What becomes of it by what was decided."""
        data = answer.data
        # What was done to the request is said by its final answer.
        mark, extra = (self.mark, self._extra) if answer.part is None else (None, None)
        if outcome is not None:
            verdict = outcome.verdict
            mark = mark if outcome.mark is None else outcome.mark.after(mark)
            extra = outcome.extra or extra
            if verdict.kind == DROP:
                if answer.part is None:
                    self._gate.dropped(self._request)
                elif outcome.mark is not None:
                    # It cannot say so itself any more.
                    self.mark = outcome.mark.after(self.mark)
                return []
            if verdict.kind == FAIL:
                # Who fails halfway says no more.
                self._ended = True
                data = rewritten(data, status="error", payload=error_payload(verdict.error, verdict.code), final=True)
            elif verdict.kind != GO:
                data = rewritten(data, status="success", payload=verdict.payload)
            elif verdict.edited:
                data = rewritten(data, payload=verdict.payload)
        if mark is not None:
            data = marked(data, mark.told())
        return [data, data] if extra == ANSWER_TWICE else [data]


class Came(Protocol):
    """A request as it came: when (a time of `time.monotonic()`), and what a debugger has done to it since."""

    at: float
    mark: Mark | None
    extra: str | None


class AnswerGate:
    """The gate of one service. `later(function)` has a function called on a thread that may wait for Redis.

    `dropped(request)` is told of each final answer that a debugger drops.
    """

    def __init__(
        self,
        gates: Gates,
        notices: Notices,
        later: Callable[[Callable[[], object]], object],
        dropped: Callable[[Request], object],
    ) -> None:
        self.gates = gates
        self.later = later
        self.dropped = dropped
        self.lock = threading.Lock()
        """Guards who stands at the gate, and the lines; held for moments only."""
        self._notices = notices

    def way(self, request: Request, came: Came) -> Passage | None:
        """The way of what answers a request; None as long as nothing is to be done to it."""
        if came.mark is None and came.extra is None and not self.watched:
            return None
        return Passage(self, request, came.at, came.mark, came.extra)

    @property
    def watched(self) -> bool:
        """Whether there is any rule for answers."""
        return ANSWER in self.gates.watched

    def meet(
        self, passage: Passage, answer: Answer, request: Request, came_at: float, held: float
    ) -> Outcome | Held | None:
        """What is to become of an answer. `held` is for how many seconds whoever asked has been held up before."""
        data = answer.data
        met = Met(
            ANSWER,
            request.action,
            cache(lambda: payload_in(data)),
            len(data),
            id=request.id,
            parent=request.parent_id,
            sender=request.service,
            ok=answer.ok,
            final=answer.part is None,
            part=answer.part,
            behind=lambda: passage.behind,
        )
        left = None if request.timeout is None else request.timeout - (time.monotonic() - came_at) + passage.delayed
        asker = self._notices.asker(request, left, held)
        return self.gates.meet(met, partial(passage.resume, answer), asker)
