"""The line REPL in a real terminal: a first request by tab alone, ctrl+c and ctrl+d, pasting, a dumb terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, request, response
from tests.support.programs.terminal import Terminal
from tests.support.waiting import eventually

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

asked = threading.Event()
"""Set when the service is asked for what never ends."""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service(own_redis: Any) -> Iterator[str]:
    """The only service on its Redis."""
    app = Daebus("shop")

    @app.action("greet")
    def greet() -> Any:
        """Say hello."""
        response.send({"step": 1}, final=False)
        return {"greeting": f"hello {request.payload.get('name')}"}

    @app.action("never")
    def never() -> None:
        """Take a minute."""
        asked.set()
        gone.wait(60)

    gone = threading.Event()
    asked.clear()
    app.start(service="shop", redis_url=own_redis.url)
    yield own_redis.url
    gone.set()
    app.stop(grace=5)


def repl(url: str, directory: Path, *options: str, real: bool = False, **environment: str) -> Terminal:
    """The line REPL in a terminal of its own, with nobody's history."""
    known = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")]),
        "XDG_STATE_HOME": str(directory),
        "DAEBUS_REDIS_URL": url,
    }
    command = [sys.executable, "-m", "daebus_console", *options, "repl"]
    terminal = Terminal(command, environment={**known, **environment}, real=real)
    # A real terminal tells where its cursor is when it is asked.
    terminal.screen.write_process_input = terminal.process.send
    return terminal


def prompt_line(text: str) -> str:
    """The line at the newest prompt."""
    return next((line for line in reversed(text.split("\n")) if line.startswith("daebus>")), "")


def choose(terminal: Terminal, word: str) -> None:
    """Press tab until that word stands at the end of the line, and enter to take it."""
    for _time in range(40):
        before = prompt_line(terminal.text)
        terminal.press("tab")
        try:
            # The first one may only open the menu.
            terminal.wait_for(lambda text, before=before: prompt_line(text) != before, within=2)  # type: ignore[misc]  # of this turn
        except AssertionError:
            continue
        if prompt_line(terminal.text).endswith(word):
            terminal.press("enter")
            return
    raise AssertionError(f"tab never came to {word}\n{terminal.text}")


def wait_for_prompt(terminal: Terminal) -> None:
    """Wait for the next prompt: control keys that are typed before it are for the terminal's own line."""
    screen = terminal.screen
    terminal.wait_for(lambda _text: screen.display[screen.cursor.y][: screen.cursor.x].strip() == "daebus>")


def leave(terminal: Terminal) -> None:
    """End it at the next prompt."""
    wait_for_prompt(terminal)
    terminal.press("ctrl+d")


