"""The fixtures `bus`, `service` and `stub`, as a test of a user has them."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, ConfigurationError, Daebus, DaebusCaller, DaebusError
from daebus.testing import LocalBus, RecordedBus, Stub, TestRun
from daebus.testing.messages import read
from daebus.testing.recording import Published
from tests.plugin.conftest import Run

MEETING = """
import asyncio
import pytest
from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, RequestFailed, ServiceUnavailable, broadcast
from daebus import response
from shop import app

SHOP = DaebusCaller("shop", redis_host="nowhere.invalid")

@pytest.mark.parametrize("amount", [5, 7])
def test_a_stub_answers(bus, service, stub, amount):
    payments = stub("payments", {"charge": lambda payload: {"sum": payload["amount"]}})
    assert service(app).request("buy", {"amount": amount}) == {"paid": {"sum": amount}, "orders": 1}
    assert [call.payload for call in payments.calls] == [{"amount": amount}]
    assert [each.payload for each in bus.broadcasts("orders.created")] == [{"amount": amount}]
    assert bus.broadcasts("mails") == bus.requests("users") == []

def test_another_app_answers(bus, service):
    payments = Daebus("x")

    @payments.action("charge")
    def charge():
        response.send({"half": True}, final=False)
        raise KeyError("no money")

    service(app)
    service(payments, "payments")
    # Whatever Redis a caller names.
    with pytest.raises(RequestFailed, match="no money"):
        SHOP.send_request("buy", {"amount": 1})
    (request,) = bus.requests("payments.charge")
    assert (request.kind, request.sender, request.payload) == ("request", "shop", {"amount": 1})
    half, failed = bus.responses("payments.charge")
    assert (half.payload, half.final, half.ok, half.error) == ({"half": True}, False, True, None)
    assert (failed.ok, failed.error, failed.code) == (False, "'no money'", "handler_error")
    assert [each.name for each in bus.responses("shop")] == ["shop.buy"]

def test_nothing_is_left_of_the_test_before(bus):
    assert bus.messages == []
    assert bus.cache.get("orders") is None
    with pytest.raises(ServiceUnavailable):
        SHOP.send_request("buy", {"amount": 1})

def test_one_way_and_broadcasts(bus, service):
    service(app)
    assert broadcast.send("orders.refused", {"customer": "Ann"}) == 1
    assert bus.wait_for("mails")[0].payload == {"to": "Ann"}
    SHOP.send_message("nope", {"a": 1})
    bus.settle()
    assert [(each.kind, each.name) for each in bus.requests("shop")] == [("message", "shop.nope")]

def test_asyncio(bus, service, stub):
    stub("payments", {"charge": {"ok": True}})
    service(app)

    async def main():
        async with AsyncDaebusCaller("shop", redis_url="redis://nowhere.invalid") as caller:
            return await asyncio.gather(*(caller.send_request("buy", {"amount": n}) for n in range(20)))

    answers = asyncio.run(main())
    assert sorted(answer["orders"] for answer in answers) == list(range(1, 21))
    assert len(bus.wait_for("payments.charge", count=20)) == 20
    assert len(bus.wait_for(lambda each: each.kind == "response" and each.service == "shop", count=20)) == 20

def test_what_the_test_starts_itself(bus):
    with app:
        app.start()
        broadcast.send("orders.refused", {"customer": "Bob"})
        bus.wait_for("mails", kind="broadcast")

def test_instances_share_the_work(bus, service):
    apps = [Daebus("counter"), Daebus("counter")]
    for each in apps:
        each.action("count")(lambda: {})
    clients = [service(each, shared=True) for each in apps]
    for client in clients * 3:
        client.request("count")
    assert len(bus.responses("counter.count")) == 6
