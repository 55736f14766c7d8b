"""What a prompt says and shows of a line while it is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.document import Document
from prompt_toolkit.validation import ValidationError

from daebus_console.commands.completion.highlight import LONGEST, marks
from daebus_console.commands.completion.hint import hint
from daebus_console.commands.grammar.script import commands_in, goes_on, is_open, last_start, pieces
from daebus_console.repl.checking import CommandLexer, CommandValidator
from daebus_console.repl.pasting import TooLong, pasted
from tests.support.work import calls_of

TYPED = st.text(alphabet=st.characters(codec="utf-8"), max_size=40) | st.lists(
    st.sampled_from(
        [
            "request",
            "users",
            " ",
            "\n",
            '"',
            "'",
            "{",
            "}",
            "[",
            ":=",
            "=",
            "1",
            "#",
            "&",
            "--timeout",
            "$last",
            "\\",
            "@",
        ]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("line", "says", "wrong"),
    [
        ("req", "request SERVICE ACTION", ""),
        ("reqest", "did you mean request?", "reqest"),
        ("reqest ", "did you mean request?", "reqest"),
        ("request ", "expected SERVICE", ""),
        ("request users ", "expected ACTION", ""),
        ("request users get", "request SERVICE ACTION", ""),
        ("request users get id:=", "expected a JSON value", ""),
        ("request users get id:= ", "expected a JSON value", ":="),
        ("request users get id:=ab", "this is no JSON", ""),
        ("request users get id:=ab x=1", "did you mean id=ab?", "a"),
        ("request users get --timeout", "lacks its value", ""),
        ("request users get --timeot 5 ", "did you mean --timeout?", "--timeot"),
        ("request users get {", "enter goes on in a new line", ""),
        ("request users get 'a", "enter goes on in a new line", ""),
        ("set a 1\nset b", "set [NAME]", ""),
        ("tail status:error or status:timeout", "status:error,timeout is either", ""),
        ("replay a.jsonl not status:ok", "-status:ok is “not”", ""),
        ("contrast status:error --against 'a or b'", "a,b is either", ""),
    ],
)
def test_what_comes_next_and_what_is_wrong(line: str, says: str, wrong: str) -> None:
    said = hint(line)
    assert said is not None
    assert says in said.text
    assert line[said.position : said.position + said.length] == wrong if said.wrong else not wrong


@pytest.mark.parametrize("line", ["", "   ", "\n"])
def test_nothing_is_said_of_nothing(line: str) -> None:
    assert hint(line) is None


def test_every_beginning_of_a_right_command_is_no_mistake() -> None:
    line = 'request users create {"name": "Ann"} tags:=["a"] note=\'b c\' n:=-1.5e3 --timeout 5s &'
    for end in range(1, len(line) + 1):
        said = hint(line[:end])
        assert said is None or not said.wrong, (line[:end], said)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("request users get", {"request": "accent", "users": "bold", "get": "bold"}),
        ("reqest users", {"reqest": "error"}),
        ("request a b id:=17 --json &", {"id": "key", "17": "number", "--json": "dim", "&": "accent"}),
        ('request a b {"k": "v", "n": 1}', {'"k"': "key", '"v"': "string"}),
        ("request a b x=y z=@f", {"y": "string", "@f": "accent"}),
        ("request a b n:=$last.id", {"$last.id": "accent"}),
        ("filter status:error", {"status": "key", "error": "string"}),
        ("set a 1 # why", {" # why": "dim", "1": "number"}),
        ('request a b {"k": "open', {'"k"': "key", '"open': "string"}),
    ],
)
def test_the_parts_of_a_line_have_their_roles(line: str, expected: dict[str, str]) -> None:
    found = {line[mark.start : mark.end]: mark.role for mark in marks(line)}
    assert expected.items() <= found.items()


@given(TYPED)
def test_any_line_can_be_coloured_and_hinted_at(line: str) -> None:
    position = 0
    for mark in marks(line):
        assert position <= mark.start < mark.end <= len(line)
        position = mark.end
    hint(line)
    document = Document(line)
    line_at = CommandLexer().lex_document(document)
    shown = ["".join(fragment[1] for fragment in line_at(number)) for number in range(document.line_count)]
    assert shown == document.lines


@given(TYPED)
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    for piece in pieces(text.splitlines(keepends=True)):
        assert text[piece.start :].startswith(piece.text)
    assert 0 <= last_start(text) <= len(text)


def test_a_line_goes_on_while_something_is_open() -> None:
    assert is_open('request a b {"x": 1,')
    assert is_open("request a b 'x")
    assert not is_open('request a b {"x": 1}')
    assert not is_open('filter "x')
    assert goes_on("request a b {")
    assert not goes_on("request a b {\n"), "an empty line gives up"
    assert not goes_on("request a b {}")


def test_several_lines_are_several_commands() -> None:
    found = commands_in('set a 1\n# no\nrequest u g {"x":\n 1}\n\nset b 2')
    assert [command.name for command in found] == ["set", "request", "set"]


def test_a_validation_error_is_where_the_mistake_is() -> None:
    text = "set a 1\nrequest users get id:=ab x=1"
    with pytest.raises(ValidationError) as caught:
        CommandValidator().validate(Document(text))
    assert text[caught.value.cursor_position :].startswith("ab x=1")
    assert "did you mean id=ab?" in caught.value.message


def test_what_is_pasted_is_harmless() -> None:
    assert pasted("a\r\nb\rc\x1b[31m\x07\x00d\te") == "a\nb\nc[31md\te"
    with pytest.raises(TooLong, match=r"@file\.json"):
        pasted("x" * 1_000_000)


def test_a_long_line_is_not_looked_at_on_every_key() -> None:
    line = "request users get " + "x" * 1_000_000
    assert marks(line) == []
    said = hint(line)
    assert said is not None
    assert "on enter" in said.text
    assert len(line) > LONGEST


def test_a_long_script_is_read_in_its_length() -> None:
    def script(count: int) -> list[str]:
        rows = ",\n".join(f'  {{"number": {number}}}' for number in range(count))
        return f"request a b rows:=[\n{rows}\n]\n".splitlines(keepends=True)

    (piece,) = pieces(script(30_000))
    assert piece.text.endswith("]")
    short, long = (calls_of(lambda count=count: list(pieces(script(count)))) for count in (1000, 4000))  # type: ignore[misc]
    assert long < 5 * short
    texts = [f'request a b {{"a{number}":\n "]}}\\"" }} x=\'\ny\'' for number in range(3)]
    assert [piece.text for piece in pieces("\n".join(texts).splitlines(keepends=True))] == texts
