"""What the verbs of the debugger have in common: who keeps the rules, what is asked before the first of them, names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from daebus.errors import ServiceUnavailable
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.looking.listing import LOOK_FOR, complete
from daebus_console.commands.doing.shared.guard import host_of, is_this_machine
from daebus_console.commands.doing.shared.keeping import made_keeper
from daebus_console.commands.errors import CommandError, NotConfirmed, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.words import Word, as_name, split
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.holding.condition import Condition, ConditionError, read_condition, value_at
from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.rule import LONGEST_HOLD, PLACES
from daebus_console.engine.keeping.asking import WITHIN, Unserved
from daebus_console.engine.keeping.keeper import Keeper, Silent
from daebus_console.engine.keeping.presence import debuggable
from daebus_console.engine.keeping.stepping import Stepper
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.sender import ReadOnly
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unasked
from daebus_console.naming import shown


def keeper_of(command: Command, context: Context) -> Keeper:
    """Who keeps our rules on the Redis of the session, made on first use. Raises ReadOnly, CommandError."""
    if context.read_only:
        raise ReadOnly(f"`{command.name}` debugs services, and {context.sends_nothing}")
    if isinstance(context.session, OfflineSession):
        raise CommandError("this is a capture: nothing in it can be held", 0, len(command.name))
    context.look()
    return made_keeper(context)


def stepper_of(command: Command, context: Context) -> Stepper:
    """Who steps. Raises what `keeper_of` raises."""
    keeper_of(command, context)
    stepper = under_way(context.session).stepper
    assert stepper is not None
    return stepper


class Unknown(NamedTuple):
    """Why more may be held, or stand, than is known, and the status that says so."""

    why: str
    status: int


def look_everywhere(keeper: Keeper, context: Context) -> Unknown | None:
    """Learn what is held now, in every service that can be debugged; a prompt, which goes on telling it, from now on.

    Returns why there may be others of which nothing is known, where it is so. Raises RedisUnavailable, ReadOnly.
    """
    session = keeper.session
    if context.face is Face.SHELL:
        session.wait_for(lambda: complete(session) or context.cancellation.cancelled, LOOK_FOR)
    else:
        keeper.watch()
        session.wait_for(lambda: not _untold(session) or context.cancellation.cancelled, LOOK_FOR)
    with session.lock:
        services = debuggable(session) | {service for service, _instance in keeper.desk.reports}
        untold = [one for one in _untold(session) if one.service not in services]
    silent = sorted([*keeper.look(sorted(services)), *untold])
    unasked = why_unasked(session)
    if unasked is not None:
        return Unknown(unasked, Exit.NO_REDIS)
    if silent:
        return Unknown(f"{told_silent(silent)}: what is held there, and by which rules, is not known", Exit.TIMEOUT)
    return None


def _untold(session: Session) -> list[Silent]:
    """The services that have told nothing of themselves as yet, and might be debugged."""
    with session.lock:
        return [
            Silent(one.name, one.subscribers, one.subscribers)
            for one in session.directory.services.values()
            if one.framework and one.gone is None and not one.instances and one.name not in session.status.unasked
        ]


def await_told(context: Context, session: Session, services: Collection[str] | None = None) -> None:
    """Wait until those services, or all, have told of themselves, and until it is known who else is subscribed there.

    At the shell nobody has asked as yet. Others may tell that they only listen. It does not wait for long.
    """

    def known() -> bool:
        if session.directory.polled is None:
            return session.status.discovery_problem is not None
        here = services is not None and not any(map(session.directory.others_of, services))
        return complete(session, services if here else None)

    session.wait_for(lambda: known() or context.cancellation.cancelled, LOOK_FOR)


def told_silent(silent: Sequence[Silent]) -> str:
    """Who did not answer, in words."""
    named = [
        f"{one.silent} of {one.there} instances of {shown(one.service)}"
        if one.silent < one.there
        else shown(one.service)
        for one in silent
    ]
    return f"no answer within {WITHIN:g} s from {', '.join(named)}"


def ended(context: Context, unknown: Unknown | None) -> int:
    """The status of what has told all that is known; why that may not be all is told, where there is a reason."""
    if unknown is None:
        return Exit.DONE
    context.output.error(unknown.why)
    return unknown.status


def confirm(command: Command, context: Context, services: Iterable[str], longest: float = LONGEST_HOLD) -> None:
    """Ask before the first rule on a Redis that is not on this machine. Raises NotConfirmed."""
    found = under_way(context.session)
    host = host_of(context.session.address.url)
    if found.confirmed or not context.confirm_remote or is_this_machine(host):
        return
    names = sorted(set(services))
    with context.session.lock:
        entries = [context.session.directory.services.get(name) for name in names]
        instances = sum(entry.subscribers for entry in entries if entry is not None)
    count = f"{instances} instance{'s' * (instances != 1)}" if instances else "an unknown number of instances"
    question = (
        f"`{command.name}` works on the messages of {', '.join(map(shown, names))} ({count})"
        f" at {context.session.address}, not on this machine: each may be held up for {longest:g} s at most,"
        " and for 10 s once this console is gone"
    )
    if not context.confirm(f"{question}. To go on, type {host}", host):
        raise NotConfirmed("not confirmed, so nothing was set; --confirm-remote off starts a console that does not ask")
    found.confirmed = True


@contextmanager
def telling_who_is_meant(context: Context, *, with_action: bool = True) -> Iterator[None]:
    """In the block, of a service that nobody serves, tell also which one is meant, where one is like it.

    One that is named with its action, as the list of what is held names it, is meant with that, or without.
    """
    try:
        yield
    except Unserved as error:
        session = context.session
        if context.face is Face.SHELL:
            session.wait_for(lambda: complete(session) or context.cancellation.cancelled, LOOK_FOR)
        with session.lock:
            known = {one.name: one.names("actions") for one in session.directory.services.values() if one.subscribers}
        both = next(
            ((one, action) for one in known for action in known[one] if error.service == f"{one}.{action}"), None
        )
        service = both[0] if both is not None else nearest(error.service, known)
        if service is None:
            raise
        action = f" {as_name(both[1], action=True)}" if both is not None and with_action else ""
        raise ServiceUnavailable(f"{error} (did you mean {as_name(service)}{action}?)") from None


def place_of(command: Command) -> str:
    """The place that the command names. Raises CommandError."""
    place: str = command["place"] or "request"
    if place not in PLACES:
        raise at_word(command, place, f"there is no place {place}: there are {', '.join(PLACES)}")
    return place


def conditions(command: Command, words: Sequence[Word] = ()) -> tuple[Condition, ...]:
    """The conditions of those words and of --where. Raises CommandError, pointing at the one that is none."""
    found: list[Condition] = []
    text: str = command["where"] or ""
    for word in words:
        found.append(condition(word))
    try:
        more = split(text)
    except CommandError as error:
        raise at_word(command, text, f"--where: {error.message}") from None
    for word in more:
        try:
            found.append(condition(word))
        except CommandError as error:
            raise at_word(command, text, f"--where: {error.message}") from None
    return tuple(found)


def condition(word: Word) -> Condition:
    """The condition that a word is. Raises CommandError."""
    as_typed = word.raw != word.text and word.raw[:1] not in ("'", '"')
    places = list(range(word.start, word.end)) if as_typed else [word.at(column) for column in range(len(word.text))]
    try:
        text, quoted, places = _as_typed(word, places) if as_typed else (word.text, False, places)
        return read_condition(text, quoted=quoted)
    except ConditionError as error:
        begin = places[error.column] if error.column < len(places) else word.end
        raise CommandError(str(error), begin, max(word.end - begin, 1)) from None


def _as_typed(word: Word, places: list[int]) -> tuple[str, bool, list[int]]:
    """A condition with the quotes of the names in it, whether its value was quoted, and where in the line each sign is.

    Quotes in a list or an object are part of it.
    """
    raw, at = word.raw, value_at(word.raw)
    if at is None or raw[at : at + 1] in ("[", "{"):
        return raw, False, places
    column = next((one for one in range(len(word.text)) if word.at(one) >= word.start + at), len(word.text))
    value = [word.at(one) for one in range(column, len(word.text))]
    return raw[:at] + word.text[column:], raw[at : at + 1] in ("'", '"'), places[:at] + value


def at_word(command: Command, word: str, text: str) -> CommandError:
    """An error that points at a word of the command."""
    position = command.line.rfind(word) if word else -1
    return CommandError(text, position if position >= 0 else len(command.line), len(word) if position >= 0 else 0)


def find_held(command: Command, keeper: Keeper, which: str) -> Held:
    """What is held under a number, or an id. Raises CommandError."""
    with keeper.session.lock:
        found = keeper.desk.find(which)
        there = [f"H{one.number}" for one in keeper.desk.held()]
    if found is None:
        known = f"there is {', '.join(there[:8])}" if there else why_unasked(keeper.session) or "nothing is held"
        raise at_word(command, which, f"{which} is not held (any more): {known}")
    return found


def is_ours(keeper: Keeper, owner: str) -> bool:
    """Whether that owner is this console, or another one of the same user on the same machine."""
    return owner.rpartition(":")[0] == keeper.desk.owner.rpartition(":")[0]


class Others:
    """Whether what others hold may be touched: of several messages each of them is asked about once."""

    def __init__(self, context: Context, keeper: Keeper) -> None:
        self._context, self._keeper = context, keeper
        self._said: dict[str, bool] = {}

    @property
    def left(self) -> list[str]:
        """Those whose messages are left to them."""
        return [owner for owner, may in self._said.items() if not may]

    def may(self, owners: Iterable[str]) -> bool:
        """Whether all of those may be touched."""
        others = [one for one in owners if not is_ours(self._keeper, one)]
        for one in others:
            if one not in self._said:
                question = f"Some of it is held by {shown(one)}, not by you. Go on all the same?"
                self._said[one] = self._context.confirm(question)
        return all(self._said[one] for one in others)


def ask_for_others(context: Context, keeper: Keeper, owners: Iterable[str], what: str) -> None:
    """Ask before something of others is touched. Raises NotConfirmed."""
    others = sorted({one for one in owners if not is_ours(keeper, one)})
    if others and not context.confirm(
        f"{what} is held by {', '.join(map(shown, others))}, not by you. Go on all the same?"
    ):
        raise NotConfirmed(f"{what} was left to {', '.join(map(shown, others))}")
