"""What the package shows, and what importing it does not do."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import daebus
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[3]


def test_every_public_name_is_there_and_listed() -> None:
    assert sorted(daebus.__all__) == daebus.__all__
    for name in daebus.__all__:
        assert hasattr(daebus, name)


def test_what_is_not_there_is_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'daebus' has no attribute 'nothing'"):
        _ = daebus.nothing
    with pytest.raises(ImportError):
        exec("from daebus import nothing")


def test_a_program_that_only_calls_has_no_part_of_services_nor_of_asyncio_callers() -> None:
    code = (
        "import sys, daebus; from daebus import DaebusCaller, broadcast, direct_logger; before = set(sys.modules);"
        "daebus.Daebus, daebus.AsyncDaebusCaller;"
        "print(*(name for name in before if name.startswith(('daebus.service', 'daebus.client.aio'))));"
        "print(*(name for name in ('daebus.service.app', 'daebus.client.aio.caller') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "daebus.service.app daebus.client.aio.caller"]


def test_a_program_that_only_calls_needs_no_event_loop_no_tls_and_no_redis_py(
    own_redis: RedisServer, name: str
) -> None:
    """They take longer to be imported than the call does; a URL that asks for more than plain TCP brings them."""
    code = f"""
import sys
from daebus import DaebusCaller, DaebusError
caller = DaebusCaller({name!r}, redis_url={own_redis.url!r}, timeout=5)
try:
    caller.send_request("echo")
except DaebusError as error:
    print(type(error).__name__)
caller.close()
print(*(name for name in ("redis", "asyncio", "ssl", "concurrent.futures") if name in sys.modules))
try:
    DaebusCaller({name!r}, redis_url="rediss://localhost:1").send_request("echo")
except DaebusError as error:
    print(type(error).__name__, "redis" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["ServiceUnavailable", "", "RedisUnavailable True"]


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert daebus.__version__ == project["project"]["version"]


def test_importing_starts_nothing_and_configures_nothing() -> None:
    code = """
import logging, sys, threading
import daebus
app = daebus.Daebus("x")
caller = daebus.DaebusCaller("y", redis_url="redis://localhost:1")
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
extras = ("fakeredis", "textual", "msgspec", "prompt_toolkit", "watchfiles", "daebus.telemetry.spans")
for name in ("apscheduler", "daebus_console", *extras):
    assert name not in sys.modules, name
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(daebus.__file__).parent / "py.typed").exists()
