"""Names that nobody has: services, actions, channels; and the names that were meant."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.dates import clock
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.words import near
from daebus_console.engine.why.asking import why_action
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import START, Watched
from tests.console.engine.records.told import batch, record


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("send_recipt", ["send_receipt", "outbox"], "send_receipt"),
        ("price", ["prices"], "prices"),
        ("Prices", ["prices"], "prices"),
        ("get-user", ["get_user"], "get_user"),
        ("usres", ["users"], "users"),
        ("apply_coupon", ["place_order", "cancel_order"], None),
        ("get", ["set"], None),
        ("charge", ["chagre"], "chagre"),
        ("charge", ["chtage"], None),
        ("labs", ["lab"], "lab"),
        ("lab", ["lobs", "labs"], "labs"),
        ("warehouse_stock", ["warehouse_stok", "warehose_stok"], "warehouse_stok"),
        ("warehouse_stock", ["warehose_stok", "warehouse_stok"], "warehouse_stok"),
        ("i", ["is"], None),
        ("stock1", ["stock2"], None),
        ("orders_2", ["orders"], None),
        ("", ["users"], None),
        ("users", ["users"], None),
        ("a" * 100_000, ["b" * 100_000, "users"], None),
    ],
)
def test_near_names(word: str, known: list[str], meant: str | None) -> None:
    assert near(word, known) == meant


def test_of_a_service_that_has_come_nobody_says_that_nobody_serves_it(bus: Watched) -> None:
    bus.poll(_prices=1)
    bus.poll(_users=1)
    bus.ask("prices", "get")
    bus.wait(1.5)
    bus.poll(_users=1)
    assert bus.one("nobody-listens").text == "requests went to 'prices', and nobody serves it"
    bus.wait(5)
    bus.poll(_users=1, _prices=1)
    bus.wait(1)
    bus.poll(_users=1, _prices=1)
    finding = bus.one("nobody-listens")
    assert finding.text == "requests went to 'prices' while nobody served it; it is there now"
    assert (finding.count, finding.severity) == (1, Severity.ERROR)
    bus.wait(5)
    bus.poll(_users=1)
    bus.ask("prices", "get")
    bus.wait(1.5)
    bus.poll(_users=1)
    assert bus.one("nobody-listens").text == "requests went to 'prices', and nobody serves it"


def test_where_subscribers_are_not_listed_whoever_asked_tells_that_nobody_was_there(bus: Watched) -> None:
    asked = bus.ask("prices", "get")
    missed = record(1, "called", bus.now, id=asked.request_id, service="prices", action="get", outcome="unavailable")
    told = batch("web", missed, record(2, "called", bus.now, id="x", service="users", action="get", outcome="timeout"))
    bus.say(told.channel, told.data)
    finding = bus.one("nobody-listens")
    assert finding.text == "requests went to 'prices', and nobody served it"
    assert finding.because == "web, which asked, tells that the channel had no subscriber"
    assert (finding.evidence, finding.advice) == (
        [asked.number],
        "start prices, or look at which Redis it is",
    )
    bus.info("prices", "get")
    told = batch("web", {**missed, "seq": 3})
    bus.say(told.channel, told.data)
    assert bus.one("nobody-listens").text.endswith("while nobody served it; it was there at another time")


def test_where_subscribers_are_not_listed_one_of_nearly_that_name_is_named_as_well(bus: Watched) -> None:
    """As from a capture."""
    bus.info("mailer", "send")
    bus.info("billing", "send")
    asked = bus.ask("mailr", "send")
    missed = record(1, "called", bus.now, id=asked.request_id, service="mailr", action="send", outcome="unavailable")
    told = batch("web", missed)
    bus.say(told.channel, told.data)
    finding = bus.one("nobody-listens")
    assert finding.text == "requests went to 'mailr', and nobody served it; 'mailer' was there"
    assert finding.advice == "send to 'mailer' where 'mailr' is called, if that is meant"


def test_where_subscribers_are_listed_a_call_that_reached_nobody_counts_once(bus: Watched) -> None:
    bus.poll(_prices=1)
    bus.poll()
    asked = bus.ask("prices", "get")
    told = batch("web", record(1, "called", bus.now, id=asked.request_id, service="prices", outcome="unavailable"))
    bus.say(told.channel, told.data)
    bus.wait(1.5)
    bus.poll()
    assert bus.one("nobody-listens").count == 1


def test_what_was_sent_just_before_a_service_was_seen_to_have_gone_may_have_reached_it(bus: Watched) -> None:
    """It is stopped, and answers what runs."""
    for _ in range(2):
        bus.poll(_prices=1)
        bus.wait(1)
    bus.ask("users")
    slow = bus.ask("prices", "get")
    for _ in range(3):
        bus.poll(users=1)
        bus.wait(1)
    assert bus.names() == []
    bus.answer(slow)
    lost = bus.ask("prices", "get")
    bus.wait(1.5)
    bus.poll(users=1)
    assert bus.one("nobody-listens").evidence == [lost.number]


@pytest.mark.parametrize("ahead", [1.8, 5])
def test_one_whose_clock_is_ahead_may_have_come_before_it_seems_to(bus: Watched, ahead: float) -> None:
    bus.poll(_prices=1)
    bus.wait(1)
    bus.poll(_users=1)
    bus.wait(0.5)
    bus.send("prices", "note")
    bus.wait(0.4)
    bus.poll(_users=1, _prices=1)
    for _ in range(4):
        bus.info("prices", "note", started=START + ahead)
        bus.wait(3)
        bus.poll(_users=1, _prices=1)
    assert bus.names() == []


@pytest.mark.parametrize(("anew", "ends"), [(True, False), (True, True), (False, False)])
def test_what_was_sent_to_a_service_that_was_away_for_a_moment(bus: Watched, anew: bool, ends: bool) -> None:
    bus.info("prices", "get", "note", started=bus.now - 100)
    bus.poll(_prices=1)
    bus.wait(1)
    bus.poll(_users=1)
    sent = [bus.ask("prices", "get"), bus.send("prices", "note")]
    bus.wait(0.8)
    bus.poll(_users=1, _prices=1)
    bus.call("prices", "get")
    bus.info("prices", "get", "note", instance="i2" if anew else "i1", started=bus.now - (0.2 if anew else 102))
    if ends:
        bus.session.findings.finish()
    bus.wait(1)
    bus.poll(_users=1, _prices=1)
    if not anew:
        bus.wait(12)
        assert bus.names() == []
        return
    found = bus.one("nobody-listens")
    assert found.text == "requests went to 'prices' while nobody served it; it is there now"
    assert (found.evidence, found.count) == ([one.number for one in sent], 2)
    assert found.because.endswith("and each instance that is there now tells that it began later")


@pytest.mark.parametrize("anew", [False, True])
def test_a_service_that_had_only_lost_its_connection(bus: Watched, anew: bool) -> None:
    bus.poll(_prices=1)
    bus.info("prices", "get")
    bus.wait(1)
    bus.poll(_users=1)
    bus.ask("prices", "get")
    bus.wait(1.5)
    bus.poll(_users=1)
    bus.wait(5)
    bus.poll(_users=1, _prices=1)
    bus.info("prices", "get", instance="new" if anew else "i1")
    finding = bus.one("nobody-listens")
    if anew:
        assert finding.text.endswith("while nobody served it; it is there now")
        assert "let the new instance start" in finding.advice
    else:
        assert finding.text.endswith("while nobody served it: it had lost its connection, and has one again")
        assert "client-output-buffer-limit" in finding.advice


def test_a_service_that_nobody_serves_is_named_with_the_one_that_was_meant(bus: Watched) -> None:
    bus.poll(_prices=1)
    asked = [bus.ask("price", "get") for _ in range(7)]
    bus.poll(_prices=1)
    assert bus.found() == []
    bus.wait(1.5)
    bus.poll(_prices=1)
    finding = bus.one("nobody-listens")
    assert (finding.severity, finding.service, finding.count) == (Severity.ERROR, "price", 7)
    assert finding.evidence == [one.number for one in asked[:5]]
    assert (finding.first, finding.last) == (asked[0].opened.at, asked[-1].opened.at)
    assert "nobody serves it; 'prices' is there" in finding.text
    assert finding.filter == "to:price"


def test_who_comes_within_the_second_was_only_late(bus: Watched) -> None:
    bus.poll()
    bus.ask("users")
    bus.wait(1.5)
    bus.poll(_users=1)
    bus.wait(3)
    bus.poll(_users=1)
    assert bus.found() == []


def test_who_reads_by_a_pattern_may_serve_it(bus: Watched) -> None:
    bus.poll(patterns=2)
    bus.ask("users")
    bus.wait(1.5)
    bus.poll(patterns=2)
    assert bus.found() == []


def test_who_is_answered_is_served_however(bus: Watched) -> None:
    bus.poll()
    bus.call("users")
    bus.wait(1.5)
    bus.poll()
    assert bus.found() == []


def test_a_one_way_message_for_a_misspelled_action(bus: Watched) -> None:
    bus.poll(_mailer=1)
    bus.info("mailer", "send_receipt")
    sent = [bus.send("mailer", "send_recipt") for _ in range(7)]
    bus.wait(1)
    assert bus.found() == []
    bus.info("mailer", "send_receipt")
    bus.wait(1)
    bus.poll(_mailer=1)
    finding = bus.one("unknown-action")
    assert (finding.severity, finding.service, finding.action, finding.count) == (
        Severity.ERROR,
        "mailer",
        "send_recipt",
        7,
    )
    assert finding.evidence == [one.number for one in sent[:5]]
    assert (finding.first, finding.last) == (sent[0].opened.at, sent[-1].opened.at)
    assert "'send_receipt'" in finding.text
    assert "'send_receipt'" in finding.advice


def test_an_action_that_is_there_is_none(bus: Watched) -> None:
    bus.poll(_mailer=1)
    bus.info("mailer", "send_receipt")
    bus.send("mailer", "send_receipt")
    bus.info("mailer", "send_receipt")
    bus.wait(1)
    bus.poll(_mailer=1)
    assert bus.found() == []


def test_an_action_that_one_beside_them_may_have_that_cannot_be_asked_is_none(bus: Watched) -> None:
    bus.poll(_mailer=1, mailer=1)
    bus.info("mailer", "send_receipt")
    bus.send("mailer", "send_invoice")
    bus.fail(bus.ask("mailer", "send_bill"), "unknown_action")
    bus.wait(2)
    bus.info("mailer", "send_receipt")
    bus.wait(1)
    bus.poll(_mailer=1, mailer=1)
    assert bus.found() == []
    findings = bus.session.findings
    sight = Sight(findings.world, findings.book, bus.session.journal, bus.now)
    assert why_action(sight, "mailer", "send_invoice").text == (
        "nothing speaks against it: no instance of mailer that has told its actions serves send_invoice;"
        f" 0 of ? workers were busy at {clock(bus.now - 1)}; 1 more on its channel cannot be asked"
    )
    bus.poll(_mailer=1)
    assert why_action(sight, "mailer", "send_invoice").name == "unknown_action"


def test_an_action_that_one_beside_them_cannot_have_that_only_listens_there_is_said_to_be_unknown(bus: Watched) -> None:
    bus.poll(_mailer=1, mailer=1, _audit=1)
    bus.info("mailer", "send_receipt")
    bus.info("audit", listens=["mailer"])
    bus.send("mailer", "send_invoice", message_id="m1")
    bus.fail(bus.ask("mailer", "send_bill"), "unknown_action")
    bus.wait(2)
    bus.info("mailer", "send_receipt")
    bus.wait(1)
    bus.poll(_mailer=1, mailer=1, _audit=1)
    assert sorted(finding.action or "" for finding in bus.found()) == ["send_bill", "send_invoice"]
    findings = bus.session.findings
    sight = Sight(findings.world, findings.book, bus.session.journal, bus.now)
    assert why_action(sight, "mailer", "send_invoice").name == "unknown_action"


def deploy(bus: Watched, there: int) -> None:
    """An instance without an action that an older one had comes, where so many are subscribed all the time."""
    bus.poll(_users=there)
    bus.info("users", "find", "lookup", instance="old")
    bus.wait(5)
    bus.info("users", "find", instance="new")
    bus.fail(bus.ask("users", "lookup"), "unknown_action")
    bus.wait(2)
    bus.info("users", "find", instance="new")
    bus.wait(1)
    bus.poll(_users=there)


def test_an_action_that_only_an_instance_had_which_was_replaced(bus: Watched) -> None:
    deploy(bus, there=1)
    finding = bus.one("unknown-action")
    assert finding.text == "users has no action 'lookup' any more: requests for it fail"
    assert finding.severity is Severity.WARNING
    assert finding.because == (
        "its instance told which actions it has, and this is not among them; one that was there before had it"
    )


def test_an_action_of_an_instance_that_is_there_and_has_not_told_lately_is_none(bus: Watched) -> None:
    deploy(bus, there=2)
    assert "unknown-action" not in bus.names()


def test_an_action_that_was_added_meanwhile_is_none(bus: Watched) -> None:
    bus.poll(_mailer=1)
    bus.info("mailer", "send_receipt")
    bus.send("mailer", "send_invoice")
    bus.info("mailer", "send_receipt", "send_invoice")
    bus.wait(1)
    bus.poll(_mailer=1)
    assert bus.found() == []


def test_as_long_as_an_instance_has_not_told_nobody_knows(bus: Watched) -> None:
    bus.poll(_mailer=2)
    bus.info("mailer", "send_receipt")
    bus.send("mailer", "send_recipt")
    bus.info("mailer", "send_receipt")
    bus.wait(1)
    bus.poll(_mailer=2)
    assert bus.found() == []


def test_a_service_that_is_not_on_the_framework_tells_nothing(bus: Watched) -> None:
    bus.poll(mailer=1)
    bus.send("mailer", "send_recipt")
    bus.wait(2)
    bus.poll(mailer=1)
    bus.session.findings.finish()
    assert bus.found() == []


@pytest.mark.parametrize(("action", "severity"), [("get_usr", Severity.WARNING), ("apply_coupon", Severity.INFO)])
def test_a_request_that_failed_for_it_is_no_more_than_a_slip(bus: Watched, action: str, severity: Severity) -> None:
    bus.poll(_users=1)
    bus.info("users", "get_user")
    bus.fail(bus.ask("users", action), "unknown_action")
    bus.info("users", "get_user")
    bus.wait(1)
    bus.poll(_users=1)
    assert bus.one("unknown-action").severity is severity


def test_a_capture_has_no_polls_and_tells_at_its_end(bus: Watched) -> None:
    bus.send("mailer", "send_recipt")
    bus.info("mailer", "send_receipt")
    bus.send("mailer", "send_recipt")
    assert bus.found() == []
    bus.session.findings.finish()
    assert bus.one("unknown-action").count == 2


def test_a_misspelled_channel(bus: Watched) -> None:
    bus.info("mailer", "send", listens=["orders"])
    bus.poll(_mailer=1, orders=1)
    sent = [bus.say("order", {"order": number}) for number in range(7)]
    bus.wait(1.5)
    bus.poll(_mailer=1, orders=1)
    finding = bus.one("misnamed-channel")
    assert (finding.count, finding.evidence) == (7, [one.number for one in sent[:5]])
    assert (finding.first, finding.last) == (sent[0].opened.at, sent[-1].opened.at)
    assert "'orders' has listeners" in finding.text


@pytest.mark.parametrize(
    ("sent", "heard", "told"),
    [
        ("metric", "metrics", False),
        ("order.created", "orders.created", False),
        ("orders.created", "order.created", False),
        ("orders.craeted", "orders.created", True),
        ("order.creates", "order.create", False),
        ("sorder", "order", True),
        ("orders1", "order1", True),
    ],
)
def test_one_and_many_are_two_channels_where_both_are_used(bus: Watched, sent: str, heard: str, told: bool) -> None:
    bus.info("mailer", "send", listens=[heard])
    bus.poll(**{"_mailer": 1, heard: 1})
    for channel in (heard, sent):
        bus.say(channel, {"order": 1})
    bus.wait(1.5)
    bus.poll(**{"_mailer": 1, heard: 1})
    assert bus.names() == ["misnamed-channel"] * told


@pytest.mark.parametrize(
    ("channel", "times", "also", "told"),
    [
        ("order.created", 3, "", True),
        ("order.created", 2, "", False),
        ("order.created", 3, "orders.created", False),
        ("orders.changed", 3, "", False),
        ("orders.created", 3, "", False),
    ],
)
def test_a_misspelled_channel_in_a_capture(bus: Watched, channel: str, times: int, also: str, told: bool) -> None:
    bus.info("mailer", "send", listens=["orders.created"])
    for number in range(times):
        bus.say(channel, {"order": number})
    if also:
        bus.say(also, {"order": 1})
    assert bus.names() == []
    bus.session.findings.finish()
    assert bus.names() == ["misnamed-channel"] * told
    if told:
        found = bus.one("misnamed-channel")
        assert (found.severity, found.count) == (Severity.INFO, 3)
        assert found.text == (
            "no service tells that it listens to 'order.created'; 'orders.created' has listeners, and nothing came"
            " on it"
        )
        assert found.because.endswith("is not known, nor what a filter left out")


def test_what_came_in_a_gap_may_have_come_on_the_other_channel(bus: Watched) -> None:
    bus.info("mailer", "send", listens=["orders.created"])
    bus.session.findings.lost()
    for number in range(5):
        bus.say("order.created", {"order": number})
    bus.session.findings.finish()
    assert bus.names() == []


def test_broadcasts_to_nobody_are_no_fault(bus: Watched) -> None:
    bus.info("mailer", "send", listens=["orders"])
    bus.poll(_mailer=1, orders=1)
    bus.say("monitoring", {"up": True})
    bus.wait(1.5)
    bus.poll(_mailer=1, orders=1)
    assert bus.found() == []


def test_an_action_on_some_instances_only(bus: Watched) -> None:
    bus.info("users", "get", "list", instance="a")
    bus.info("users", "get", instance="b")
    bus.info("users", "get", "list", instance="a")
    refused = bus.fail(bus.ask("users", "list"), "unknown_action", instance="b")
    bus.answer(refused, instance="a")
    finding = bus.one("action-on-some")
    assert (finding.severity, finding.evidence) == (Severity.ERROR, [refused.number])
    assert finding.text == "only 1 of 2 instances has users list: the other answers that it does not know it"
    # The second answer belongs to the same fault.
    assert "answered-twice" not in bus.names()


@pytest.mark.parametrize(("also", "advice"), [("", "give one of them another name"), ("ping", "bring all instances")])
def test_two_apps_under_one_name(bus: Watched, also: str, advice: str) -> None:
    for _ in range(2):
        bus.info("api", "users", *[also] * bool(also), instance="a")
        bus.info("api", "orders", *[also] * bool(also), instance="b")
    refused = bus.fail(bus.ask("api", "users"), "unknown_action", instance="b")
    assert bus.one("action-on-some").advice.startswith(advice)
    findings = bus.session.findings
    cause = why_action(Sight(findings.world, findings.book, bus.session.journal, bus.now), "api", "users")
    assert (cause.name, cause.advice.startswith(advice)) == ("some_instances", True)
    assert refused.number in bus.one("action-on-some").evidence


def test_it_is_told_as_well_where_the_refusal_comes_second(bus: Watched) -> None:
    for instance, actions in (("a", ["get", "list"]), ("b", ["get"]), ("a", ["get", "list"])):
        bus.info("users", *actions, instance=instance)
    asked = bus.call("users", "list")
    bus.fail(asked, "unknown_action", instance="b")
    assert bus.one("action-on-some").evidence == [asked.number]
    again = bus.call("users", "list")
    bus.fail(again, "unknown_action", instance="b")
    assert bus.one("action-on-some").filter == f"id:#{asked.number},#{again.number}"


def test_instances_that_ran_beside_the_one_that_replaced_them(bus: Watched) -> None:
    for _ in range(2):
        bus.poll(_users=2)
        bus.info("users", "get", "list", instance="old")
        bus.info("users", "get", instance="new")
        bus.wait(10)
    bus.poll(_users=1)
    bus.fail(bus.ask("users", "list"), "unknown_action", instance="new")
    assert "action-on-some" not in bus.names()
    for _ in range(3):
        bus.info("users", "get", instance="new")
        bus.fail(bus.ask("users", "list"), "unknown_action", instance="new")
        bus.wait(5)
    bus.info("users", "get", instance="new")
    bus.wait(1)
    bus.poll(_users=1)
    found = bus.one("unknown-action")
    assert found.text == "users has no action 'list' any more: requests for it fail"
    assert "action-on-some" not in bus.names()


def test_an_instance_that_is_slow_to_tell_of_itself_is_there(bus: Watched) -> None:
    bus.info("users", "get", "list", instance="slow")
    for _ in range(3):
        bus.info("users", "get", instance="quick")
        bus.wait(2)
        bus.fail(bus.ask("users", "list"), "unknown_action", instance="quick")
        bus.info("users", "get", instance="quick")
        bus.wait(2)
        bus.info("users", "get", "list", instance="slow")
    bus.fail(bus.ask("users", "list"), "unknown_action", instance="quick")
    assert "unknown-action" not in bus.names()
    assert bus.one("action-on-some").text.startswith("only 1 of 2 instances has users list")


def test_an_action_that_the_old_instance_lacked_is_none(bus: Watched) -> None:
    bus.info("users", "get", instance="old")
    bus.wait(2)
    bus.fail(bus.ask("users", "list"), "unknown_action")
    bus.info("users", "get", "list", instance="new")
    bus.call("users", "list")
    assert "action-on-some" not in bus.names()


def test_a_message_on_the_channel_of_a_service_that_names_no_action(bus: Watched) -> None:
    bus.poll(_orders=1)
    foreign = bus.say("orders", {"pattern": "orders.create", "data": {}})
    finding = bus.one("unreadable")
    assert finding.text == "a message on orders names no action: the service drops it"
    assert finding.advice == (
        "let its sender, which may speak another framework, name an `action`, or use another channel"
    )
    assert list(finding.evidence) == [foreign.number]
    slip = bus.say("orders", {"actoin": "create", "payload": {}})
    first, second = [one for one in bus.found() if one.rule == "unreadable"]
    assert {first.advice, second.advice} >= {"write 'action' where 'actoin' is sent"}
    assert slip.number in (*first.evidence, *second.evidence)


def test_on_a_channel_that_somebody_listens_to_an_object_is_enough(bus: Watched) -> None:
    bus.poll(_orders=1, _mailer=1)
    bus.info("mailer", "send", listens=["orders"])
    bus.say("orders", {"order": 7})
    bus.say("news", {"order": 7})
    assert bus.names() == []


@pytest.mark.parametrize(
    "message",
    [
        b'"a text"',
        b"\x82\xa6action\xa3get",
        {"acton": "get", "payload": {}},
        b'{"action": "create", "payload": {"of": "J\xf6rg"}}',
    ],
)
def test_what_came_before_its_service_had_told_of_itself_counts_too(bus: Watched, message: Any) -> None:
    for _ in range(3):
        bus.say("orders", message)
        bus.say("news", message)
    assert bus.found() == []
    started = bus.now - 60
    bus.poll(_orders=1)
    bus.info("orders", "create", started=started)
    assert bus.one("unreadable").count == 3
    bus.say("orders", message)
    assert bus.one("unreadable").count == 4


def test_what_came_before_it_had_begun_or_long_before_it_told_does_not(bus: Watched) -> None:
    bus.say("orders", b'"long ago"')
    bus.wait(20)
    bus.poll(_users=1)
    bus.say("orders", b'"just before"')
    bus.wait(1)
    bus.info("orders", "create", started=bus.now)
    bus.info("mailer", "send", started=bus.now - 60, listens=["orders"])
    assert bus.found() == []
