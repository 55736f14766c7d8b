"""The pytest plugin of Daebus: the fixtures `bus`, `service`, `stub` and `fault`. See docs/testing.md.

A module of its own, which imports `daebus` within its fixtures only: pytest loads it before coverage measures.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from daebus.testing import Database, FaultFixture, RecordedBus, ServiceFixture, StubFixture, TestRun

_RUN: pytest.StashKey[TestRun] = pytest.StashKey()
collecting = False
"""Whether modules with tests, or a conftest, are imported just now; `daebus.service.importing` asks."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the settings of the same name."""
    redis = "run the fixtures of daebus on the Redis at URL, in a database that may be emptied (default: in memory)"
    capture = "write what went over the bus in each failed test to a file in DIR, for daebus-console open"
    group = parser.getgroup("daebus")
    group.addoption("--daebus-redis", metavar="URL", help=redis)
    group.addoption("--daebus-capture", metavar="DIR", help=capture)
    parser.addini("daebus_redis", redis, default="")
    parser.addini("daebus_capture", capture, default="")


def _option(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name))


def _capture_folder(config: pytest.Config) -> Path | None:
    """Where captures go: an option counts from where pytest was started, a setting from the root of the tests."""
    given = config.getoption("daebus_capture")
    if given:
        return config.invocation_params.dir / str(given)
    setting = str(config.getini("daebus_capture"))
    return config.rootpath / setting if setting else None


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder for captures, or say why not before anything runs."""
    folder = _capture_folder(config)
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(f"--daebus-capture: cannot make the folder {folder}: {error.strerror}") from None


@contextmanager
def _collecting() -> Iterator[None]:
    """A module that calls `app.run()` while it is imported is an error then; it would serve, and no test ever run."""
    global collecting
    before, collecting = collecting, True
    try:
        yield
    finally:
        collecting = before


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    """The conftest modules that are there at the start are imported before anything is collected."""
    with _collecting():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Modules with tests are imported, and conftest modules of folders further down."""
    with _collecting():
        return (yield)


def _worker(config: pytest.Config) -> str:
    return str(getattr(config, "workerinput", {}).get("workerid", "main"))


@pytest.fixture(scope="session")
def _daebus_database(request: pytest.FixtureRequest) -> Iterator[Database | None]:
    url = _option(request.config, "daebus_redis")
    if not url:
        yield None
        return
    from daebus import DaebusError
    from daebus.testing import Database

    number = int(re.sub(r"\D", "", _worker(request.config)) or 0)
    try:
        database = Database(url, number)
    except DaebusError as error:
        pytest.fail(f"--daebus-redis: {error}", pytrace=False)
    yield database
    database.close()


@pytest.fixture
def _daebus_run(request: pytest.FixtureRequest, _daebus_database: Database | None) -> Iterator[TestRun]:
    from daebus import ConfigurationError
    from daebus.testing import LocalBus, RedisSpace, TestRun

    run = TestRun(LocalBus() if _daebus_database is None else RedisSpace(_daebus_database.url))
    request.node.stash[_RUN] = run
    unended = ""
    try:
        with run:
            yield run
    except ConfigurationError as error:
        unended = str(error)
    finally:
        if _daebus_database is not None:
            _daebus_database.empty()
    if unended:
        # Where that was found says nothing of it.
        pytest.fail(unended, pytrace=False)
    _fail_for_problems(run)


@pytest.fixture
def bus(_daebus_run: TestRun) -> RecordedBus:
    """What goes over the bus during the test: `bus.requests("payments.charge")`, `bus.wait_for("orders.created")`."""
    return _daebus_run.bus


@pytest.fixture
def service(_daebus_run: TestRun) -> ServiceFixture:
    """`service(app)` runs an app on the bus of the test, and returns a TestClient for it."""
    return _daebus_run.service


@pytest.fixture
def stub(_daebus_run: TestRun) -> StubFixture:
    """`stub("payments", {"charge": {"ok": True}})` answers in place of a service, and records its `calls`."""
    return _daebus_run.stub


@pytest.fixture
def fault(_daebus_run: TestRun) -> FaultFixture:
    """`fault("payments", "charge", delay=2)` sets a rule of the debugger at a service until the test ends."""
    return _daebus_run.fault


def _fail_for_problems(run: TestRun) -> None:
    problems = run.new_problems()
    if problems:
        pytest.fail("\n".join([*problems, run.bus.timeline()]), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A stub that was asked for what it does not know fails the test that passed for all that."""
    result = yield
    run = item.stash.get(_RUN, None)
    if run is not None:
        _fail_for_problems(run)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failed test what went over its bus, and leave the capture."""
    report = yield
    run = item.stash.get(_RUN, None)
    if run is None or not report.failed:
        return report
    lines = [f"{problem}" for problem in run.new_problems()]
    timeline = run.bus.timeline()
    if timeline.partition("\n")[0] not in report.longreprtext:
        lines.append(timeline)
    folder = _capture_folder(item.config)
    if folder is not None:
        lines.append(_left_capture(run, folder / _file_name(item)))
    if lines:
        report.sections.append(("daebus", "\n".join(lines)))
    return report


def _left_capture(run: TestRun, path: Path) -> str:
    try:
        run.write_capture(path)
    except OSError as error:
        return f"no capture: cannot write {path}: {error.strerror}"
    return f"to look at it: daebus-console open {shlex.quote(str(path))}"


def _file_name(item: pytest.Item) -> str:
    """A name that no other test has, nor another process that tests at the same time."""
    readable = re.sub(r"[^\w.-]+", "_", item.nodeid, flags=re.ASCII).strip("_")[-80:]
    digest = hashlib.sha256(item.nodeid.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{_worker(item.config)}-{readable}-{digest}.jsonl"
