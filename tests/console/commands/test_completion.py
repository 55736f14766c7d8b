"""What is offered where, and that it can be typed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daebus_console.commands.completion.completer import complete, complete_argument, fill_in
from daebus_console.commands.completion.known import SessionKnown
from daebus_console.commands.completion.offer import MOST
from daebus_console.commands.context import Context
from daebus_console.commands.doing.looking import shaping
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.grammar.template import template
from daebus_console.commands.verbs import VERBS, Face
from daebus_console.engine.export import formats as export_formats
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.replay.plan import INCLUDABLE
from daebus_console.engine.schema import formats as describe_formats
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.support import Heard
from tests.support.work import calls_of


class Shop:
    """A bus as the completion sees it."""

    last: ClassVar[Any] = {"id": 17, "name": "Ann Lee", "address": {"city": "Köln"}, "tags": ["a"]}

    def services(self) -> Iterable[tuple[str, str]]:
        return [("users", "3 actions"), ("gateway", "1 action"), ("old users", "gone")]

    def actions(self, service: str) -> Iterable[tuple[str, str]]:
        return [("get_user", "One customer."), ("create_user", "A new one.")] if service == "users" else []

    def channels(self) -> Iterable[tuple[str, str]]:
        return [("user_created", "2 subscribers")]

    def fields(self, service: str, action: str) -> Iterable[tuple[str, str]]:
        told = [("sku=", "text, required"), ("colour=red", "a colour"), ("colour=blue", "a colour"), ("name=", "text")]
        return told if (service, action) in (("users", "buy"), ("users", "get_user")) else []

    def payload(self, service: str, action: str) -> Any:
        return self.last if (service, action) == ("users", "get_user") else None

    def message(self, channel: str) -> Any:
        return {"level": "debug"} if channel == "config" else None

    def exchanges(self) -> Iterable[tuple[int, str]]:
        return [(123, "users get_user ok"), (12, "users get_user error")]

    def variables(self) -> Iterable[tuple[str, str]]:
        return [("last", "the answer that came last")]

    def held(self) -> Iterable[tuple[str, str]]:
        return [("H3", "users.get_user before its handler")]

    def jobs(self) -> Iterable[tuple[int, str]]:
        return [(1, "request users get_user")]

    def storms(self) -> Iterable[tuple[str, str]]:
        return [("black-friday", ".daebus/storms/black-friday.toml")]

    def files(self, beginning: str) -> Iterable[tuple[str, str]]:
        return [(name, "") for name in ("a b.json", "body.json", "dir/") if name.startswith(beginning)]

    def filter_offers(self, text: str) -> Iterable[tuple[str, int, str]]:
        return [("service:", 0, "the service")] if "service:".startswith(text) else []


def offered(line: str) -> list[str]:
    return [offer.text for offer in complete(line, len(line), Shop())]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("re", ["request", "record", "replay", "rerun", "release", "resume", "compare", "break", "breaks", "unbreak"]),
        ("break us", ["users", '"old users"']),
        ("break #12", ["#123", "#12"]),
        ("break #", ["#123", "#12"]),
        ("break users get", ["get_user"]),
        ("break users get_user payload.n", ['payload.name="Ann Lee"']),
        ("release ", ["H3", "all", "next"]),
        ("fault users get_user del", ["delay"]),
        ("fault lo", ["load"]),
        ("fault st", ["storms"]),
        ("fault load bl", ["black-friday"]),
        ("fault save bo", ["body.json"]),
        ("fault users get_user drop", ["drop", "drop-answer"]),
        ("  quit", ["quit"]),
        ("request ", ["users", "gateway", '"old users"']),
        ("replay #12", ["#123", "#12"]),
        ("request us", ["users", '"old users"']),
        ("request US", ["users", '"old users"']),
        ("request users ", ["get_user", "create_user"]),
        ("request users user", ["get_user", "create_user"]),
        ("request nobody ", ["--timeout", "--times", "--every", "--force", "--json"]),
        ("request users get_user n", ['name="Ann Lee"']),
        (
            "request users get_user id:=1 ",
            ['name="Ann Lee"', "address.city=Köln", 'tags:=["a"]', "sku=", "colour=red", "colour=blue"],
        ),
        ("request users buy ", ["sku=", "colour=red", "colour=blue", "name="]),
        ("request users buy sku=x colour=b", ["colour=blue"]),
        ("request users buy sku=x colour=red ", ["name="]),
        ("send users buy s", ["sku="]),
        ("request users get_user --", ["--timeout", "--times", "--every", "--force", "--json"]),
        ("request users get_user --json --", ["--timeout", "--times", "--every", "--force"]),
        ("request users get_user --timeout ", []),
        ("request --timeout 5 ", ["users", "gateway", '"old users"']),
        ("request users get_user @b", ["body.json"]),
        ("request users get_user note=@a", ['"a b.json"']),
        ("request users get_user id:=#1", ["#123", "#12"]),
        ("request users get_user id:=$", ["$last"]),
        ('request users get_user {"a', []),
        ('request users get_user name="An', []),
        ("broadcast ", ["user_created"]),
        ("broadcast config ", ["level=debug"]),
        ("show #12", ["#123", "#12"]),
        ("mark #12 ", ["#123", "#12"]),
        ("why #12", ["#123", "#12"]),
        ("why #", ["#123", "#12"]),
        ("why us", ["users", '"old users"']),
        ("record b", ["body.json"]),
        ("record body.json ser", ["service:"]),
        ("filter ser", ["service:"]),
        ("help req", ["request"]),
        ("help it", ["items", "quit"]),
        ("quit ", []),
        ("nonsense ", []),
        ("# comment ", []),
        ("services ", ["users", "gateway", '"old users"']),
        ("shape us", ["users", '"old users"', "user_created"]),
        ("shape b", ["body.json"]),
        ("shape users get", ["get_user"]),
        ("groups ser", ["service:"]),
        ("services users --", ["--for", "--all", "--json"]),
        ("findings --fail-on ", ["info", "warning", "error"]),
        ("findings --fail-on w", ["warning"]),
        ("release 3 go --then o", ["over", "out", "into"]),
        ("break users --place ", ["call", "request", "answer", "event"]),
        ("export #12 --as py", ["python", "pytest"]),
        ("ask n", ["nest"]),
        ("replay #12 --to us", ["users", '"old users"']),
    ],
)
def test_what_is_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


@pytest.mark.parametrize(
    ("verb", "known"),
    [
        ("export", export_formats.FORMATS),
        ("describe", describe_formats.FORMATS),
        ("shape", shaping._FORMS),
        ("replay", [name for name in INCLUDABLE if name != "request"]),
        ("watch", [severity.word for severity in Severity]),
    ],
)
def test_the_words_that_are_offered_for_an_option_are_those_that_it_takes(verb: str, known: Iterable[str]) -> None:
    named = {"replay": "--include", "watch": "--on-finding"}.get(verb, "--as")
    (option,) = (one for one in VERBS[verb].options if one.name == named)
    assert sorted(option.offered) == sorted(known)


@pytest.mark.parametrize("line", ["show #", "why #", "replay #"])
def test_what_is_offered_behind_a_sharp_takes_its_place(line: str) -> None:
    first, *_others = complete(line, len(line), Shop())
    assert line[: first.start] + first.text == f"{line}123"


def test_verbs_are_those_of_the_face() -> None:
    assert "repl" in [offer.text for offer in complete_argument([], "", Shop())]
    assert "repl" not in offered("")
    assert "tail" in offered("")
    assert "filter" in offered("")


def test_the_whole_payload_seen_last_comes_first() -> None:
    first, *others = offered("request users get_user ")
    assert first == 'id:=17 name="Ann Lee" address.city=Köln tags:=["a"]'
    assert others[:4] == ["id:=17", 'name="Ann Lee"', "address.city=Köln", 'tags:=["a"]']
    assert others[4:] == ["sku=", "colour=red", "colour=blue"]


def test_each_offer_says_what_it_is_and_where_it_goes() -> None:
    (offer,) = complete("request users get_u and more", 19, Shop())
    assert (offer.text, offer.start, offer.meta) == ("get_user", 14, "One customer.")


def test_a_first_request_by_completion_alone() -> None:
    line = ""
    for _word in range(4):
        offer = next(iter(complete(line, len(line), Shop())), None) if line else complete("req", 3, Shop())[0]
        assert offer is not None
        line = line[: offer.start] + offer.text + " "
    command = parse(line)
    assert command is not None
    assert command["service"] == "users"
    assert command["items"].build(None) == Shop.last


def test_one_key_fills_in_what_was_sent_last() -> None:
    filled = fill_in("request users get_user", Shop())
    assert filled == 'request users get_user id:=17 name="Ann Lee" address.city=Köln tags:=["a"]'
    assert fill_in("request users get_user id:=5 address.zip=1 ", Shop()) == (
        'request users get_user id:=5 address.zip=1 name="Ann Lee" tags:=["a"]'
    )
    assert fill_in("request users create_user", Shop()) is None
    assert fill_in("request users", Shop()) is None
    assert fill_in("services", Shop()) is None
    assert fill_in("request 'users", Shop()) is None
    assert fill_in("broadcast config", Shop()) == "broadcast config level=debug"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), JSON, min_size=1, max_size=5))
@example({"@": None, "-x": "-y", "{": "{", "a.b": {"c:": "\\@d", "e[0]": "@f"}, "": 1})
@example({"k": "a\nb", "q'\"": "\\", "#1": "#2", "&": "&", "a=b": "c=d", "-": "-", "--json": True})
def test_a_template_says_the_payload(payload: dict[str, Any]) -> None:
    line = template(payload)
    if not line:
        # Only what cannot be typed at all has none: half a surrogate pair.
        assert any("\ud800" <= sign <= "\udfff" for text in _texts(payload) for sign in text)
        return
    command = parse(f"request users get_user {line}")
    assert command is not None
    assert command["items"].build(None) == payload


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    for inner in value.items() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _texts(inner)


@given(st.text(max_size=40), st.integers(min_value=0, max_value=40))
def test_any_line_gets_an_answer(line: str, cursor: int) -> None:
    for text in (line, f"request {line}", f"request users get_user {line}", f"filter {line}"):
        assert len(complete(text, cursor, Shop())) <= MOST


@pytest.fixture
def known(redis_url: str) -> Iterable[SessionKnown]:
    """A session (which is not started) that knows 500 services with 10 actions each."""
    session = Session(redis_url)
    now = session.clock()
    subscribers = {f"daebus.control.service_{number:03d}": 1 for number in range(500)}
    session.directory.poll(now, subscribers, 0)
    for number in range(500):
        actions = [{"name": f"action_{number}_{index}", "doc": "What it does."} for index in range(10)]
        session.directory.info(now, {"service": f"service_{number:03d}", "instance": "a", "actions": actions})
    request = (
        b'{"action": "action_7_3", "payload": {"id": 1, "token": "abc"}, "reply_to": "caller:x", "request_id": "%d"}'
    )
    session.on_batch(now, [("service_007", request % number) for number in range(10_000)])
    with Sender(session) as sender:
        context = Context(session, sender, Heard(), Face.PROMPT, redact=Redactor(["token"]))
        yield SessionKnown(context)


def test_five_hundred_services_are_no_hindrance(known: SessionKnown) -> None:
    lines = [
        "request ",
        "request service_4",
        "request service_007 ",
        "request service_007 action_7_3 ",
        "show #",
        "filter to:serv",
    ]
    for line in lines:
        assert complete(line, len(line), known), line
        # Some fifty for each of the 500 at most; a look into each of 10,000 requests would be several times as much.
        assert calls_of(lambda line=line: complete(line, len(line), known)) < 35_000, line  # type: ignore[misc]


def test_what_a_session_knows_is_offered(known: SessionKnown) -> None:
    (offer,) = complete("request service_123", 19, known)
    assert (offer.text, offer.meta) == ("service_123", "10 actions")
    first = complete("request service_007 ", 20, known)[0]
    assert (first.text, first.meta) == ("action_7_0", "What it does.")
    assert [offer.text for offer in complete("request service_007 action_7_3 ", 31, known)] == ["id:=1"]
    assert fill_in("request service_007 action_7_3", known) == "request service_007 action_7_3 id:=1"
    newest = complete("show #", 6, known)[0]
    assert newest.text == "#10000"
    assert newest.meta == "service_007 action_7_3 pending"


def test_what_a_debugger_asks_is_not_offered_in_the_place_of_what_it_looks_at(known: SessionKnown) -> None:
    asked = b'{"action": "held", "payload": {}, "reply_to": "caller:x", "request_id": "held-%d"}'
    now = known.session.clock()
    known.session.on_batch(now, [("daebus.control.service_007", asked % number) for number in range(500)])
    newest = complete("show #", 6, known)[0]
    assert newest.text == "#10000"


def test_files_on_disk(known: SessionKnown, tmp_path: Path) -> None:
    for name in ("body.json", "b c.json", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "bodies").mkdir()
    line = f"request a b @{tmp_path}/b"
    assert [offer.text for offer in complete(line, len(line), known)] == [
        f'"{tmp_path}/b c.json"',
        f"{tmp_path}/bodies/",
        f"{tmp_path}/body.json",
    ]
    line = "request a b @/nowhere/at/all/"
    assert complete(line, len(line), known) == []


def test_offers_for_files_can_be_typed() -> None:
    line = "request a b note=@a"
    (offer,) = complete(line, len(line), Shop())
    command = parse(line[: offer.start] + offer.text)
    assert command is not None
    assert command["items"].items[0].source.path == "a b.json"


def test_prompt_toolkit_gets_the_same() -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from daebus_console.repl.completer import CommandCompleter

    found = list(CommandCompleter(Shop()).get_completions(Document("request users get"), CompleteEvent()))
    assert [(one.text, one.start_position, one.display_meta_text) for one in found] == [
        ("get_user", -3, "One customer.")
    ]


def test_a_mistake_while_typing_is_no_error() -> None:
    with pytest.raises(CommandError):
        parse("request 'x")
    assert offered("request 'x") == []
