"""Why there is no answer or effect: each cause, and where none is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daebus_console.engine.doors import callers_in, users_in
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.why.asking import why_action, why_exchange
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, handled, record


@pytest.fixture
def bus() -> Watched:
    return Watched()


def sight(bus: Watched) -> Sight:
    findings = bus.session.findings
    assert findings.problem is None
    return Sight(findings.world, findings.book, bus.session.journal, bus.now)


def why(bus: Watched, exchange: Exchange) -> Cause:
    return why_exchange(sight(bus), exchange)


def why_of(bus: Watched, service: str, action: str | None = None) -> Cause:
    return why_action(sight(bus), service, action)


def test_nobody_is_subscribed(bus: Watched) -> None:
    asked = bus.ask("users", timeout=1)
    bus.poll(_stock=1)
    cause = why(bus, asked)
    assert (cause.name, cause.text) == ("nobody", "nobody serves 'users'")
    assert cause.evidence[0] == "Redis lists no subscriber of that channel"
    assert cause.advice.startswith("start users")


def missed(bus: Watched, exchange: Exchange) -> None:
    """Whoever asked tells that nobody was there."""
    told = batch("web", record(1, "called", bus.now, id=exchange.request_id, service="users", outcome="unavailable"))
    bus.say(told.channel, told.data)


def test_what_is_found_of_a_request_itself_goes_before_what_is_of_others_about_then(bus: Watched) -> None:
    """A service that was not there yet, came, and was killed."""
    early = bus.ask("users", "get", timeout=1)
    missed(bus, early)
    bus.info("users", "get", started=bus.now)
    lost = bus.ask("users", "get", timeout=5)
    bus.wait(4)
    bus.info("users", "get", instance="i2", started=bus.now - 0.5)
    bus.wait(2)
    bus.session.findings.finish()
    found = bus.one("gone-meanwhile")
    assert found.evidence == [lost.number]
    assert why(bus, lost).text == found.text
    assert why(bus, early).name == "nobody"


def test_what_is_found_of_one_action_is_not_said_of_another(bus: Watched) -> None:
    bus.info("orders", "audit", "check", "list", workers={"max": 1, "busy": 1})
    above = bus.ask("orders", "audit", timeout=10)
    below = bus.ask("orders", "check", of=above, timeout=1)
    other = bus.ask("orders", "list", timeout=1)
    bus.wait(2)
    assert [why(bus, one).name for one in (below, other)] == ["waits_for_itself", "busy"]


def test_a_request_whose_answer_bore_the_id_of_another(bus: Watched) -> None:
    for _ in range(2):
        first, second = bus.ask("legacy", "stock", timeout=1), bus.ask("legacy", "stock", timeout=1)
        bus.answer(first)
        bus.answer(first)
        bus.wait(2)
    assert why(bus, second).text.startswith("legacy stock answers with the id of another request")
    assert why(bus, second).name == "answered_twice"


@pytest.mark.parametrize(("called", "there"), [("usres", "users"), ("users", "prod.users"), ("dev:users", "users")])
def test_a_near_name_or_a_prefix(bus: Watched, called: str, there: str) -> None:
    asked = bus.ask(called)
    bus.poll(**{f"_{there}": 1})
    cause = why(bus, asked)
    assert (cause.name, cause.advice) == ("near_name", f"call '{there}' instead")


def test_a_service_that_stopped(bus: Watched) -> None:
    bus.poll(_users=1)
    asked = bus.ask("users", timeout=1)
    bus.poll()
    bus.wait(2)
    assert why(bus, asked).name == "gone"
    assert why_of(bus, "users", "act").name == "gone"


def test_an_action_that_no_instance_has(bus: Watched) -> None:
    bus.info("users", "get_user")
    ignores = 'nobody was told so: no answer came, and the service may have unknown_action="ignore"'
    for asked, told in (
        (bus.ask("users", "get_usr"), ignores),
        (bus.send("users", "get_usr"), "nobody was told so: it is one-way"),
    ):
        cause = why(bus, asked)
        assert (cause.name, cause.text) == ("unknown_action", "users has no action 'get_usr', but 'get_user'")
        assert cause.evidence == ("its instances told their actions: get_user", told)
        assert cause.advice == "write 'get_user' where 'get_usr' is sent"
    cause = why(bus, bus.fail(bus.ask("users", "get_usr"), "unknown_action"))
    assert cause.name == "unknown_action"
    assert cause.evidence == ("its instances told their actions: get_user",)


def test_of_an_action_that_no_instance_has_it_is_counted_who_was_told(bus: Watched) -> None:
    bus.info("users", "get_user")
    assert why_of(bus, "users", "nope").evidence == ("its instances told their actions: get_user",)
    for _ in range(2):
        bus.fail(bus.ask("users", "nope"), "unknown_action")
    assert why_of(bus, "users", "nope").evidence == ("its instances told their actions: get_user",)
    bus.send("users", "nope")
    told = "1 of 3 that are remembered was told nothing: 1 one-way"
    assert why_of(bus, "users", "nope").evidence[1:] == (told,)
    bus.ask("users", "nope")
    bus.ask("users", "nope", timeout=1)
    bus.send("users", "other")
    bus.wait(2)
    told = "3 of 5 that are remembered were told nothing: 1 one-way, 2 unanswered"
    told += ' (the service may have unknown_action="ignore")'
    assert why_of(bus, "users", "nope").evidence[1:] == (told,)


def test_what_was_found_of_a_service_that_only_listens(bus: Watched) -> None:
    bus.info("points", listens=["order_placed"])
    bus.poll(_points=1, order_placed=1)
    bus.say("order_cancelled", {"id": 1})
    assert "nothing was sent to it" in why_of(bus, "points").evidence[0]
    bus.say("order_placed", {"id": 1})
    cause = why_of(bus, "points")
    assert (cause.name, cause.evidence) == ("", ())
    told = {"severity": Severity.ERROR, "service": "points", "text": "its listener raised", "because": "it tells so"}
    sight(bus).book.report("listener-raised", at=bus.now, advice="look at it", where="", **told)
    cause = why_of(bus, "points")
    assert (cause.name, cause.text, cause.evidence[0]) == ("listener_raised", "its listener raised", "it tells so")
    assert why_of(bus, "points", "other").name == "unknown_action"


def test_whoever_is_subscribed_without_a_word_is_there(bus: Watched) -> None:
    bus.poll(_legacy=1)
    cause = why_of(bus, "legacy")
    assert (cause.name, cause.text) == (
        "", "nothing speaks against it: legacy has 1 subscriber and has not told what it is"
    )  # fmt: skip


def test_questions_of_consoles_do_not_count_among_what_went_wrong(bus: Watched) -> None:
    for number in range(3):
        bus.info("users", "get_user", instance=f"i{number}")
    bus.fail(bus.ask("users", "get_user"))
    for _ in range(3):
        bus.answer(bus.ask("daebus.control.users", "info"), {})
    assert why_of(bus, "users").evidence[-1].startswith("1 of 1 that are remembered went wrong")


def test_an_action_that_only_some_have(bus: Watched) -> None:
    for instance, actions in (("a", ["get", "list"]), ("b", ["get"]), ("a", ["get", "list"])):
        bus.info("users", *actions, instance=instance)
    cause = why(bus, bus.ask("users", "list"))
    assert cause.name == "some_instances"
    assert "without it: b" in cause.evidence


@pytest.mark.parametrize("code", ["busy", "expired", "shutting_down", "redis_refused", "bad_request", "forbidden"])
def test_it_was_refused(bus: Watched, code: str) -> None:
    cause = why(bus, bus.fail(bus.ask("users", "act"), code))
    assert (cause.name, cause.text.partition(":")[0]) == (code, "users refused it")
    assert cause.evidence == (f"it answered {code}: no",)
    assert "{" not in cause.advice


def test_an_error_of_what_was_passed_on_is_that_of_whom_it_was_passed_on_to(bus: Watched) -> None:
    asked = bus.ask("jobs", "do")
    again = bus.say("worker", asked.opened.data)
    bus.fail(asked, "busy")
    assert why(bus, asked).text == (
        f"it was passed on to worker do (#{again.number}), and that was answered with an error: no"
    )
    assert why(bus, again).name == "busy"


def test_an_answer_that_was_not_complete_in_time_is_no_refusal(bus: Watched) -> None:
    asked = bus.ask("ticks", "watch", timeout=3)
    bus.answer(asked, {"n": 1}, final=False)
    bus.wait(3)
    cause = why(bus, bus.fail(asked, "expired", elapsed=3.0))
    assert (cause.name, cause.text) == (
        "expired",
        "the answer of ticks watch was not complete when its time was over: no",
    )
    assert cause.evidence == ("its handler had begun: it ran for 3 s",)


def test_a_handler_that_answers_busy_itself_has_no_full_queue(bus: Watched) -> None:
    cause = why(bus, bus.fail(bus.ask("users", "act"), "busy", elapsed=0.1))
    assert (cause.name, cause.text) == ("busy", "the handler of users act failed: no")


def test_a_handler_that_forgot_to_answer_has_refused_nothing(bus: Watched) -> None:
    cause = why(bus, bus.fail(bus.ask("users", "act"), "no_response"))
    assert (cause.name, cause.text) == ("no_response", "users act: its handler ended without an answer")
    assert cause.advice == "let the handler of users return a dict or call response.send"


def test_a_key_that_is_missing_is_told_with_where_it_came_from_and_the_line(bus: Watched) -> None:
    error = {"error": "'items'", "code": "handler_error", "type": "KeyError"}
    asked = bus.ask("stock", "reserve", {"itmes": []})
    bus.answer(asked, error, status="error", instance="i7")
    trace = 'Traceback\n  File "/srv/stock.py", line 11, in reserve\n    items = request.payload["items"]\n'
    told = {**error, "outcome": "handler_error", "traceback": trace}
    sent = batch("stock", handled(1, asked.request_id or "", "reserve", bus.now, **told), instance="i7")
    bus.say(sent.channel, sent.data)
    cause = why_exchange(replace(sight(bus), told=bus.session.telling.of), asked)
    assert cause.text == (
        "the handler of stock reserve failed: KeyError: 'items',"
        ' in stock.py:11, reserve: items = request.payload["items"]'
    )
    assert cause.evidence[0] == f"#{asked.number} has the field 'itmes', and none that is called 'items'"
    assert cause.advice == "write 'items' where 'itmes' is sent"


def test_an_error_that_says_that_nobody_serves_what_was_called(bus: Watched) -> None:
    order = bus.ask("orders", "create")
    other = bus.ask("audit", "note", of=order)
    asked = bus.ask("users", "get", of=order)
    error = {"error": "nobody serves 'users': …", "code": "handler_error", "type": "ServiceUnavailable"}
    bus.answer(order, error, status="error")
    cause = why(bus, order)
    assert (cause.name, cause.advice) == ("nobody_serves", f"start users; why #{asked.number} tells more")
    assert cause.text.startswith(f"its call to users get (#{asked.number}) reached nobody: ")
    assert other.answer is None


def test_a_handler_that_raised(bus: Watched) -> None:
    asked = bus.ask("billing", "charge")
    bus.answer(
        asked, {"error": "no\x1b[2J", "code": "handler_error", "type": "ValueError"}, status="error", instance="i7"
    )
    cause = why(bus, asked)
    assert cause.name == "handler_error"
    assert cause.text == "the handler of billing charge failed: ValueError: no\\x1b[2J"
    assert "i7" in cause.evidence[0]


def test_a_call_that_ran_out_of_time_below(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    bus.call("stock", "check", of=order)
    charge = bus.ask("billing", "charge", of=order)
    text = f"no answer from 'billing' to 'charge' within 1 s (request {charge.request_id}); it may still be handled"
    bus.answer(order, {"error": text, "code": "handler_error", "type": "RequestTimeout"}, status="error")
    cause = why(bus, order)
    assert (cause.name, cause.advice) == ("timeout_below", f"why #{charge.number}")
    assert cause.text.startswith(f"its call to billing charge (#{charge.number}) had no answer in its time")


def test_an_error_that_rose_from_below(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    charge = bus.ask("billing", "charge", of=order)
    bank = bus.ask("bank", "transfer", of=charge)
    for one in (bank, charge, order):
        bus.answer(one, {"error": "no money", "code": "handler_error"}, status="error")
    cause = why(bus, order)
    assert (cause.name, cause.advice) == ("error_below", f"why #{bank.number}")
    assert cause.text == f"its call to bank transfer (#{bank.number}) failed, and the error rose: no money"


def test_an_error_beside_another_is_its_own(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    bus.answer(bus.ask("billing", "charge", of=order), {"error": "no money"}, status="error")
    bus.answer(order, {"error": "KeyError"}, status="error")
    assert why(bus, order).name == "error"


@pytest.mark.parametrize(
    ("elapsed", "words"), [(1.9, "the handler took most"), (0.1, "most of it passed outside of its handler")]
)
def test_an_answer_that_came_late(bus: Watched, elapsed: float, words: str) -> None:
    asked = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.answer(asked, elapsed=elapsed)
    cause = why(bus, asked)
    assert cause.name == "late"
    assert words in cause.text


def test_of_a_name_that_nobody_has_the_channel_that_was_meant_is_told(bus: Watched) -> None:
    bus.info("mail", listens=["orders_created"])
    bus.poll(_mail=1, orders_created=1)
    cause = why_of(bus, "order_created")
    assert cause.text == "nobody is subscribed to 'order_created'; services listen to 'orders_created'"
    assert cause.advice == "write 'orders_created' where 'order_created' is sent, if that is meant"


@pytest.mark.parametrize("wrong", ["Users", "staging.users", "usres"])
def test_where_nobody_lists_who_is_there_a_name_that_is_nearly_it_is_told(bus: Watched, wrong: str) -> None:
    bus.info("users", "get")
    asked = bus.ask(wrong, "get", timeout=1)
    bus.wait(2)
    cause = why(bus, asked)
    assert cause.text == f"no cause is known: nothing is known of '{wrong}'; 'users' is there"
    assert cause.advice == f"write 'users' where '{wrong}' is sent, if that is meant"


def test_an_answer_on_another_channel(bus: Watched) -> None:
    asked = bus.ask("users", reply_to="caller:web")
    bus.say("users.responses", {"status": "success", "payload": {}, "request_id": asked.request_id})
    cause = why(bus, asked)
    assert cause.name == "elsewhere"
    assert cause.text == "the answer went to 'users.responses', and the caller listens on 'caller:web'"


def test_what_was_not_seen_for_a_gap(bus: Watched) -> None:
    asked = bus.ask("users", timeout=60)
    bus.session.on_down(bus.now, "Connection refused")
    bus.wait(3)
    bus.session.on_up(bus.now)
    cause = why(bus, asked)
    assert (cause.name, cause.text) == ("gap", "its answer may have come unseen: this console saw nothing for 3 s")
    assert cause.evidence[0].endswith(": Connection refused")


def test_a_handler_that_waits_for_its_own_calls(bus: Watched) -> None:
    order = bus.ask("gateway", "buy", timeout=60)
    charge = bus.ask("billing", "charge", of=order, timeout=50)
    bank = bus.ask("bank", "transfer", of=charge, timeout=40)
    cause = why(bus, order)
    assert (cause.name, cause.text) == ("waits_for", f"its handler waits for bank transfer (#{bank.number})")
    assert cause.evidence[0].count("→") == 2
    assert cause.advice == f"why #{bank.number}"


def test_workers_that_are_all_busy(bus: Watched) -> None:
    bus.info("users", "act", workers={"max": 2, "busy": 2}, queue={"size": 5, "max": 10})
    asked = bus.ask("users", "act", timeout=1)
    bus.wait(2)
    cause = why(bus, asked)
    assert (cause.name, cause.text) == ("busy", "all 2 workers of users are busy, and 5 messages wait for one")
    assert why_of(bus, "users").name == "busy"


def test_a_service_that_was_started_anew_meanwhile(bus: Watched) -> None:
    asked = bus.ask("users", "act", timeout=1)
    bus.wait(5)
    bus.info("users", "act", started=bus.now - 1)
    assert why(bus, asked).name == "restarted"


def test_one_that_has_gone_silent(bus: Watched) -> None:
    bus.poll(_users=1, _stock=1)
    bus.info("users", "act")
    bus.wait(40)
    bus.info("stock", "act")
    bus.poll(_users=1, _stock=1)
    asked = bus.ask("users", "act", timeout=1)
    bus.wait(2)
    assert why(bus, asked).name == "silent"


def test_workers_that_wait_for_their_own_service(bus: Watched) -> None:
    bus.info("orders", "audit", "check", workers={"max": 1, "busy": 1})
    above = bus.ask("orders", "audit", timeout=10)
    below = bus.ask("orders", "check", of=above, timeout=1)
    bus.wait(2)
    assert why(bus, below).name == "waits_for_itself"


def test_what_still_runs(bus: Watched) -> None:
    bus.info("users", "act")
    asked = bus.ask("users", "act", timeout=5)
    bus.answer(asked, final=False)
    bus.wait(2)
    cause = why(bus, asked)
    assert cause.name == "running"
    assert "1 part of its answer has come" in cause.evidence


def test_a_capture_never_goes_on(bus: Watched) -> None:
    bus.info("users", "act")
    asked = bus.ask("users", "act", timeout=5)
    bus.wait(2)
    cause = why_exchange(replace(sight(bus), recorded=True), asked)
    assert (cause.name, cause.text) == ("recording_ends", "users act has no answer where the recording ends")
    assert cause.evidence == ("it was sent 2 s before the end, and its caller waits 3 s more",)
    assert cause.advice == ""


def test_what_a_message_says_is_told_as_it_is(bus: Watched) -> None:
    said = r'no file C:\new\x "a"'
    asked = bus.ask("billing", "charge")
    bus.answer(asked, {"error": said, "code": "handler_error", "type": "OSError"}, status="error")
    assert why(bus, asked).text == f"the handler of billing charge failed: OSError: {said}"


def test_an_answer_without_its_request_and_bytes_that_are_no_json(bus: Watched) -> None:
    assert why(bus, bus.say("caller:web", {"status": "success", "payload": {}, "request_id": "x"})).name == "orphan"
    bus.info("users", "get")
    assert why(bus, bus.say("users", b"\xff\x00")).name == "unreadable"
    assert why(bus, bus.say("texts", b"hello")).name == ""


def test_a_broadcast_that_nobody_hears(bus: Watched) -> None:
    bus.info("mailer", listens=["orders"])
    sent = bus.say("order", {"order": 1})
    bus.poll(orders=1, _mailer=1)
    cause = why(bus, sent)
    assert (cause.name, cause.advice) == ("nobody", "write 'orders' where it is sent")
    heard = bus.say("orders", {"order": 1})
    assert why(bus, heard).text == "nothing speaks against it: services that listen to it: mailer"
    bus.poll(_mailer=1)
    gone = why(bus, heard)
    assert (gone.name, gone.advice) == ("gone", "start again who is to listen to it")
    assert "has gone since it was sent" in gone.text


def test_where_nothing_is_wrong_no_cause_is_made_up(bus: Watched) -> None:
    bus.info("users", "act")
    answered = bus.call("users", "act")
    assert not why(bus, answered).found
    assert why(bus, answered).text.startswith("nothing is wrong: users act answered with success")
    silent = bus.ask("users", "act", timeout=1)
    bus.wait(2)
    assert not why(bus, silent).found
    assert not why(bus, bus.send("users", "act")).found
    assert why_of(bus, "unheard").text == "nothing is known of 'unheard'"


def test_of_an_action_the_latest_that_went_wrong(bus: Watched) -> None:
    bus.info("users", "act")
    bus.call("users", "act")
    assert not why_of(bus, "users", "act").found
    failed = bus.fail(bus.ask("users", "act"))
    bus.call("users", "act")
    cause = why_of(bus, "users", "act")
    assert cause.text.startswith(f"#{failed.number}: the handler of users act failed")
    assert cause.evidence[-1] == f"1 of 3 that are remembered went wrong, the latest in #{failed.number}"


@pytest.mark.parametrize(
    "reply", [b"", b"\xff=\xfe name= user=", b"name=daebus:users", b"name=daebus:usersx user=u", [1], None]
)
def test_lists_of_clients_that_are_none(reply: object) -> None:
    assert callers_in(reply, "daebus:users") == frozenset()
    assert users_in(reply) == frozenset()


def test_who_is_connected_for_a_service() -> None:
    told = b"id=3 addr=[::1]:5 name=daebus:users user=web sub=1\nid=4 name=daebus:users user=svc\nid=5 name= user=x\n"
    assert callers_in(told, "daebus:users") == {"web", "svc"}
    assert users_in([b"web", b"\xff", 3]) == {"web", "\udcff"}


def test_trees_that_are_circles_end(bus: Watched) -> None:
    one = bus.ask("a", parent_id="r2", timeout=50)
    two = bus.ask("b", parent_id="r1", timeout=50)
    own = bus.ask("c", parent_id="r3", timeout=50)
    for asked in (one, two, own):
        assert why(bus, asked).name in ("waits_for", "running")
    for asked in (one, two, own):
        bus.answer(asked, {"error": "x"}, status="error")
        why(bus, asked)


def test_a_message_whose_payload_no_service_reads(bus: Watched) -> None:
    bus.info("users", "get")
    bus.poll(_users=1)
    message = '{"action": "get", "payload": {"name": "Zoé"}}'
    assert why(bus, bus.say("users", message.encode())).name == ""
    cause = why(bus, bus.say("users", message.encode("latin-1")))
    assert (cause.name, cause.text) == ("unreadable", "no service takes it: not UTF-8 (byte 41)")
    asked = '{"action": "get", "payload": {"name": "Zoé"}, "request_id": "r", "reply_to": "caller:web"}'
    assert why(bus, bus.say("users", asked.encode("latin-1"))).name == "unreadable"


def test_of_whom_nobody_told_what_passed_is_told(bus: Watched) -> None:
    """As in a capture, which does not tell who was subscribed."""
    bus.info("lab", "order", listens=["bed.assigned"])
    for _ in range(3):
        bus.send("labs", "order")
    cause = why_of(bus, "labs", "order")
    assert (cause.found, cause.text) == (False, "who serves 'labs' is not known; 'lab' is there")
    assert cause.evidence[0] == "3 messages went there"
    bus.say("bed.assinged", {"bed": 7})
    cause = why_of(bus, "bed.assinged")
    assert cause.text == "who listens to 'bed.assinged' is not known; 'bed.assigned' has listeners"
    assert cause.evidence[0] == "1 broadcast went there"
    bus.call("billing", "charge")
    assert why_of(bus, "billing").text == "nothing speaks against it: 1 of 1 requests to it were answered"


def test_of_a_capture_nothing_is_said_of_what_passes_now(bus: Watched) -> None:
    bus.info("push", "notify", listens=["posted"])
    kept = replace(sight(bus), recorded=True)
    for service in ("push", "posted", "unheard"):
        cause = why_action(kept, service, None)
        said = " ".join((cause.text, *cause.evidence, cause.advice))
        assert not cause.found
        assert "since this console looks" not in said
        assert "services lists" not in said
        assert "shows what comes" not in said
    assert why_action(kept, "posted", None).text.endswith("nothing that came on it is in this capture")
    assert "nothing that was sent to it is in this capture" in why_action(kept, "push", "notify").evidence[0]


def test_of_a_channel_of_broadcasts_nobody_says_that_nobody_serves_it(bus: Watched) -> None:
    bus.info("push", "notify", listens=["message.postd"])
    bus.poll(**{"_push": 1, "message.postd": 1})
    cause = why_of(bus, "message.postd")
    assert (cause.found, cause.text) == (
        False,
        "push listens to 'message.postd', and nothing came on it since this console looks",
    )
    sent = [bus.say("message.posted", {"text": "hi"}) for _ in range(2)]
    bus.wait(1)
    bus.poll(**{"_push": 1, "message.postd": 1})
    cause = why_of(bus, "message.postd")
    assert cause.name == "near_channel"
    assert cause.text == "push listens to 'message.postd', and nothing came on it; broadcasts go to 'message.posted'"
    cause = why_of(bus, "message.posted")
    assert cause.text == "nobody listens to 'message.posted'; 'message.postd' has listeners"
    assert cause.evidence[-1] == f"2 broadcasts on it are remembered, the latest in #{sent[1].number}"
