"""A real redis-server for tests: private, on a free loopback port, without persistence, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from tests.support import processes
from tests.support.ports import free_port
from tests.support.processes import die_with_parent
from tests.support.servers import search_path


def ensure_redis_server() -> str:
    """The path of redis-server: of the first on the PATH, else of one that is fetched. Raises ServerUnavailable."""
    found = shutil.which("redis-server")
    if found is None:
        # On the PATH also for the programs that tests start.
        os.environ["PATH"] = search_path()
        found = shutil.which("redis-server")
        assert found is not None
    return found


class RedisServer:
    """One redis-server process that tests may kill, freeze and restart on the same port.

    `options` are extra command line arguments of redis-server, for example ("--requirepass", "secret").
    """

    def __init__(self, *options: str, password: str | None = None) -> None:
        self.options = options
        self.password = password
        self.port = 0
        self.configuration: str | None = None
        """A file that it is started with, and may write to."""
        self.process: subprocess.Popen[bytes] | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="daebus-redis-")

    @property
    def url(self) -> str:
        credentials = f":{self.password}@" if self.password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}/0"

    def start(self, *, wait: bool = True) -> RedisServer:
        """Start on the port of before, or on a free one the first time; returns when it answers PING."""
        for _attempt in range(5):
            port = self.port or free_port()
            file = [self.configuration] if self.configuration else []
            arguments = [ensure_redis_server(), *file, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            arguments += ["--appendonly", "no", "--dir", self._directory.name, "--daemonize", "no"]
            if self.password:
                arguments += ["--requirepass", self.password]
            with open(Path(self._directory.name) / "log", "ab") as log:
                self.process = subprocess.Popen(
                    [*arguments, *self.options], stdout=log, stderr=log, preexec_fn=die_with_parent
                )
            self.port, before = port, self.port
            if not wait or self.answers():
                return self
            self.port = before
            self.stop()
        log = self.log()[-2000:]
        self.close()
        raise RuntimeError(f"redis-server did not start: {log}")

    def answers(self) -> bool:
        """Whether it does within ten seconds: it, and no other server that has taken its port meanwhile."""
        deadline = time.monotonic() + 10
        process = self.process
        assert process is not None
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with redis.Redis(port=self.port, host="127.0.0.1", password=self.password, socket_timeout=2) as client:
                    client.ping()
                    return bool(client.info("server")["process_id"] == process.pid)
            except redis.RedisError:
                time.sleep(0.01)
        return False

    def log(self) -> str:
        return (Path(self._directory.name) / "log").read_text(errors="replace")

    def client(self, **options: Any) -> redis.Redis:
        """A client for the test itself; close it (it is a context manager)."""
        return redis.Redis.from_url(self.url, socket_timeout=10, **options)

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop the process (SIGSTOP): connections stay open, nothing answers."""
        if self.process is not None and self.process.poll() is None:
            processes.stop(self.process.pid)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self) -> None:
        """End the process for good; harmless when it is gone already."""
        if self.process is not None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def close(self) -> None:
        self.stop()
        self._directory.cleanup()


def publish_at_once(client: redis.Redis, channel: str, message: bytes, count: int) -> None:
    """Publish a message so often, before the server sends any of it.

    It counts them for the limit of the output buffer, be it Valkey 9, which does so up to 16 KiB.
    """
    client.eval("for _ = 1, ARGV[3] do redis.call('PUBLISH', ARGV[1], ARGV[2]) end", 0, channel, message, count)
