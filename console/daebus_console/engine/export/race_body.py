"""The second half of a test that does an order again: it stands here as code so that it is checked like all other code.

What is above the line is in the written module as data.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import DaebusCaller, RequestFailed, RequestTimeout

REDIS_URL = ""
ASKED: list[dict[str, Any]] = []
RELEASED: list[dict[str, Any]] = []


# ---
OWNER = f"test-{uuid.uuid4().hex[:8]}"
WITHIN = 20.0


@pytest.fixture
def controls() -> Iterator[dict[str, DaebusCaller]]:
    """The control channel of each service where something is held; at the end all goes on."""
    names = {one["service"] for one in RELEASED}
    made = {name: DaebusCaller(f"daebus.control.{name}", redis_url=REDIS_URL) for name in names}
    yield made
    for control in made.values():
        control.send_request("rules", {"owner": OWNER, "lease": 0, "rules": []})
        control.close()


def test_what_was_held_goes_on_in_this_order(controls: dict[str, DaebusCaller]) -> None:
    for name, control in controls.items():
        control.send_request("rules", {"owner": OWNER, "lease": 30, "rules": rules_of(name)})
    answers: list[Any] = [None] * len(ASKED)
    asking = [threading.Thread(target=ask, args=(number, answers), daemon=True) for number in range(len(ASKED))]
    for thread in asking:
        thread.start()
    done: set[str] = set()
    for one in RELEASED:
        hold = wait_for(controls[one["service"]], one, done)
        controls[one["service"]].send_request("release", {"hold": hold, "owner": OWNER, **one["how"]})
    for number, thread in enumerate(asking):
        thread.join(WITHIN + (ASKED[number]["timeout"] or 0.0))
    assert answers == [None if one["one_way"] else [one["status"], one["answer"]] for one in ASKED]


def rules_of(service: str) -> list[dict[str, Any]]:
    """The rules that hold what is let go below."""
    found = {(one["place"], one["name"]) for one in RELEASED if one["service"] == service}
    return [{"place": place, "action": name, "hold": True} for place, name in sorted(found)]


def ask(number: int, answers: list[Any]) -> None:
    """Ask, and keep what is answered."""
    case = ASKED[number]
    caller = DaebusCaller(case["service"], redis_url=REDIS_URL)
    try:
        if case["one_way"]:
            caller.send_message(case["action"], case["payload"])
        else:
            timeout = WITHIN if case["timeout"] is None else case["timeout"]
            answers[number] = ["ok", caller.send_request(case["action"], case["payload"], timeout=timeout)]
    except RequestFailed as error:
        answers[number] = ["error", error.payload]
    except RequestTimeout:
        answers[number] = ["timeout", None]
    finally:
        caller.close()


def wait_for(control: DaebusCaller, wanted: dict[str, Any], done: set[str]) -> str:
    """The id of that message, once it is held."""
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        for one in control.send_request("held", {})["held"]:
            same = one["place"] == wanted["place"] and one.get("action") == wanted["name"]
            if same and one["hold"] not in done and one.get("payload") == wanted["payload"]:
                done.add(one["hold"])
                return str(one["hold"])
        time.sleep(0.02)
    raise AssertionError(f"{wanted['service']}.{wanted['name']} was not held at the place {wanted['place']}")