"""


@pytest.mark.parametrize("where", ["memory", "redis"])
def test_services_stubs_and_callers_meet_on_one_bus(where: str, run: Run, redis_url: str) -> None:
    before = set(threading.enumerate())
    options = [f"--daebus-redis={redis_url.removesuffix('0')}5"] if where == "redis" else []
    result = run(MEETING, *options)
    result.assert_outcomes(passed=8)
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("daebus-")]
    assert left == []


def test_answers_of_a_stub(run: Run) -> None:
    result = run("""
        import pytest
        from daebus import DaebusCaller, RequestFailed, response

        class NoMoney(Exception):
            pass

        def test_in_turn(stub):
            declined = RequestFailed("declined", "declined")
            stub("payments", {"charge": [{"n": 1}, NoMoney("not enough"), declined, NoMoney]})
            charge = DaebusCaller("payments").actions.charge
            assert charge() == {"n": 1}
            errors = []
            for _ in range(3):
                with pytest.raises(RequestFailed) as failed:
                    charge()
                errors.append((failed.value.message, failed.value.code, failed.value.type))
            assert errors == [
                ("not enough", "handler_error", "NoMoney"),
                ("declined", "declined", None),
                ("NoMoney", "handler_error", "NoMoney"),
            ]

        def test_by_functions(stub):
            def steps(payload):
                response.send({"step": 1}, final=False)
                response.send(payload)

            def refuse(payload):
                raise NoMoney(payload["why"])

            lists, note = lambda payload: [1, 2], lambda payload: None
            stub("payments", {"steps": steps, "refuse": refuse, "lists": lists, "note": note})
            caller = DaebusCaller("payments")
            assert list(caller.stream_request("steps", {"a": 1})) == [{"step": 1}, {"a": 1}]
            with pytest.raises(RequestFailed, match="because"):
                caller.send_request("refuse", {"why": "because"})
            assert caller.send_request("lists") == [1, 2]
            assert caller.send_request("note") == {}
    """)
    result.assert_outcomes(passed=2)


def test_a_stub_that_is_asked_for_more_than_it_has_fails_the_test(run: Run) -> None:
    result = run("""
        import pytest
        from daebus import DaebusCaller, RequestFailed
        from shop import app

        def test_unknown(stub, service):
            stub("payments", {"refund": {}, "cancel": {}})
            service(app).send("buy", {"amount": 5})

        def test_exhausted(stub):
            stub("payments", {"charge": [{}]})
            caller = DaebusCaller("payments")
            caller.send_request("charge", {"amount": 1})
            with pytest.raises(RequestFailed, match="no answer left"):
                caller.send_request("charge", {"amount": 2})

        def test_what_is_no_json(stub):
            stub("payments", {"charge": lambda payload: {"x": 1j}})
            with pytest.raises(RequestFailed):
                DaebusCaller("payments").send_request("charge")

        def test_that_failed_anyway(stub):
            stub("payments", {})
            DaebusCaller("payments").send_request("charge")

        @pytest.fixture
        def late(stub):
            stub("payments", {})
            yield
            DaebusCaller("payments").send_message("charge", {"late": True})

        def test_late(late):
            pass
    """)
    result.assert_outcomes(failed=4, passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_late*",
            "stub 'payments' was asked for 'charge', which it does not know: it has no action",
            '  message payments.charge from *: {"late": true}',
            "*_ test_unknown _*",
            "stub 'payments' was asked for 'charge', which it does not know: it has 'refund', 'cancel'",
            '  request payments.charge from shop: {"amount": 5}',
            "what went over the bus:",
            '*s  message shop.buy from test: {"amount": 5}',
            '*s  request payments.charge from shop: {"amount": 5}',
            "*s  error payments.charge from payments: *",
            "*_ test_exhausted _*",
            "stub 'payments' has no answer left for 'charge': all 1 have been given",
            "  asked: {'amount': 2}",
            "*_ test_what_is_no_json _*",
            "stub 'payments' cannot answer 'charge' with what its function returned: the payload cannot be written *",
            "*_ test_that_failed_anyway _*",
            "*RequestFailed: unknown action*",
            "stub 'payments' was asked for 'charge', which it does not know: it has no action",
        ]
    )


async def _awaited(payload: object) -> dict[str, int]:
    return {"receipt": 1}


def _parts(payload: object) -> Iterator[dict[str, int]]:
    yield {"receipt": 1}


@pytest.mark.parametrize(
    ("service", "answers", "said"),
    [
        (5, {}, "service must be a non-empty str, not 5"),
        ("", {}, "service must be a non-empty str, not ''"),
        ("payments", [1], "answers must be a dict with an answer for each action, not [1]"),
        ("payments", {5: {}}, "an action of stub 'payments' must be a non-empty str, not 5"),
        ("payments", {"charge": 5}, "the answer to 'charge' must be a dict, an exception, a function of the payload"),
        ("payments", {"charge": [{}, None]}, "'charge', number 2 of 2, must be a dict"),
        (
            "payments",
            {"charge": {"x": 1j}},
            "the answer to 'charge' can be none: the payload cannot be written as JSON",
        ),
        ("payments", {"charge": lambda: 1}, "a function, cannot be called with the payload: too many positional"),
        ("payments", {"charge": _awaited}, "a function, must be a plain function and not an async one"),
        (
            "payments",
            {"charge": [{}, _parts]},
            "number 2 of 2, a function, must be a plain function and not a generator",
        ),
        ("shop", {}, "'shop' runs on this bus already; a stub would be a second one to answer"),
        ("taken", {}, "'taken' runs on this bus already"),
    ],
)
def test_what_can_be_no_stub_is_refused(service: Any, answers: Any, said: str) -> None:
    with TestRun(LocalBus()) as run:
        run.service(Daebus("shop"))
        run.stub("taken", {})
        with pytest.raises(DaebusError, match=re.escape(said)):
            run.stub(service, answers)


def test_what_can_be_no_service_is_refused() -> None:
    app, broken = Daebus("shop"), Daebus("broken")

    @broken.on_start()
    def start() -> None:
        raise KeyError("no such table")

    with TestRun(LocalBus()) as run:
        run.stub("payments", {})
        arguments: list[tuple[Any, Any, str]] = [
            (app, "payments", "there is a stub for 'payments' on this bus"),
            (5, None, "app must be a Daebus, not 5"),
            (app, 5, "service must be a non-empty str"),
        ]
        for given, name, said in arguments:
            with pytest.raises(ConfigurationError, match=said):
                run.service(given, name)
        with pytest.raises(KeyError, match="no such table"):
            run.service(broken)
        run.service(app)
        with pytest.raises(ConfigurationError, match="'shop' runs already"):
            run.service(app)
    assert not app.running


def test_what_is_no_bus_for_tests_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="bus must be a bus for tests, such as a LocalBus, not 5"):
        RecordedBus(5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="bus must be a RecordedBus, not 5"):
        Stub("payments", {}, 5)  # type: ignore[arg-type]


def test_what_did_not_go_over_the_bus_is_told_with_what_did(run: Run) -> None:
    result = run("""
        import pytest
        from daebus import ConfigurationError, broadcast
        from shop import app

        def test_other_name(bus, service, stub):
            stub("payments", {"charge": {"ok": True}})
            service(app).request("buy", {"amount": 5})
            bus.wait_for("order.created", timeout=0)

        def test_not_so_often(bus):
            broadcast.send("news", {"text": "a\\x1b[31m" + "x" * 500})
            bus.wait_for("news", timeout=0, count=3, kind="broadcast")

        def test_function(bus):
            def is_late(message):
                return message.at > 1e12

            bus.wait_for(is_late, timeout=0)

        def test_nothing_waited_for(bus):
            bus.bus.publish("news", b"\\xff[")
            assert bus.requests("payments.charge")

        async def is_meant(message):
            return False

        def test_arguments(bus):
            for given, said in [
                (dict(what=5), "what to wait for"),
                (dict(what=""), "what to wait for"),
                (dict(what="x", timeout=-1), "timeout"),
                (dict(what="x", timeout="1"), "timeout"),
                (dict(what="x", count=0), "count"),
                (dict(what=is_meant), "the function of a message must be a plain function and not an async one"),
                (dict(what="x", kind="reply"), "kind must be one of request, message, response, broadcast"),
            ]:
                with pytest.raises(ConfigurationError, match=said):
                    bus.wait_for(**given)
            for ask in (bus.requests, bus.responses, bus.broadcasts):
                with pytest.raises(ConfigurationError, match="the name"):
                    ask(5)
            with pytest.raises(ConfigurationError, match="timeout"):
                bus.settle(-1)
            with pytest.raises(ConfigurationError, match="most"):
                bus.timeline(0)
    """)
    result.assert_outcomes(failed=4, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*NotOnBus: expected message 'order.created' to go over the bus within 0 s; it did not (there was "
            "'orders.created')",
            "E * what went over the bus:",
            'E     * s  request shop.buy from test: {"amount": 5}',
            'E     * s  request payments.charge from shop: {"amount": 5}',
            'E     * s  response payments.charge from payments: {"ok": true}',
            'E     * s  broadcast orders.created: {"amount": 5}',
            "E     * s  response shop.buy from shop: *",
            "*NotOnBus: expected broadcast 'news' to go over the bus 3 times within 0 s; it did 1 time",
            'E     * s  broadcast news: {"text": "a\\u001b*31mxxx*... (523 characters)',
            "*NotOnBus: expected message that is_late() is true of to go over the bus within 0 s; it did not",
            "E * what went over the bus: nothing",
            "*_ test_nothing_waited_for _*",
            "*-- daebus --*",
            "what went over the bus:",
            '  * s  unreadable news: "?[[]"',
        ]
    )


def test_a_wider_scope_is_refused_by_pytest(run: Run) -> None:
    result = run("""
        import pytest

        @pytest.fixture(scope="module")
        def shop(service):
            pass

        def test_it(shop):
            pass
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ScopeMismatch: *"])


