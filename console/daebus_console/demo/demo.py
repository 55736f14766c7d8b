"""The demo shop: its services as processes of their own, on a broker of its own or a given one.

`Demo` for whoever draws something beside it, `run_headless` for a terminal that only keeps it running.
Every process it starts ends with it, also when this process is killed. Must not import Textual.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress, redact_url
from daebus.transport.places.clients import count_subscribers
from daebus_console.files.places import StreamError

from .broker import Broker, BrokerUnavailable, DemoError, DemoInterrupted, open_broker
from .process import DemoProcess, end_all
from .signals import StopSignals
from .story import Telling

__all__ = ["BrokerUnavailable", "Demo", "DemoError", "DemoInterrupted", "run_headless", "shop_directory"]

SERVICES = ("users", "stock", "payment", "notifier", "reports", "gateway")
CLIENT = "client"
RATE = 3.0
"""Orders a second."""
READY_SECONDS = 30.0
POLL_SECONDS = 0.02
CHECK_SECONDS = 0.5


def shop_directory() -> Path:
    """Where the demo's services are: `shop/` in an installed package, `demos/` in a checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "shop", here.parents[3] / "demos"):
        if (folder / "gateway.py").is_file():
            return folder
    raise DemoError(f"The demo's services are missing: neither {here.parents[1] / 'shop'} nor demos/ holds gateway.py")


_DEBUGGED = {"DAEBUS_DEBUGGER": "1"}
"""The services of the demo may be debugged, unless the user's own environment says otherwise."""


