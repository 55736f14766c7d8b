"""watch: what seldom happens is kept, at the shell, at a prompt and in the full screen."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller, RequestTimeout
from daebus.transport.address import RedisAddress
from daebus_console.commands.under_way import under_way
from daebus_console.engine.offline import OfflineSender, OfflineSession
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt
from tests.console.tui.support import Driver, drive
from tests.support.framework_services import serving
from tests.support.waiting import eventually


@pytest.fixture
def prompt(shop: Shop) -> Iterator[Prompt]:
    with Prompt(Session(shop.url)) as prompt:
        yield prompt


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def watching(prompt: Prompt) -> None:
    eventually(lambda: under_way(prompt.session).watches, what="it watches")
    eventually(lambda: any("watching for" in note for note in prompt.said.notes), what="it has begun")


def test_a_timeout_at_night_headless(shop: Shop, caller: DaebusCaller, console: Console, tmp_path: Path) -> None:
    folder = tmp_path / "nights"
    words = ("watch", f"service:{shop.name} status:timeout", "--keep", str(folder), "--at-most", "1", "--after", "50ms")
    with console.start(*words, "--json") as process:
        assert process.stderr is not None
        assert "watching for" in process.stderr.readline()
        caller.send_request("echo", {"n": 1})
        with pytest.raises(RequestTimeout):
            caller.send_request("sleep", {"seconds": 0.3}, timeout=0.05)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    record = json.loads(out)
    (path,) = files(folder)
    assert (record["file"], record["action"], record["hits"]) == (str(path), "sleep", 1)
    # What passed before is in it.
    kept = [(one.target, one.action) for one in Recording(path).exchanges()]
    assert (shop.name, "echo") in kept
    assert (shop.name, "sleep") in kept
    assert folder.stat().st_mode & 0o777 == 0o700


def test_ending_it_puts_what_is_kept_in_its_place(
    shop: Shop, caller: DaebusCaller, console: Console, tmp_path: Path
) -> None:
    with console.start("watch", f"to:{shop.name} action:echo", "--keep", str(tmp_path / "kept")) as process:
        assert process.stderr is not None
        assert "watching for" in process.stderr.readline()
        caller.send_request("echo", {"n": 1})
        assert "tripped by" in process.stderr.readline()
        assert files(tmp_path / "kept") == []
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (path,) = files(tmp_path / "kept")
    assert f"kept {path}" in out
    assert "1 capture kept" in err


def test_at_a_prompt_what_comes_meanwhile_belongs_to_it(
    shop: Shop, caller: DaebusCaller, prompt: Prompt, tmp_path: Path
) -> None:
    prompt.context.redact = type(prompt.context.redact)(["token"])
    folder = tmp_path / "kept"
    assert prompt(f"watch to:{shop.name} status:error --keep {folder} --after 1s --for 30s &") == 0
    watching(prompt)
    for _ in range(3):
        with pytest.raises(Exception, match="no money"):
            caller.send_request("fail", {"what": "money", "token": "s3cret"})
    eventually(lambda: len(files(folder)) == 1, what="it is kept")
    eventually(lambda: any("3 times" in line for line in prompt.said.results), what="it is told")
    text = files(folder)[0].read_text()
    assert text.count('\\"what\\"') == 3
    assert "s3cret" not in text
    assert prompt("cancel") == 0
    eventually(lambda: not under_way(prompt.session).watches)


def test_a_folder_that_is_taken_away_meanwhile_is_made_again(
    shop: Shop, caller: DaebusCaller, prompt: Prompt, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    assert prompt(f"watch to:{shop.name} action:echo --keep {folder} --after 10ms --at-most 2 &") == 0
    watching(prompt)
    for number in (1, 2):
        folder.rmdir()
        caller.send_request("echo", {"n": number})
        eventually(lambda: files(folder), what="it is kept")
        assert folder.stat().st_mode & 0o777 == 0o700
        files(folder)[0].rename(tmp_path / f"{number}.jsonl")
    eventually(lambda: "2 captures kept" in prompt.said.all, what="it has ended")
    assert prompt.said.errors == []


def test_a_finding_trips_it(shop: Shop, prompt: Prompt, tmp_path: Path) -> None:
    assert prompt(f"watch --on-finding unreadable --keep {tmp_path} --after 10ms --at-most 1 &") == 0
    watching(prompt)
    services = prompt.session.directory.services
    eventually(lambda: shop.name in services and services[shop.name].instances, what="its actions are known")
    with RedisAddress(shop.url).client() as client:
        client.publish(shop.name, "no JSON")
    eventually(lambda: files(tmp_path), what="it is kept")
    assert '"no JSON"' in files(tmp_path)[0].read_text()
    eventually(lambda: any("(unreadable: " in line for line in prompt.said.results), what="it is told")


def test_what_only_services_tell_trips_it_at_the_shell(shop: Shop, name: str, console: Console, tmp_path: Path) -> None:
    app, channel = Daebus(__name__), f"{name}_placed"

    @app.listen(channel)
    def on_placed(_payload: object) -> None:
        raise ValueError("no such sku")

    with serving(app, shop.url, f"{name}_points"), RedisAddress(shop.url).client() as client:
        words = ("watch", "--on-finding", "listener-raised", "--keep", str(tmp_path), "--at-most", "1")
        with console.start(*words, "--after", "50ms", "--before", "10ms", "--json") as process:
            assert process.stderr is not None
            assert "watching for" in process.stderr.readline()
            # It is told once the service knows that somebody wants to know.
            eventually(lambda: client.publish(channel, "{}") and process.poll() is not None, every=0.2)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["what"].startswith("listener-raised: ")


def test_read_only_is_enough(shop: Shop, tmp_path: Path) -> None:
    session = Session(shop.url)
    with Prompt(session, Sender(session, read_only=True)) as prompt:
        assert prompt(f"watch status:error --keep {tmp_path} --for 10ms") == 0
        assert "0 captures kept" in prompt.said.all


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("watch", "expected a FILTER"),
        ("watch --keep {folder}", "expected a FILTER"),
        ("watch status:error", "expected --keep DIR"),
        ("watch status:what --keep {folder}", "status"),
        ("watch --on-finding unknown-acton --keep {folder}", "there is no rule 'unknown-acton'"),
        ("watch status:error --keep {file}", "it is no folder"),
        ("watch status:error --keep {file}/within", "it is no folder"),
        ("watch status:error --keep {folder} --at-most 0", "expected a whole number above zero"),
        ("watch status:error --keep {folder} --before x", "expected a time"),
    ],
)
def test_bad_input(prompt: Prompt, tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "file").touch()
    assert prompt(line.format(folder=tmp_path / "new", file=tmp_path / "file")) == 2
    assert says in prompt.said.all


def test_a_capture_has_nothing_to_wait_for(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"daebus_capture":1}\n')
    session = OfflineSession(tmp_path / "x.jsonl")
    with Prompt(session, OfflineSender(session)) as prompt:
        assert prompt(f"watch status:error --keep {tmp_path}") == 2
        assert "this is a capture" in prompt.said.all


def test_a_folder_that_cannot_be_one_any_more_is_told_and_the_next_is_tried(
    shop: Shop, caller: DaebusCaller, prompt: Prompt, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    assert prompt(f"watch to:{shop.name} action:echo --keep {folder} --after 10ms --at-most 1 &") == 0
    watching(prompt)
    folder.rmdir()
    folder.touch()
    caller.send_request("echo", {"n": 1})
    eventually(lambda: any(str(folder) in error for error in prompt.said.errors), what="the error is told")
    folder.unlink()
    caller.send_request("echo", {"n": 2})
    eventually(lambda: len(files(folder)) == 1, what="the next one is kept")


def test_the_header_of_the_full_screen_says_so(shop: Shop, caller: DaebusCaller, tmp_path: Path) -> None:
    async def story(screen: Driver) -> None:
        await screen.command(f"watch to:{shop.name} --keep {tmp_path} --after 10ms")
        await screen.sees("◎ watching, 0 kept")
        caller.send_request("echo", {"n": 1})
        await screen.sees("◎ watching, 1 kept")
        await screen.press("escape", "ctrl+c")
        await screen.loses("◎ watching")

    drive(shop.url, story, size=(160, 40))
