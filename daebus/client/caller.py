"""DaebusCaller: asks one service, from a handler, a script or anywhere."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Self

from daebus import context
from daebus.transport.address import RedisAddress
from daebus.transport.url import resolve_url
from daebus.wire import checks
from daebus.wire.writing import encode_object, named_action

from .actions import Actions, Outcome, outcomes
from .arguments import checked_service
from .call import Call, streamed
from .noting import note_published
from .requester import Requester
from .retry import Retry


class DaebusCaller:
    """Calls the actions of `target_service`.

    Nothing is connected before it is used, nor after `close`; a closed caller that is used again connects
    again. Any number of threads may share one. `timeout` is in seconds and bounds a whole call. Redis is
    where `redis_url` or `redis_host`/`redis_port` say, else where the running service of this process has it,
    else where the environment says. `name` is what the target sees as `request.service`; by default the
    running service's name, else the program's. `max_message` is how many bytes a message may have (default:
    DAEBUS_MAX_MESSAGE of the environment, else 16 MiB): a larger one is a PayloadError, and is not sent. With its usual
    limits Redis delivers nothing of more than 28 MiB, and disconnects whoever was to get it. `retry` is when requests
    are asked again that are said to be `idempotent` (default: never); see Retry. `sharded` says that messages go over
    sharded Pub/Sub, as for `Daebus.start`; where the running service's Redis is used, it is as that service says.
    Raises ConfigurationError for what cannot be used.
    """

    def __init__(
        self,
        target_service: str,
        redis_host: str | None = None,
        redis_port: int | None = None,
        timeout: float = 5,
        *,
        redis_url: str | None = None,
        sharded: bool = False,
        name: str | None = None,
        max_message: int | None = None,
        retry: Retry | None = None,
    ) -> None:
        self.target_service = checked_service(target_service)
        url = None
        if redis_url or redis_host or redis_port is not None:
            url = resolve_url(redis_url, redis_host, redis_port)
            RedisAddress(url)
        self._requester = Requester(url, name, timeout=timeout, sharded=sharded, max_message=max_message, retry=retry)
        # A caller that nobody holds any more takes its reader thread and sockets with it, and is waited for by nobody.
        self._finalizer = weakref.finalize(self, self._requester.leave, now=True)

    @property
    def timeout(self) -> float:
        """Seconds that a call may take where it does not say."""
        return self._requester.timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DaebusCaller({self.target_service!r})"

    def send_request(
        self,
        action: str,
        payload: dict[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: Callable[[Any], Any] | None = None,
        *,
        request_id: str | None = None,
        idempotent: bool = False,
    ) -> Any:
        """Ask, wait, and return the final payload. Partial payloads go to `on_progress`, on this thread.

        `timeout` (seconds; default: the caller's) bounds the whole call; 0 or less raises RequestTimeout at
        once and sends nothing. `idempotent` says that to handle the request twice does no harm: where the caller has a
        `retry`, it is then asked again after a failure that passes. Raises RequestFailed (the service's error),
        RequestTimeout, ServiceUnavailable (nobody serves it), RedisUnavailable or its subclass ConnectionLost,
        PayloadError; all are DaebusError.
        """
        return self._requester.call(
            self.target_service,
            action,
            payload,
            timeout=timeout,
            on_progress=on_progress,
            request_id=request_id,
            idempotent=idempotent,
        )

    def stream_request(
        self,
        action: str,
        payload: dict[str, Any] | None = None,
        timeout: float | None = None,
        *,
        request_id: str | None = None,
    ) -> Iterator[Any]:
        """Ask, and iterate over the partial payloads and then the final one. Errors as for `send_request`."""
        call = self._requester.start(self.target_service, action, payload, timeout=timeout, request_id=request_id)
        return streamed(call, self)

    @property
    def actions(self) -> Actions[Any]:
        """The actions of the service as functions: `caller.actions.get_user(user_id=17)`; see Actions."""
        return Actions(self.send_request)

    def map(
        self, action: str, payloads: Iterable[dict[str, Any]], *, in_flight: int = 10, timeout: float | None = None
    ) -> Iterator[Outcome]:
        """Ask for each of the payloads, with so many under way at once, and iterate over what became of them, in order.

        One that fails is an Outcome with an `error`, and stops none of the others. `timeout` is that of each, in
        seconds. They are asked as the outcomes are taken; what is under way when the iteration is left is not waited
        for any more. Raises ConfigurationError for an impossible number, PayloadError where nothing can be asked.
        """
        named_action(action)
        if timeout is not None:
            checks.seconds(timeout, "timeout")
        return outcomes(partial(self._start, action, timeout=timeout), payloads, in_flight)

    def _start(self, action: str, payload: dict[str, Any], *, timeout: float | None) -> Call:
        # A method, so that who has it to call holds the caller, too.
        return self._requester.start(self.target_service, action, payload, timeout=timeout)

    def send_message(self, action: str, payload: dict[str, Any] | None = None) -> int:
        """Send a one-way message to an action of the target service; returns how many received it, 0 where nobody did.

        Raises PayloadError, RedisUnavailable or its subclass ConnectionLost.
        """
        return self._requester.send(self.target_service, action, payload)

    def send_to_service(self, payload: dict[str, Any], action: str | None = None) -> int:
        """The same as `send_message`, with the action last. Without an action the payload is published as it is."""
        if action is None:
            data = encode_object(payload, default=context.written)
            received = self._requester.publish(self.target_service, data)
            note_published(self.target_service, data)
            return received
        return self._requester.send(self.target_service, action, payload)

    def close(self) -> None:
        """Close the connections; the next call connects again.

        Calls of other threads that still wait get their answers first: a handler may close the callers it
        shares with the others.
        """
        self._requester.close(now=False)