class Demo:
    """The shop, running between `start` and `stop`; also a context manager.

    redis_url: the Redis to use; without one a private redis-server, else fakeredis. services: names of files of the
    shop (default: all). client: whether somebody orders all the time. rate: orders a second. seed: does the same each
    time. story: plants bugs that come and go, each in a chapter of so many seconds; None plants none. announce: gets
    lines for a person (never a password).
    """

    def __init__(
        self,
        redis_url: str | None = None,
        services: Sequence[str] | None = None,
        *,
        client: bool = True,
        rate: float = RATE,
        seed: str | None = None,
        story: float | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        if rate <= 0:
            raise DemoError(f"The rate is a number of orders a second above zero, not {rate}")
        if story is not None and story <= 0:
            raise DemoError(f"A chapter of the story takes a number of seconds above zero, not {story}")
        self._redis_url = redis_url
        self._services = list(SERVICES if services is None else services)
        self._client = client
        self._environ = {"DEMO_RATE": str(rate), **({} if seed is None else {"DEMO_SEED": seed})}
        self._story = story
        self._announce = announce or (lambda _line: None)
        self._broker: Broker | None = None
        self._processes: dict[str, DemoProcess] = {}
        self._lifeline: tuple[int, int] | None = None
        self._interrupted = False
        self._reported: set[str] = set()

    @property
    def url(self) -> str:
        """The URL of the Redis in use, with its password if it has one. DemoError before `start`."""
        return self._running().url

    @property
    def broker(self) -> str:
        """Which broker is in use, for a person; without a password."""
        return self._running().label

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every process started, by its name; `broker` is the one that keeps the broker."""
        return {process.name: process.pid for process in self._everything()}

    def story(self) -> Telling | None:
        """What tells of the story, which began when the demo was started; None without one."""
        self._running()
        return None if self._story is None else Telling(float(self._environ["DEMO_STORY"]), self._story)

    def log_path(self, name: str) -> Path:
        """The file that holds what the process `name` wrote (`broker` for the broker); it goes with the demo."""
        return self._running().directory / f"{name}.log"

    def start(self) -> Demo:
        """Start broker, services and client; returns when every service is subscribed.

        Raises ConfigurationError, BrokerUnavailable, DemoInterrupted, or DemoError where a service does not start (with
        the end of its log). Nothing is left running then.
        """
        if self._broker is not None:
            raise DemoError("The demo is running already")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every process that was started, and remove their directory. May be called at any time, and again."""
        end_all(self._processes.values())
        self._processes = {}
        self._reported = set()
        if self._broker is not None:
            self._broker.close()
            self._broker = None
        if self._lifeline is not None:
            for end in self._lifeline:
                os.close(end)
            self._lifeline = None

    def interrupt(self) -> None:
        """Make a `start` that is under way give up with DemoInterrupted. Fit for a signal handler."""
        self._interrupted = True

    def casualties(self) -> list[str]:
        """What ended by itself since the last call, a text for each: name, exit status, the end of its log."""
        ended = [p for p in self._everything() if p.name not in self._reported and p.status() is not None]
        self._reported.update(process.name for process in ended)
        return [process.describe_end() for process in ended]

    def __enter__(self) -> Demo:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> Broker:
        if self._broker is None:
            raise DemoError("The demo is not running: start() comes first")
        return self._broker

    def _everything(self) -> list[DemoProcess]:
        broker = [] if self._broker is None else [self._broker.caretaker]
        return [*broker, *self._processes.values()]

    def _start(self) -> None:
        folder = shop_directory()
        scripts = {name: folder / f"{name}.py" for name in self._services}
        unknown = [name for name, script in scripts.items() if name not in SERVICES or not script.is_file()]
        if unknown:
            raise DemoError(f"No such service in the shop: {', '.join(unknown)} (there are: {', '.join(SERVICES)})")
        if self._story is not None:
            self._environ |= {"DEMO_STORY": str(time.time()), "DEMO_CHAPTER": str(self._story)}
        self._lifeline = os.pipe()
        self._broker = open_broker(self._redis_url, self._lifeline[0], lambda: self._interrupted, self._announce)
        self._announce(f"broker: {self._broker.label}")
        before = self._subscribers()
        shared = [name for name, count in before.items() if count]
        if shared:
            self._announce(f"note: already served by somebody else on this Redis: {', '.join(shared)}")
        for name, script in scripts.items():
            self._spawn(name, script)
        self._await_subscribed(before)
        self._announce(f"services: {', '.join(self._services)}")
        if self._client:
            self._spawn(CLIENT, folder / f"{CLIENT}.py")

    def _spawn(self, name: str, script: Path) -> None:
        assert self._lifeline is not None
        url = self.url
        self._processes[name] = DemoProcess(
            name,
            script,
            log=self.log_path(name),
            lifeline=self._lifeline[0],
            environ={**_DEBUGGED, **os.environ, **self._environ, "DAEBUS_REDIS_URL": url, "REDIS_URL": url},
        )

    def _subscribers(self) -> dict[str, int]:
        """How many subscribers each service's channel has, anywhere."""
        names = [name.encode() for name in self._services]
        try:
            counts = count_subscribers(RedisAddress(self.url), names, "asking who is subscribed")
        except RedisUnavailable as error:
            raise DemoError(str(error)) from None
        return {name: count or 0 for name, count in zip(self._services, counts, strict=True)}

    def _await_subscribed(self, before: dict[str, int]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            missing = [name for name, count in self._subscribers().items() if count <= before[name]]
            if not missing:
                return
            if self._interrupted:
                raise DemoInterrupted("interrupted while the services were starting")
            ended = self.casualties()
            if ended:
                raise DemoError("The demo did not start.\n" + "\n".join(ended))
            if time.monotonic() > deadline:
                first = self._processes[missing[0]]
                raise DemoError(
                    f"Not subscribed after {READY_SECONDS:.0f} s: {', '.join(missing)}; "
                    f"the end of {first.log}:\n{first.tail()}"
                )
            time.sleep(POLL_SECONDS)


def run_headless(
    redis_url: str | None = None,
    services: Sequence[str] | None = None,
    *,
    client: bool = True,
    rate: float = RATE,
    seed: str | None = None,
    story: float | None = None,
    seconds: float | None = None,
    out: IO[str] | None = None,
    err: IO[str] | None = None,
) -> int:
    """Run the demo until SIGINT, SIGTERM or SIGHUP, or for `seconds`; returns the exit status 0.

    Tells on `out` (standard output) the broker, the line `redis: URL`, and how to attach; on `err` what ended by
    itself; with a `story` (see Demo) its chapters as they begin and end. Raises what `Demo.start` raises, except that
    being interrupted while starting is a normal end.
    """
    out, err = out or sys.stdout, err or sys.stderr

    def tell(line: str) -> None:
        try:
            print(line, file=out, flush=True)
        except (OSError, ValueError) as error:
            raise StreamError(error) from None

    demo = Demo(redis_url, services, client=client, rate=rate, seed=seed, story=story, announce=tell)
    with StopSignals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), demo.interrupt) as stop:
        try:
            with demo:
                shown = redact_url(demo.url)
                tell(f"redis: {shown}")
                tell(f"attach from another terminal: daebus-console --redis {shown}")
                tell("running; Ctrl-C ends it" if seconds is None else f"running for {seconds:g} s; Ctrl-C ends it")
                deadline = None if seconds is None else time.monotonic() + seconds
                chapters = demo.story()
                if chapters is not None:
                    tell(f"find what goes wrong: daebus-console --redis {shown} findings --for 20s")
                while not stop.wait(_patience(deadline)):
                    for text in demo.casualties():
                        with suppress(OSError, ValueError):
                            print(text, file=err, flush=True)
                    for line in chapters.lines(time.time()) if chapters is not None else ():
                        tell(line)
                    if deadline is not None and time.monotonic() >= deadline:
                        break
        except DemoInterrupted:
            pass
    return 0


def _patience(deadline: float | None) -> float:
    if deadline is None:
        return CHECK_SECONDS
    return max(0.0, min(CHECK_SECONDS, deadline - time.monotonic()))
