"""Registering handlers on apps and blueprints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daebus import Blueprint, ConfigurationError, Daebus, DaebusError, RegistrationError


def nothing() -> None: ...


def hear(data: Any) -> None: ...


def otherwise() -> None: ...


def takes(_given: Any) -> None: ...


@pytest.mark.parametrize("make", [Daebus, Blueprint])
def test_a_second_handler_for_an_action_is_an_error_at_registration(make: Any) -> None:
    app = make("shop")
    app.action("buy")(nothing)
    with pytest.raises(RegistrationError, match="action 'buy' has a handler already in 'shop'"):
        app.action("buy")(nothing)
    assert issubclass(RegistrationError, DaebusError)


@pytest.mark.parametrize("make", [Daebus, Blueprint])
@pytest.mark.parametrize(
    ("decorator", "arguments", "function"),
    [
        ("action", ("buy",), nothing),
        ("background", ("buy", 5), nothing),
        ("thread", ("buy",), takes),
        ("errorhandler", (KeyError,), takes),
    ],
)
def test_where_the_one_is_that_has_a_name_already_is_told_with_file_and_line(
    make: Any, decorator: str, arguments: tuple[Any, ...], function: Callable[..., Any]
) -> None:
    app = make("shop")
    getattr(app, decorator)(*arguments)(function)
    line = function.__code__.co_firstlineno
    with pytest.raises(RegistrationError, match=rf"already in 'shop' \(.*test_registry\.py:{line}\)"):
        getattr(app, decorator)(*arguments)(hear if function is takes else dict)


@pytest.mark.parametrize(
    ("decorator", "arguments", "kind"),
    [("action", (), "action"), ("background", (5,), "background task"), ("thread", (), "thread")],
)
def test_a_blueprint_that_brings_what_is_there_is_told_with_both_places(
    decorator: str, arguments: tuple[Any, ...], kind: str
) -> None:
    app, blueprint = Daebus("shop"), Blueprint("users")
    first, second = (takes, hear) if decorator == "thread" else (nothing, otherwise)
    getattr(app, decorator)("buy", *arguments)(first)
    getattr(blueprint, decorator)("buy", *arguments)(second)
    with pytest.raises(RegistrationError) as caught:
        app.register_blueprint(blueprint)
    places = [f" ({__file__}:{function.__code__.co_firstlineno})" for function in (second, first)]
    assert str(caught.value) == f"'users' brings {kind} 'buy'{places[0]}, which 'shop' has already{places[1]}"


def test_a_blueprint_that_clashes_changes_nothing() -> None:
    app, blueprint = Daebus("shop"), Blueprint("users")
    app.action("buy")(nothing)
    blueprint.action("greet")(nothing)
    blueprint.action("buy")(nothing)
    with pytest.raises(RegistrationError, match=r"'users' brings action 'buy' .*, which 'shop' has already"):
        app.register_blueprint(blueprint)
    assert list(app.action_handlers) == ["buy"]


def test_a_blueprint_is_registered_once_whatever_it_has() -> None:
    app, blueprint = Daebus("shop"), Blueprint("users")
    blueprint.listen("events")(hear)
    blueprint.on_start(nothing)
    app.register_blueprint(blueprint)
    with pytest.raises(RegistrationError, match="'shop' has the blueprint 'users' already"):
        app.register_blueprint(blueprint)
    assert {channel: len(handlers) for channel, handlers in app.listen_handlers.items()} == {"events": 1}
    Daebus("other").register_blueprint(blueprint)


def test_a_blueprint_gives_all_it_has() -> None:
    app, blueprint = Daebus("shop"), Blueprint("users")
    blueprint.action("greet")(nothing)
    blueprint.listen("events")(hear)
    app.listen("events")(hear)
    blueprint.background("tick", 5)(nothing)
    blueprint.thread("watch")(hear)
    blueprint.on_start(nothing)
    blueprint.on_stop()(nothing)
    assert app.register_blueprint(blueprint) is app
    assert list(app.action_handlers) == ["greet"]
    assert len(app.listen_handlers["events"]) == 2
    assert app.background_tasks["tick"].interval == 5
    assert list(app.thread_tasks) == ["watch"]
    assert [hook.call for hook in (*app.start_hooks, *app.stop_hooks)] == [nothing, nothing]


def test_a_handler_added_to_a_registered_blueprint_is_not_lost_in_silence() -> None:
    app, blueprint = Daebus("shop"), Blueprint("users")
    app.register_blueprint(blueprint)
    with pytest.raises(RegistrationError, match="add its handlers before"):
        blueprint.action("late")(nothing)


def test_decorators_give_the_function_back() -> None:
    app = Daebus("shop")
    assert app.action("a")(nothing) is nothing
    assert app.on_start(nothing) is nothing
    assert app.on_start()(nothing) is nothing


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), "5"])
def test_an_interval_that_cannot_be(interval: Any) -> None:
    with pytest.raises(RegistrationError, match="interval"):
        Daebus("shop").background("tick", interval)


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_name_that_cannot_be(name: Any) -> None:
    app = Daebus("shop")
    for decorator in (app.action, app.listen, app.thread, lambda name: app.background(name, 1)):
        with pytest.raises(RegistrationError, match="needs a name"):
            decorator(name)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_workers": 0},
        {"max_workers": "many"},
        {"max_queue": 0},
        {"max_queue": True},
        {"grace": -1},
        {"unknown_action": "maybe"},
    ],
)
def test_a_setting_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Daebus("shop", **settings)


@pytest.mark.parametrize("service", [None, "", "__main__"])
def test_a_service_needs_a_name(service: str | None) -> None:
    with pytest.raises(ConfigurationError, match="name the service"):
        Daebus("__main__").start(service=service)


@pytest.mark.parametrize("decorator", ["action", "listen", "thread"])
def test_a_decorator_without_parentheses_is_told_as_that(decorator: str) -> None:
    with pytest.raises(RegistrationError) as caught:
        getattr(Daebus("shop"), decorator)(nothing)
    assert str(caught.value).endswith(
        f'needs a name: write @app.{decorator}("nothing") above nothing, not @app.{decorator}'
    )


def test_an_errorhandler_without_parentheses_is_told_as_that() -> None:
    with pytest.raises(RegistrationError, match=r"write @app\.errorhandler\(KeyError\), say, above hear$"):
        Daebus("shop").errorhandler(hear)  # type: ignore[arg-type]
