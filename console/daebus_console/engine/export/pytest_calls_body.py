"""The second half of a pytest module exported with calls: it stands here as code so that it is checked like all other.

What is above the line is in the exported module as data; behind it stand there the helpers of `pytest_body`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from daebus import Daebus
from daebus.testing import BusMessage, importing, rerun
from daebus_console.engine.export.pytest_body import differences

APP = ""
CASES: list[dict[str, Any]] = []


# ---
def app() -> Daebus:
    """The app that has the handlers."""
    if not APP:
        pytest.fail("say which app has the handlers, as `daebus run` takes it: in APP above, or with DAEBUS_APP")
    module, _colon, name = APP.partition(":")
    with importing():
        found = getattr(importlib.import_module(module), name or "app")
    assert isinstance(found, Daebus), f"{APP} is no Daebus"
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_handler_does_as_recorded(case: dict[str, Any]) -> None:
    done = rerun(
        app(),
        case["action"],
        case["payload"],
        calls=case["calls"],
        service=case["service"],
        asker=case["asker"],
        one_way=case["one_way"],
    )
    found = [f"  the call {call.message} is not in the record" for call in done.unrecorded]
    if not case["one_way"]:
        found += differences(case["status"], done.status, "response.status")
        found += differences(case["stream"], done.stream, "stream")
        found += differences(case["answer"], done.answer, "response.payload")
    for index, call in enumerate(case["calls"]):
        made = next((made for made in done.calls if made.recorded is call), None)
        if made is None:
            found.append(f"  calls[{index}]: {call.name} is not called any more")
        else:
            found += differences(dict(call.payload), made.payload, f"calls[{index}].payload")
    found += effects("messages", case["messages"], done.messages)
    if case["broadcasts"] is not None:
        # Who sent a broadcast does not stand in it: those that were recorded may be another's. Of the channels in
        # `unseen` it is known alone that something was broadcast. Where no broadcast was recorded, none is compared.
        found += effects("broadcasts", case["broadcasts"], done.broadcasts, case["unseen"], complete=case["sure"])
    assert not found, "the handler does not as it did when it was recorded:\n" + "\n".join(found)


def effects(
    what: str,
    then: list[tuple[str, Any]],
    now: Iterable[BusMessage],
    unseen: Iterable[str] = (),
    *,
    complete: bool = True,
) -> Iterator[str]:
    """What differs in what was sent; with `complete`, what is not sent any more as well."""
    left = list(enumerate(then))
    untold = list(unseen)
    for message in now:
        able = [one for one in left if one[1][0] == message.name]
        same = next(
            (one for one in able if not any(differences(one[1][1], message.payload, f"{what}[0].payload"))), None
        )
        if same is not None:
            left.remove(same)
        elif message.name in untold:
            untold.remove(message.name)
        elif able:
            left.remove(able[0])
            yield from differences(able[0][1][1], message.payload, f"{what}[{able[0][0]}].payload")
        else:
            yield f"  {what}: {message} is new"
    if complete:
        yield from (f"  {what}[{index}]: {name} is not sent any more" for index, (name, _payload) in left)
        yield from (f"  {what}: {name} is not sent any more" for name in untold)
