"""What goes into records: texts of exceptions, local variables and payloads, without what is secret."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from daebus.masking import looks_secret, masked_text, masked_value
from daebus.recorder.recorder import Recorder
from daebus.recorder.records import Wanted, found_in
from daebus.recorder.texts import frames_of, payload_text, told_of


class Hostile:
    def __repr__(self) -> str:
        raise SystemExit("no repr")


class Config:
    def __repr__(self) -> str:
        return "Config(user='ann', password='hunter2hunter2', key=5)"


def raised(values: dict[str, Any]) -> Exception:
    def inner(password: str, value: Any) -> None:
        raise ValueError(f"{len(password)}")

    for value in values.values():
        try:
            inner("hunter2", value)
        except ValueError as error:
            return error
    raise AssertionError


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "PASSWORD2",
        "passwd",
        "pwd",
        "api_key",
        "apiKey",
        "apikey",
        "accessToken",
        "auth_token",
        "client-secret",
        "Authorization",
        "cookie",
        "session_id",
        "private_key",
        "pin",
    ],
)
def test_names_that_are_secret(name: str) -> None:
    assert looks_secret(name)
    assert masked_value({name: "hunter2", "a": [{name: {"b": "hunter2"}}]}) == {name: "***", "a": [{name: "***"}]}
    assert "hunter2" not in masked_text(f"{{'{name}': 'hunter2', 'n': 5}}")


@pytest.mark.parametrize(
    "name", ["author", "shipping", "passed", "compass", "key", "monkey", "user", "opinion", 5, None]
)
def test_names_that_are_not(name: Any) -> None:
    assert not looks_secret(name)


def test_what_stands_beside_a_secret_stays() -> None:
    assert masked_text("Config(user='ann', password='x y', n=5)") == "Config(user='ann', password=***, n=5)"
    assert masked_text("{'password': ['x', ['y']], 'n': 5}") == "{'password': ***, 'n': 5}"
    assert masked_text("{'login': {'password': 'x'}}") == "{'login': {'password': ***}}"
    assert masked_text("password=[(unclosed") == "password=***"
    assert masked_text("password=") == "password=***"
    assert masked_text("redis://:geheim@host/0 n=1") == "redis://:***@host/0 n=1"


def test_frames_tell_local_variables_without_secrets() -> None:
    nested = {"user": "ann", "login": {"password": "hunter2hunter2"}}
    for value in (nested, Config(), [Config()], "password='hunter2hunter2'"):
        inner = frames_of(raised({"value": value}))[-1]
        assert inner["function"].endswith("raised.<locals>.inner")
        assert inner["file"] == __file__
        assert inner["locals"]["password"] == "***"
        assert "hunter2" not in str(inner)
        assert inner["locals"]["value"]


@pytest.mark.parametrize("value", [Hostile(), "x" * 10**6, b"x" * 10**6, list(range(10**6)), {"a": {"b": [Hostile()]}}])
def test_local_variables_are_short_whatever_they_are(value: Any) -> None:
    shown = frames_of(raised({"value": value}))[-1]["locals"]["value"]
    assert len(shown) < 250


def test_an_exception_is_told_whatever_its_own_code_does() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    kind, text, trace = told_of(Odd())
    assert (kind, text) == ("Odd", "")
    assert trace is None or "Odd" in trace


def test_a_long_traceback_keeps_its_beginning_and_its_end() -> None:
    def deep(left: int) -> None:
        if left % 2:
            deep(left - 1)
        elif left:
            deep(left - 1 if left else 0)
        else:
            raise ValueError("the very end")

    with pytest.raises(ValueError, match="very end") as info:
        deep(300)
    trace = told_of(info.value)[2]
    assert trace is not None
    assert len(trace) < 8300
    assert trace.startswith("Traceback (most recent call last)")
    assert trace.endswith("ValueError: the very end\n")


def test_payloads_are_kept_only_for_debugging_and_without_secrets() -> None:
    payload = {"user": "ann", "password": "hunter2", "more": "x" * 10_000}
    for debug in (False, True):
        recorder = Recorder(debug=debug)
        recorder.handled("r", "a", None, 0, 0, "ok", payload=payload)
        record = found_in(recorder.ring, Wanted(), 0, None).records[0]
        assert ("payload" in record) is debug
    assert record["payload"].startswith('{"user":"ann","password":"***","more":"xxx')
    assert len(record["payload"]) < 4200
    assert payload_text({"a": object()}) is None


def test_a_record_keeps_nothing_of_the_program_alive() -> None:
    class Thing(Exception):
        pass

    recorder = Recorder()
    error = Thing("gone")
    gone = weakref.ref(error)
    recorder.ran("r", "task", "t", 0, error)
    del error
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("value", "end"),
    [("z" * 1_000, "... (1000 characters)"), (b"z" * 1_000, "... (1000 bytes)"), (["z" * 90] * 5, "...")],
)
def test_what_is_cut_says_how_long_it_is_where_that_is_known(value: object, end: str) -> None:
    shown = frames_of(raised({"value": value}))[-1]["locals"]["value"]
    assert shown.endswith(end)
    assert len(shown) <= 200 + len(end)
