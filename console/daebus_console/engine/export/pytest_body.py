"""The second half of an exported pytest module: it stands here as code so that it is checked like all other code.

What is above the line is in the exported module as data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import DaebusCaller, RequestFailed

REDIS_URL = ""
IGNORE: list[str] = []
TOLERANCE = 0.0
RELATIVE_TOLERANCE = 0.0
ANY_ORDER = False
CASES: list[dict[str, Any]] = []


# ---
@pytest.fixture(scope="module")
def callers() -> Iterator[dict[str, DaebusCaller]]:
    """A caller for each service, by its name."""
    made = {name: DaebusCaller(name, redis_url=REDIS_URL) for name in {case["service"] for case in CASES}}
    yield made
    for caller in made.values():
        caller.close()


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_answer_is_as_recorded(case: dict[str, Any], callers: dict[str, DaebusCaller]) -> None:
    status, answers = "ok", []
    try:
        for answer in callers[case["service"]].stream_request(case["action"], case["payload"], case["timeout"]):
            answers.append(answer)
        final = answers.pop()
    except RequestFailed as error:
        status, final = "error", error.payload
    found = list(differences(case["status"], status, "response.status"))
    for index in range(max(len(case["stream"]), len(answers))):
        expected, actual = (part[index] if index < len(part) else MISSING for part in (case["stream"], answers))
        found += differences(expected, actual, f"stream[{index}].payload")
    if status == case["status"] == "error" and isinstance(final, dict):
        # The lines of a traceback move with every edit.
        final = {name: final[name] for name in final if name != "traceback"}
    found += differences(case["answer"], final, "response.payload")
    assert not found, "the answer differs from what was recorded:\n" + "\n".join(found)


# ---
class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def differences(expected: Any, actual: Any, path: str) -> Iterator[str]:
    """What differs, each with its place."""
    if ignored(path) or (expected is actual):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in {**expected, **actual}:
            escaped = re.sub(r"([.\[\]=\\])", r"\\\1", name)
            yield from differences(expected.get(name, MISSING), actual.get(name, MISSING), f"{path}.{escaped}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if ANY_ORDER:
            expected, actual = without_equals(expected, actual, path)
        for index in range(max(len(expected), len(actual))):
            before, after = (values[index] if index < len(values) else MISSING for values in (expected, actual))
            yield from differences(before, after, f"{path}[{index}]")
    elif not equal(expected, actual):
        yield f"  {path}: {shown(expected)} was expected, and it is {shown(actual)}"


def ignored(path: str) -> bool:
    """Whether what stands at this path may differ. Rules may leave out `response` and `stream[0]` at its beginning."""
    rules = ["".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in rule) for rule in IGNORE]
    return any(re.fullmatch(rule, one, re.DOTALL) for rule in rules for one in (path, path.partition(".")[2]) if one)


def without_equals(expected: list[Any], actual: list[Any], path: str) -> tuple[list[Any], list[Any]]:
    """Both lists without the members that are in either."""
    missing, rest = [], list(actual)
    for value in expected:
        twin = next((i for i, other in enumerate(rest) if not any(differences(value, other, f"{path}[0]"))), None)
        if twin is None:
            missing.append(value)
        else:
            del rest[twin]
    return missing, rest


def equal(expected: Any, actual: Any) -> bool:
    """Whether two values are the same, numbers within the tolerances, texts whichever request they name."""
    if isinstance(expected, str) and isinstance(actual, str):
        expected, actual = (re.sub(r"(?<=\(request )[0-9a-f]{32}(?=\))", "", text) for text in (expected, actual))
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (expected, actual)]
    if not all(numbers):
        return type(expected) is type(actual) and bool(expected == actual)
    if expected == actual or (expected != expected and actual != actual):
        return True
    gap = abs(expected - actual)
    return bool(gap <= TOLERANCE or gap <= RELATIVE_TOLERANCE * max(abs(expected), abs(actual)))


def shown(value: Any) -> str:
    """A value as short JSON."""
    text = repr(value) if isinstance(value, _Missing) else json.dumps(value)
    return text if len(text) <= 200 else text[:199] + "…"
