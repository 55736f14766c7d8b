"""What a line of the log looks like, whatever is in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from daebus import Daebus, direct_logger, logger, request
from daebus.logs import LONGEST, JsonFormatter, ServiceFormatter
from daebus.masking import without_passwords
from daebus.testing import LocalBus, TestClient


class Hostile:
    """Nothing can be had of it."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class HostileError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


class Lines(logging.Handler):
    """Keeps the lines as JSON has them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    @property
    def found(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]


@pytest.fixture
def lines() -> Iterator[Lines]:
    log = logging.getLogger("daebus")
    handler, before = Lines(), log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


def test_a_line_is_an_object_with_a_time_a_level_and_a_text(lines: Lines) -> None:
    direct_logger.info("tea for %d", 2)
    (line,) = lines.found
    at = datetime.fromisoformat(line.pop("time"))
    assert at.utcoffset() == timedelta(0)
    assert line == {"level": "INFO", "logger": "daebus", "message": "tea for 2"}


def test_a_handler_s_lines_say_whose_they_are(lines: Lines) -> None:
    app = Daebus("users")

    @app.action("greet")
    def greet() -> dict[str, Any]:
        logger.info("greeting")
        direct_logger.warning("the same of the plain logger")
        logging.getLogger("daebus.mine").error("and of any other", extra={"action": "own"})
        return {"id": request.request_id, "instance": app.instance}

    @app.action("fail")
    def fail() -> None:
        raise LookupError("no idea")

    with TestClient(app) as client:
        answer = client.request("greet")
        for action in ("fail", "nothing"):
            with pytest.raises(Exception, match=r"no idea|unknown action"):
                client.request(action)
    about = {"service": "users", "instance": answer["instance"], "request_id": answer["id"]}
    greeting = [line for line in lines.found if line.get("request_id") == answer["id"]]
    assert [(line["message"], line["action"]) for line in greeting] == [
        ("greeting", "greet"),
        ("the same of the plain logger", "greet"),
        ("and of any other", "own"),
    ]
    assert all(about.items() <= line.items() for line in greeting)
    failed = next(line for line in lines.found if "raised" in line["message"])
    assert (failed["action"], failed["service"]) == ("fail", "users")
    assert failed["exception"].endswith("LookupError: no idea")
    unknown = next(line for line in lines.found if "unknown action" in line["message"])
    assert (unknown["action"], unknown["service"]) == ("nothing", "users")
    # What belongs to no action says which service it is.
    served = next(line for line in lines.found if "serving on" in line["message"])
    assert served["instance"] == answer["instance"]
    assert "action" not in served


def test_of_two_services_in_a_process_none_is_guessed(lines: Lines) -> None:
    bus = LocalBus()
    with TestClient(Daebus("a"), bus=bus), TestClient(Daebus("b"), bus=bus):
        lines.texts.clear()
        direct_logger.info("whose?")
    assert "service" not in lines.found[0]


@pytest.mark.parametrize("error", [None, KeyError("x")])
def test_nothing_is_lost_that_is_named_like_a_field(lines: Lines, error: Exception | None) -> None:
    names = ("time", "level", "logger", "exception", "stack", "extra")
    plain = {"order": 17, "stacked": True}
    direct_logger.error("hm", extra=dict.fromkeys(names, 5) | plain, exc_info=error, stack_info=True)
    (line,) = lines.found
    assert line.items() >= plain.items()
    assert line["extra"] == dict.fromkeys(names, 5)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "daebus", "hm")
    assert "test_nothing_is_lost" in line["stack"]
    assert ("KeyError" in line.get("exception", "")) is (error is not None)


def test_a_stack_shows_no_password(lines: Lines) -> None:
    record = logging.makeLogRecord({"stack_info": "Stack:\n connect('redis://ann:s3cret@host')"})
    assert json.loads(JsonFormatter().format(record))["stack"] == "Stack:\n connect('redis://ann:***@host')"


def test_a_name_may_be_anything(lines: Lines) -> None:
    direct_logger.info("hm", extra={("a", 1): 5})  # type: ignore[dict-item]
    assert lines.found[0]["('a', 1)"] == 5


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("%s", (Hostile(),), "cannot be written: ZeroDivisionError"),
        ("%d", ("five",), "'%d' ('five',) (cannot be written: TypeError)"),
        ("%s %s", (1,), "'%s %s' (1,) (cannot be written: TypeError)"),
        (Hostile(), (), "cannot be written: ZeroDivisionError"),
        ("%s", (b"\xff\x00",), "b'\\xff\\x00'"),
        ("half \udead and \x1b[31m\n", (), "half \udead and \x1b[31m\n"),
        ("%s", ("x" * (LONGEST + 5),), f"... ({LONGEST + 5} characters)"),
        (17, (), "17"),
        ("at %s", ("redis://ann:s3cret@host:6379/0",), "at redis://ann:***@host:6379/0"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_texts_break_no_line(text: Any, arguments: tuple[Any, ...], said: str) -> None:
    # Not by a logger: what pytest keeps of its records, it formats in its own way.
    line = JsonFormatter().format(logging.LogRecord("daebus", logging.INFO, "", 0, text, arguments, None))
    assert line.isascii()
    assert "\n" not in line
    message = json.loads(line)["message"]
    assert said in message
    assert len(message) < LONGEST + 100


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (5, 5),
        ({"a": [1, None]}, {"a": [1, None]}),
        (timedelta(seconds=1), "datetime.timedelta(seconds=1)"),
        (datetime(2026, 1, 2), "2026-01-02T00:00:00"),
        (float("nan"), "nan"),
        (Hostile(), "a Hostile (cannot be written: ZeroDivisionError)"),
        ({"a": Hostile()}, "a dict (cannot be written: ZeroDivisionError)"),
        (b"\xff", "b'\\xff'"),
        (10**5000, "a int (cannot be written: ValueError)"),
        ("redis://:s3cret@host", "redis://:***@host"),
        (["redis://:s3cret@host"], ["redis://:***@host"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_program_adds_is_there(lines: Lines, value: Any, written: Any) -> None:
    direct_logger.info("text", extra={"added": value, "level": "none of theirs", "time": 0})
    (line,) = lines.found
    assert line["added"] == written
    assert (line["level"], line["message"]) == ("INFO", "text")


def test_an_exception_that_says_nothing_is_a_line_as_well(lines: Lines) -> None:
    try:
        raise HostileError
    except HostileError:
        direct_logger.exception("failed")
    try:
        raise LookupError("at redis://:s3cret@host")
    except LookupError:
        direct_logger.exception("failed")
    hostile, secret = lines.found
    assert "HostileError" in hostile["exception"]
    assert secret["exception"].endswith("LookupError: at redis://:***@host")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis://ann:pw@h", "redis://ann:***@h"),
        ("redis://:p@ss@h/0, redis://:other@i", "redis://:***@h/0, redis://:***@i"),
        ("redis://:p/w?x#y@h", "redis://:***@h"),
        ("redis://s3cret@h", "redis://***@h"),
        ("redis://ann:***@h", "redis://ann:***@h"),
        ("at 'redis+sentinel://h/m?sentinel_password=s3&db=1'", "at 'redis+sentinel://h/m?sentinel_password=***&db=1'"),
        ("redis://ann:pw@h?db=1&password=p%26w", "redis://ann:***@h?db=1&password=***"),
        ("see https://example.com/@ann or ann@example.com", "see https://example.com/@ann or ann@example.com"),
        ("no URL: ann:pw@h", "no URL: ann:pw@h"),
    ],
)
def test_passwords_of_urls_are_left_out(text: str, shown: str) -> None:
    assert without_passwords(text) == shown
    record = logging.LogRecord("x", logging.INFO, "", 0, text, (), None)
    assert ServiceFormatter("%(message)s").format(record) == shown


def test_what_is_given_along_stays_what_it_is_where_a_password_is_left_out_of_it() -> None:
    given = {'say "redis://h?password=pw"': ["redis://h/0?sentinel_password=pw\nthen", {"at": "redis://:pw@h"}, 1]}
    shown = {'say "redis://h?password=***"': ["redis://h/0?sentinel_password=***\nthen", {"at": "redis://:***@h"}, 1]}
    line = JsonFormatter().format(logging.makeLogRecord({"msg": "text", "given": given}))
    assert json.loads(line)["given"] == shown


def test_a_name_from_the_bus_begins_no_line_of_text() -> None:
    record = logging.makeLogRecord({"msg": "text", "service": "s", "action": "a\nb", "request_id": "\x1b[2J"})
    assert ServiceFormatter("%(message)s").format(record) == "text  ['a\\nb' '\\x1b[2J']"


def test_a_line_of_a_one_way_message_has_its_action_alone() -> None:
    app, texts = Daebus("users"), Lines()
    texts.setFormatter(ServiceFormatter("%(message)s"))

    @app.action("note")
    def note() -> None:
        logger.warning("noted")

    log = logging.getLogger("daebus")
    log.addHandler(texts)
    try:
        with app.test_client() as client:
            client.send("note")
    finally:
        log.removeHandler(texts)
    assert texts.texts == ["noted  [note]"]
