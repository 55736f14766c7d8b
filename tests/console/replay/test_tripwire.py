"""What a tripwire notices, and what of the journal it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.filter.language import parse
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.engine.records.before import row_of
from daebus_console.engine.records.record import Handled, Source
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from daebus_console.engine.tripwire.keeping import Keeping, Span
from daebus_console.engine.tripwire.wire import Hit, Tripwire
from daebus_console.files.places import FileError
from tests.console.commands.prompt import Prompt
from tests.console.commands.remembered import Passed
from tests.console.engine.bus import answer, raw, request


@pytest.fixture
def passed() -> Passed:
    return Passed(Prompt(Session("redis://localhost:1/0", Settings(max_messages=100))))


def hit(passed: Passed, since: float | None = None, action: str = "place") -> Hit:
    return Hit(passed.now, passed.now if since is None else since, 1, "orders", action, "timeout")


def kept(path: str) -> list[Frame | Gap]:
    with CaptureReader(path) as reader:
        found = list(reader)
        assert reader.warnings == []
    return found


def keep(passed: Passed, folder: Path, **options: object) -> Keeping:
    given = {"hit": hit(passed), "span": Span(30, 0), "redact": Redactor(()), **options}
    return Keeping(passed.session, str(folder), **given)  # type: ignore[arg-type]


def test_what_passed_before_and_after(passed: Passed, tmp_path: Path) -> None:
    for second in range(40):
        passed >> raw("news", f'{{"n": {second}}}')
        passed.wait(1)
    keeping = keep(passed, tmp_path)
    assert list(tmp_path.glob("*.jsonl")) == []
    passed >> raw("news", '{"n": "after"}')
    keeping.catch_up()
    passed >> raw("news", '{"n": "last"}')
    keeping.finish()
    (path,) = tmp_path.iterdir()
    assert str(path) == keeping.path
    assert path.name.endswith("-orders-place.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    frames = kept(keeping.path)
    assert [frame.data for frame in frames if isinstance(frame, Frame)] == [
        *(b'{"n": %d}' % second for second in range(10, 40)),
        b'{"n": "after"}',
        b'{"n": "last"}',
    ]
    assert (keeping.messages, keeping.short) == (32, 0)


def test_what_services_tell_of_before_is_no_message(passed: Passed, tmp_path: Path) -> None:
    """Rows of it stand among the messages that passed, with the times at which it was."""
    journal = passed.session.journal
    for second in range(40):
        passed >> raw("news", f'{{"n": {second}}}')
        told = Handled(seq=second + 1, at=passed.now - 1000 + second, id=f"r{second}", action="login")
        told.source = Source("users", "i1")
        journal.add(*row_of(told, passed.now, journal.next_number, journal.next_seq))
        passed.wait(1)
    keeping = keep(passed, tmp_path)
    keeping.finish()
    frames = kept(keeping.path)
    assert [frame.data for frame in frames if isinstance(frame, Frame)] == [b'{"n": %d}' % n for n in range(10, 40)]
    assert len(frames) == 30
    assert (keeping.messages, keeping.short) == (30, 0)


def test_what_tripped_it_is_there_from_its_beginning(passed: Passed, tmp_path: Path) -> None:
    since = passed.now
    passed >> request("orders", "place", id="r", timeout=60)
    passed.wait(60)
    keeping = keep(passed, tmp_path, hit=hit(passed, since))
    keeping.finish()
    assert len(kept(keeping.path)) == 1


def test_what_is_no_longer_remembered_is_said(passed: Passed, tmp_path: Path) -> None:
    for second in range(300):
        passed >> raw("news", f'{{"n": {second}}}')
        passed.wait(0.25)
    keeping = keep(passed, tmp_path)
    assert keeping.short == pytest.approx(5, abs=0.3)
    # More comes than is remembered before the disk is written.
    for second in range(250):
        passed >> raw("news", f'{{"later": {second}}}')
    keeping.finish()
    gap, *frames = kept(keeping.path)
    assert isinstance(gap, Gap)
    assert gap.reason == "250 messages here were not remembered"
    assert len(frames) == 100


def test_what_passed_before_this_console_looked_is_said_to_be_missing(passed: Passed, tmp_path: Path) -> None:
    passed.session.on_up(passed.now)
    passed >> raw("news", '{"n": 1}')
    passed.wait(10)
    first = keep(passed, tmp_path)
    assert first.short == pytest.approx(20)
    first.finish()
    passed.wait(30)
    assert keep(passed, tmp_path).short == 0
    passed("clear")
    passed.session.status.remembered = passed.now
    passed.wait(10)
    assert keep(passed, tmp_path).short == pytest.approx(20)


def test_gaps_are_in_it(passed: Passed, tmp_path: Path) -> None:
    correlator = passed.session.correlator
    passed >> raw("news", '{"n": 1}')
    correlator.lose(passed.now, "it was away")
    passed.wait(2)
    keeping = keep(passed, tmp_path)
    keeping.catch_up()
    correlator.resume(passed.now)
    passed >> raw("news", '{"n": 2}')
    correlator.lose(passed.now, "a right is missing", partly=True)
    passed >> raw("news", '{"n": 3}')
    keeping.catch_up()
    passed.wait(1)
    correlator.resume(passed.now)
    keeping.finish()
    told = [(one.reason, one.end is not None) if isinstance(one, Gap) else one.data for one in kept(keeping.path)]
    assert told == [
        b'{"n": 1}',
        ("it was away", True),
        b'{"n": 2}',
        ("a right is missing", False),
        b'{"n": 3}',
        ("a right is missing", True),
    ]


def test_one_that_is_open_at_the_end_is_told(passed: Passed, tmp_path: Path) -> None:
    passed.session.correlator.lose(passed.now, "it is away")
    keeping = keep(passed, tmp_path)
    keeping.finish()
    (gap,) = kept(keeping.path)
    assert isinstance(gap, Gap)
    assert gap.reason == "it is away"


def test_secrets_are_masked_and_odd_bytes_kept(passed: Passed, tmp_path: Path) -> None:
    passed >> raw("news", '{"token": "s3cret", "price": 19.90}')
    passed >> raw("odd\udcff", b"\xff")
    keeping = keep(passed, tmp_path, redact=Redactor(["token"]))
    keeping.finish()
    first, second = kept(keeping.path)
    assert isinstance(first, Frame)
    assert first.data == b'{"token": "***", "price": 19.90}'
    assert isinstance(second, Frame)
    assert (second.channel, second.data) == ("odd\udcff", b"\xff")


def test_hits_within_make_it_longer_and_names_differ(passed: Passed, tmp_path: Path) -> None:
    first = keep(passed, tmp_path, span=Span(1, 0))
    assert first.over
    first.finish()
    second = keep(passed, tmp_path, hit=hit(passed, action="../../x\x1b"), span=Span(1, 1000))
    assert not second.over
    second.again(hit(passed))
    assert len(second.hits) == 2
    second.finish()
    third = keep(passed, tmp_path)
    third.discard()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2
    assert names[0].endswith("-orders-place.jsonl")
    assert names[1].endswith("-orders-x.jsonl")
    keep(passed, tmp_path).finish()
    assert any(path.name.endswith("-orders-place-2.jsonl") for path in tmp_path.iterdir())


def test_a_folder_that_is_gone(passed: Passed, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"there is no such folder|No such file"):
        keep(passed, tmp_path / "gone")


# What trips it ------------------------------------------------------------------------------------------------


def test_an_exchange_trips_it_once_when_it_comes_to_match(passed: Passed) -> None:
    passed >> request("orders", "before", id="a")
    wire = Tripwire(passed.session, parse("status:error,timeout"))
    wire.start()
    try:
        tell = passed.session._watchers.tell
        for sent in (request("orders", "place", id="b"), answer("caller:1", id="b", status="error")):
            tell(*passed.session.correlator.feed(passed.now, *sent))
        question = request("daebus.control.orders", "info", id="q")
        tell(*passed.session.correlator.feed(passed.now, *question))
        (found,) = wire.take()
        assert (found.service, found.action, found.text) == ("orders", "place", "error")
        assert wire.take() == []
        passed.now += 60
        passed.session._advance(passed.now)
        (found,) = wire.take()
        assert (found.action, found.text, passed.now - found.since) == ("before", "timeout", 60)
    finally:
        wire.stop()


def test_what_was_before_this_console_looked_trips_nothing_however_late_it_is_told(passed: Passed) -> None:
    session = passed.session
    wire = Tripwire(session, None, lambda _finding: True)
    session.on_up(passed.now)
    wire.start()
    for seconds in (-20.0, 1.0):
        session.findings.book.report(
            "listener-raised", Severity.ERROR, passed.now + seconds, text=f"{seconds}", because="", advice="", where=""
        )
        assert [one.text for one in wire.take()] == ["listener-raised: 1.0"] * (seconds > 0)
    wire.stop()


def test_findings_trip_it_when_they_are_seen_anew(passed: Passed) -> None:
    book = passed.session.findings.book

    def report(rule: str, severity: Severity) -> None:
        book.report(rule, severity, passed.now, [7], text="it is so", because="", advice="", where="")

    report("late-answer", Severity.ERROR)
    wire = Tripwire(passed.session, None, lambda finding: finding.severity >= Severity.ERROR)
    wire.start()
    # What was found before does not count.
    assert wire.take() == []
    report("late-answer", Severity.ERROR)
    report("other", Severity.INFO)
    (found,) = wire.take()
    assert (found.number, found.text) == (7, "late-answer: it is so")
    assert wire.take() == []
    wire.stop()
