"""One console on one bus: owns the tap, the journal, the correlator and the directory, and is what the faces hold.

Everything the tap sees is worked through on its thread, under `lock`; a face takes the lock for the moment it reads.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from typing import ClassVar

from daebus.transport.bus import redis_at
from daebus.transport.places.route import is_sharded
from daebus_console.engine import dialects
from daebus_console.engine.askers import Askers
from daebus_console.engine.following import Following
from daebus_console.engine.live.asking import Question
from daebus_console.engine.live.discovery import Discovery, Poll
from daebus_console.engine.live.refusals import Trouble
from daebus_console.engine.live.shards.tap import ShardTap
from daebus_console.engine.live.sieve import Batch
from daebus_console.engine.live.tap import Tap
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, State
from daebus_console.engine.message.frame import CAUSE
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.clock import Clock, Step
from daebus_console.engine.pairing.correlator import Arrived, Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.pairing.order import LATE, Order
from daebus_console.engine.rate import Rate
from daebus_console.engine.reckoning import Reckoning
from daebus_console.engine.settings import Settings, Status
from daebus_console.engine.watchers import Watchers

_LOOK_AT_CLOCK = 0.5
"""Seconds between looks whether the wall clock has stepped, while messages come without a pause."""
_UNSURE = 0.05
"""Seconds without a sign of life from which on it is asked for, where a time is over."""


class Session:
    """A live look at the Redis at `url`. `start` returns at once; `wait_up` waits for the first connection."""

    recorded: ClassVar[bool] = False
    """Whether it is of times gone by."""

    @property
    def passing(self) -> bool:
        """Whether anything may pass in it from now on."""
        return True

    @property
    def lacks(self) -> str:
        """What of a capture could not be read, so far, in a few words; empty where that is nothing."""
        return ""

    def told_lacks(self) -> list[str]:
        """The same line by line, as it is told."""
        return []

    def __init__(self, url: str, settings: Settings | None = None, *, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        sharded = is_sharded(url)
        self.address = redis_at(url).address
        self.lock = threading.RLock()
        self.clock = clock or Clock()
        self._clock_step = self.clock.step
        self._clock_looked_at = self._stepped_at = 0.0
        self.status = Status(since=self.clock())
        self.rate = Rate()
        self.journal = Journal(self.settings.max_messages, self.settings.max_bytes)
        self.correlator = Correlator(self.journal, self.settings.timeout)
        self._order = Order()
        self._reckoning = reckoning = Reckoning(self.correlator, len(self.settings.patterns))
        self.directory, self.stats = reckoning.directory, reckoning.stats
        self.findings, self.telling = reckoning.findings, reckoning.telling
        self.askers = Askers()
        self.correlator.listened = self.directory.listened
        self.correlator.served = self.directory.framework
        self.correlator.subscribers = self.directory.subscribers_of
        self.correlator.recogniser = Recogniser(dialects.chosen(self.settings.dialects))
        self.pulls = False
        """Whether services are asked for their records."""
        self.reply_to = f"{wire.CALLER_PREFIX}{uuid.uuid4().hex}"
        self._watchers = Watchers(self.lock)
        self.correlator.on_unknown = self._watchers.unknown
        self.watch, self.hear = self._watchers.watch, self._watchers.hear
        self._asking: frozenset[str] = frozenset()
        self._looking: frozenset[str] = frozenset()
        self._changed = threading.Condition(self.lock)
        tap_class = ShardTap if sharded else Tap
        self.tap = tap_class(self.address, self, patterns=self.settings.patterns, clock=self.clock)
        self._following = Following(self.tap)
        self.own_receivers = self._following.receivers
        self.discovery = Discovery(
            self.address,
            on_poll=self._on_poll,
            on_ask=self._on_ask,
            on_trouble=self._on_trouble,
            reply_to=self.reply_to,
            keeps=self._keeps,
            known=self._known,
            ours=self.tap.followed,
            hears=self._hears,
            on_master=self.tap.move,
            every=self.settings.poll_every,
            patterns=len(self.settings.patterns),
            more=self._more_to_ask,
            quiet=self.settings.passive,
            sharded=sharded,
        )

    def __enter__(self) -> Session:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to look. Does not wait for the broker."""
        if "*" not in self.settings.patterns or self.tap.sharded:
            # The answers to our own questions come on a channel that the patterns may not cover.
            self.tap.follow([self.reply_to])
        self.correlator.answerable = self._answerable
        self.tap.start()
        self.discovery.start()

    def stop(self) -> None:
        """End everything that start began."""
        self.discovery.stop()
        self.tap.stop()

    def wait_up(self, timeout: float) -> bool:
        """Wait until the tap reads; False after `timeout` seconds or as soon as it is known not to (see `status`)."""
        with self._changed:
            self._changed.wait_for(lambda: self.status.up or self.status.problem is not None, timeout)
            return self.status.up

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until the condition holds, looking again whenever something happened; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def see_answers(self, channel: str) -> None:
        """Have the tap read a channel on which answers to us are about to come, where it may not; see `Following`."""
        self._following.see_answers(channel)

    def look_at(self, channels: Collection[str], services: Collection[str] = ()) -> None:
        """These channels are on the screen, and somebody looks into these services: they are asked about first."""
        self.discovery.first, self._looking = frozenset(channels), frozenset(services)
        self.discovery.watched = self._looking | self._asking

    def keep_asking(self, services: Collection[str]) -> None:
        """These services are asked every few seconds who they are, whoever looks into them, and no others."""
        self._asking = frozenset(services)
        self.discovery.watched = self._looking | self._asking

    # What the tap tells ----------------------------------------------------------------------------------------

    def on_batch(self, at: float, batch: Batch) -> None:
        """Messages arrived (called by the tap)."""
        if abs(at - self._clock_looked_at) > _LOOK_AT_CLOCK:
            at = self._look_at_clock(at)
        if self.tap.in_cluster:
            batch = self._order.take(at, batch)
        self._take(at, ((at, batch),))

    def _take(self, at: float, batches: Iterable[Arrived]) -> None:
        """Take what arrived until `at`, within one whole second, in batches with a time each."""
        with self._changed:
            before = self.journal.next_seq
            taken = self.correlator.take_all(batches, self._watchers.teller)
            count = self.journal.next_seq - before
            for exchange in taken.opened:
                if exchange.state is State.ORPHAN and exchange.target == self.reply_to:
                    # Our question went where we do not read, or not yet; what answers none of ours tells nothing.
                    if exchange.flags & Flag.OURS:
                        taken.control.append(exchange.opened)
                    exchange.flags |= Flag.CONTROL | Flag.OURS
            self._reckoning.take(at, taken)
            for message in taken.control:
                self._reckoning.learn(message, self.status.since)
                self._watchers.answered(self.journal.exchange(message.exchange), message)
            if taken.opened:
                self._reckoning.watch(at, taken.opened, self.status.since)
            self._following.taken(taken)
            self.status.messages += count
            self.rate.add(at, count)
            self._advance(at)
            self._changed.notify_all()

    def on_idle(self, at: float) -> None:
        """Nothing arrived for a moment (called by the tap)."""
        at = self._look_at_clock(at)
        if self._order.waits and (late := self._order.late(at)):
            self._take(at, ((at, late),))
        with self._changed:
            self.findings.idle(at)
            if self._advance(at):
                self._changed.notify_all()

    def on_up(self, at: float) -> None:
        """The tap reads (called by the tap)."""
        # Whoever connects does not look, and has not stood still.
        at = self._look_at_clock(at)
        with self._changed:
            self.status.up, self.status.since, self.status.problem = True, at, None
            if self.status.remembered is None:
                self.status.remembered = at
            self._tell_gap(self.correlator.resume(at))
            self._tell_half_blind(at)
            self._changed.notify_all()

    def on_down(self, at: float, reason: str) -> None:
        """The tap does not read (called by the tap)."""
        with self._changed:
            if self.status.up:
                # Times before the clock stepped are not those of this clock.
                at = max(at, self._stepped_at)
                self.status.up, self.status.since = False, at
                self._tell_gap(self.correlator.resume(at))
                self.status.gaps += 1
                self._tell_gap(self.correlator.lose(at, reason))
                self._reckoning.lost()
                self.telling.asking.again()
            self.status.problem = reason
            self._changed.notify_all()

    def on_refused(self, at: float, reason: str) -> None:
        """The server refuses a subscription (called by the tap)."""
        with self._changed:
            self.status.blind = reason
            if self.tap.refused:
                # Its channels are read as discovery finds them, but the answers to our own questions from now on.
                self.tap.follow([self.reply_to])
            if self.status.up:
                self._tell_half_blind(at)
            self._changed.notify_all()

    def on_whole(self, at: float) -> None:
        """The server refuses nothing any more (called by the tap)."""
        with self._changed:
            self.status.blind = None
            if self.status.up:
                self._tell_gap(self.correlator.resume(at))
            self._following.whole()
            self._changed.notify_all()

    def on_cause(self, _at: float, cause: str) -> None:
        """Why the connection was lost has become known (called by the tap)."""
        with self.lock:
            self.correlator.explain(cause)

    def on_part_lost(self, at: float, reason: str) -> None:
        """Of what is read a part is lost (called by the tap)."""
        with self._changed:
            if self.correlator.open_gap is None:
                self._lose_in_part(at, reason)
            self._changed.notify_all()

    def on_part_back(self, at: float) -> None:
        """All of it is read again (called by the tap)."""
        with self._changed:
            self._tell_gap(self.correlator.resume(at))
            self._tell_half_blind(at)
            self._changed.notify_all()

    def _tell_half_blind(self, at: float) -> None:
        """From now on only a part is seen: a gap, until all of it is."""
        if self.status.blind is not None and self.tap.refused and self.correlator.open_gap is None:
            self._lose_in_part(at, self.status.blind)

    def _lose_in_part(self, at: float, reason: str) -> None:
        self.status.gaps += 1
        self._tell_gap(self.correlator.lose(at, reason, partly=True))
        self._reckoning.lost()

    def _answerable(self, request: Exchange) -> bool:
        """Whether the tap has seen all there was on the channel for the answers since that request."""
        since = self.tap.seen_since(request.reply_to or f"{request.target}.responses")
        # Where they come over several ways, what was seen last may not be what was said last.
        late = LATE if self.tap.in_cluster else 0.0
        return since is not None and since + late < request.opened.at

    def _look_at_clock(self, at: float) -> float:
        """The time that `at` is, once the steps of the wall clock are seen to."""
        step = self._clock_step()
        if step is not None and (self.status.up or step.seconds):
            with self._changed:
                self._stepped(step)
                self._changed.notify_all()
            at = self.clock()
        self._clock_looked_at = at
        return at

    def _stepped(self, step: Step) -> None:
        """The wall clock stepped, or this process stood still: all begins anew, and a gap in the flow says so."""
        self._begin_anew(step.seconds)
        self._stepped_at = step.after
        gap = self.correlator.open_gap
        # Where some of it comes in all the same, or what comes next has earlier times than what came last, that is a
        # gap of the old time, and another one of the new.
        ended = gap if gap is not None and (gap.partly or step.seconds < 0) else None
        if ended is not None:
            self._tell_gap(self.correlator.resume(step.before))
        self._tell_gap(self.correlator.step(step))
        if ended is not None and ended.partly:
            self._lose_in_part(step.after, ended.reason)
        elif ended is not None:
            self._tell_gap(self.correlator.lose(step.after, ended.reason.partition(CAUSE)[0]))

    def _begin_anew(self, seconds: float) -> None:
        """Times are those of another clock, which is so far ahead."""
        self.status.gaps += 1
        self.status.since += seconds
        if self.status.remembered is not None:
            self.status.remembered += seconds
        self._reckoning.stepped(seconds)
        self.tap.stepped(seconds)

    def _tell_gap(self, gap: Exchange | None) -> None:
        if gap is not None:
            self._watchers.tell(gap.opened, gap)

    def seen_until(self) -> float:
        """Until when all has come that there was, as far as that is known: the last sign of life."""
        silence = self.tap.silence
        return self.clock() - silence

    def _advance(self, at: float) -> bool:
        silence = self.tap.silence
        expired = self.correlator.advance(at - silence)
        if silence > _UNSURE and self.correlator.is_due(at):
            # Whether its answer has come is known once the server says anything.
            self.tap.prove()
        self._reckoning.expired(expired)
        self._watchers.expired(expired)
        return bool(expired)

    # What discovery tells --------------------------------------------------------------------------------------

    def _on_poll(self, poll: Poll) -> Iterable[str]:
        with self._changed:
            listening = self._hears()
            self.directory.counted, self.directory.by_pattern = poll.counted, poll.listeners
            to_ask = self.directory.poll(
                self.clock(), poll.subscribers, poll.patterns, listening=listening, complete=poll.complete
            )
            if poll.complete and poll.listed is not None:
                self.askers.listed(self.clock(), poll.listed)
            self._following.polled(poll)
            self.findings.polled(self.clock(), complete=poll.complete)
            self._changed.notify_all()
            return to_ask

    def _more_to_ask(self) -> Iterable[Question]:
        if not self.pulls:
            return ()
        with self.lock:
            return self.telling.due(time.monotonic()) if self._hears() else ()

    def _keeps(self, name: str) -> bool:
        return self.directory.keeps(name) or self._following.counts(name)

    def _hears(self) -> bool:
        return self.status.up and self.tap.seen_since(self.reply_to) is not None

    def _known(self) -> list[str]:
        with self.lock:
            return self.directory.known()

    def _on_ask(self, request_id: str) -> None:
        with self.lock:
            self.correlator.expect(request_id)

    def _on_trouble(self, trouble: Trouble) -> None:
        with self._changed:
            self.status.discovery_problem, self.status.discovery_lacks = trouble.problem, trouble.lacks
            self.status.unasked, self.status.unlisted = trouble.unasked, trouble.unlisted
            self._changed.notify_all()
