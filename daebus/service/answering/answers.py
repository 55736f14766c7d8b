"""Final answers on their way out, and what is done about those that did not get there.

An answer is handed to Redis once. Where Redis says that it did not take it, the asker is told so instead; where
Redis is at work on a slow script and takes nothing at all, the answer is kept, and given to it when that is over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from daebus.errors import DaebusError, PermissionDenied, RedisRefused, RedisUnavailable
from daebus.service.refusals import Refusals
from daebus.transport.publisher import Publisher
from daebus.transport.threads import begin
from daebus.wire.envelope import Request, error_payload
from daebus.wire.writing import write_response

from .undelivered import Undelivered

log = logging.getLogger("daebus")

REFUSED = "redis_refused"
"""The `code` of the error answer for what Redis refused."""
KEPT_FOR = 60.0
"""Seconds for which an answer is kept at most."""
KEPT_BYTES = 64 * 1024 * 1024
"""Bytes of answers that are kept at most."""
TRY_EVERY = 0.1
_ANSWERING = "publishing answers"
_NOR_TOLD = "%s: nor could that be told to whoever asked: %s"
_MEANWHILE = "whoever waits for such an answer gets an error where that can be sent, else a timeout"


class Answers:
    """Sends the final answers of one instance of a service. `lost()` is called for each that did not get out."""

    def __init__(
        self,
        publisher: Publisher,
        service: str,
        instance: str,
        undelivered: Undelivered,
        refusals: Refusals,
        lost: Callable[[], None],
    ) -> None:
        self._publisher = publisher
        self._service = service
        self._instance = instance
        self._undelivered = undelivered
        self._refusals = refusals
        self._lost = lost
        self._lock = threading.Lock()
        self._kept: deque[tuple[float, Request, str, bytes]] = deque()
        self._kept_bytes = 0
        self._keeper: threading.Thread | None = None
        self._ended = threading.Event()

    def at_once(self, channel: str) -> bool:
        """Whether `post` waits for nothing there, as far as is known."""
        return self._publisher.ready and not self._refusals.may_meet(_ANSWERING, channel)

    def post(
        self,
        request: Request,
        channel: str,
        data: bytes,
        looks_soon: Callable[[], bool] | None = None,
        patience: float | None = None,
    ) -> None:
        """Send an answer without waiting for Redis. Raises RedisUnavailable where it is known at once to be lost.

        `looks_soon` and `patience` as for `Publisher.post`.
        """
        if self._refusals.may_meet(_ANSWERING, channel):
            self._send_and_wait(request, channel, data)
        else:
            failed = partial(self.failed, request, channel, data)
            later = looks_soon is not None and looks_soon()
            self._publisher.post(channel, data, failed=failed, later=later, patience=patience)
            if looks_soon is not None and later and not looks_soon():
                # Another thread has come to read meanwhile, and may wait for more by now.
                self._publisher.flush()

    def _send_and_wait(self, request: Request, channel: str, data: bytes) -> None:
        """The same while Redis refuses, to learn whether it still does."""
        try:
            self._publisher.publish(channel, data)
        except RedisRefused as error:
            self.failed(request, channel, data, error)
        else:
            self._refusals.over(_ANSWERING, channel)

    def failed(self, request: Request, channel: str, data: bytes, error: RedisUnavailable) -> None:
        """An answer came to nothing. Called by whichever thread learns of it; raises nothing."""
        if not isinstance(error, RedisRefused):
            self._lost()
            self._undelivered.add(request, error)
            return
        self._refusals.met(_ANSWERING, error, _MEANWHILE, channel)
        if error.code == "BUSY" and self._keep(request, channel, data):
            return
        self._lost()
        if not isinstance(error, PermissionDenied):
            self._tell(request, channel, error)

    def _tell(self, request: Request, channel: str, error: RedisRefused) -> None:
        """Send an error in the place of an answer that was refused for what it is."""
        payload = error_payload(f"the answer could not be sent: {error}", REFUSED)
        data = write_response(
            payload, request_id=request.request_id, ok=False, service=self._service, instance=self._instance
        )
        try:
            self._publisher.post(channel, data, failed=lambda problem: log.debug(_NOR_TOLD, self._service, problem))
        except DaebusError as problem:
            log.debug(_NOR_TOLD, self._service, problem)

    def _keep(self, request: Request, channel: str, data: bytes) -> bool:
        """Let an answer wait until Redis takes something; False where there is no room, or no thread."""
        limit = KEPT_FOR if request.timeout is None else min(request.timeout, KEPT_FOR)
        with self._lock:
            if self._ended.is_set() or self._kept_bytes + len(data) > KEPT_BYTES:
                return False
            if self._keeper is None:
                keeper = threading.Thread(target=self._give_again, name=f"daebus-{self._service}-kept", daemon=True)
                try:
                    begin(keeper)
                except RuntimeError:
                    return False
                self._keeper = keeper
            self._kept.append((time.monotonic() + limit, request, channel, data))
            self._kept_bytes += len(data)
            return True

    def _give_again(self) -> None:
        while (kept := self._oldest()) is not None:
            due, request, channel, data = kept
            try:
                self._publisher.publish(channel, data, min(due, time.monotonic() + TRY_EVERY * 50))
            except RedisRefused as error:
                if error.code == "BUSY" and time.monotonic() < due and not self._ended.wait(TRY_EVERY):
                    continue
                self._lost()
            except RedisUnavailable as error:
                self._lost()
                self._undelivered.add(request, error)
            else:
                self._refusals.over(_ANSWERING, channel)
            with self._lock:
                self._kept.popleft()
                self._kept_bytes -= len(data)

    def _oldest(self) -> tuple[float, Request, str, bytes] | None:
        """The next one; None where there is none, and the thread ends."""
        with self._lock:
            if not self._kept:
                self._keeper = None
                return None
            return self._kept[0]

    def end(self) -> None:
        """The service ends: each that is kept is tried once more."""
        self._ended.set()
        keeper = self._keeper
        if keeper is not None:
            keeper.join(TRY_EVERY * 20)