def test_tab_completes_for_a_hand_that_is_quicker_than_the_menu(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>(.|\n)*1 service,")
        for keys in ("req\t", "sh\t", "gr\t", "name=Bo\r"):
            # Each in one go, as a person types who does not look.
            terminal.type(keys)
        terminal.wait_for(r"hello Bo")


def test_a_first_request_by_tab_alone(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path, real=True) as terminal:
        terminal.wait_for(r"daebus>(.|\n)*1 service,")
        choose(terminal, "request")
        terminal.wait_for(r"shop +2 actions")
        # It is alone, and taken at once.
        terminal.press("tab")
        terminal.wait_for(r"greet +Say hello\.")
        choose(terminal, "greet")
        terminal.wait_for(r"daebus> request shop greet")
        terminal.press("enter")
        terminal.wait_for(r'"greeting": "hello None"')
        terminal.wait_for(r"shop answered in")
        leave(terminal)
        assert terminal.wait_end() == 0
    kept = tmp_path / "daebus-console" / "history"
    assert "request shop greet" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_ctrl_c_empties_the_line_and_stops_the_waiting(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("half a comm")
        terminal.wait_for(r"half a comm")
        terminal.press("ctrl+c")
        terminal.type("request shop never --timeout 60")
        terminal.press("enter")
        terminal.wait_for(lambda _text: asked.is_set())
        terminal.press("ctrl+c")
        terminal.wait_for(r"stopped waiting for 'shop'; it was not told")
        terminal.type("request shop greet name=Ann")
        terminal.press("enter")
        terminal.wait_for(r"hello Ann")
        leave(terminal)
        assert terminal.wait_end() == 0


def test_what_comes_behind_a_ctrl_c_begins_on_a_line_of_its_own(service: str, own_redis: Any, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        wait_for_prompt(terminal)
        terminal.type("tail")
        terminal.press("enter")
        with own_redis.client() as client:
            # Until it is under way, ctrl+c is a key of the prompt.
            terminal.wait_for(lambda text: bool(client.publish("news", b"{}")) and "news" in text)
        terminal.press("ctrl+c")
        # That is what it looks for at the beginning of the line.
        wait_for_prompt(terminal)
        assert "\n^C\n" in terminal.text
        terminal.type("request shop never --timeout 60")
        terminal.press("enter")
        terminal.wait_for(lambda _text: asked.is_set())
        terminal.press("ctrl+c")
        terminal.wait_for(r"\nstopped waiting for 'shop'; it was not told")
        leave(terminal)
        assert terminal.wait_end() == 0


def test_what_is_left_to_itself_is_told_of_above_the_prompt(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("request shop greet name=Ann --every 300ms --times 3 &")
        terminal.press("enter")
        terminal.wait_for(r"is under way")
        terminal.type("set typing 1")
        terminal.wait_for(r"\[1\] done(.|\n)*daebus> set typing 1")
        terminal.press("enter")
        terminal.wait_for(r"\$typing +1")


def test_ghost_text_search_and_several_lines(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("set alpha {")
        terminal.press("enter")
        terminal.type('"x": 1}')
        terminal.press("enter")
        terminal.wait_for(r'\$alpha +\{"x": 1\}')
        terminal.type("set beta 2")
        terminal.press("enter")
        terminal.wait_for(r"\$beta +2")
        terminal.type("set b")
        # Once it was typed, and once it is offered.
        terminal.wait_for(lambda text: text.count("daebus> set beta 2") == 2)
        terminal.press("right", "enter")
        terminal.wait_for(lambda text: text.count("$beta") == 2)
        wait_for_prompt(terminal)
        terminal.type("\x12alph")
        terminal.wait_for(r"I-search backward: alph")
        terminal.press("ctrl+c")


def test_a_mistake_is_told_and_the_line_stays(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("reqest shop greet")
        terminal.press("enter")
        terminal.wait_for(r"there is no verb `reqest`; did you mean request\?")
        terminal.wait_for(r"daebus> reqest shop greet")


def test_of_commands_that_were_pasted_those_after_a_mistake_are_told_to_be_left_out(
    service: str, tmp_path: Path
) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("\x1b[200~describe nobody\nservices\nservices\x1b[201~")
        terminal.wait_for(r"describe nobody")
        terminal.press("enter")
        terminal.wait_for("2 commands after it were not carried out")


def test_pasted_text_does_nothing_to_the_terminal(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("\x1b[200~set a 1\r\nset b \x1b]0;title\x07x\r\nset c 3\x1b[201~")
        terminal.wait_for(r"set c 3")
        terminal.read(0.3)
        assert "$a" not in terminal.text, "nothing is carried out before enter"
        terminal.press("enter")
        terminal.wait_for(r"\$a +1(.|\n)*\$b(.|\n)*\$c +3")
        assert b"\x1b]0;title" not in terminal.output
        wait_for_prompt(terminal)
        terminal.type("\x1b[200~" + "x" * 1_000_000 + "\x1b[201~")
        terminal.wait_for(r"1,000,000 characters were pasted")


def test_a_dumb_terminal_will_do(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path, TERM="dumb", real=True) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("request shop greet name=Ann")
        terminal.press("enter")
        terminal.wait_for(r"hello Ann")
        assert b"\x1b[" not in terminal.output
        wait_for_prompt(terminal)

        def left() -> bool:
            # Here the prompt is shown before its keys are read: an end of input in between is the terminal's own.
            terminal.read(0.05)
            if terminal.process.isalive():
                terminal.press("ctrl+d")
            return not terminal.process.isalive()

        eventually(left, within=15)
        assert terminal.wait_end() == 0


def test_nobody_is_asked_for_before_something_is_sent(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"1 service,")
        terminal.type("request shopp greet")
        terminal.press("enter")
        terminal.wait_for(r"nobody serves 'shopp'.*did you mean shop\?\)\. Send it all the same\? \[y/N\]")
        terminal.press("n", "enter")
        terminal.wait_for(r"nothing was sent")


def test_redacted_values_are_not_kept(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path, "--redact", "token") as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type("set token hunter2")
        terminal.press("enter")
        terminal.wait_for(r"\$token +\"\*\*\*\"")
        terminal.type("set other 1")
        terminal.press("enter")
        terminal.wait_for(r"\$other +1")
        leave(terminal)
        assert terminal.wait_end() == 0
    kept = (tmp_path / "daebus-console" / "history").read_text()
    assert "hunter2" not in kept
    assert "set other 1" in kept


def test_without_redis_it_says_so_and_stays(tmp_path: Path) -> None:
    with repl("redis://127.0.0.1:1/0", tmp_path) as terminal:
        terminal.wait_for(r"not connected to redis://127\.0\.0\.1:1/0")
        terminal.type("request shop greet")
        terminal.press("enter")
        terminal.wait_for(r"error: cannot")
        leave(terminal)
        assert terminal.wait_end() == 0


def test_what_has_no_room_on_a_row_is_no_new_line(service: str, tmp_path: Path) -> None:
    with repl(service, tmp_path) as terminal:
        terminal.wait_for(r"daebus>")
        terminal.type('broadcast news {"a": "' + "x" * terminal.screen.columns + ' end of it"\r')
        terminal.wait_for(r"\n {8}x+ end of it\" *\n {6}·")
        terminal.type("}\r")
        terminal.wait_for(r"published on news")
        leave(terminal)
        assert terminal.wait_end() == 0
