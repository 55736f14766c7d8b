"""The proxies outside of any handler."""

from __future__ import annotations

import copy
import doctest
import inspect
import logging
import os
import pydoc
import subprocess
import sys
import threading
import types
from pathlib import Path
from unittest import mock

import pytest

from daebus import Daebus, OutsideContextError, cache, logger, request, response
from daebus.context import asking_name
from tests.support.framework_services import ROOT


@pytest.mark.parametrize(
    "use",
    [
        lambda: request.payload,
        lambda: response.send({}),
        lambda: Daebus("x").request.payload,
        lambda: Daebus("x").response.send({}),
    ],
)
def test_outside_a_handler_the_error_says_what_to_do(use: object) -> None:
    assert callable(use)
    with pytest.raises(OutsideContextError, match=r"outside a handler.*in a thread of your own, pass it") as caught:
        use()
    assert isinstance(caught.value, RuntimeError)


def test_cache_without_a_service() -> None:
    with pytest.raises(OutsideContextError, match="no service runs"):
        cache.get("x")


def test_a_proxy_can_be_shown_anywhere() -> None:
    assert repr(request) == "<RequestProxy outside a handler>"


STANDING = {"request": request, "response": response, "cache": cache, "logger": logger}


@pytest.mark.parametrize("name", STANDING)
def test_tools_may_look_at_one_anywhere(name: str) -> None:
    module = types.ModuleType("shop", "Asked of it:\n\n>>> 1 + 1\n2\n")
    module.__dict__.update(STANDING)
    one = STANDING[name]
    assert doctest.testmod(module) == (0, 1)
    for autospec in (None, True):
        with mock.patch.object(module, name, autospec=autospec) as other:
            assert getattr(module, name) is other
    assert inspect.unwrap(one) is one  # type: ignore[arg-type]
    assert pydoc.render_doc(one)
    assert repr(copy.deepcopy(one)) == repr(one)
    assert not hasattr(one, "__nothing__")


def test_what_one_has_is_told_where_there_is_one() -> None:
    app, told = Daebus("x"), list[list[str]]()

    @app.action("look")
    def look() -> dict[str, bool]:
        told.extend(dir(each) for each in STANDING.values())
        return {}

    assert dir(request) == dir(response) == dir(cache) == []
    assert "info" in dir(logger)
    with app.test_client() as client:
        client.request("look")
    for names, known in zip(told, ("payload", "defer", "hset", "info"), strict=True):
        assert known in names


def test_logger_works_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logger.info("hello %s", "you")
    assert caplog.messages == ["hello you"]


def test_logger_has_all_that_a_logger_has_in_a_handler_too(caplog: pytest.LogCaptureFixture) -> None:
    app = Daebus("users")
    lacking: list[str] = []

    @app.action("log")
    def log() -> dict[str, object]:
        lacking.extend(name for name in dir(logging.Logger) if not hasattr(logger, name))
        logger.fatal("lost")
        logger.getChild("more").warning("found")
        return {"handlers": len(logger.handlers), "copied": copy.copy(logger).name}

    with app.test_client() as client:
        assert client.request("log") == {"handlers": len(logger.handlers), "copied": "daebus"}
    assert lacking == []
    lost, found = (record for record in caplog.records if record.message in ("lost", "found"))
    assert (lost.levelname, vars(lost)["action"], found.name) == ("CRITICAL", "log", "daebus.more")


def test_in_a_handler_but_in_another_thread_there_is_no_request() -> None:
    app = Daebus("shop")
    problems: list[Exception] = []

    @app.action("spawn")
    def spawn() -> dict[str, str]:
        def look() -> None:
            try:
                print(request.payload)
            except OutsideContextError as error:
                problems.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return {}

    with app.test_client() as client:
        client.request("spawn")
    assert len(problems) == 1


def test_a_listener_has_no_request_and_is_told_so() -> None:
    app = Daebus("shop")
    problems: list[Exception] = []

    @app.listen("events")
    def hear(data: object) -> None:
        try:
            print(request.payload)
        except OutsideContextError as error:
            problems.append(error)

    with app.test_client() as client:
        client.broadcast("events", {})
    assert "the listener of 'events'" in str(problems[0])


def test_the_asker_is_the_given_name_or_the_program() -> None:
    assert asking_name("mine") == "mine"
    assert asking_name()


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["shop.py"], "shop"),
        (["-m", "shop"], "shop"),
        (["-m", "shop.web"], "web"),
        (["-c", "from daebus.context import asking_name; print(asking_name())"], "python"),
    ],
)
def test_a_program_is_called_as_it_was_started(arguments: list[str], called: str, tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    package.joinpath("__init__.py").touch()
    asking = "from daebus.context import asking_name\nprint(asking_name())\n"
    for path in (tmp_path / "shop.py", package / "__main__.py", package / "web.py"):
        path.write_text(asking)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{called}\n"
