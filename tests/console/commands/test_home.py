"""`~` is the home directory wherever a prompt takes a path, in quotes as well, and in what dialogs type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Exit
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.words import as_word
from daebus_console.commands.verbs import VERBS, Face
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt
from tests.console.commands.support import Viewed


class Screen(Viewed):
    """A view that remembers which capture was opened."""

    opened: Path | None = None

    def open(self, session: OfflineSession) -> None:
        self.opened = session.path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with CaptureWriter(home / "x.jsonl", "", 0.0) as writer:
        asked = {"action": "get", "payload": {"id": 1}, "request_id": "r", "reply_to": "caller:1"}
        writer.write(1.0, "nobody_there", json.dumps(asked).encode())
        writer.write(1.1, "caller:1", b'{"status": "success", "payload": {}, "request_id": "r"}')
    (home / "payload.json").write_text('{"n": 1}')
    (home / "commands.txt").write_text("set sourced 1\n")
    return home


@pytest.fixture
def prompt(redis_url: str, home: Path) -> Iterator[Prompt]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        made = Prompt(session)
        made.context.view = made.view = Screen()
        yield made
        made.close()


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_in_every_verb(prompt: Prompt, home: Path, quote: str) -> None:
    def line(text: str) -> int:
        return prompt(text.replace("<", quote).replace(">", quote))

    assert line("record <~/recorded.jsonl> --for 0.1") == Exit.DONE
    assert list(CaptureReader(home / "recorded.jsonl")) is not None
    assert line("watch status:error --keep <~/kept> --for 0.1") == Exit.DONE
    assert (home / "kept").is_dir()
    assert line("mock nobody_there --from <~/x.jsonl> --beside") == Exit.DONE
    assert line("replay <~/x.jsonl> --junit <~/report.xml>") in (Exit.DONE, Exit.ERROR)
    assert 'tests="1"' in (home / "report.xml").read_text()
    assert line("export <~/x.jsonl> -o <~/exported.json>") == Exit.DONE
    assert len(json.loads((home / "exported.json").read_text())) == 1
    # It was read: that there is no such app is the next mistake.
    assert line("rerun <~/x.jsonl> #1 --app no.such:app") == Exit.USAGE
    assert "there is no module 'no'" in "\n".join(prompt.heard.notes)
    assert line("stats <~/x.jsonl>") == Exit.DONE
    assert line("groups <~/x.jsonl>") == Exit.DONE
    assert line("contrast <~/x.jsonl>") == Exit.DONE
    assert line("shape <~/x.jsonl>") == Exit.DONE
    assert line("source <~/commands.txt>") == Exit.DONE
    assert prompt.context.variables["sourced"] == 1
    assert line("save-history <~/history.txt>") == Exit.DONE
    assert f"source {quote}~/commands.txt{quote}\n" in (home / "history.txt").read_text()
    assert line("findings <~/x.jsonl>") == Exit.DONE
    assert line("why nobody_there --in <~/x.jsonl>") in (Exit.DONE, Exit.ERROR)
    assert line("logs nobody_there --in <~/x.jsonl>") == Exit.NOBODY
    assert line("running --in <~/x.jsonl>") == Exit.NOBODY
    assert line("open <~/x.jsonl>") == Exit.DONE
    assert isinstance(prompt.view, Screen)
    assert prompt.view.opened == home / "x.jsonl"
    assert line("broadcast nobody.news n=@~/payload.json all:=@~/payload.json") == Exit.DONE
    assert line("broadcast nobody.news @~/payload.json") == Exit.DONE
    assert list((home.parent / "elsewhere").iterdir()) == []


def test_every_verb_that_takes_a_path_is_in_the_test_above() -> None:
    taking = {
        verb.name
        for verb in VERBS.values()
        for one in (*verb.arguments, *verb.options)
        if Face.PROMPT in verb.faces and one.kind in (Kind.FILE, Kind.OUTPUT, Kind.WORDS)
    }
    assert taking == {
        "record",
        "watch",
        "mock",
        "replay",
        "rerun",
        "export",
        "stats",
        "groups",
        "shape",
        "contrast",
        "trace",
        "source",
        "save-history",
        "open",
        "findings",
        "why",
        "logs",
        "running",
    }


def test_what_a_dialog_types_is_one_word_with_its_tilde(prompt: Prompt, home: Path) -> None:
    prompt.context.cancellation = Cancellation()
    assert prompt(f"record {as_word('~/a name.jsonl')} --for 0.1") == Exit.DONE
    assert (home / "a name.jsonl").exists()
