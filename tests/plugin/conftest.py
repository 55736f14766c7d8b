"""A folder with an app of two services in it, and pytest run there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

# Kept between the runs in this process, each of which forgets what it has imported itself.
import daebus.testing as daebus_testing

assert daebus_testing

SHOP = """
from daebus import Daebus, DaebusCaller, broadcast, cache, request

app = Daebus("shop")
payments = DaebusCaller("payments")


@app.action("buy")
def buy():
    paid = payments.send_request("charge", {"amount": request.payload["amount"]})
    broadcast.send("orders.created", {"amount": request.payload["amount"]})
    return {"paid": paid, "orders": cache.incr("orders")}


@app.listen("orders.refused")
def refused(order):
    broadcast.send("mails", {"to": order["customer"]})
"""
SETTINGS = """
[pytest]
filterwarnings = error
addopts = -p no:cacheprovider -p no:hypothesispytest
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest on a file with that text: in this process, or in one of its own."""
    pytester.makeini(SETTINGS)
    pytester.makepyfile(shop=SHOP)
    pytester.syspathinsert()

    def run(text: str, *options: str, own_process: bool = False) -> pytest.RunResult:
        pytester.makepyfile(test_it=text)
        if own_process:
            return pytester.runpytest_subprocess(*options)
        return pytester.runpytest_inprocess("-p", "no:xdist", "-p", "no:timeout", *options)

    return run


def captures(folder: Path) -> list[str]:
    """The names of the files in it."""
    return sorted(path.name for path in folder.iterdir())
