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
    holds: dict[int, str] = {}
    for number, one in enumerate(RELEASED):
        hold = wait_for(controls, number, holds)
        controls[one["service"]].send_request("release", {"hold": hold, "owner": OWNER, **one["how"]})
    for control in controls.values():
        # All of it was let go: what else is held, or will be, goes on.
        control.send_request("rules", {"owner": OWNER, "lease": 0, "rules": []})
    for number, thread in enumerate(asking):
        thread.join(WITHIN + (ASKED[number]["timeout"] or 0.0))
    assert answers == [None if one["one_way"] else [one["status"], one["answer"]] for one in ASKED]


def rules_of(service: str) -> list[dict[str, Any]]:
    """The rules that hold what is let go below, each once."""
    found: list[dict[str, Any]] = []
    found += (one["rule"] for one in RELEASED if one["service"] == service and one["rule"] not in found)
    return found


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
        answers[number] = ["error", untraced(error.payload)]
    except RequestTimeout:
        answers[number] = ["timeout", None]
    finally:
        caller.close()


def untraced(error: Any) -> Any:
    """Without the traceback, whose lines move with every edit."""
    return {name: error[name] for name in error if name != "traceback"} if isinstance(error, dict) else error


def wait_for(controls: dict[str, DaebusCaller], number: int, holds: dict[int, str]) -> str:
    """The id of what is to be let go as that one, once it is held. `holds` are those that are known, by their place."""
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        for service, control in controls.items():
            for one in control.send_request("held", {})["held"]:
                if one["owner"] == OWNER and one["hold"] not in holds.values():
                    look_at(one, service, control, holds)
        if number in holds:
            return holds[number]
        time.sleep(0.02)
    wanted = RELEASED[number]
    raise AssertionError(f"{wanted['service']}.{wanted['name']} was not held at the place {wanted['place']}")


def look_at(one: dict[str, Any], service: str, control: DaebusCaller, holds: dict[int, str]) -> None:
    """Keep what is held for its turn; what was not let go then goes on at once."""
    found = [service, one["place"], one.get("action"), one.get("payload")]
    for number, wanted in enumerate(RELEASED):
        if number not in holds and found == [wanted[name] for name in ("service", "place", "name", "payload")]:
            holds[number] = one["hold"]
            return
    control.send_request("release", {"hold": one["hold"], "owner": OWNER})
