"""Payloads held to what a service says that its action takes, before anything is sent; and offered while typing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest

from daebus import Daebus
from daebus_console.commands.completion.completer import complete
from daebus_console.commands.completion.known import SessionKnown
from daebus_console.commands.context import Exit
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt, prompting
from tests.support.framework_services import serving
from tests.support.waiting import eventually


@pytest.fixture
def app(redis_url: str, name: str) -> Iterator[Daebus]:
    app = Daebus(name)

    @app.action("buy")
    def buy(count: int, sku: str, colour: Literal["red", "blue"] = "red", tags: list[str] = []) -> dict[str, Any]:  # noqa: B006
        return {"bought": count}

    @app.action("plain")
    def plain() -> dict[str, Any]:
        return {}

    with serving(app, redis_url, name):
        yield app


@pytest.fixture
def prompt(redis_url: str, app: Daebus, name: str) -> Iterator[Prompt]:
    with Session(redis_url) as session:
        eventually(lambda: _is_told(session, name))
        with prompting(session) as prompt:
            yield prompt


def _is_told(session: Session, name: str) -> bool:
    with session.lock:
        service = session.directory.services.get(name)
        return service is not None and any(one.told for one in service.actions.values())


def test_what_does_not_fit_is_not_sent(prompt: Prompt, app: Daebus, name: str) -> None:
    for verb in ("request", "send"):
        prompt.heard.errors.clear()
        assert prompt(f"{verb} {name} buy count=2 skuu=A colour=green") == Exit.USAGE
        (error,) = prompt.heard.errors
        assert error == (
            f"buy of '{name}' takes another payload: sku is missing; count must be integer, not text; skuu is not"
            ' known; known: count, sku, colour, tags; colour must be "blue" | "red" (--force sends it)'
        )
    assert app._service is not None
    assert app._service.info()["counts"]["received"] == 0
    assert prompt(f"request {name} buy count:=2 sku=A") == Exit.DONE
    assert prompt(f"request {name} plain any=thing") == Exit.DONE
    assert prompt(f"send {name} buy count:=2 sku=A") == Exit.DONE


def test_it_is_sent_all_the_same_where_that_is_wanted(prompt: Prompt, name: str) -> None:
    assert prompt(f"request {name} buy count=2 --force") == Exit.ERROR
    assert "the payload does not fit: count must be a whole number, not text; sku is missing" in prompt.heard.errors[-1]


def test_the_fields_that_it_takes_are_offered(prompt: Prompt, name: str) -> None:
    known = SessionKnown(prompt.context)

    def offered(line: str) -> dict[str, str]:
        return {offer.text: offer.meta for offer in complete(line, len(line), known)}

    assert offered(f"request {name} buy ") == {
        "count:=": "integer, required",
        "sku=": "text, required",
        "colour=blue": '"blue" | "red", default "red"',
        "colour=red": '"blue" | "red", default "red"',
        "tags:=": "list of text, default []",
    }
    assert set(offered(f"request {name} buy sku=A colour=r")) == {"colour=red"}
    assert offered(f"send {name} buy count:=1 sku=A colour=red ") == {"tags:=": "list of text, default []"}
    assert not set(offered(f"request {name} plain ")) & {"count:=", "sku="}
