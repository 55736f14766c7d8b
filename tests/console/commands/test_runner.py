"""Commands carried out at a prompt, on a live session."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, request, response
from daebus_console.commands.context import Cancellation, Context, Exit
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.support import Heard, Viewed
from tests.support.waiting import eventually


class Prompt:
    """A prompt: lines in, everything it says remembered."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.heard, self.view = Heard(), Viewed()
        sender = Sender(session, read_only=options.pop("read_only", False))
        self.context = Context(session, sender, self.heard, Face.PROMPT, view=self.view, live=True, **options)

    def __call__(self, line: str) -> int:
        command = parse(line)
        assert command is not None
        return run(command, self.context)

    def over(self) -> int:
        """How many exchanges of ours are over."""
        session = self.context.session
        with session.lock:
            ours = [one for one in session.journal.exchanges if one.has(Flag.OURS) and not one.has(Flag.CONTROL)]
        return sum(one.answer is not None for one in ours)

    def last(self) -> Exchange:
        """The newest exchange of ours, once it is over."""
        session = self.context.session

        def find() -> Exchange | None:
            with session.lock:
                ours = (
                    one
                    for one in reversed(session.journal.exchanges)
                    if one.has(Flag.OURS) and not one.has(Flag.CONTROL)
                )
                found = next(ours, None)
                return found if found is not None and found.answer is not None else None

        exchange = eventually(find, what="an exchange of ours")
        assert exchange is not None
        return exchange


@pytest.fixture
def session(redis_url: str) -> Iterator[Session]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        yield session


@pytest.fixture
def prompt(session: Session) -> Iterator[Prompt]:
    prompt = Prompt(session)
    yield prompt
    prompt.context.sender.close()


@pytest.fixture
def service(redis_url: str, name: str) -> Iterator[str]:
    app = Daebus(name)
    gate = threading.Event()

    @app.action("echo")
    def echo() -> Any:
        return request.payload

    @app.action("steps")
    def steps() -> None:
        response.send({"step": 1}, final=False)
        response.send({"done": True})

    @app.action("wait")
    def wait() -> Any:
        gate.wait(30)
        return {}

    app.start(service=name, redis_url=redis_url)
    yield name
    gate.set()
    app.stop(grace=5)


def test_an_answer_is_the_result(prompt: Prompt, service: str) -> None:
    assert prompt(f"request {service} echo name=Ann") == Exit.DONE
    assert json.loads("\n".join(prompt.heard.lines)) == {"name": "Ann"}
    assert prompt(f"request {service} steps --json") == Exit.DONE
    assert prompt.heard.records == [{"done": True}]
    assert prompt.heard.steps == ['… {"step": 1}']


def test_answers_can_be_reached_into(prompt: Prompt, service: str) -> None:
    assert prompt(f'request {service} echo {{"user": {{"id": 17, "tags": ["a", "b"]}}}}') == Exit.DONE
    number = prompt.last().number
    assert prompt(f"request {service} echo id:=$last.user.id tag:=#{number}.user.tags[1] --json") == Exit.DONE
    assert prompt.heard.records == [{"id": 17, "tag": "b"}]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("a:=$last.x", "no answer came yet"),
        ("a:=$nothing", "nothing is called $nothing"),
        ("a:=#99999999", "there is no exchange #99999999"),
        ("a=@/nowhere/at/all", "cannot read"),
        ("-", "a prompt does not have"),
    ],
)
def test_values_that_cannot_be_had_are_mistakes_with_a_place(prompt: Prompt, item: str, message: str) -> None:
    line = f"send nobody note {item}"
    assert prompt(line) == Exit.USAGE
    (error,) = prompt.heard.mistakes
    assert message in error.message
    assert line[error.position : error.position + error.length] == item


def test_a_path_that_leads_nowhere_says_what_is_there(prompt: Prompt, service: str) -> None:
    prompt(f"request {service} echo name=Ann age:=3")
    assert prompt("send nobody note a:=$last.nme") == Exit.USAGE
    assert "it has: name, age" in prompt.heard.mistakes[0].message


def test_cancelling_stops_the_waiting_and_says_so(prompt: Prompt, service: str) -> None:
    cancellation = Cancellation()
    prompt.context = replace(prompt.context, cancellation=cancellation)
    timer = threading.Timer(0.2, cancellation.cancel)
    timer.start()
    assert prompt(f"request {service} wait --timeout 60") == Exit.INTERRUPTED
    timer.join()
    assert "may still be handled" in prompt.heard.notes[-1]