BESIDE = """
import logging
import pytest
from daebus import Daebus, DaebusCaller, broadcast
from daebus.logs import JsonFormatter

class Money:
    cents = 3

@pytest.fixture(params=["service first", "stub first"])
def payments(request, service, stub):
    app = Daebus("shop")

    @app.json_default
    def default(value):
        return {"cents": value.cents}

    if request.param == "service first":
        service(app)
    answering = stub("payments", {"charge": {}})
    if request.param == "stub first":
        service(app)
    return answering

def test_what_the_test_writes_is_written_as_the_app_does(bus, payments):
    broadcast.send("news", {"price": Money()})
    DaebusCaller("payments").send_request("charge", {"price": Money()})
    assert bus.broadcasts("news")[0].payload == payments.calls[0].payload == {"price": {"cents": 3}}
    assert payments.calls[0].sender == "shop"

def test_a_line_of_the_log_is_of_the_app(payments):
    assert '"service": "shop"' in JsonFormatter().format(logging.makeLogRecord({}))

def test_beside_a_stub_alone_it_is_the_program(bus, stub):
    payments = stub("payments", {"charge": {}})
    DaebusCaller("payments").send_request("charge", {})
    broadcast.send("news", {})
    assert payments.calls[0].sender != "payments"
    assert '"service"' not in JsonFormatter().format(logging.makeLogRecord({}))
"""


