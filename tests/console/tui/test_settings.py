"""What is remembered, and a file that is damaged or of somebody else's making."""

from __future__ import annotations

import json
import math
import os
import tomllib
from pathlib import Path

import pytest

from daebus.transport.address import RedisAddress
from daebus_console.tui.flow.visibility import Mute
from daebus_console.tui.settings import LARGEST, SettingsFile, to_toml
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive
from tests.console.tui.test_bindings import go


def test_what_is_written_is_read_back_with_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.toml"
    settings = SettingsFile.load(path)
    settings.set("theme", "nord")
    settings.set("filters", {"my errors": 'status:error "out of stock"', "ü": "x\x7f\n"})
    assert SettingsFile.load(path).values == settings.values
    assert "# " in path.read_text()


@pytest.mark.parametrize("damaged", ["theme = [broken", f"theme = {'9' * 5000}", "theme = 2026-02-30"])
def test_a_damaged_file_is_told_of_and_left_alone(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(damaged)
    settings = SettingsFile.load(path)
    assert "cannot be read" in (settings.problem or "")
    settings.set("theme", "nord")
    assert path.read_text() == damaged


def test_what_another_console_wrote_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    ours, theirs = SettingsFile.load(path), SettingsFile.load(path)
    theirs.set("order", "newest first")
    ours.set("theme", "nord")
    assert tomllib.loads(path.read_text()) == {"order": "newest first", "theme": "nord"}


def test_values_of_the_wrong_type_count_as_missing() -> None:
    settings = SettingsFile(values={"theme": 7, "layout": "wide"})
    assert settings.get("theme", str, "") == ""
    assert settings.get("layout", dict, {}) == {}


def test_toml_holds_any_text() -> None:
    values = {
        "mutes": ['a "b"', "c\\d\t", "shop 🛒", "Zoë\x7f\u202e"],
        "layout": {"sizes": {"left": 20}, "hidden": []},
        "filters": {"the 🛒\x7f": 'service:"shop 🛒"'},
    }
    assert tomllib.loads(to_toml(values)) == values


def test_what_the_console_does_not_know_stays_as_it_is(tmp_path: Path) -> None:
    unknown = """\
since = 2026-11-30
day = [2026-11-30T10:00:00+02:00, 2026-11-30T10:00:00.5Z, 2026-11-30T10:00:00, 07:32:00.999]
numbers = [inf, -inf, 1e-300, -0.0, 9223372036854775807, 1e16, 0.1]
on = true
[[tables]]
a.b = { c = [1, { d = "x" }] }
"""
    path = tmp_path / "settings.toml"
    path.write_text(unknown + "[of]\nnothing = nan\n")
    SettingsFile.load(path).set("theme", "nord")
    found = tomllib.loads(path.read_text())
    assert math.isnan(found.pop("of")["nothing"])
    assert found == tomllib.loads(unknown) | {"theme": "nord"}
    assert str(found["numbers"][3]) == "-0.0"


def test_layout_theme_and_kept_filters_come_back(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"

    async def first(console: Driver) -> None:
        await console.press("f2", "greater_than_sign")
        await console.press("slash")
        await console.type("status:error")
        await console.press("ctrl+s")
        await console.sees("A name for this filter")
        await console.type("errors")
        await console.press("enter")
        await console.until(lambda: "errors" in console.app.settings.values.get("filters", {}))
        console.app.theme = "nord"

    async def second(console: Driver) -> None:
        await console.loses("Services")
        assert console.app.theme == "nord"
        await console.press("F")
        await console.sees("errors", "status:error")
        await console.press("enter")
        await console.sees("/ status:error")

    drive(redis_url, first, settings=SettingsFile.load(path))
    drive(redis_url, second, settings=SettingsFile.load(path))


def test_what_is_muted_stays_so_whatever_it_is_called(redis_url: str, tmp_path: Path) -> None:
    path, name = tmp_path / "settings.toml", "old users\\and more 🛒"

    async def first(console: Driver) -> None:
        with RedisAddress(redis_url).client() as client:
            client.publish(name, json.dumps({"action": "get user", "payload": {}}))
        await console.sees("get user")
        await console.press("up", "x")
        await console.until(lambda: "mutes" in console.app.settings.values)

    async def second(console: Driver) -> None:
        assert list(console.app.main.visibility.mutes) == [Mute(name, "get user")]

    drive(redis_url, first, settings=SettingsFile.load(path))
    drive(redis_url, second, settings=SettingsFile.load(path))


def test_what_is_no_regular_file_is_told_of_and_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", LARGEST + 1)
    (tmp_path / "deep").write_text("a = " + "[" * 100_000)
    for name, says in (
        ("pipe", "is a named pipe, not a regular file"),
        (".", "is a directory, not a regular file"),
        ("large", "is larger than 1 MB"),
        ("deep", ""),
    ):
        settings = SettingsFile.load(tmp_path / name)
        assert settings.problem is not None
        assert says in settings.problem
        settings.set("wrap", True)
    assert (tmp_path / "large").stat().st_size == LARGEST + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "large", "pipe"]


def test_a_settings_file_that_is_a_link_stays_one_and_keeps_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "settings.toml"
    target.write_text("wrap = true\n")
    target.chmod(0o644)
    link.symlink_to(target.name)
    SettingsFile.load(link).set("order", "newest first")
    assert link.is_symlink()
    assert SettingsFile.load(target).values == {"wrap": True, "order": "newest first"}
    assert target.stat().st_mode & 0o777 == 0o644
    SettingsFile(tmp_path / "new.toml").set("wrap", True)
    assert (tmp_path / "new.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("pane", ["flow", "directory", "detail"])
def test_what_only_stands_behind_a_zoomed_pane_is_not_remembered_as_hidden(tmp_path: Path, pane: str) -> None:
    path = tmp_path / "settings.toml"

    async def zoomed(console: Driver) -> None:
        await go(console, pane)
        await console.press("z")
        whole = console.app.main.layout_of.of_focus().outer_size
        await console.press("plus", "minus", "greater_than_sign", "less_than_sign", "f4", "f4")
        assert console.app.main.layout_of.of_focus().outer_size == whole

    drive(scene(), zoomed, settings=SettingsFile.load(path))
    kept = SettingsFile.load(path).get("layout", dict, {})
    assert kept == {"hidden": ["repl-pane"], "sizes": {}}

    async def again(console: Driver) -> None:
        await console.sees("Services", "Flow", "Timeline")
        await console.loses("Commands ")

    drive(scene(), again, settings=SettingsFile.load(path))