def test_cancelling_a_bench_tells_what_came_of_it(prompt: Prompt, service: str) -> None:
    cancellation = Cancellation()
    prompt.context = replace(prompt.context, cancellation=cancellation)
    timer = threading.Timer(0.5, cancellation.cancel)
    timer.start()
    assert prompt(f"bench {service} wait -n 100 -c 3 --timeout 60 --json") == Exit.INTERRUPTED
    timer.join()
    assert prompt.heard.records[0]["requests"] == 3


def test_the_view_verbs_reach_the_view(prompt: Prompt) -> None:
    assert prompt('filter status:error "a b"') == Exit.DONE
    assert prompt.view.filter == 'status:error "a b"'
    prompt("filter")
    assert prompt.view.filter is None
    prompt("pause")
    assert prompt.view.paused
    prompt("clear")
    assert prompt.view.clears == 1
    prompt("quit")
    assert prompt.view.left


def test_marks_come_and_go(prompt: Prompt, service: str) -> None:
    prompt(f"request {service} echo")
    exchange = prompt.last()
    prompt(f"mark #{exchange.number}")
    assert exchange.has(Flag.MARKED)
    prompt(f"mark #{exchange.number}")
    assert not exchange.has(Flag.MARKED)
    assert prompt("mark #99999999") == Exit.USAGE


def test_show_prints_every_message_of_an_exchange(prompt: Prompt, service: str) -> None:
    prompt(f"request {service} steps a=1")
    number = prompt.last().number
    assert prompt(f"show #{number} --json") == Exit.DONE
    kinds = [(record["kind"], record["final"]) for record in prompt.heard.records]
    assert kinds == [("request", None), ("response", False), ("response", True)]
    assert prompt(f"show #{number}") == Exit.DONE
    assert prompt.view.selected == [number]
    assert '"done": true' in "\n".join(prompt.heard.lines)
    assert all(record["flags"] == ["ours"] for record in prompt.heard.records)


def test_stats_at_a_prompt_are_of_what_is_remembered(prompt: Prompt, service: str) -> None:
    for _time in range(3):
        prompt(f"request {service} echo")
    # Who asked has its answer before the tap has told of it.
    eventually(lambda: prompt.over() == 3, what="all of them are seen")
    assert prompt(f"stats service:{service} --json") == Exit.DONE
    rows = [record for record in prompt.heard.records if "p50_ms" in record]
    assert [(row["action"], row["count"]) for row in rows] == [("echo", 3)]


def test_record_at_a_prompt(prompt: Prompt, service: str, tmp_path: Path) -> None:
    other = Prompt(prompt.context.session)
    thread = threading.Timer(0.2, lambda: other(f"request {service} echo"))
    thread.start()
    assert prompt(f"record {tmp_path}/x.jsonl to:{service} action:echo --for 1") == Exit.DONE
    thread.join()
    other.context.sender.close()
    _header, *lines = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert ["seen" if "seen" in line else line["channel"][:6] for line in lines] == [service[:6], "caller", "seen"]


def test_read_only_refuses(session: Session) -> None:
    prompt = Prompt(session, read_only=True)
    for line in ("request a b", "send a b", "broadcast a", "bench a b"):
        assert prompt(line) == Exit.USAGE
    assert len(prompt.heard.errors) == 4


def test_redacted_keys_are_masked_in_answers(session: Session, service: str) -> None:
    prompt = Prompt(session, redact=Redactor(["token"]))
    prompt(f"request {service} echo token=s3cret name=Ann")
    prompt(f"request {service} echo token=s3cret --json")
    assert "s3cret" not in json.dumps([prompt.heard.lines, prompt.heard.records, prompt.heard.notes])
    assert prompt.heard.records == [{"token": "***"}]
    prompt.context.sender.close()


def test_verbs_of_the_shell_are_refused_at_a_prompt(prompt: Prompt) -> None:
    for line in ("repl", "demo"):
        assert prompt(line) == Exit.USAGE
        assert "at the shell only" in prompt.heard.mistakes[-1].message


def test_help_at_a_prompt(prompt: Prompt) -> None:
    assert prompt("help") == Exit.DONE
    text = "\n".join(prompt.heard.lines)
    assert "filter" in text
    assert "demo" not in text
    assert prompt("help reqest") == Exit.USAGE
    assert prompt.heard.mistakes[0].suggestion == "request"


def test_services_at_a_prompt(prompt: Prompt, service: str) -> None:
    eventually(lambda: prompt.context.session.directory.services.get(service))
    assert prompt("services --json") == Exit.DONE
    assert service in [record["service"] for record in prompt.heard.records]
