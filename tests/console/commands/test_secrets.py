"""Secrets in command lines: kept in no file, and not shown again by errors, jobs and the pane."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.script import commands_in
from daebus_console.commands.grammar.secrets import names_secret, safe_error, shown
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.repl.history import EntryHistory

REDACT = Redactor(["password", "token"])
NONE = Redactor(())

WITH_URLS = [
    "replay a.jsonl --redis redis://joe:s3cret@host",
    "replay a.jsonl --redis=redis://joe:s3cret@host:6379/0 --yes",
    'replay a.jsonl --redis "redis://joe:s3cret with blanks@host"',
    "replay a.jsonl --redis 'redis://:s3cret@host/1?ssl_cert_reqs=none'",
    "replay a.jsonl --redis rediss://joe:s3cret/slash@host",
    "replay a.jsonl --redis unix://joe:s3cret@/run/redis.sock",
    "replay a.jsonl --redis redis://host/0?password=s3cret&db=1",
    "replay a.jsonl --redis redis://host/0?ssl_password=s3cret",
    "request users create url=https://joe:s3cret@example.org/x",
    'request users create {"url": "amqp://joe:s3cret@host"} --timeout 5',
    "record redis://joe:s3cret@host",
    "redis://joe:s3cret@host",
    "tail redis://joe:s3cret@host",
    "nonsense 'redis://joe:s3cret@host",
    "set a 1\nreplay a.jsonl --redis redis://joe:s3cret@host",
]
WITH_VALUES = [
    "request users echo password=s3cret",
    "request users echo user.password=s3cret n:=1",
    'request users echo password:=\'{"a": "s3cret"}\'',
    "request users echo 'password=s3cret with blanks'",
    'request users echo {"user": {"Password": "s3cret"}}',
    'request users echo list:=["password","s3cret"]',
    "request users echo note='the password=s3cret'",
    "replay #12 password=s3cret",
    "set password s3cret",
    "tail payload.password:s3cret",
    "break users echo payload.password=s3cret",
    "break users echo payload.user.password.first~s3cret*",
    "break users echo payload.keys[0].token>s3cret",
    "fault users echo answer password=s3cret",
    "request users echo password='s3cret",
    'request users echo {"password": "s3cret"',
]


@pytest.mark.parametrize("line", WITH_URLS)
def test_a_password_in_a_url_is_neither_kept_nor_shown(line: str, tmp_path: Path) -> None:
    history = EntryHistory(tmp_path / "history", NONE)
    history.append_string(line)
    history.append_string("services")
    assert "s3cret" not in (tmp_path / "history").read_text()
    assert names_secret(line, NONE)
    assert "s3cret" not in shown(line).text


@pytest.mark.parametrize("line", WITH_VALUES)
def test_the_value_of_a_redacted_key_is_neither_kept_nor_shown(line: str, tmp_path: Path) -> None:
    history = EntryHistory(tmp_path / "history", REDACT)
    history.append_string(line)
    history.append_string("services")
    assert "s3cret" not in (tmp_path / "history").read_text()
    assert "s3cret" not in shown(line, REDACT).text


@pytest.mark.parametrize(
    "line",
    [
        "replay a.jsonl --redis redis://joe@host:6379/0",
        "request users create email=joe@example.org url=http://example.org:80/",
        "request users echo n:=1 tokens=3",
        "tail channel:caller:*",
    ],
)
def test_what_holds_no_secret_is_kept_and_shown_as_it_is(line: str) -> None:
    assert not names_secret(line, REDACT)
    assert shown(line, REDACT).text == line


def test_what_is_beside_a_secret_is_still_shown() -> None:
    assert (
        shown("request users echo password=x n:=1 --json", REDACT).text == "request users echo password=*** n:=1 --json"
    )
    assert shown("replay a --redis redis://joe:pw@host/0 -y").text == "replay a --redis redis://joe:***@host/0 -y"


@pytest.mark.parametrize(
    "line",
    [
        "replay a.jsonl --redis redis://joe:s3cret@host --bogus",
        "request users echo password=s3cret oops",
        "redis://joe:s3cret@host",
        "request redis://joe:s3cret@host",
        "request users echo redis://joe:s3cret@host",
        "request users echo password:=s3cret",
    ],
)
def test_an_error_shows_the_place_and_not_the_secret(line: str) -> None:
    with pytest.raises(CommandError) as raised:
        commands_in(line)
    error = safe_error(raised.value, REDACT)
    assert "s3cret" not in f"{error.message} {error.line} {error.suggestion}"
    begin, end = raised.value.position, raised.value.position + raised.value.length
    secret = line.find("s3cret")
    if end <= secret or begin >= secret + len("s3cret"):
        assert error.line[error.position :][: error.length] == line[begin:end]


def test_an_error_that_repeats_the_url_in_another_form_does_not_tell_it_either() -> None:
    line = "replay 'redis://joe:s3cret@host' x"
    told = safe_error(CommandError("there is no file redis:/joe:s3cret@host", 7, 25, line=line))
    assert told.message == "there is no file redis:/joe:***@host"
