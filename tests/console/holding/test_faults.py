"""Faults: set, counted, kept in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daebus import RequestFailed, RequestTimeout
from daebus_console.commands.context import Exit
from daebus_console.engine.holding.storm import StormError, read_storm, storm_text
from daebus_console.engine.message.exchange import Flag
from tests.console.holding.conftest import Debugging, Shop
from tests.support.waiting import eventually

STORM = """
[[fault]]
service = "payment"
action = "charge"
do = "delay"
seconds = 2
probability = 0.1
lasts = "5m"
where = ["payload.amount>100"]

[[fault]]
service = "users"
do = "answer"
payload = {id = 17, tags = ["a"], name = "Ann"}
from = "shop*"
once = true
"""


def test_a_fault_without_a_text_is_listed_with_what_the_caller_gets(console: Debugging, shop: Shop) -> None:
    assert console(f"fault {shop.orders} ping fail --code broke") == Exit.DONE
    with pytest.raises(RequestFailed) as caught:
        shop.ask("ping").result()
    assert f"{shop.orders}.ping {caught.value} (broke)" in console.heard.notes[-1]


def test_failed_so_often_and_no_more(console: Debugging, shop: Shop) -> None:
    assert console(f'fault {shop.payment} charge fail "card declined" --code declined --times 2') == Exit.DONE
    for _ in range(2):
        with pytest.raises(RequestFailed, match="card declined"):
            shop.ask().result()
    assert shop.ask().result() == {"placed": True, "charged": 1}
    eventually(lambda: not console.keeper.desk.settings, what="the rule is spent")
    touched = [one for one in console.session.journal.exchanges if one.flags & Flag.DEBUGGED]
    eventually(lambda: {one.target for one in touched} == {shop.payment})


@pytest.mark.parametrize(
    ("deed", "handled", "answer"),
    [
        ("delay 10ms", 1, {"pong": True}),
        ("answer id:=17 name=Ann", 0, {"id": 17, "name": "Ann"}),
        ("duplicate", 2, {"pong": True}),
        ("answer-twice", 1, {"pong": True}),
        ("drop", 0, None),
        ("drop-answer", 1, None),
    ],
)
def test_each_of_them(
    console: Debugging, shop: Shop, deed: str, handled: int, answer: dict[str, object] | None
) -> None:
    assert console(f"fault {shop.orders} ping {deed}") == Exit.DONE
    asked = shop.ask("ping", timeout=0.7 if answer is None else 30.0)
    if answer is None:
        with pytest.raises(RequestTimeout):
            asked.result()
    else:
        assert asked.result() == answer
    eventually(lambda: len(shop.handled) == handled)


def test_so_many_times_of_a_share_is_one_rule_with_one_roll_for_each_message(
    console: Debugging, shop: Shop, tmp_path: Path
) -> None:
    assert console(f"fault {shop.orders} ping fail --probability 10% --times 200") == Exit.DONE
    assert "10 % of them, 200 times" in console.heard.notes[-1]
    (setting,) = console.keeper.desk.settings.values()
    assert (setting.rule.probability, setting.rule.times) == (0.1, 200)
    path = tmp_path / "storm.toml"
    console(f"fault save {path}")
    ((_service, rule, _lasts),) = read_storm(path.read_text())
    assert (rule.probability, rule.times) == (0.1, 200)


def test_they_are_listed_and_end_with_their_time(console: Debugging, shop: Shop) -> None:
    assert console(f"fault {shop.orders} ping fail --probability 10% --for 1h") == Exit.DONE
    console.heard.lines.clear()
    assert console("fault") == Exit.DONE
    assert "10 % of them" in console.heard.lines[1]
    assert "ends in" in console.heard.lines[1]
    console.heard.records.clear()
    assert console("breaks --json") == Exit.DONE
    assert 3500 < console.heard.records[0]["left_s"] <= 3600
    assert console(f"fault {shop.orders} ping drop --for 300ms") == Exit.DONE
    eventually(lambda: len(console.keeper.desk.settings) == 1, what="its time is over")


def test_kept_in_a_file_and_set_again(console: Debugging, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    console(f"fault {shop.orders} ping answer id:=17 'note=a \"b\"' --where 'payload.x>1 payload.y' --for 1h")
    console(f"fault {shop.payment} '*' delay 1.5s --probability 0.25 --skip 3")
    before = [(one.service, one.rule.wire()) for one in console.keeper.desk.settings.values()]
    assert console(f"fault save {path}") == Exit.DONE
    assert console.heard.notes[-1] == f"2 rules written to {path}; `fault load {path}` sets them"
    assert console(f"fault save {path}") == Exit.USAGE
    assert console("off") == Exit.DONE
    assert console(f"fault load {path}") == Exit.DONE
    after = [(one.service, one.rule.wire()) for one in console.keeper.desk.settings.values()]
    assert [(service, {**rule, "id": ""}) for service, rule in after] == [
        (service, {**rule, "id": ""}) for service, rule in before
    ]
    assert [one.lasts for one in console.keeper.desk.settings.values()] == [3600.0, None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, in a folder of which one works."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "shop" / "orders").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "shop" / "orders")
    return tmp_path


def test_kept_by_name_for_the_project(console: Debugging, shop: Shop, project: Path) -> None:
    assert console("fault storms") == Exit.DONE
    assert "no storm is kept" in console.heard.notes[-1]
    console(f"fault {shop.orders} ping drop")
    assert console("fault save black-friday") == Exit.DONE
    file = project / ".daebus" / "storms" / "black-friday.toml"
    kept = file.read_text()
    assert console.heard.notes[-1] == f"1 rule written to {file}; `fault load black-friday` sets it"
    # What is there is not overwritten, unless that is said.
    console(f"fault {shop.orders} ping fail")
    assert console("fault save black-friday") == Exit.USAGE
    assert "is there already; use --force" in console.heard.mistakes[-1].message
    assert file.read_text() == kept
    assert console("fault save black-friday --force") == Exit.DONE
    assert len(read_storm(file.read_text())) == 2
    file.write_text(kept)
    console("off")
    (file.parent / "broken.toml").write_text("[[fault]")
    (file.parent / "notes.txt").write_text("no storm")
    console.heard.lines.clear()
    assert console("fault storms") == Exit.DONE
    assert [line.split()[0] for line in console.heard.lines] == ["STORM", "black-friday", "broken"]
    assert shop.orders in console.heard.lines[1]
    assert "this is no TOML" in console.heard.lines[2]
    console.heard.records.clear()
    assert console("fault storms --json") == Exit.DONE
    assert [(one["name"], one["faults"]) for one in console.heard.records] == [("black-friday", 1), ("broken", 0)]
    assert console("fault load black-friday") == Exit.DONE
    assert [one.rule.do for one in console.keeper.desk.settings.values()] == ["drop"]


def test_a_name_that_is_not_kept_tells_those_that_are(console: Debugging, shop: Shop, project: Path) -> None:
    console(f"fault {shop.orders} ping drop")
    console("fault save black-friday")
    assert console("fault load blackfriday") == Exit.USAGE
    mistake = console.heard.mistakes[-1]
    assert "there is black-friday" in mistake.message
    assert mistake.suggestion == "black-friday"
    # A folder that is there already is taken before that of the repository.
    (project / "shop" / ".daebus").mkdir()
    assert console("fault save here") == Exit.DONE
    assert (project / "shop" / ".daebus" / "storms" / "here.toml").is_file()
    # A file of that name is named as one.
    assert console("fault save ./black-friday") == Exit.DONE
    assert (project / "shop" / "orders" / "black-friday").is_file()
    assert console("fault load ./black-friday") == Exit.DONE


def test_where_no_folder_can_be_made_it_says_so(console: Debugging, shop: Shop, project: Path) -> None:
    (project / ".daebus").write_text("a file")
    console(f"fault {shop.orders} ping drop")
    assert console("fault save storm") == Exit.USAGE
    assert "cannot make" in console.heard.mistakes[-1].message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fault {orders} ping", "expected DEED"),
        ("fault {orders}", "expected ACTION"),
        ("fault {orders} ping sing", "expected one of delay, fail"),
        ("fault {orders} ping delay", "expected how long"),
        ("fault {orders} ping delay soon", "expected a time"),
        ("fault {orders} ping delay 10m", "300 s at most"),
        ("fault {orders} ping drop it", "nothing goes with `drop`"),
        ("fault {orders} ping answer what", "this is no item"),
        ("fault {orders} ping drop --probability 2", "a probability is above 0"),
        ("fault {orders} ping drop --probability often", "a probability is above 0"),
        ("fault {orders} ping drop --code x", "--code goes with `fail`"),
        ("fault {orders} ping fail --place event", "fail cannot be done at the place event: there are hold"),
        ("fault save x.toml", "no rule of ours stands"),
        ("fault save", "expected NAME or FILE"),
        ("fault load", "expected NAME or FILE"),
        ("fault load nowhere-to-be-found", "no storm nowhere-to-be-found is kept in"),
        ("fault load /nowhere/storm.toml", "cannot read /nowhere/storm.toml"),
    ],
)
def test_bad_input_is_told_and_sets_nothing(console: Debugging, shop: Shop, line: str, told: str) -> None:
    assert console(line.format(orders=shop.orders)) == Exit.USAGE
    assert told in console.heard.mistakes[-1].message
    assert not console.keeper.desk.settings


# The file ------------------------------------------------------------------------------------------------------------


def test_a_file_says_what_it_says_whoever_writes_it() -> None:
    faults = read_storm(STORM)
    assert [(one.service, one.rule.do, one.lasts) for one in faults] == [
        ("payment", "delay", 300.0),
        ("users", "answer", None),
    ]
    assert read_storm(storm_text(faults)) == faults


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected [[fault]] tables"),
        ("fault = 3", "expected [[fault]] tables"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\n[other]", "expected [[fault]] tables"),
        ("[[fault]", "this is no TOML"),
        (f"[[fault]]\ndelay = {'9' * 5000}", "a number in it has too many digits"),
        ("[[fault]]\ndo = 'drop'", "fault 1: `service` names"),
        ("[[fault]]\nservice = 'a'", "fault 1: `do` is one of"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\n[[fault]]\nservice = 'a'\ndo = 'sing'", "fault 2: `do` is one of"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\nsecond = 3", "fault 1: there is no `second`"),
        ("[[fault]]\nservice = 'a'\ndo = 'delay'", "fault 1: a delay is of some time"),
        ("[[fault]]\nservice = 'a'\ndo = 'delay'\nseconds = true", "fault 1: `seconds` is a number"),
        ("[[fault]]\nservice = 'a'\ndo = 'delay'\nseconds = inf", "fault 1: a delay is of some time"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\nprobability = nan", "fault 1: a probability"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\nwhere = 'x'", "fault 1: `where` is a list"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\nwhere = ['x']", "fault 1: `where`: expected a condition"),
        (
            "[[fault]]\nservice = 'a'\ndo = 'drop'\nwhere = ['payload.n>=3']",
            "fault 1: `where`: there is no operator >=: there are !=, =, <, >, ~",
        ),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\nlasts = 'soon'", "fault 1: `lasts` is a time"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\nskip = -1", "fault 1: "),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\ntimes = 0", "fault 1: a rule is for one message, or for so many"),
        ("[[fault]]\nservice = 'a'\ndo = 'drop'\ntimes = 2\nonce = true", "fault 1: a rule is for one message"),
    ],
)
def test_a_file_that_is_none_says_where(text: str, told: str) -> None:
    with pytest.raises(StormError) as failed:
        read_storm(text)
    assert told in str(failed.value)


def test_what_is_no_text_is_told(console: Debugging, tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    path.write_bytes(os.urandom(8) + b"\xff")
    assert console(f"fault load {path}") == Exit.USAGE
    assert console.heard.mistakes[-1].message == f"{path} is not UTF-8 text"
