"""One grammar: commands are accepted, refused and completed alike at the shell, at the line and in the pane."""

from __future__ import annotations

import pytest

from tests.console.commands.test_grammar import ACCEPTED, REFUSED
from tests.console.repl.faces import (
    Outcomes,
    at_the_line,
    at_the_shell,
    in_the_pane,
    offered_at_the_line,
    offered_at_the_shell,
)

pytestmark = pytest.mark.xdist_group("faces")
"""All of them look at what one process found for every line at once."""

# Of several lines, and lines of other words at a shell, are tested with the faces that have them.
TABLE = [(line, words, "") for line, words in ACCEPTED if "\n" not in line and "\t" not in line]
TABLE += [row for row in REFUSED if "\n" not in row[0] and "\t" not in row[0]]

BEGINNINGS = [
    "req",
    "broad",
    "request us",
    "request US",
    "request users ",
    "request users get",
    "request users get_user n",
    "request users get_user id:=1 ",
    "request users get_user --",
    "request users get_user --json --",
    "request --timeout 5 ",
    "request users get_user @b",
    "request users get_user id:=$",
    "request users get_user id:=#1",
    'request users get_user {"a',
    "broadcast ",
    "broadcast config ",
    "record b",
    "record body.json ser",
    "tail ser",
    "bench users ",
    "stats --",
    "help req",
    "nonsense ",
]


@pytest.fixture(scope="module")
def faces(shared_redis: object) -> tuple[dict[str, Outcomes], dict[str, list[str]]]:
    """What became of every line in each face, and what the pane offers."""
    url = shared_redis.url  # type: ignore[attr-defined]  # a RedisServer
    lines = [line for line, _words, _message in TABLE]
    with pytest.MonkeyPatch.context() as patch:
        shell = at_the_shell([(line, words) for line, words, _message in TABLE], patch)
    with pytest.MonkeyPatch.context() as patch:
        typed = at_the_line(lines, url, patch)
    with pytest.MonkeyPatch.context() as patch:
        pane, offered = in_the_pane(lines, BEGINNINGS, url, patch)
    return {"shell": shell, "line": typed, "pane": pane}, offered


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 60
    assert len(BEGINNINGS) >= 20


@pytest.mark.parametrize(("line", "message"), [(line, message) for line, _words, message in TABLE])
def test_every_face_takes_a_line_alike(
    faces: tuple[dict[str, Outcomes], dict[str, list[str]]], line: str, message: str
) -> None:
    outcomes = faces[0]
    found = {face: outcomes[face].of(line) or outcomes[face].of(line.strip()) for face in outcomes}
    if message:
        assert message in str(found["shell"])
    else:
        assert isinstance(found["shell"], tuple)
    assert found["shell"] == found["line"] == found["pane"]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_every_face_completes_a_line_alike(
    faces: tuple[dict[str, Outcomes], dict[str, list[str]]], beginning: str
) -> None:
    assert offered_at_the_shell(beginning) == offered_at_the_line(beginning) == faces[1][beginning]
    if beginning not in ('request users get_user {"a', "nonsense "):
        assert faces[1][beginning]
