"""A console that asks nobody does not take what it does not know for what is not so."""

from __future__ import annotations

import json

import pytest

from tests.console.cli.conftest import Console

NOT_ASKED = "services are not asked what they are and do (--passive)"


def test_instances_that_nobody_asked_for_are_not_none(console: Console, service: str) -> None:
    done = console("--passive", "services", service, "--json")
    (told,) = map(json.loads, done.out.splitlines())
    assert (done.status, told["subscribers"], told["instances"]) == (0, 1, None)
    (told,) = map(json.loads, console("services", service, "--json").out.splitlines())
    assert len(told["instances"]) == 1


@pytest.mark.parametrize(
    ("line", "status"), [("describe {}", 1), ("why {} ech", 1), ("findings --for 0.2", 0), ("why {} ech --json", 1)]
)
def test_what_is_not_known_is_told_to_be_not_asked_for(console: Console, service: str, line: str, status: int) -> None:
    words = line.format(service).split()
    done = console("--passive", *words)
    assert done.status == status
    assert NOT_ASKED in done.err
    assert "has no actions" not in done.err
    assert "does not tell" not in done.out
    assert NOT_ASKED not in console(*words).err