def test_a_stub_is_none_of_the_services_of_the_process(run: Run) -> None:
    run(BESIDE).assert_outcomes(passed=5)


def test_callers_of_a_module_go_with_the_bus_of_each_test() -> None:
    """Also where they, and their event loop, are used on."""
    caller, later = DaebusCaller("payments"), AsyncDaebusCaller("payments")
    loop = asyncio.new_event_loop()
    for number in range(3):
        with TestRun(LocalBus()) as run:
            run.stub("payments", {"charge": {"test": number}})
            assert caller.send_request("charge") == {"test": number}
            assert loop.run_until_complete(later.send_request("charge")) == {"test": number}
            assert len(run.bus.requests()) == 2
    loop.run_until_complete(later.close())
    loop.close()


@pytest.mark.parametrize(
    ("message", "kind", "name"),
    [
        ('{"action":"a","payload":{},"reply_to":"c","request_id":"r"}', "request", "x.a"),
        ('{"action":"a","payload":{}}', "message", "x.a"),
        ('{"action":"a"}', "broadcast", "x"),
        ('{"action":5,"payload":{}}', "broadcast", "x"),
        ('{"action":"a","payload":5}', "broadcast", "x"),
        ('{"status":"success","payload":5,"request_id":"r"}', "response", "svc.act"),
        ('{"status":"error","payload":{"error":"no"},"request_id":"other","service":"s"}', "response", "x"),
        ('{"status":"paid","request_id":"r"}', "broadcast", "x"),
        ("[1]", "unreadable", "x"),
        ("{", "unreadable", "x"),
    ],
)
def test_what_kind_of_message_it_is(message: str, kind: str, name: str) -> None:
    found = read(Published(0.0, "x", message.encode()), {"r": ("svc", "act")})
    assert (found.kind, found.name) == (kind, name)
    assert str(found)


def test_an_app_that_serves_while_it_is_imported_is_an_error_of_the_collection(
    run: Run, pytester: pytest.Pytester, redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAEBUS_REDIS_URL", redis_url)
    pytester.makepyfile(users=f"from daebus import Daebus\napp = Daebus({name!r})\napp.run()\n")
    result = run("from users import app\n\ndef test_it(service):\n    service(app)\n", own_process=True)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*app.run() is called while the module is imported; put it under *"])


def test_an_app_that_serves_while_a_conftest_is_imported_is_an_error_of_that(
    pytester: pytest.Pytester, redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAEBUS_REDIS_URL", redis_url)
    pytester.syspathinsert()
    pytester.makepyfile(
        users=f"from daebus import Daebus\napp = Daebus({name!r})\napp.run()\n",
        conftest="from users import app\n",
        test_it="def test_it(service): ...\n",
    )
    result = pytester.runpytest_subprocess(timeout=60)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*app.run() is called while the module is imported; put it under *"])
