"""The program as the shell runs it, and a service for it to look at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from daebus import Daebus, request, response
from tests.support.programs.forked import Forks, plain_environ


@dataclass
class Done:
    """How a run of the program ended."""

    status: int
    out: str
    err: str


class Console:
    """Runs `python -m daebus_console` on one Redis."""

    forks: ClassVar[Forks | None] = None

    def __init__(self, url: str) -> None:
        self.url = url

    def environ(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return {**plain_environ(), "DAEBUS_REDIS_URL": self.url, **(more or {})}

    def start(self, *arguments: str, environ: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """The program, running; the caller ends it."""
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "daebus_console", *arguments],
            env=self.environ(environ),
            encoding="utf-8",
            **streams,
        )

    def __call__(self, *arguments: str, stdin: str | None = None, environ: dict[str, str] | None = None) -> Done:
        """Run it to its end; in a fork, unless the interpreter itself is told something."""
        if any(name.startswith("PYTHON") for name in environ or {}):
            options = {} if stdin is None else {"stdin": subprocess.PIPE}
            with self.start(*arguments, environ=environ, **options) as process:
                try:
                    out, err = process.communicate(stdin, timeout=60)
                except BaseException:
                    process.kill()
                    raise
                return Done(process.returncode, out, err)
        if Console.forks is None:
            Console.forks = Forks({})
        ended = Console.forks.piped(arguments, stdin=stdin, environ=self.environ(environ))
        assert ended.status is not None, f"still running: {arguments}"
        return Done(ended.status, ended.out, ended.err)


@pytest.fixture
def console(redis_url: str) -> Console:
    return Console(redis_url)


@pytest.fixture
def service(redis_url: str, name: str) -> Iterator[str]:
    """A service that runs in this process, by its name."""
    app = Daebus(name)

    @app.action("echo")
    def echo() -> Any:
        """Give back what was sent."""
        return request.payload

    @app.action("fail")
    def fail() -> None:
        raise ValueError("it broke")

    @app.action("stream")
    def stream() -> None:
        """Two steps and an end."""
        response.send({"step": 1}, final=False)
        response.send({"step": 2}, final=False)
        response.send({"steps": 2})

    @app.action("slow")
    def slow() -> Any:
        """Take as many seconds as told."""
        import time

        time.sleep(request.payload.get("seconds", 1))
        return {"slept": True}

    app.start(service=name, redis_url=redis_url)
    yield name
    app.stop(grace=5)
