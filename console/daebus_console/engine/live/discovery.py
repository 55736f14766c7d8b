"""Asks the broker who is subscribed, at most once a second, and services on this framework what they are.

The answers to `info` are not waited for here: they come through the tap like every message. Nothing is ever sent to a
channel that is not a control channel. However many channels there are, it takes less than one percent of the broker's
time: what is on the screen is counted each second, everything else as seldom as its cost asks for.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress, client_label
from daebus.transport.link import Link
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import link_to
from daebus.transport.proof import greeting, hello
from daebus.wire.resp import ErrorReply, pack, pack_publish
from daebus_console import naming
from daebus_console.engine.listeners import Listener, listeners_in
from daebus_console.engine.live.pace import SHARE, Pace
from daebus_console.engine.live.refusals import Refusals, Trouble
from daebus_console.engine.live.rights import user_of
from daebus_console.engine.live.roll import Roll, ShardRoll
from daebus_console.engine.live.spreading import spread
from daebus_console.engine.live.sums import together
from daebus_console.engine.message.control import control_request
from daebus_console.engine.message.envelope import CONTROL_PREFIX

POLL_EVERY = 1.0
"""Seconds between two polls, at the least."""
REFRESH_EVERY = 10.0
"""Seconds after which every service is asked for its `info` again, for its counts."""
WATCH_EVERY = 2.0
"""The same for those that somebody looks into."""
ANSWER_WITHIN = 3.0
"""Seconds that the broker may take for an answer."""
_PUBSUB = "PUBSUB"
_HEARS_WITHIN, _HEARS_EVERY = 0.5, 0.005
_CHUNK = 500
_MOST_FIRST = 500
_ASKED_AT_ONCE = 8
_APART = 0.001
"""So many questions are published at once, and so many seconds there are for each."""
_MOST_ASKED = 50
"""Services that are asked again at once."""


@dataclass(frozen=True)
class Poll:
    """What one poll found: channel → NUMSUB, and NUMPAT.

    With `complete` a channel that is not named has no subscriber; else nothing is known of it. Without `counted` the
    broker did not let us count, and 1 stands for one or more. `listeners` are the clients that are subscribed to
    patterns, ourselves left out; None where that is not known. `listed` are all channels that anybody is subscribed to,
    be it only us; None where that was not asked.
    """

    subscribers: Mapping[str, int]
    patterns: int = 0
    complete: bool = True
    counted: bool = True
    listeners: list[Listener] | None = None
    listed: Collection[str] | None = None


class Discovery:
    """Polls the broker in a thread of its own.

    `on_poll(poll)` is given what was found, and returns the services to ask for `info`. `on_ask(request_id)` is told
    each request before it goes out. `on_trouble(trouble)` is told what goes wrong, once for each change. `keeps(name)`
    tells whether the subscribers of that channel are of interest, `known()` gives the channels that are known from
    elsewhere, for a broker that does not list them, `ours()` those that this console itself is subscribed to, which
    does not count, `hears()` whether answers would be heard on `reply_to`, `more()` what else is to be asked of
    services, `patterns` to how many patterns this console itself is subscribed, `sharded` whether channels belong to
    nodes of a cluster (sharded Pub/Sub).
    `on_master(reason)` is called where a server has become a replica, and another is the master at the address.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        on_poll: Callable[[Poll], Iterable[str]],
        on_ask: Callable[[str], None],
        on_trouble: Callable[[Trouble], None],
        reply_to: str,
        keeps: Callable[[str], bool] = lambda _name: True,
        known: Callable[[], Iterable[str]] = tuple,
        ours: Callable[[], Collection[str]] = tuple,
        hears: Callable[[], bool] = lambda: True,
        more: Callable[[], Iterable[tuple[str, str, Mapping[str, Any]]]] = tuple,
        on_master: Callable[[str], object] = lambda _reason: None,
        every: float = POLL_EVERY,
        patterns: int = 1,
        quiet: bool = False,
        sharded: bool = False,
    ) -> None:
        if every < POLL_EVERY:
            raise ValueError(f"polling more often than every {POLL_EVERY:g} s would burden the broker")
        self.address = address
        self.reply_to = reply_to
        self.first: Collection[str] = ()
        """The channels to be counted before all others, since they are on the screen."""
        self.watched: Collection[str] = ()
        """The services that are asked for their `info` every two seconds, since somebody looks into them."""
        self._on_poll, self._on_ask, self._on_trouble = on_poll, on_ask, on_trouble
        self._elsewhere, self._ours = known, ours
        self._roll = ShardRoll(keeps) if sharded else Roll(keeps)
        self._sharded = sharded
        self._ask_by = "SPUBLISH" if sharded else "PUBLISH"
        self._hears, self._more, self._on_master = hears, more, on_master
        self._every = every
        self._quiet = quiet
        self._patterns_of_ours = patterns
        self._listeners: list[Listener] | None = []
        self._listeners_due = 0.0
        self._link: Link | None = None
        self._listing, self._counting = Pace(), Pace()
        self._cluster: ClusterLookout | None = None
        self._away: RedisUnavailable | None = None
        """Why a node of a cluster does not tell what it knows."""
        self._at_replica: str | None = None
        """The address of the server, where it is a replica and no master is to be had."""
        self._took = 0.0
        self._shortest = float("inf")
        self._trouble = Trouble()
        self._refusals = Refusals(user_of(address.url), f"{_PUBSUB} {self._roll.listing}")
        self._to_refresh: deque[str] = deque()
        self._refreshed = self._watched_at = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin polling; the first poll is made at once."""
        self._thread = threading.Thread(target=self._run, name="daebus-console-discovery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End polling and wait for the thread."""
        self._stopping.set()
        link = self._link
        if link is not None:
            link.shut()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    # The thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._refreshed = time.monotonic()
        # Whom the first poll finds can then be asked at once.
        while not self._hears() and time.monotonic() < self._refreshed + _HEARS_WITHIN:
            if self._stopping.wait(_HEARS_EVERY):
                break
        while not self._stopping.is_set():
            try:
                if self._link is None:
                    self._link, dialled = link_to(self.address, "console", time.monotonic() + ANSWER_WITHIN)
                    self._cluster = dialled.cluster
                    dialled.guard(self._leave)
                    self._refusals.again()
                    self._listeners_due = 0.0
                self._round()
                self._tell(self._found_wrong())
            except RedisUnavailable as error:
                self._drop()
                self._tell(Trouble(f"cannot list channels on {self.address}: {error}"))
            self._stopping.wait(self._every)
        self._drop()

    @property
    def is_over(self) -> bool:
        """Whether it has been stopped; asked by the `Lookout` that guards it."""
        return self._stopping.is_set()

    def _leave(self, _reason: str) -> None:
        """The server is no place to be any more. For any thread."""
        link = self._link
        if link is not None:
            link.shut()

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _tell(self, trouble: Trouble) -> None:
        if trouble != self._trouble and not self._stopping.is_set():
            self._trouble = trouble
            self._on_trouble(trouble)

    def _found_wrong(self) -> Trouble:
        found = self._refusals.trouble
        if found.problem is None and self._at_replica is not None and next(iter(self._services()), None) is None:
            where = f"Redis at {self._at_replica} is a replica, where no service subscribes"
            return replace(found, problem=f"cannot tell who is there: {where}")
        if self._away is not None:
            return replace(found, unlisted=f"not all that is there is known: {self._away}")
        return found

    def _round(self) -> None:
        """One poll."""
        self._look_for_master()
        patterns = self._patterns()
        complete = self._listing.due(time.monotonic()) and self._list() and self._away is None
        counted, roll = self._count(), self._roll
        if complete:
            self._refusals.forget_but(self._services())
        told = roll.counts if complete else counted
        found = {roll.names[name]: count for name in told if (count := roll.counts.get(name)) is not None}
        # Whoever waits for a poll is to know what it lacks.
        wrong = self._found_wrong()
        self._tell(wrong)
        listed = list(roll.names.values()) if complete else None
        counts = not self._refusals.has(f"{_PUBSUB} {roll.counting}")
        # Nobody is to conclude from it that nobody is there.
        complete = complete and wrong.problem is None
        to_ask = set(self._on_poll(Poll(found, patterns, complete, counts, self._by_pattern(patterns), listed)))
        if not self._quiet:
            # What their actions take does not change while they run, and may be much to tell.
            questions = [(service, "info", {"schemas": True}) for service in sorted(to_ask)]
            questions += [(service, "info", {}) for service in sorted(self._again() - to_ask)]
            self._ask([*questions, *self._more()])

    def _look_for_master(self) -> None:
        """On a replica, move where the address leads to a master: others have, and what they do is to be seen there."""
        link, now = self._link, time.monotonic()
        assert link is not None
        self._at_replica = None
        if self._cluster is not None or not greeting(link.ask(hello(), now + ANSWER_WITHIN)).is_replica:
            return
        found, dialled = link_to(self.address, "console", now + ANSWER_WITHIN)
        if dialled.greeting.role != "master":
            found.close()
            self._at_replica = link.address
            return
        self._link = found
        link.close()
        self._on_master("it is a replica now, and a master is to be had")

    def _patterns(self) -> int:
        """How many patterns are subscribed to. That costs the server nothing, so it tells how long the way is."""
        # Those see nothing of what goes to one node alone; to count no channel costs nothing, either.
        reply = self._question(_PUBSUB, self._roll.counting if self._sharded else "NUMPAT")
        self._shortest = min(self._shortest, self._took)
        return reply if isinstance(reply, int) else 0

    def _by_pattern(self, patterns: int) -> list[Listener] | None:
        """Who is subscribed to patterns, asked now and then, and only while there are patterns besides our own."""
        now = time.monotonic()
        if patterns <= self._patterns_of_ours:
            self._listeners, self._listeners_due = [], 0.0
        elif now >= self._listeners_due:
            self._listeners_due = now + REFRESH_EVERY
            link = self._link
            assert link is not None
            link.send(pack(b"CLIENT", b"LIST", b"TYPE", b"PUBSUB"), now + ANSWER_WITHIN)
            reply = link.next_reply(now + ANSWER_WITHIN)
            # It is more than the rest needs: where it is not allowed nothing is said, and it is not asked for again.
            known = isinstance(reply, bytes)
            self._listeners = listeners_in(reply, client_label("console")) if known else None
            self._listeners_due += 0 if known else float("inf")
        return self._listeners

    def _list(self) -> bool:
        """Learn which channels there are; False where the server does not say."""
        reply = self._question(_PUBSUB, self._roll.listing, so="who is there is not known")
        if isinstance(reply, list):
            self._listing.took(time.monotonic(), self._took - self._shortest, len(reply))
            # Whatever is listed has one subscriber at least.
            self._roll.list(reply, 1)
        else:
            self._roll.list(naming.in_bytes(self._elsewhere()), 0)
        return isinstance(reply, list)

    def _count(self) -> Collection[bytes]:
        """Count subscribers, and return of what: of what is on the screen, then of all others in turns."""
        counted: dict[bytes, None] = {}
        roll = self._roll
        first = [name for name in naming.in_bytes(list(self.first)[:_MOST_FIRST]) if name in roll.names]
        self._count_some(first, counted)
        if not self._counting.due(time.monotonic()):
            return counted
        roll.fill()
        # The very first time all of it is wanted at once.
        left = SHARE * self._every if self._counting.due_at else float("inf")
        spent = 0.0
        while roll.to_count and spent < left and not self._stopping.is_set():
            some = {roll.to_count.popleft(): None for _ in range(min(_CHUNK, len(roll.to_count)))}
            spent += self._count_some([name for name in some if name in roll.names and name not in counted], counted)
        self._counting.spent(time.monotonic(), spent)
        return counted

    def _count_some(self, names: Sequence[bytes], counted: dict[bytes, None]) -> float:
        """Count the subscribers of those channels; returns what it cost the server, in seconds."""
        if not names:
            return 0.0
        ours, roll = set(self._ours()), self._roll
        words = roll.words(names)
        reply = self._question(_PUBSUB, roll.counting, *words, so="subscribers are not counted")
        if not isinstance(reply, list):
            return 0.0
        # Only what was ours before and after has been counted for certain.
        ours.intersection_update(self._ours())
        roll.count(reply, ours)
        counted.update(dict.fromkeys(names))
        return self._counting.cost(self._took - self._shortest, len(words))

    def _question(self, command: str, what: str, *words: bytes, so: str = "") -> Any:
        """The reply to a command; an error is noted and returned, and for want of a right not asked for soon again."""
        name, now = f"{command} {what}", time.monotonic()
        refused = self._refusals.kept(name, now)
        if refused is not None:
            return refused
        packed = pack(command.encode(), what.encode(), *words)
        reply = self._asked_one(packed, now) if self._cluster is None else self._asked_all(self._cluster, packed, now)
        self._refusals.note(name, reply, now, (), so)
        return reply

    def _asked_one(self, packed: bytes, now: float) -> Any:
        link = self._link
        assert link is not None
        link.send(packed, now + ANSWER_WITHIN)
        link.wait(ANSWER_WITHIN)
        # When its answer begins to come the server has done its work; to send it takes as long as the way does.
        self._took = time.monotonic() - now
        return link.next_reply(now + ANSWER_WITHIN)

    def _asked_all(self, cluster: ClusterLookout, packed: bytes, now: float) -> Any:
        """What all nodes of a cluster say together: each knows its own subscribers."""
        replies, self._away = cluster.ask_all(packed, ANSWER_WITHIN)
        self._took = time.monotonic() - now
        return together(replies)

    # Asking services -------------------------------------------------------------------------------------------

    def _again(self) -> set[str]:
        """The services to ask once more, for their counts: those looked into often, all others now and then."""
        now = time.monotonic()
        here = set(self._services())
        found: set[str] = set()
        if now - self._watched_at >= WATCH_EVERY:
            self._watched_at = now
            found = here.intersection(self.watched)
        if now - self._refreshed >= REFRESH_EVERY:
            self._refreshed = now
            self._to_refresh = deque(sorted(here))
        while self._to_refresh and len(found) < _MOST_ASKED:
            found.add(self._to_refresh.popleft())
        return found & here

    def _services(self) -> Iterable[str]:
        """Whoever is subscribed to a control channel."""
        here = (text for name, text in self._roll.names.items() if self._roll.counts.get(name))
        return (text[len(CONTROL_PREFIX) :] for text in here if text.startswith(CONTROL_PREFIX))

    def _ask(self, questions: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
        now, refusals = time.monotonic(), self._refusals
        if refusals.kept(self._ask_by, now) is not None:
            questions = [question for question in questions if refusals.may_ask(question[0])]
        if self._link is None or not questions:
            return
        asked, told = [self._request(*question) for question in questions], list[tuple[bytes, Any]]()
        for start in range(0, len(asked), _ASKED_AT_ONCE):
            # Many instances of one process that answer at the same moment get in one another's way.
            if self._stopping.wait(max(0.0, now + start * _APART - time.monotonic())):
                return
            told += self._given(asked[start : start + _ASKED_AT_ONCE])
        for channel, reply in told:
            refusals.asked(naming.from_bytes(channel)[len(CONTROL_PREFIX) :], reply)
        refused = next((reply for _channel, reply in told if isinstance(reply, ErrorReply)), None)
        if refused is not None or not refusals.unasked:
            # One pattern covers all that are refused, whichever they are.
            so = "services are not asked what they are"
            refusals.note(self._ask_by, refused, now, (f"{CONTROL_PREFIX}*",), so)

    def _given(self, some: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, Any]]:
        """What the server says of questions that are published, each with its channel."""
        if self._sharded:
            assert self._cluster is not None
            return spread(self._cluster, some, ANSWER_WITHIN)
        link, until = self._link, time.monotonic() + ANSWER_WITHIN
        assert link is not None
        link.send(b"".join(pack_publish(*one) for one in some), until)
        return [(channel, link.next_reply(until)) for channel, _data in some]

    def _request(self, service: str, action: str, payload: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """The channel of a question, and what is asked."""
        request_id = uuid.uuid4().hex
        self._on_ask(request_id)
        return naming.to_bytes(CONTROL_PREFIX + service), control_request(action, self.reply_to, request_id, payload)
