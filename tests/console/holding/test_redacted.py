"""Rules that tell what is to be redacted: in a condition, in an answer, in an error; ours and those of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus import RequestTimeout
from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.hiding.redact import MASK, Redactor
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.session import Session
from daebus_console.render import to_text
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Debugging, Shop, known
from tests.console.tui.debugging.driving import knows
from tests.console.tui.support import Driver, drive
from tests.support.waiting import eventually

REDACT = Redactor(["password"])
RULES = (
    "break {} place payload.password=s3cret payload.user.password.first~s3c* payload.amount>2",
    'fault {} ping answer password=s3cret user:=\'{{"Password": "s3cret"}}\' --times 1',
    "fault {} pong fail 'no such password=s3cret'",
)


@pytest.fixture
def hiding(redis_url: str, shop: Shop) -> Iterator[Debugging]:
    """A console that redacts."""
    with Session(redis_url) as session, prompting(session, "y", "y", "y", redact=REDACT) as prompt:
        known(session, shop.orders)
        yield Debugging(session, prompt)
        under_way(session).close()


@pytest.fixture
def careless(redis_url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Debugging]:
    """One of somebody else, who has set these rules, and redacts nothing."""
    with Session(redis_url) as session, prompting(session) as prompt, monkeypatch.context() as patch:
        known(session, shop.orders)
        patch.setattr(keeping, "owner", lambda: "bob@elsewhere:7")
        careless = Debugging(session, prompt)
        for line in RULES:
            assert careless(line.format(shop.orders)) == Exit.DONE
        patch.undo()
        yield careless
        under_way(session).close()


def everything(console: Debugging) -> str:
    """All that it has told."""
    heard = console.heard
    lines = [one if isinstance(one, str) else to_text(one) for one in heard.lines]
    return "\n".join([*console.prompt.asked.questions, *heard.notes, *heard.errors, *lines, *map(str, heard.records)])


def test_our_own_rules_are_told_without_it(hiding: Debugging, shop: Shop, tmp_path: Path) -> None:
    for line in RULES:
        assert hiding(line.format(shop.orders)) == Exit.DONE
    storm = tmp_path / "storm.toml"
    for line in ("breaks", "breaks --json", "fault", "fault --json", f"fault save {storm}", "unbreak"):
        assert hiding(line) == Exit.DONE
    told = everything(hiding)
    assert "s3c" not in told
    assert f"payload.password={MASK}, payload.user.password.first~{MASK}, payload.amount>2" in told
    assert f"values of redacted keys are written as {MASK}" in told
    assert "s3c" not in storm.read_text()
    assert "payload.amount>2" in storm.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "fault {} place fail no --where payload.password!=s3cret",
        "fault {} place fail no --where payload.password~s3c*",
        'fault {} place fail no --where \'payload.user={{"password":"s3cret"}}\'',
        "fault {} place answer user.password=s3cret",
    ],
)
def test_a_storm_is_set_when_what_it_hides_is_put_in(hiding: Debugging, shop: Shop, tmp_path: Path, line: str) -> None:
    storm = tmp_path / "storm.toml"
    for each in (line.format(shop.orders), f"fault save {storm}", "off"):
        assert hiding(each) == Exit.DONE
    assert hiding(f"fault load {storm}") == Exit.USAGE
    assert f"{MASK} hides a value: write the value itself" in hiding.heard.mistakes[-1].message
    assert not hiding.keeper.desk.settings
    storm.write_text(storm.read_text().replace(MASK, "s3cret"))
    assert hiding(f"fault load {storm}") == Exit.DONE
    assert len(hiding.keeper.desk.settings) == 1


@pytest.mark.usefixtures("careless")
def test_those_of_others_are_told_without_it(hiding: Debugging) -> None:
    assert hiding("breaks --json") == Exit.DONE
    assert len(hiding.heard.records) == len(RULES)
    for line in ("breaks", "unbreak o1", "unbreak o2", "unbreak o3"):
        assert hiding(line) == Exit.DONE
    assert "s3c" not in everything(hiding)
    assert f"payload.password={MASK}" in everything(hiding)


def test_nor_does_why_tell_it(hiding: Debugging, shop: Shop) -> None:
    assert hiding(f"fault {shop.orders} ping drop --where payload.user.password~s3c*") == Exit.DONE
    with pytest.raises(RequestTimeout):
        shop.ask("ping", {"user": {"password": "s3cret"}}, timeout=0.5).result()

    def told() -> bool:
        hiding(f"why {shop.orders} ping")
        return f"payload.user.password~{MASK}); hit 1 time" in everything(hiding)

    eventually(told)
    assert "s3c" not in everything(hiding)


@pytest.mark.usefixtures("careless")
def test_nor_does_the_screen_of_rules_tell_it(shop: Shop) -> None:
    async def story(driver: Driver) -> None:
        await knows(driver, shop)
        await driver.press("L")
        await driver.sees("3 rules", f"payload.password={MASK}", f"no such password={MASK}")
        assert "s3c" not in driver.text

    drive(shop.url, story, redact=REDACT)


def test_what_is_masked_holds_what_it_names(hiding: Debugging, shop: Shop) -> None:
    assert hiding(f"break {shop.orders} ping payload.password=s3cret") == Exit.DONE
    asked = shop.ask("ping", {"password": "s3cret"})
    assert shop.ask("ping", {"password": MASK}).result() == {"pong": True}
    hiding.holding()
    assert hiding("release all") == Exit.DONE
    assert asked.result() == {"pong": True}
    eventually(lambda: not hiding.held())
