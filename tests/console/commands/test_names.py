"""Names of any bytes: one text for each, the same on the screen, in a command line and in a shell's argument."""

from __future__ import annotations

import base64
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daebus_console import naming
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command, parse, parse_argv
from daebus_console.commands.terms.words import as_name

SIGNS = "\\x{}[]@-=&#:'\"$`!*? af0nu\n\t\x00\xff\u202e\u00e9\U0001f600"
names_of_bytes = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(SIGNS, max_size=8).map(str.encode),
).map(naming.from_bytes)
names_of_text = st.text(SIGNS + "\ud800\udcff\udcc3\udca9", max_size=8)


def at_the_prompt(line: str) -> Command:
    command = parse(line)
    assert command is not None
    return command


@given(names_of_bytes)
def test_what_is_shown_is_printable_and_says_which_bytes_they_are(name: str) -> None:
    shown = naming.shown(name)
    assert shown.isprintable()
    assert naming.read(shown) == name or name == ""
    assert naming.from_bytes(naming.to_bytes(name)) == name


@given(names_of_bytes)
def test_any_channel_can_be_written_at_a_prompt(name: str) -> None:
    assert at_the_prompt(f"broadcast {as_name(name)} a=1")["channel"] == name


@given(names_of_bytes)
@example('"')
@example("''")
@example("'a'")
def test_any_channel_typed_as_it_is_told_reaches_the_shells_program(name: str) -> None:
    typed = as_name(name)
    assert parse_argv([*shlex.split(f"broadcast {typed}"), "a=1"])["channel"] == name


@given(names_of_bytes)
def test_any_channel_can_be_an_argument_of_a_shell(name: str) -> None:
    assert parse_argv(["broadcast", naming.written(name), "a=1"])["channel"] == name


@given(names_of_text)
@example("\\xa\ud800")
@example("\\xff\ud800")
def test_any_action_can_be_written_at_a_prompt_and_in_a_shell(name: str) -> None:
    assert at_the_prompt(f"send users {as_name(name, action=True)} a=1")["action"] == name
    assert parse_argv(["send", "users", naming.written(name, text=True), "a=1"])["action"] == name


def test_a_byte_and_its_escaped_form_are_two_names() -> None:
    byte, signs = naming.from_bytes(b"\xff"), r"\xff"
    assert naming.shown(byte) == r"\xff"
    assert naming.shown(signs) == r"\\xff"
    assert parse_argv(["broadcast", r"\xff"])["channel"] == byte
    assert parse_argv(["broadcast", r"\\xff"])["channel"] == signs


def test_the_bytes_of_a_character_one_by_one_are_the_character() -> None:
    assert parse_argv(["broadcast", r"caf\xc3\xa9"])["channel"] == "café"


@pytest.mark.parametrize("text", [r"a\b", r"DOMAIN\Team", r"\d+", "plain", "köln", "a:b/c,d"])
def test_a_backslash_that_escapes_nothing_stands_for_itself(text: str) -> None:
    assert parse_argv(["broadcast", text])["channel"] == text


@pytest.mark.parametrize("text", ["{a", "@a", "a=b", ":=b", "=", ""])
def test_what_looks_like_an_item_is_no_name_until_it_is_escaped(text: str) -> None:
    with pytest.raises(CommandError):
        parse_argv(["broadcast", text])
    assert parse_argv(["broadcast", naming.written(text)])["channel"] == text


@pytest.mark.parametrize(
    "name", ['{"cmd":"sum"}', "@a", "a=b", ":=b", "'quoted'", '"quoted"', "''", "-x", '{"a": "it\'s"}']
)
def test_a_name_that_is_refused_is_told_as_it_must_be_typed(name: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse_argv(["broadcast", name, "a=1"])
    typed = as_name(name)
    assert typed in refused.value.message
    assert at_the_prompt(f"broadcast {typed} a=1")["channel"] == name
    assert parse_argv([*shlex.split(f"broadcast {typed}"), "a=1"])["channel"] == name


def test_a_second_pair_of_quotes_is_not_taken_for_a_part_of_the_name() -> None:
    with pytest.raises(CommandError) as refused:
        parse_argv(["broadcast", '\'{"cmd":"sum"}\'', "a=1"])
    assert as_name('{"cmd":"sum"}') in refused.value.message


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["broadcast", r"\ud800"], "half a surrogate pair"),
        (["broadcast", r"\U00110000"], "number of a character"),
        (["send", "users", r"\xff"], "is text"),
        (["send", "users", "\udcff"], "is text"),
    ],
)
def test_what_can_be_no_name_is_refused(arguments: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        parse_argv(arguments)


def test_json_has_a_name_that_is_no_text_exactly_beside_what_it_can_hold_of_it() -> None:
    assert naming.fields("to", "plain") == {"to": "plain"}
    found = naming.fields("to", naming.from_bytes(b"a\xff"))
    assert found["to"] == "a\ufffd"
    assert base64.b64decode(found["to_base64"]) == b"a\xff"
