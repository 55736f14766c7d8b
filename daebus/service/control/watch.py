"""`watch`: new records are published on `daebus.watch.<service>`, as long as somebody's lease lasts."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

from daebus.errors import DaebusError, RedisRefused, RedisUnavailable
from daebus.recorder.recorder import Recorder
from daebus.recorder.records import KINDS, Wanted, fitted, is_failure, told
from daebus.recorder.ring import Entry
from daebus.service.refusals import Refusals
from daebus.transport.publisher import Publisher
from daebus.transport.threads import begin

from . import asking
from .channel import BadAsk

log = logging.getLogger("daebus")

WATCH_PREFIX = "daebus.watch."
LONGEST_LEASE = 30.0
EVERY = 0.1
"""Seconds between two batches."""
BATCH = 64 * 1024
"""Bytes of a batch."""
MOST = 200
"""Records of a batch."""
MOST_WAITING = 1_000
"""Records of a kilobyte that may wait for the batches to come: of more failures go first, and the rest is left out."""
SETTLES_WITHIN = 0.05
"""Seconds in which Redis may confirm a batch; what takes longer is looked at with the next one."""
TRIES_EVERY = 1.0
"""Seconds after which it is tried again what Redis has refused, where there is nothing to publish."""
MOST_LEASES = 100
_ENVELOPE = 500
_PUBLISHING = "publishing records"


def watch_channel(service: str) -> str:
    """Where the records of a service are published while somebody watches it."""
    return WATCH_PREFIX + service


class Watch:
    """Gives leases, and publishes for them on a thread that lives no longer than they do."""

    def __init__(
        self, service: str, instance: str, recorder: Recorder, publisher: Publisher, refusals: Refusals
    ) -> None:
        self._service = service
        self._instance = instance
        self._channel = watch_channel(service)
        self._recorder = recorder
        self._publisher = publisher
        self._refusals = refusals
        self._lock = threading.Lock()
        self._leases: dict[frozenset[str], float] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._problem: str | None = None
        """What kept the latest batch from being published."""
        self._tried_at = 0.0

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Take a lease of `lease` seconds, or renew it, for records of `kinds`.

        Answers with the `channel`, the `lease` that is given, and `seq`: what comes later than that is published. Where
        Redis does not let it be published, `problem` says why.
        """
        lease = min(asking.seconds(payload, "lease"), LONGEST_LEASE)
        kinds = frozenset(asking.kinds(payload) or KINDS)
        with self._lock:
            if kinds not in self._leases and len(self._leases) >= MOST_LEASES:
                raise BadAsk(f"there are {MOST_LEASES} leases of other `kinds` already")
            until = time.monotonic() + lease
            self._leases[kinds] = max(until, self._leases.get(kinds, until))
            seq = self._recorder.ring.seq
            if self._thread is None and not self._ended.is_set():
                self._begin(seq)
        told: dict[str, Any] = {"channel": self._channel, "lease": lease, "seq": seq}
        return told if self._problem is None else {**told, "problem": self._problem}

    def end(self) -> None:
        """The service ends."""
        self._ended.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _begin(self, seq: int) -> None:
        thread = threading.Thread(
            target=self._publish_on, args=(seq,), name=f"daebus-{self._service}-records", daemon=True
        )
        try:
            begin(thread)
        except RuntimeError:
            self._leases.clear()
            raise BadAsk("no thread is to be had to publish records with") from None
        self._thread = thread

    def _publish_on(self, seq: int) -> None:
        while True:
            ends = self._ended.wait(EVERY)
            with self._lock:
                now = time.monotonic()
                self._leases = {kinds: until for kinds, until in self._leases.items() if until > now}
                kinds = frozenset().union(*self._leases)
                over = ends or not self._leases
                if over:
                    self._thread = None
            if over and not ends:
                return
            try:
                seq = self._publish(seq, kinds)
                while ends and seq < self._recorder.ring.seq:
                    # There are no batches to come.
                    seq = self._publish(seq, kinds)
            except Exception:
                log.exception("%s: records could not be published", self._service)
            if over:
                return

    def _publish(self, seq: int, kinds: Collection[str]) -> int:
        """Publish what is new; returns the number of the last record that is done with."""
        batch, seq, left_out, lost = batch_of(*self._recorder.ring.since(seq), seq, Wanted(kinds))
        if batch or left_out or lost or self._tries_again:
            about = {"service": self._service, "instance": self._instance, "seq": seq}
            about |= {name: count for name, count in (("left_out", left_out), ("lost", lost)) if count}
            data = json.dumps(about, separators=(",", ":")).encode()
            self._post(data[:-1] + b',"records":[' + b",".join(batch) + b"]}")
        return seq

    @property
    def _tries_again(self) -> bool:
        """Whether it is to be found out, by an empty batch, if Redis allows it again."""
        return self._problem is not None and time.monotonic() >= self._tried_at + TRIES_EVERY

    def _post(self, data: bytes) -> None:
        try:
            if self._problem is not None:
                self._tried_at = time.monotonic()
                self._publisher.publish(self._channel, data)
                self._problem = None
                self._refusals.over(_PUBLISHING, self._channel)
                return
            self._publisher.post(self._channel, data, failed=self._failed)
            # Nobody else looks what became of it, where the service has nothing to do.
            self._publisher.settle(SETTLES_WITHIN)
        except RedisUnavailable as error:
            self._failed(error)
        except DaebusError as error:
            log.debug("%s: records could not be published: %s", self._service, error)

    def _failed(self, error: RedisUnavailable) -> None:
        if isinstance(error, RedisRefused):
            self._problem = str(error)
            self._refusals.met(_PUBLISHING, error, "whoever watches this service sees no records", self._channel)


def batch_of(
    first: int,
    entries: list[Entry],
    after: int,
    wanted: Wanted,
    *,
    most: int = MOST,
    most_waiting: int = MOST_WAITING,
    size: int = BATCH,
) -> tuple[list[bytes], int, int, int]:
    """What goes into the next batch, written, out of the `entries` from number `first` on.

    With it come the number of the last one that is done with, how many were left out because there were too many, and
    how many had fallen out of the ring after number `after`. What does not fit is for the next batch, up to
    `most_waiting`.
    """
    lost = max(0, first - after - 1)
    seq = first + len(entries) - 1
    numbered = [(number, entry) for number, entry in enumerate(entries, first) if wanted.has(entry)]
    hurried = len(numbered) > most and not _may_wait([entry for _number, entry in numbered], most_waiting)
    if hurried:
        numbered.sort(key=lambda each: not is_failure(each[1]))
    elif len(numbered) > most:
        numbered = numbered[:most]
        seq = numbered[-1][0]
    left = size - _ENVELOPE
    batch: list[tuple[int, bytes]] = []
    for number, entry in numbered[:most]:
        data = fitted(told(number, entry), size - _ENVELOPE - 1)[1]
        left -= len(data) + 1
        if left < 0:
            if not hurried:
                seq = number - 1
            break
        batch.append((number, data))
    left_out = len(numbered) - len(batch) if hurried else 0
    return [data for _number, data in sorted(batch)], seq, left_out, lost


def _may_wait(entries: list[Entry], most: int) -> bool:
    return len(entries) <= most and sum(entry[0] for entry in entries) <= most * 1024
