"""The gate of answers: a final answer about to leave, which a debugger may hold, harm or edit.

The handler has ended for whoever wrote it, and its worker is free: what is held is the message, as bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial

from daebus.gates.gates import Gates
from daebus.gates.held import GO, Held, Mark, Outcome
from daebus.gates.rule import ANSWER, ANSWER_TWICE, DROP, DROP_ANSWER, FAIL, Met
from daebus.wire.envelope import Request, error_payload
from daebus.wire.held import marked, payload_in, rewritten

from .notices import Notices


class Passage:
    """The answer of one request on its way through the gate, and what has been done to the request before."""

    __slots__ = ("_came_at", "_extra", "_gate", "_request", "held", "mark")

    def __init__(
        self, gate: AnswerGate, request: Request, came_at: float, mark: Mark | None, extra: str | None
    ) -> None:
        self._gate = gate
        self._request = request
        self._came_at = came_at
        self._extra = extra
        self.mark = mark
        self.held = 0.0
        """For how many seconds it has been held up before, as far as whoever asked was told."""

    def through(self, data: bytes, ok: bool, held: float, send: Callable[[bytes], object]) -> list[bytes]:
        """What of a final answer is to be sent now: nothing where it is dropped, or held.

        Then `send` is called later, on a thread that may wait for Redis. `held` is for how many seconds it has been
        held up before.
        """
        if self._extra == DROP_ANSWER:
            return []
        self.held = held
        found = self._gate.meet(self, self._request, self._came_at, data, ok, send)
        if isinstance(found, Held):
            return []
        return self.after(data, found)

    def after(self, data: bytes, outcome: Outcome | None) -> list[bytes]:
        """What becomes of it by what was decided."""
        mark, extra = self.mark, self._extra
        if outcome is not None:
            verdict = outcome.verdict
            mark = mark if outcome.mark is None else outcome.mark.after(mark)
            extra = outcome.extra or extra
            if verdict.kind == DROP:
                return []
            if verdict.kind == FAIL:
                data = rewritten(data, status="error", payload=error_payload(verdict.error, verdict.code))
            elif verdict.kind != GO:
                data = rewritten(data, status="success", payload=verdict.payload)
            elif verdict.edited:
                data = rewritten(data, payload=verdict.payload)
        if mark is not None:
            data = marked(data, mark.told())
        return [data, data] if extra == ANSWER_TWICE else [data]


class AnswerGate:
    """The gate of one service. `later(function)` has a function called on a thread that may wait for Redis."""

    def __init__(self, gates: Gates, notices: Notices, later: Callable[[Callable[[], object]], object]) -> None:
        self._gates = gates
        self._later = later
        self.notices = notices

    def meet(
        self,
        passage: Passage,
        request: Request,
        came_at: float,
        data: bytes,
        ok: bool,
        send: Callable[[bytes], object],
    ) -> Outcome | Held | None:
        """What is to become of an answer."""
        if ANSWER not in self._gates.watched:
            return None
        met = Met(
            ANSWER,
            request.action,
            cache(lambda: payload_in(data)),
            len(data),
            id=request.id,
            parent=request.parent_id,
            sender=request.service,
            ok=ok,
        )
        left = None if request.timeout is None else request.timeout - (time.monotonic() - came_at)
        asker = self.notices.asker(request, left, passage.held)
        return self._gates.meet(met, partial(self._resume, passage, data, send), asker)

    def _resume(self, passage: Passage, data: bytes, send: Callable[[bytes], object], outcome: Outcome) -> None:
        def go() -> None:
            for each in passage.after(data, outcome):
                send(each)

        self._later(go)
