"""Whose turn it is to read among the threads of a service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from daebus.service.readers import Rota
from tests.support.waiting import eventually


class Crew:
    """Threads that iterate over a rota; each does with its turn what `work` says."""

    def __init__(self, rota: Rota, size: int, work: Callable[[int], None]) -> None:
        self.rota = rota
        self.turns: list[tuple[int, int]] = []
        self._work = work
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(size)]
        for thread in self.threads:
            thread.start()

    def _run(self) -> None:
        for turn in self.rota:
            self.turns.append((turn, threading.get_ident()))
            self._work(turn)

    def end(self) -> None:
        self.rota.end()
        self.end_by_itself()

    def end_by_itself(self) -> None:
        for thread in self.threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_one_has_the_turn_until_it_passes_it_on(gate: threading.Event) -> None:
    rota = Rota()

    def work(turn: int) -> None:
        if turn < 3:
            rota.pass_on(turn)
        gate.wait(10)

    crew = Crew(rota, 5, work)
    eventually(lambda: len(crew.turns) == 4)
    assert [turn for turn, _thread in crew.turns] == [0, 1, 2, 3]
    assert len({thread for _turn, thread in crew.turns}) == 4
    assert not rota.is_over(3)
    gate.set()
    rota.pass_on(3)
    crew.end()


def test_a_turn_is_passed_on_once(gate: threading.Event) -> None:
    rota = Rota()
    crew = Crew(rota, 3, lambda _turn: gate.wait(10))
    eventually(lambda: crew.turns)
    rota.pass_on(0)
    eventually(lambda: len(crew.turns) == 2)
    rota.pass_on(0)
    assert not rota.is_over(1)
    gate.set()
    crew.end()


def test_who_steps_out_for_long_is_relieved_by_the_one_that_watches(gate: threading.Event) -> None:
    rota = Rota()
    stepped_in: list[bool] = []

    def work(turn: int) -> None:
        if turn == 0:
            eventually(lambda: rota._resting)
            rota.step_out()
            gate.wait(10)
            stepped_in.append(rota.step_in(turn))
        else:
            gate.wait(10)

    crew = Crew(rota, 3, work)
    eventually(lambda: len(crew.turns) == 2)
    assert [turn for turn, _thread in crew.turns] == [0, 1]
    gate.set()
    eventually(lambda: stepped_in == [False])
    crew.end()


def test_who_is_back_soon_keeps_the_turn() -> None:
    rota = Rota()
    back = threading.Event()

    def work(turn: int) -> None:
        for _ in range(50):
            rota.step_out()
            if not rota.step_in(turn):
                return
        back.set()
        rota.end()

    crew = Crew(rota, 2, work)
    # On a busy machine the watcher may have relieved it meanwhile, and then it is the other's turn.
    assert back.wait(10)
    crew.end()


def test_what_is_done_alone_is_not_watched_for_long() -> None:
    """A process may have hundreds of services: if each went on looking, they would keep each other from working."""

    class Counted(Rota):
        looks = 0

        def _rest(self, wake: threading.Lock) -> float:
            self.looks += 1
            return super()._rest(wake)

    rota = Counted()

    def work(turn: int) -> None:
        eventually(lambda: len(rota._resting) == 1)
        before = rota.looks
        rota.step_out()
        if rota.step_in(turn):
            eventually(lambda: rota._watcher is None and rota._resting)
            looks.append(rota.looks - before)
        rota.end()

    looks: list[int] = []
    Crew(rota, 2, work).end_by_itself()
    # On a busy machine the watcher may have relieved it meanwhile.
    assert not looks or looks[0] <= 6


def test_who_steps_out_while_nobody_rests_is_relieved_by_whoever_comes_to_rest(gate: threading.Event) -> None:
    rota = Rota()

    def work(turn: int) -> None:
        if turn == 0:
            rota.step_out()
        gate.wait(10)

    first = Crew(rota, 1, work)
    eventually(lambda: rota._away_since)
    second = Crew(rota, 2, work)
    eventually(lambda: second.turns)
    assert [turn for turn, _thread in second.turns] == [1]
    gate.set()
    rota.end()
    first.end()
    second.end()


def test_who_steps_out_while_the_watcher_goes_to_rest_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    rota = Rota()
    watching = rota._watcher = threading.Lock()

    def is_quiet() -> bool:
        # It has been, and in the moment in which the watcher sees that it is no more.
        rota.step_out()
        return True

    monkeypatch.setattr(rota, "_is_quiet", is_quiet)
    assert rota._rest(watching) > 0
    assert rota._watcher is watching


def test_the_end_lets_everybody_go() -> None:
    rota = Rota()
    crew = Crew(rota, 4, rota.pass_on)
    eventually(lambda: len(crew.turns) > 10)
    crew.end()
