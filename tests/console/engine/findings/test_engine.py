"""The whole of it: anything may pass by, what is remembered is bounded, and what has changed is no longer known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daebus_console.engine.filter.language import parse
from daebus_console.engine.findings.book import MOST, Book
from daebus_console.engine.findings.engine import A_SECOND, Findings
from daebus_console.engine.findings.finding import MOST_EVIDENCE, Finding, Severity
from daebus_console.engine.findings.known import Known, Mark, mark_for
from daebus_console.engine.findings.rules import RULES
from tests.console.engine.findings.watched import Watched
from tests.console.engine.test_fuzz import any_bytes, channels

told = st.dictionaries(
    st.sampled_from(["service", "instance", "actions", "workers", "queue", "counts", "version", "listens"]),
    st.one_of(st.none(), st.integers(), st.text(max_size=3), st.sampled_from(["orders", "a"]), st.lists(st.text())),
)
events = st.one_of(st.tuples(channels, any_bytes), st.tuples(channels, any_bytes), st.floats(0, 15), told, st.just(...))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events, max_size=40))
def test_anything_may_pass_by(story: list[Any]) -> None:
    bus = Watched()
    for event in story:
        if isinstance(event, float):
            bus.wait(event)
        elif isinstance(event, dict):
            bus.session.findings.told(bus.now, event)
        elif event is ...:
            bus.session.on_down(bus.now, "cut off")
            bus.poll(orders=1, _a=2)
            bus.session.on_up(bus.now)
        else:
            bus.now += 0.001
            bus.session.on_batch(bus.now, [event])
    bus.session.findings.finish()
    for finding in bus.found():
        parse(finding.filter)


def test_every_rule_has_a_name_a_title_and_a_page_of_what_why_and_what_to_do() -> None:
    assert len(RULES) == 34
    for name, rule in RULES.items():
        assert rule.__module__.endswith(name.replace("-", "_"))
        assert rule.title
        paragraphs = rule.page.split("\n\n")
        assert len(paragraphs) >= 3
        assert any(one.startswith("It is thought so because") for one in paragraphs)


def test_beyond_so_many_a_second_a_part_is_looked_at_and_the_rest_counted() -> None:
    bus = Watched()
    for number in range(A_SECOND + 500):
        bus.session.on_batch(bus.now, [("news", b'{"number": %d}' % number)])
    assert bus.session.findings.skipped == 500
    bus.wait(1)
    bus.say("news", {})
    assert bus.session.findings.skipped == 500


def test_until_when_what_went_well_was_looked_at_in_part_is_known() -> None:
    bus = Watched()
    question = b'{"action": "get", "payload": {}, "request_id": "%d", "reply_to": "caller:web"}'
    bus.session.on_batch(bus.now, [("users", question % number) for number in range(A_SECOND)])
    assert bus.session.findings.skipped == 0
    assert bus.session.findings.world.in_part == 0
    bus.session.on_batch(bus.now, [("users", question % number) for number in range(A_SECOND, A_SECOND + 9)])
    assert bus.session.findings.skipped == 9
    assert bus.session.findings.world.in_part == int(bus.now) + 1


def test_what_comes_a_few_at_a_time_is_judged_together_and_at_the_latest_when_somebody_asks() -> None:
    bus = Watched()
    bus.wait(0)
    told: list[int] = []
    bus.session.findings.judges.asked.append(lambda _service, _action, exchanges: told.append(len(exchanges)))
    for _ in range(40):
        bus.call("users", "get")
    assert len(told) <= 2, "less than a tenth of a second has passed"
    assert len(bus.session.findings.book) == 0
    assert sum(told) == 40
    bus.call("users", "get")
    bus.wait(0.2)
    assert sum(told) == 41, "nothing came for a while"


def test_a_failure_is_told_before_what_comes_after_it() -> None:
    bus = Watched()
    order: list[str] = []
    bus.session.findings.judges.asked.append(lambda _service, action, _exchanges: order.append(action))
    bus.session.findings.judges.failed.append(lambda exchange: order.append(f"{exchange.action} failed"))
    bus.call("users", "first")
    bus.fail(bus.ask("users", "second"))
    bus.ask("users", "third")
    bus.found()
    assert order == ["first", "second", "second failed", "third"]


def test_a_fault_of_a_rule_is_told_and_harms_nothing() -> None:
    bus = Watched()

    def broken(*_arguments: object) -> None:
        raise KeyError("oops")

    bus.session.findings.judges.cast.insert(0, broken)
    bus.say("news", {})
    assert bus.session.findings.problem == "KeyError: 'oops'"
    assert bus.session.status.messages == 1


@pytest.mark.parametrize("event", ["asked", "expired", "look", "lost", "finish"])
def test_a_fault_of_a_rule_keeps_no_other_from_judging(monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    def broken(*_arguments: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(next(iter(RULES.values())), event, broken)
    bus = Watched()
    bus.poll(_prices=1)
    bus.ask("prices", "slow", timeout=1)
    for _ in range(7):
        bus.ask("price", "get")
    bus.poll(_prices=1)
    bus.wait(1.5)
    bus.poll(_prices=1)
    bus.session.findings.finish()
    bus.session.findings.lost()
    assert "nobody-listens" in [one.rule for one in bus.session.findings.book]
    assert bus.session.findings.problem == "KeyError: 'oops'"


def report(book: Book, number: int, severity: Severity = Severity.WARNING, about: str = "") -> Finding | None:
    return book.report(
        "rule", severity, float(number), [number], about=about, text="t", because="b", advice="a", where=""
    )


def test_a_book_is_bounded_and_counts_what_it_leaves_out() -> None:
    book = Book()
    for number in range(MOST + 7):
        report(book, number, about=str(number))
    assert (len(book), book.left_out) == (MOST, 7)


def test_the_first_and_the_latest_exchanges_are_the_evidence() -> None:
    book = Book()
    for number in range(1, 101):
        report(book, number)
    (finding,) = book
    assert finding.count == 100
    assert finding.evidence == [1, 2, 3, 4, 5, *range(86, 101)]
    assert len(finding.evidence) == MOST_EVIDENCE
    assert book.of(50) is finding
    assert book.of(101) is None


def test_the_gravest_comes_first_and_marks_the_row() -> None:
    book = Book()
    mild, grave = report(book, 1, Severity.INFO, "mild"), report(book, 1, Severity.ERROR, "grave")
    report(book, 1, Severity.WARNING, "between")
    assert [one.about for one in book] == ["grave", "between", "mild"]
    assert book.of(1) is grave
    assert book.find(mild.id if mild else "") is mild


def test_known_hides_until_it_is_seen_more_often_or_is_graver() -> None:
    book = Book()
    finding = report(book, 1)
    assert finding is not None
    known = Known({finding.id: mark_for(finding, "sees to it: Ann")})
    assert known.mark_of(finding) is not None
    assert Known.from_json(known.as_json()).marks == known.marks
    report(book, 2)
    assert known.mark_of(finding) is None
    always = Known({finding.id: mark_for(None, "")})
    assert always.mark_of(finding) is not None
    graver = Known({finding.id: Mark("", Severity.WARNING, None)})
    report(book, 3, Severity.ERROR)
    assert graver.mark_of(finding) is None


@pytest.mark.parametrize(
    "odd", [None, [], 7, {"a": 1}, {"a": {"severity": "odd"}}, {"a": {"severity": "info", "count": True}}]
)
def test_marks_that_are_none_are_passed_over(odd: Any) -> None:
    assert Known.from_json(odd).marks == {}


def test_the_clock_steps_and_all_begins_anew() -> None:
    bus = Watched()
    bus.info("users", "get")
    bus.poll(_users=1)
    findings: Findings = bus.session.findings
    findings.stepped()
    assert findings.world.polled is None
    assert findings.world.instances.of("users") == []
