"""What was entered before: kept for the user alone, bounded, without secrets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.repl.history import LARGEST, LONGEST, EntryHistory
from daebus_console.repl.suggest import LineSuggest
from tests.console.commands.test_completion import Shop


def history(path: Path | None, *keys: str, most: int = 100) -> EntryHistory:
    return EntryHistory(path, Redactor(keys), most)


def test_what_was_entered_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    first = history(path)
    for entry in ("set a 1", 'request a b {"x":\n  "é"}', "set a 1", "set a 1", "  "):
        first.append_string(entry)
    assert history(path).entries() == ["set a 1", 'request a b {"x":\n  "é"}', "set a 1"]
    assert first.entries() == history(path).entries()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_others_cannot_read_it_even_if_they_could_before(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.touch(0o644)
    history(path).append_string("set a 1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secrets_are_remembered_but_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "history"
    kept = history(path, "token")
    for entry in (
        "request a b token=abc",
        'request a b {"user": {"TOKEN": "abc"}}',
        "request a b token='abc",
        "set a 1",
    ):
        kept.append_string(entry)
    assert "abc" not in path.read_text()
    assert history(path).entries() == ["set a 1"]
    assert "request a b token=abc" in kept.entries()


def test_it_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "history"
    kept = history(path, most=10)
    for number in range(50):
        kept.append_string(f"set a {number}")
    assert len(kept.entries()) == 10
    assert history(path, most=10).entries() == [f"set a {number}" for number in range(40, 50)]
    assert path.read_text().count("+set") == 10, "the file was cut down when it was read"
    kept.append_string("x" * (LONGEST + 1))
    assert len(history(path).entries()) == 10


def test_two_consoles_share_it(tmp_path: Path) -> None:
    path = tmp_path / "history"
    one, other = history(path), history(path)
    one.append_string("set a 1")
    other.append_string("set b 2")
    one.append_string("set c 3")
    assert history(path).entries() == ["set a 1", "set b 2", "set c 3"]


def test_a_file_that_is_none_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b"+caf\xe9\n\nnonsense\n# date\n+\xff\xfe\n+set a 1\x1b[31m\n")
    assert len(history(path).entries()) == 2
    directory = history(tmp_path)
    assert directory.entries() == []
    directory.append_string("set a 1")
    assert directory.entries() == ["set a 1"]
    assert history(None).entries() == []


def test_prompt_toolkit_reads_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "history"
    kept = history(path)
    for entry in ("set a 1", "request a b {\n}"):
        kept.append_string(entry)
    assert list(FileHistory(str(path)).load_history_strings()) == ["request a b {\n}", "set a 1"]


def rest(suggest: LineSuggest, text: str) -> str:
    found = suggest.get_suggestion(Buffer(), Document(text))
    return found.text if found is not None else ""


def test_the_newest_entry_that_fits_is_suggested() -> None:
    kept = history(None)
    for entry in ("request users get_user id=1", "request users get_user id=2", "set a 1", "request users\n x"):
        kept.append_string(entry)
    suggest = LineSuggest(kept, Shop())
    assert rest(suggest, "request users g") == "et_user id=2"
    assert rest(suggest, "set") == " a 1"
    assert rest(suggest, "set a 1") == ""
    assert rest(suggest, "") == ""
    assert rest(suggest, "nothing") == ""


def test_without_an_entry_the_payload_seen_last_is_suggested() -> None:
    suggest = LineSuggest(history(None), Shop())
    assert rest(suggest, "request users get_user") == ' id:=17 name="Ann Lee" address.city=Köln tags:=["a"]'
    assert rest(suggest, "request users get_user ") == 'id:=17 name="Ann Lee" address.city=Köln tags:=["a"]'
    assert rest(suggest, "request users create_user ") == ""


def test_what_is_no_regular_file_neither_holds_up_nor_is_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, LARGEST + 1)
    for path, says in (
        (tmp_path / "pipe", "is a named pipe, not a regular file"),
        (Path("/dev/zero"), "is a device, not a regular file"),
        (tmp_path, "is a directory, not a regular file"),
        (large, "is larger than 64 MB"),
    ):
        kept = history(path)
        assert kept.entries() == []
        assert kept.problem == f"What is entered is not kept: {path} {says}"
        kept.append_string("set a 1")
        assert kept.entries() == ["set a 1"], "it is remembered until the console ends"
    assert large.stat().st_size == LARGEST + 1


def test_a_pipe_that_takes_its_place_later_holds_up_nothing_either(tmp_path: Path) -> None:
    path = tmp_path / "history"
    kept = history(path)
    kept.append_string("set a 1")
    path.unlink()
    os.mkfifo(path)
    kept.append_string("set b 2")
    assert kept.entries() == ["set a 1", "set b 2"]
