"""The main screen on a real Redis: what passes is seen, paired, looked into, narrowed and asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.session import Session
from tests.console.tui.support import Driver, drive, fed
from tests.support.redis_server import RedisServer


def test_a_request_is_pending_until_its_answer_comes(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1)
        await console.sees("get_user")
        assert "waiting" in console.line("get_user")
        console.answer(1, {"id": 7})
        await console.until(lambda: "✓ ok" in console.line("get_user"))
        line = console.line("get_user")
        assert "shop" in line
        assert name[:8] in line
        assert " → " in line

    drive(redis_url, story)


def test_progress_error_and_gap_are_told_by_words_not_only_by_colours(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "render", 1)
        console.answer(1, {"percent": 50}, final=False)
        console.answer(1, {"percent": 80}, final=False)
        console.request(name, "charge", 2)
        console.answer(2, {"error": "card refused"}, status="error")
        console.publish(f"{name}.responses", b'{"status": \xff no json')
        await console.sees("part 2", "✗ error", "✗ no JSON")

    drive(redis_url, story)


def test_the_selected_exchange_is_shown_below(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1, {"id": 7})
        console.answer(1, {"name": "Ann"})
        await console.sees("✓ ok")
        await console.press("up")
        await console.sees('name: "Ann"', f"{name}.get_user")
        await console.press("enter", "1")
        await console.sees("id: 7", "request_id", "r1")
        await console.press("3")
        await console.sees("asked by shop", "answered")
        await console.press("4")
        await console.sees('"action": "get_user"')

    drive(redis_url, story)


def test_the_keys_that_the_tabs_name_open_them_from_the_flow_too(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1, {"id": 7})
        console.answer(1, {"name": "Ann"})
        await console.sees("✓ ok")
        await console.press("up", "1")
        await console.sees("id: 7", "request_id", "r1")
        await console.press("4")
        await console.sees('"action": "get_user"')
        assert console.app.focused is console.app.main.flow
        await console.press("f3")
        await console.loses("4 Raw")
        await console.press("2")
        await console.sees("2 Response", 'name: "Ann"')

    drive(redis_url, story)


def test_scrolling_up_stops_following_and_tells_how_many_are_new(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        for number in range(60):
            console.publish(name, {"event": number})
        await console.until(lambda: console.app.main.flow.count() >= 60)
        assert "following" in console.text
        await console.press("up", "up", "up")
        selected, top = console.app.main.flow.selected, console.app.main.flow.top
        for number in range(5):
            console.publish(name, {"event": number})
        await console.sees("5 new")
        assert (console.app.main.flow.selected, console.app.main.flow.top) == (selected, top)
        await console.press("G")
        await console.sees("following")

    drive(redis_url, story)


def test_pause_holds_still_and_misses_nothing(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.publish(name, {"event": 1})
        await console.sees("· broadcast")
        await console.press("space")
        await console.sees("paused")
        count = console.app.main.flow.count()
        console.publish(name, {"event": 2})
        await console.sees("1 waiting")
        assert console.app.main.flow.count() == count
        await console.press("space")
        await console.until(lambda: console.app.main.flow.count() == count + 1)

    drive(redis_url, story)


def test_paused_it_can_be_looked_at_in_other_ways(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        console.request(name, "good", 1)
        console.request(name, "bad", 2)
        console.answer(1)
        await console.until(lambda: main.flow.count() == 2 and main.flow.model.place.cursor.message == 3)
        await console.press("space")
        await console.sees("paused")
        console.request(name, "late", 3)
        await console.sees("1 waiting")
        main.narrow_to("action:good")
        await console.until(lambda: main.flow.count() == 1)
        await console.press("b")
        await console.until(lambda: main.flow.count() == 2)
        main.narrow_to("action:late")
        await console.sees("None of 3 is shown.", "space lets it go on", "/ changes the filter")
        main.narrow_to("")
        await console.until(lambda: main.flow.count() == 3)
        await console.press("b")
        await console.until(lambda: main.flow.count() == 2)
        await console.press("space")
        await console.until(lambda: main.flow.count() == 3)

    drive(redis_url, story)


def test_paused_before_anything_came_it_says_so(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await console.press("space")
        console.request(name, "late", 1)
        await console.sees("It was paused before anything came.", "space lets it go on.")

    drive(redis_url, story)


def test_a_filter_narrows_while_it_is_typed_and_points_at_its_mistakes(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "good", 1)
        console.answer(1)
        console.request(name, "bad", 2)
        console.answer(2, {"error": "no"}, status="error")
        await console.sees("good", "bad")
        await console.press("slash")
        await console.type("status:error")
        await console.loses("good")
        assert "bad" in console.line("✗ error")
        await console.type(" statsu:x")
        await console.sees("^^^^^^")
        rows = console.text.split("\n")
        row = next(index for index, text in enumerate(rows) if "   status:error statsu:x" in text)
        assert rows[row + 1].index("^^^^^^") == rows[row].index("statsu")
        await console.press("escape")
        await console.sees("good", "bad")

    drive(redis_url, story)


def test_keys_of_the_focused_pane_are_told_by_the_question_mark(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.press("question_mark")
        await console.sees("Keys", "Follow", "Next error", "Pause")
        await console.press("escape")
        await console.loses("escape closes")
        await console.press("q")

    drive(redis_url, story)


def test_empty_panes_say_what_to_do(own_redis: RedisServer) -> None:
    async def story(console: Driver) -> None:
        await console.sees(
            "No services on", "daebus-console demo", "Nothing has been published yet", "Select an exchange"
        )

    drive(own_redis.url, story)


def left_pane(console: Driver) -> str:
    """What the left pane says, in one line."""
    return " ".join(" ".join(row.split("\u2595")[0].split()) for row in console.text.split("\n"))


@pytest.mark.parametrize("size", [(80, 24), (120, 35)])
def test_a_redis_that_refuses_is_told_from_one_that_is_not_there(own_redis: RedisServer, size: tuple[int, int]) -> None:
    async def refused(console: Driver) -> None:
        await console.until(lambda: "There is a Redis at" in left_pane(console))
        said = left_pane(console)
        assert "invalidusername-passwordpair" in said.replace(" ", "")
        assert "--redisredis://USER:PASSWORD@HOST" in said.replace(" ", "")
        assert "hunter2" not in console.text
        await console.sees("Nothing is seen, since Redis refuses it")

    with Session(own_redis.url.replace("redis://", "redis://nobody:hunter2@")) as session:
        drive(session, refused, size)
    own_redis.kill()

    async def away(console: Driver) -> None:
        await console.until(lambda: "No Redis answers at" in left_pane(console))
        said = left_pane(console)
        assert "Connection refused" in said
        assert "Start it there" in said
        await console.sees("Nothing is seen, since Redis is not connected")
        # Where the directory is hidden, or the line at the top has no room for it, the flow says why, too.
        await console.press("f2")
        await console.until(lambda: "Connection refused" in " ".join(console.text.split("\n", 3)[3].split()))
        await console.loses("Nothing has been published")

    with Session(own_redis.url) as session:
        drive(session, away, size)


def test_ids_are_told_by_the_names_that_they_have_on_the_wire() -> None:
    session = fed(100.0)
    message = {"action": "mail", "payload": {}}
    for fields in ({"message_id": "m1"}, {"request_id": "r1", "reply_to": "caller:1"}):
        session.on_batch(99.0, [("notifier", json.dumps({**message, **fields}).encode())])

    async def story(console: Driver) -> None:
        await console.press("home", "1")
        await console.sees("message_id  m1")
        assert "request_id" not in console.text
        await console.press("down", "1")
        await console.sees("request_id  r1")
        assert "message_id" not in console.text

    drive(session, story)


def test_of_a_service_in_a_capture_without_records_it_is_not_said_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    asked = {"action": "get", "payload": {}, "request_id": "1", "reply_to": "caller:1"}
    line = {"at": 1.0, "channel": "users", "data": json.dumps(asked)}
    path.write_text(f'{{"daebus_capture": 1}}\n{json.dumps(line)}\n')

    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() == 1)
        await console.press("home", "2")
        await console.sees("No answer yet")
        assert "older release" not in console.text
        await console.press("5")
        await console.sees("this capture holds no records of services")

    with OfflineSession(path) as session:
        drive(session, story)


def test_a_capture_without_messages_is_no_bus(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text('{"daebus_capture": 1}\n')

    async def story(console: Driver) -> None:
        await console.sees("There is no message in this capture", "No service is seen in capture")
        await console.loses("Nothing has been published")

    with OfflineSession(path) as session:
        drive(session, story)


def test_a_capture_is_not_followed_for_nothing_comes(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    lines = [json.dumps({"at": 10.0 + n, "channel": "news", "data": json.dumps({"n": n})}) for n in range(60)]
    path.write_text("\n".join(['{"daebus_capture": 1}', *lines]) + "\n")

    async def story(console: Driver) -> None:
        await console.sees(":09.000     60")
        assert "following" not in console.text
        await console.press("home")
        await console.sees(":10.000      1", "f to the newest")
        await console.press("f")
        await console.sees(":09.000     60")
        await console.loses("f to the newest")

    with OfflineSession(path) as session:
        drive(session, story)


def test_it_is_usable_at_80_by_24(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1)
        console.answer(1, {"name": "Ann"})
        await console.until(lambda: "✓" in console.line("get_user"))
        await console.press("up")
        await console.sees('name: "Ann"', "Commands", "Details")
        assert all(len(line) <= 80 for line in console.text.split("\n"))

    drive(redis_url, story, size=(80, 24))


def test_what_comes_off_the_bus_commands_neither_terminal_nor_markup(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        evil = "[red]x[/red]\x1b[31m\x1b]0;owned\x07‮z"
        console.publish(name + evil, {"action": evil, "payload": {evil: evil}, "service": evil})
        await console.sees("[red]x[/red]")
        await console.press("up", "enter", "1")
        await console.sees("payload")
        assert not any(sign in console.text for sign in "\x1b\x07‮")

    drive(redis_url, story)


def test_what_is_typed_behind_a_filter_that_stands_is_a_term_of_its_own(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "good", 1)
        console.answer(1)
        console.request(name, "bad", 2)
        console.answer(2, {"error": "no"}, status="error")
        console.request(name, "worse", 3)
        console.answer(3, {"error": "no"}, status="error")
        await console.sees("good", "bad", "worse")
        await console.press("slash")
        await console.type("status:error")
        await console.press("enter")
        await console.loses("good")
        await console.press("slash")
        assert "worse" in console.text
        await console.type("action:bad")
        await console.loses("worse")
        await console.press("enter")
        assert console.app.main.filter_text == "status:error action:bad"

    drive(redis_url, story)


def test_a_filter_that_stands_is_not_looked_for_anew(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        console.request(name, "good", 1)
        console.request(name, "bad", 2)
        console.answer(2, {"error": "no"}, status="error")
        await console.sees("good", "bad")
        await console.press("slash")
        await console.type("status:error")
        await console.loses("good")
        version = main.visibility.version
        await console.press("enter", "slash", "enter", "slash", "escape")
        assert (main.filter_text, main.visibility.version) == ("status:error", version)
        await console.press("backslash")
        await console.sees("good")
        await console.press("slash", "enter")
        await console.loses("good")

    drive(redis_url, story)


def test_while_a_term_is_unfinished_the_terms_before_it_count(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "good", 1)
        console.answer(1)
        console.request(name, "bad", 2)
        console.answer(2, {"error": "no"}, status="error")
        await console.sees("good", "bad")
        await console.press("slash")
        await console.type("status:error latency:")
        await console.sees("needs a value")
        assert "bad" in console.line("✗ error")
        assert not console.line("✓ ok")

    drive(redis_url, story)


def test_the_detail_of_a_gap_says_that_it_is_over_once_it_is() -> None:
    session = fed(1000.0)
    session.on_down(990.0, "Connection refused")

    async def story(console: Driver) -> None:
        await console.press("up", "enter")
        await console.sees("not yet over")
        session.on_up(999.0)
        await console.loses("not yet over")

    drive(session, story)


def test_the_title_says_which_key_shows_what_is_not_counted_as_shown() -> None:
    asks = b'{"action": "info", "payload": {}, "request_id": "c%d", "reply_to": "caller:1"}'
    session = fed(100.0)
    session.on_batch(90.0, [("daebus.control.users", asks % number) for number in range(3)])
    session.on_batch(91.0, [("news", b'{"a": 1}')])

    async def story(console: Driver) -> None:
        await console.sees("Flow  1 of 4  3 control (c)")
        await console.press("c")
        await console.sees("Flow  4  with control (c)")
        await console.press("c")
        await console.pilot.resize_terminal(40, 24)
        await console.sees("Flow  1 of 4  ")
        assert "control" not in console.line("Flow")

    drive(session, story)
