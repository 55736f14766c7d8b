"""TestClient: calls the handlers of an app, on a bus for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self

from daebus import context
from daebus.client.requester import Requester
from daebus.errors import ConfigurationError, PayloadError
from daebus.service.consent import checked_debugger
from daebus.wire import checks
from daebus.wire.objects import decode_object
from daebus.wire.writing import encode, encode_object

from .local import LocalBus
from .recorded import RecordedBus
from .recording import RecordingBus

if TYPE_CHECKING:
    from daebus.transport.bus import Bus


class App(Protocol):
    """What a test client wants of an application, which is a Daebus."""

    name: str

    def start_on(
        self,
        bus: Bus,
        service: str | None = None,
        debug: bool = False,
        shared: bool = False,
        debugger: bool | None = None,
    ) -> object:
        """Start serving on a given bus."""

    def stop(self, grace: float | None = None) -> object:
        """Stop serving within `grace` seconds; see `Daebus.stop`."""


class TestClient:
    """Runs an app's service on a LocalBus from the first use until `close` (it is a context manager too).

    Callers that the handlers use reach other apps whose test clients share the bus:
    `TestClient(gateway, bus=client_of_users.bus)`. `shared=True`, given to each of several instances of a service on
    one bus, lets them share the work as in `Daebus.start`; `debugger` is as there. The `bus` of the pytest plugin will
    do, too.
    """

    __test__ = False

    def __init__(
        self,
        app: App,
        service: str | None = None,
        *,
        bus: RecordingBus | RecordedBus | None = None,
        shared: bool = False,
        debugger: bool | None = None,
    ) -> None:
        if not hasattr(app, "start_on"):
            raise ConfigurationError(f"app must be a Daebus, not {checks.shown(app)}")
        if isinstance(bus, RecordedBus):
            bus = bus.bus
        if bus is not None and not isinstance(bus, RecordingBus):
            raise ConfigurationError(f"bus must be a bus for tests, such as a LocalBus, not {checks.shown(bus)}")
        self.app = app
        self.bus: RecordingBus = bus or LocalBus()
        self.service = checks.optional_name(service, "service") or (app.name if app.name != "__main__" else "service")
        self.shared = shared
        self.debugger = checked_debugger(debugger)
        self._requester = Requester(name="test", bus=self.bus)
        self._started = False

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, action: str, payload: dict[str, Any] | None = None, timeout: float | None = None) -> Any:
        """The final payload; raises RequestFailed with the `code` and `type` of an error response."""
        return self._start().call(self.service, action, payload, timeout=timeout)

    def stream(self, action: str, payload: dict[str, Any] | None = None, timeout: float | None = None) -> Iterator[Any]:
        """The partial payloads, then the final one."""
        return self._start().stream(self.service, action, payload, timeout=timeout)

    def send(self, action: str, payload: dict[str, Any] | None = None) -> int:
        """Send a one-way message and wait until it has been dealt with."""
        sent = self._start().send(self.service, action, payload)
        self.settle()
        return sent

    def broadcast(self, channel: str, payload: dict[str, Any]) -> int:
        """Broadcast to the app's listeners and wait until they have dealt with it."""
        sent = self._start().publish(channel, encode_object(payload, default=context.written))
        self.settle()
        return sent

    def publish(self, channel: str, data: bytes | str | Any) -> int:
        """Publish anything, however malformed, and wait until it has been dealt with."""
        if isinstance(data, str) and not checks.is_encodable(data):
            raise PayloadError(f"data must be encodable as UTF-8: {checks.shown(data)}")
        raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else encode(data, "data")
        sent = self._start().publish(channel, raw)
        self.settle()
        return sent

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until no message waits or is being handled."""
        checks.duration(timeout, "timeout")
        if not self.bus.settle(timeout):
            raise ConfigurationError(f"{self.service!r} is still busy after {timeout:g} s")

    def broadcasts(self, channel: str | None = None) -> list[Any]:
        """The payloads that went out so far on `channel`; without one, (channel, payload) of all that was no reply."""
        if channel is not None:
            return [decode_object(data) for name, data in self.bus.published if name == channel]
        skipped = (self.service, self._requester.reply_channel)
        return [(name, decode_object(data)) for name, data in self.bus.published if name not in skipped]

    @property
    def cache(self) -> Any:
        """The client that handlers see as `cache`: of fakeredis, on a LocalBus."""
        return self.bus.cache()

    @property
    def waiting(self) -> bool:
        """Whether another thread waits for an answer."""
        return self._requester.pending > 0

    def close(self) -> None:
        """Stop the service."""
        self._requester.close()
        if self._started:
            self._started = False
            self.app.stop()

    def _start(self) -> Requester:
        if not self._started:
            self.app.start_on(self.bus, self.service, shared=self.shared, debugger=self.debugger)
            self._started = True
        return self._requester
