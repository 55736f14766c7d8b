"""Which Redis the demo runs on: the one given, a private redis-server, or fakeredis; in that order.

Imports no face of the console.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from daebus.errors import ConfigurationError, RedisUnavailable
from daebus.transport.address import RedisAddress, redact_url
from daebus.transport.bus import redis_at
from daebus.transport.places.clients import client_of

from .process import DemoProcess, end_all

HOST = "127.0.0.1"
START_SECONDS = 10.0
POLL_SECONDS = 0.02
ATTEMPTS = 3
CARETAKER = Path(__file__).with_name("caretaker.py")
READY = b"ready to accept connections"
"""What every broker of ours says in its log. An answer to PING alone could be that of a stranger on the same port."""
FAKE = Path(__file__).with_name("fake.py")


class DemoError(RuntimeError):
    """The demo cannot run; the text says why and what to do."""


class BrokerUnavailable(DemoError):
    """There is no Redis to run on: the one given cannot be reached or used, or none could be started."""


class DemoInterrupted(DemoError):
    """The demo was asked to stop while it was starting."""


class Broker:
    """A Redis to run on, and the caretaker process that ends it and removes `directory` (logs, data) after the demo.

    `label` names it for a person, without a password.
    """

    def __init__(self, url: str, label: str, command: list[str], lifeline: int) -> None:
        self.url = url
        self.label = label
        self.directory = Path(tempfile.mkdtemp(prefix="daebus-demo-"))
        self.caretaker = DemoProcess(
            "broker",
            CARETAKER,
            str(self.directory),
            *command,
            log=self.directory / "broker.log",
            lifeline=lifeline,
            environ=os.environ,
        )

    def wait(self, give_up: Callable[[], bool]) -> bool:
        """Wait until it answers PING; False where it ended or took START_SECONDS. DemoInterrupted on `give_up`."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.caretaker.status() is None:
            if give_up():
                raise DemoInterrupted("interrupted while the broker was starting")
            if READY in self.caretaker.log.read_bytes().lower() and reason_unreachable(self.url) is None:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def close(self) -> None:
        """End it (a given Redis stays, of course) and remove the directory. May be called again."""
        end_all([self.caretaker])
        shutil.rmtree(self.directory, ignore_errors=True)


def reason_unreachable(url: str) -> str | None:
    """Why the Redis at `url` cannot be used, without its password; None where it answers.

    Raises ConfigurationError where the URL is none.
    """
    try:
        # As the services connect, which has words for what is wrong with several servers, too.
        publisher = redis_at(url).publisher("demo")
        try:
            publisher.connect()
        finally:
            publisher.close()
        with client_of(RedisAddress(url)) as client:
            client.ping()
    except ConfigurationError:
        raise
    except RedisUnavailable as error:
        return str(error)
    except (redis.RedisError, redis.exceptions.RedisClusterException, OSError, ValueError) as error:
        return f"cannot reach Redis at {redact_url(url)}: {error}"
    return None


def open_broker(
    redis_url: str | None,
    lifeline: int,
    give_up: Callable[[], bool] = lambda: False,
    announce: Callable[[str], None] = lambda _line: None,
) -> Broker:
    """The broker to use, running. Raises BrokerUnavailable, or DemoInterrupted once `give_up` returns true;
    ConfigurationError where the URL given is none.

    `announce` is told of a broker that should have worked and does not.
    """
    if redis_url is not None:
        reason = reason_unreachable(redis_url)
        if reason is not None:
            raise BrokerUnavailable(f"{reason}\nWithout --redis the demo brings a Redis of its own.")
        return Broker(redis_url, f"the Redis at {redact_url(redis_url)}", [], lifeline)
    for label, command in _own_commands():
        broker, failure = _private(command, label, lifeline, give_up)
        if broker is not None:
            return broker
        announce(f"{label} does not start: {failure}")
    raise BrokerUnavailable(
        "No Redis to run the demo on. Install redis-server (apt-get install redis-server, brew install redis), "
        "or name a Redis that is running: --redis URL"
    )


def _own_commands() -> Iterator[tuple[str, Callable[[int], list[str]]]]:
    """The brokers that this machine can start, the best first: a name, and the command for a port."""
    server = shutil.which("redis-server")
    if server is not None:
        yield "a private redis-server", functools.partial(_redis_command, server)
    if importlib.util.find_spec("fakeredis") is not None:
        yield "fakeredis.TcpFakeServer", _fake_command


def _private(
    command: Callable[[int], list[str]], label: str, lifeline: int, give_up: Callable[[], bool]
) -> tuple[Broker | None, str]:
    """A broker of our own on a free port; or None and the end of its log. Another port where one is taken meanwhile."""
    failure = ""
    for _attempt in range(ATTEMPTS):
        port = _free_port()
        url = f"redis://{HOST}:{port}/0"
        broker = Broker(url, f"{label} at {url}", command(port), lifeline)
        try:
            if broker.wait(give_up):
                return broker, ""
        except DemoInterrupted:
            broker.close()
            raise
        failure = broker.caretaker.tail()
        broker.close()
    return None, failure


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _redis_command(server: str, port: int) -> list[str]:
    options = {"port": str(port), "bind": HOST, "save": "", "appendonly": "no", "daemonize": "no", "dir": "."}
    return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]


def _fake_command(port: int) -> list[str]:
    return [sys.executable, "-P", str(FAKE), str(port)]
