"""The program as the shell runs it, and a service for it to look at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, request, response

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Done:
    """How a run of the program ended."""

    status: int
    out: str
    err: str


class Console:
    """Runs `python -m daebus_console` on one Redis."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self, *arguments: str, environ: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """The program, running; the caller ends it."""
        known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "REDIS_URL")}
        settings = {
            "DAEBUS_REDIS_URL": self.url,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}",
            **(environ or {}),
        }
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "daebus_console", *arguments],
            env={**known, **settings},
            encoding="utf-8",
            **streams,
        )

    def __call__(self, *arguments: str, stdin: str | None = None, **options: Any) -> Done:
        """Run it to its end."""
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(stdin, timeout=60)
            except BaseException:
                process.kill()
                raise
            return Done(process.returncode, out, err)


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
