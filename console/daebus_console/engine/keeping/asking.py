"""Questions to the instances of a service over its control channel, and their answers, which come through the tap."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, NamedTuple

from daebus.errors import ServiceUnavailable
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Message
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.naming import quoted

WITHIN = 2.0
"""Seconds that instances are given to answer."""
_KEPT = 10.0


class Answer(NamedTuple):
    """What one instance answered. `code` and `error` tell why not, where it is not `ok`."""

    instance: str
    ok: bool
    payload: Mapping[str, Any]

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.payload.get("code", ""))

    @property
    def error(self) -> str:
        """Its text."""
        return str(self.payload.get("error", ""))


class Unserved(ServiceUnavailable):
    """Nobody serves `service`."""

    def __init__(self, service: str) -> None:
        super().__init__(f"nobody serves {quoted(service)}")
        self.service = service


@dataclass
class Question:
    """A question that is under way; `about` is what whoever asked wants to know beside the answer."""

    service: str
    verb: str
    about: Any = None
    expected: int | None = None
    subscribed: int | None = None
    """How many instances there were when it was asked; None where nobody tells, or one was asked by its name."""
    answers: list[Answer] = field(default_factory=list)
    at: float = field(default_factory=time.monotonic)


class Asker:
    """Asks. `heard(question, answer)` is told each answer, under the session's lock, mostly on the tap's thread.

    So is `complete(question)` when all instances that there are have answered.
    """

    def __init__(
        self,
        session: Session,
        sender: Sender,
        heard: Callable[[Question, Answer], None],
        complete: Callable[[Question], None],
    ) -> None:
        self._session, self._sender, self._heard, self._complete = session, sender, heard, complete
        self._changed = Condition(session.lock)
        self._asked: dict[str, Question] = {}
        self._unhear = session.hear(self._told)

    def close(self) -> None:
        """Listen for no answers any more."""
        self._unhear()

    def post(self, service: str, verb: str, payload: Mapping[str, Any], about: Any = None) -> Question:
        """Ask, and do not wait. Raises RedisUnavailable, ReadOnly."""
        request_id = uuid.uuid4().hex
        question = Question(service, verb, about)
        with self._changed:
            self._forget()
            self._asked[request_id] = question
        delivery = self._sender.control(service, verb, self._session.reply_to, request_id, payload)
        here = delivery.receivers if delivery.subscribers is None else delivery.subscribers
        with self._changed:
            question.expected = here if "instance" not in payload else min(here, 1)
            question.subscribed = None if "instance" in payload else delivery.subscribers
            # They may have been quicker than that.
            self._look_whether_complete(question)
            self._changed.notify_all()
        return question

    def ask(self, service: str, verb: str, payload: Mapping[str, Any], about: Any = None) -> list[Answer]:
        """Ask, and wait until all instances (or the one that is named) have answered, or the time is over.

        Raises RedisUnavailable, ReadOnly, and ServiceUnavailable where nobody is there.
        """
        question = self.post(service, verb, payload, about)
        if not question.expected:
            if self._sender.subscribers(service):
                raise ServiceUnavailable(
                    f"{quoted(service)} is served by no service of this framework: it cannot be debugged"
                )
            raise Unserved(service)
        return self.answers(question, WITHIN)

    def answers(self, question: Question, within: float) -> list[Answer]:
        """What is answered: all of it, or what there is when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: len(question.answers) >= (question.expected or 0), within)
            return list(question.answers)

    def _told(self, request_id: str, message: Message) -> None:
        question = self._asked.get(request_id)
        if question is None:
            return
        try:
            instance = wire.read(message.data).instance or ""
            payload = wire.payload_of(message.data)
        except wire.Unreadable:
            return
        answer = Answer(instance, not message.error, payload if isinstance(payload, Mapping) else {})
        question.answers.append(answer)
        self._heard(question, answer)
        self._look_whether_complete(question)
        self._changed.notify_all()

    def _look_whether_complete(self, question: Question) -> None:
        if question.subscribed and len(question.answers) >= question.subscribed:
            self._complete(question)

    def _forget(self) -> None:
        old = time.monotonic() - _KEPT
        while self._asked:
            first = next(iter(self._asked))
            if self._asked[first].at > old:
                return
            del self._asked[first]
