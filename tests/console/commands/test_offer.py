"""In which order names are offered for what is typed, and how many."""

from __future__ import annotations

from collections.abc import Iterator

from daebus_console.commands.completion.offer import MOST, Offer, ranked


def names(*names: str) -> list[tuple[str, str]]:
    return [(name, f"about {name}") for name in names]


def test_what_begins_so_comes_before_what_contains_it_whatever_the_case() -> None:
    found = ranked("Or", 3, names("storage", "users", "Orders", "orders.old", "floor"))
    assert [offer.text for offer in found] == ["Orders", "orders.old", "storage", "floor"]
    assert found[0] == Offer("Orders", 3, "about Orders")


def test_it_is_compared_as_it_is_shown_and_offered_as_it_is_typed() -> None:
    found = ranked("a b", 0, names("A B", "ab"), quote=repr, by=str.lower)
    assert [offer.text for offer in found] == ["'A B'"]


def test_of_names_without_end_only_so_many_are_looked_at_as_are_offered() -> None:
    looked_at = 0

    def endless() -> Iterator[tuple[str, str]]:
        nonlocal looked_at
        while True:
            looked_at += 1
            yield f"orders.{looked_at}", ""

    assert len(ranked("orders", 0, endless())) == MOST
    assert looked_at == MOST
