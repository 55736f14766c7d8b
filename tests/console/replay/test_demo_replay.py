"""The demo shop recorded and replayed: what must differ does, what was changed on purpose is told, and nothing else."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller, DaebusError
from daebus.transport.address import RedisAddress
from daebus_console.demo import process
from daebus_console.demo.demo import SERVICES, Demo, shop_directory
from daebus_console.engine.filter import language as filters
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.support.framework_services import program
from tests.support.programs.loaded import Forked, demo_forks
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("demo_shop")

PAYMENT = {"DEMO_SEED": "7", "PAYMENT_FAILURE_RATE": "0"}
MUST_DIFFER = {
    ("gateway", "place_order"): {"response.payload.order_id", "response.payload.transaction"},
    ("stock", "check"): {"response.payload.articles.*.level"},
    ("users", "create_user"): {"response.payload.id"},
    ("users", "list_users"): {"response.payload.users[*]", "response.payload.total"},
    ("reports", "sales_report"): {
        "response.payload.orders",
        "response.payload.revenue_cents",
        "response.payload.best_sellers*",
    },
}
IGNORE = ",".join(sorted(set().union(*MUST_DIFFER.values())))


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def demo(broker: RedisServer) -> Iterator[Demo]:
    """All of the shop but payment, with nobody ordering."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", demo_forks(Forked))
        with Demo(broker.url, [name for name in SERVICES if name != "payment"], client=False, seed="7") as demo:
            yield demo


@pytest.fixture(scope="module")
def recorded(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A busy while in the shop."""
    path = tmp_path_factory.mktemp("demo") / "demo.jsonl"
    with (
        program(
            str(shop_directory() / "payment.py"),
            forked=True,
            serves="payment",
            url=demo.url,
            REDIS_URL=demo.url,
            **PAYMENT,
        ),
        Session(demo.url) as session,
    ):
        assert session.wait_up(10)
        with Recorder(session, path, matching=filters.parse("-is:control")):
            go_shopping(demo.url)
            with RedisAddress(demo.url).client() as client:
                client.publish("the_end", "{}")
            eventually(lambda: "the_end" in session.directory.channels, what="all is seen")
        assert session.journal.exchanges.last > 1_000
    return path


def go_shopping(url: str, customers: int = 8, orders: int = 25) -> None:
    """Several customers at once, each doing the same every time. The gateway knows no coupons, and that alone fails."""
    problems: list[tuple[str, DaebusError]] = []

    def customer(number: int) -> None:
        dice = random.Random(number)
        callers = {name: DaebusCaller(name, redis_url=url, timeout=20) for name in SERVICES}

        def ask(service: str, action: str, payload: dict[str, Any]) -> None:
            try:
                list(callers[service].stream_request(action, payload))
            except DaebusError as error:
                problems.append((action, error))

        for _ in range(orders):
            items = [{"sku": sku, "quantity": 1} for sku in dice.sample(["tea-01", "cof-02", "mue-03"], 2)]
            ask("gateway", "place_order", {"user_id": f"u-{dice.randint(1, 5)}", "items": items})
            ask("stock", "check", {"skus": ["tea-01"]})
        ask("gateway", "apply_coupon", {"code": "SPRING"})
        ask("users", "create_user", {"name": f"Ann {number}", "email": "ann@example.com"})
        ask("users", "list_users", {"tag": "regular"})
        ask("users", "list_users", {})
        if number < 2:
            ask("reports", "sales_report", {"top": 3})
        for caller in callers.values():
            caller.close()

    threads = [threading.Thread(target=customer, args=(number,)) for number in range(customers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [action for action, _error in problems] == ["apply_coupon"] * customers, problems


def replayed(url: str, path: Path, *options: str) -> dict[str, Any]:
    done = Console(url)("replay", str(path), "--json", *options)
    assert done.status in (0, 1), done.err
    report: dict[str, Any] = json.loads(done.out)
    return report


def places(report: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    return {
        (row["service"], row["action"]): {one["path"] for one in row["differences"]}
        for row in report["actions"]
        if row["changed"] or row["failed"]
    }


def test_what_must_differ_does_and_nothing_else(demo: Demo, recorded: Path) -> None:
    with program(
        str(shop_directory() / "payment.py"), forked=True, serves="payment", url=demo.url, REDIS_URL=demo.url, **PAYMENT
    ):
        report = replayed(demo.url, recorded)
        assert report["plan"]["requests"] > 1_000
        assert report["answered"] == report["sent"] == report["plan"]["requests"]
        assert report["failed"] == report["uncompared"] == 0
        found = places(report)
        assert found.keys() <= MUST_DIFFER.keys()
        assert {"gateway", "stock", "users", "reports"} == {service for service, _action in found}
        for action, differing in found.items():
            left = {path for path in differing if not any(_like(path, place) for place in MUST_DIFFER[action])}
            assert left == set(), action
        same = replayed(demo.url, recorded, "--asap", "--roots", "--ignore", IGNORE)
        assert (same["changed"], same["failed"]) == (0, 0)
        assert same["plan"]["requests"] + same["plan"]["left_out"]["request"] == report["plan"]["requests"]
        assert same["plan"]["left_out"].keys() == {"request", "one_way", "broadcast"}


def _like(path: str, place: str) -> bool:
    return fnmatchcase(path.replace("[*]", ""), place.replace("[*]", "") + ("*" if place.endswith("[*]") else ""))


def test_a_service_changed_on_purpose_is_told_and_nothing_else(demo: Demo, recorded: Path, tmp_path: Path) -> None:
    source = (shop_directory() / "payment.py").read_text()
    changed = tmp_path / "payment.py"
    changed.write_text(source.replace("+ 25,", "+ 30,"))
    (tmp_path / "story.py").write_text((shop_directory() / "story.py").read_text())
    assert changed.read_text() != source
    with program(str(changed), forked=True, serves="payment", url=demo.url, REDIS_URL=demo.url, **PAYMENT):
        report = replayed(demo.url, recorded, "--asap", "--ignore", IGNORE)
    assert report["failed"] == 0
    assert places(report) == {("payment", "charge"): {"response.payload.fee_cents"}}
    (row,) = [row for row in report["actions"] if row["changed"]]
    (difference,) = row["differences"]
    assert difference["after"] - difference["before"] == 5
    assert difference["count"] == row["changed"] == row["changed"] + row["same"]


def test_a_service_that_is_not_there_is_named(demo: Demo, recorded: Path) -> None:
    done = Console(demo.url)("replay", str(recorded), "--asap")
    assert done.status == 3
    assert "nobody serves payment (" in done.err
