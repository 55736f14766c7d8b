"""held, release and step: what is held, and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.holding.debugging import (
    Others,
    ask_for_others,
    at_word,
    ended,
    find_held,
    keeper_of,
    look_everywhere,
    stepper_of,
)
from daebus_console.commands.doing.holding.held_rows import HEADINGS, held_record, held_row
from daebus_console.commands.doing.holding.standing import stay
from daebus_console.commands.doing.shared.inputs import giving_up, misplaced
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.items import Item, Items, Json
from daebus_console.commands.terms.words import Word
from daebus_console.commands.verbs import Face
from daebus_console.engine import jsontext
from daebus_console.engine.export.as_race import NothingToDo, as_race
from daebus_console.engine.export.where import bare_url
from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.steps import Step, StepError
from daebus_console.engine.holding.words import stage, told_passed, unanswerable, where
from daebus_console.engine.keeping.keeper import Keeper
from daebus_console.engine.keeping.refused import GoneOn, Refused
from daebus_console.engine.keeping.releasing import Released
from daebus_console.files.places import FileError
from daebus_console.files.writing import Writing
from daebus_console.naming import shown
from daebus_console.render import json_lines, line, table

VERDICTS = ("go", "answer", "fail", "drop")


def run_held(command: Command, context: Context) -> int:
    """List what is held, or show one with its payload."""
    keeper = keeper_of(command, context)
    unknown = look_everywhere(keeper, context)
    which: str | None = command["which"]
    session = keeper.session
    with session.lock:
        held, now = keeper.desk.held(), keeper.now()
        unlisted, passed = keeper.desk.unlisted(), keeper.desk.passed()
    if which is not None and (held or unknown is None):
        return _show(command, context, keeper, find_held(command, keeper, which))
    if command["json"]:
        for one in held:
            context.output.record({**held_record(one, now, context), "unlisted": unlisted})
    elif held:
        context.output.result(table(HEADINGS, [held_row(one, now) for one in held], frozenset({4, 5})))
        if unlisted:
            context.output.note(f"{unlisted:,} more are held than have room in an answer; `release all` lets all go")
    elif unknown is None:
        context.output.note("nothing is held; `break SERVICE ACTION` holds messages")
    if passed and not command["json"]:
        context.output.note(told_passed(passed))
    return ended(context, unknown)


def _show(command: Command, context: Context, keeper: Keeper, held: Held) -> int:
    payload = context.redact.mask(keeper.look_into(held.first))
    cut = payload is None and not held.first.whole
    if command["json"]:
        context.output.record({**held_record(held, keeper.now(), context), "payload": payload, "cut": cut})
        return Exit.DONE
    rows = table(HEADINGS, [held_row(held, keeper.now())], frozenset({4, 5}))
    context.output.result(rows if cut else [*rows, line(""), *json_lines(payload)])
    if cut:
        size = f"{held.first.length:,} bytes"
        context.output.note(f"it is too large to be shown ({size}), and may be let go all the same")
    return Exit.DONE


def run_release(command: Command, context: Context) -> int:
    """Let messages go, one or several."""
    keeper = keeper_of(command, context)
    if command["which"] == "save":
        return _save(command, context, keeper)
    verdict = _verdict(command)
    step = _step(command, command["then"]) if command["then"] is not None else None
    whole = _whole(command, context, verdict)
    unknown = look_everywhere(keeper, context)
    several = _which(command, keeper)
    if not several:
        if unknown is None:
            context.output.note("nothing is held")
        return ended(context, unknown)
    if len(several) > 1 and (command["changes"].items or verdict != "go" or step is not None):
        raise at_word(command, command["which"], "several are let go as they are: name one to edit, answer or step")
    why = unanswerable(several[0].first) if verdict in ("answer", "fail") else ""
    if why:
        raise at_word(command, verdict, f"H{several[0].number} {where(several[0].first)}: {why[0].lower()}{why[1:]}")
    status = Exit.DONE
    whole_desk = command["which"] == "all"
    others, left = Others(context, keeper), 0
    for held in _with_unlisted(keeper, context, several) if whole_desk else several:
        what = f"H{held.number} {where(held.first)}"
        if len(several) == 1:
            ask_for_others(context, keeper, held.owners, what)
        elif not others.may(held.owners):
            left += 1
            continue
        try:
            if step is not None and step is not Step.RUN:
                payload = _edited(command, context, keeper, held, whole)
                return _step_from(command, context, held, step, payload)
            more = _more(command, verdict) if whole is None else {"payload": whole}
            if verdict == "go":
                more = {"payload": _edited(command, context, keeper, held, whole)}
            released = keeper.release(held, verdict, **more)
        except StepError as error:
            raise at_word(command, str(step), str(error)) from None
        except (GoneOn, Refused) as error:
            context.output.error(str(error))
            status = Exit.ERROR
            continue
        edited = verdict == "go" and more["payload"] is not None
        _tell(command, context, held, verdict, released, edited=edited)
    if left:
        context.output.note(f"{left} {'is' if left == 1 else 'are'} left to {', '.join(map(shown, others.left))}")
        if whole_desk:
            _release_hidden(context, keeper)
    return status or ended(context, unknown if whole_desk else None)


def _step_from(command: Command, context: Context, held: Held, step: Step, payload: Any) -> int:
    """Let it go, and hold what comes next; at the shell until that has gone on, or it is interrupted."""
    stepper = stepper_of(command, context)
    stepper.step(held, step, payload)
    how = "goes on" if payload is None else "goes on as edited"
    context.output.note(f"H{held.number} {where(held.first)} {how}; {step}: what comes next is held")
    if context.face is Face.PROMPT:
        return Exit.DONE
    # Nothing is held for longer than somebody is there.
    keeper = stepper.keeper
    return stay(command, context, keeper, over=lambda: not stepper.under_way and not keeper.desk.ours())


def _release_hidden(context: Context, keeper: Keeper) -> None:
    """Let go what is ours and has no room in an answer beside what is left to others."""
    with keeper.session.lock:
        hidden = {one.service for one in keeper.desk.reports.values() if one.count > len(one.holds)}
    count = sum(keeper.release_all(service, keeper.desk.owner) for service in sorted(hidden))
    if count:
        context.output.note(f"{count} more of yours, which had no room in an answer, go{'es' * (count == 1)} on")


def _save(command: Command, context: Context, keeper: Keeper) -> int:
    """Write what was let go, in its order, as a test."""
    path: str | None = command["verdict"]
    if path is None:
        raise CommandError("expected FILE: `release save test_race.py`", len(command.line))
    with keeper.session.lock:
        log = list(keeper.log)
        try:
            race = as_race(
                log, keeper.session.correlator.find, bare_url(context.session.address.url), context.redact.mask
            )
        except NothingToDo as error:
            raise CommandError(str(error), len(command.line)) from None
    try:
        with Writing(path, force=command["force"], given_up=giving_up(context)) as file:
            file.write(race.text)
    except FileError as error:
        raise misplaced(command, path, str(error)) from None
    told = "1 release" if race.releases == 1 else f"{race.releases:,} releases, in their order,"
    context.output.note(f"{told} written to {file.path} as a pytest that does it again")
    for why, count in race.left_out.items():
        context.output.note(f"{count} of {len(log)} {'is' if count == 1 else 'are'} left out: {why}")
    return Exit.DONE


def _verdict(command: Command) -> str:
    verdict: str = command["verdict"] or "go"
    if verdict not in VERDICTS:
        meant = nearest(verdict, VERDICTS)
        position = max(command.line.find(verdict), 0)
        raise CommandError(f"expected one of {', '.join(VERDICTS)}, and items behind it", position, len(verdict), meant)
    if verdict != "fail" and (command["error"] is not None or command["code"] is not None):
        raise CommandError("--error and --code go with `fail`", len(command.line))
    if command["changes"].items and verdict in ("fail", "drop"):
        raise CommandError(f"no items go with `{verdict}`", len(command.line))
    if command["then"] is not None and verdict != "go":
        raise CommandError("--then goes with `go`", len(command.line))
    return verdict


def _step(command: Command, word: str) -> Step:
    try:
        return Step(word)
    except ValueError:
        raise at_word(command, word, f"expected into, over, out or run, not {word}") from None


def _which(command: Command, keeper: Keeper) -> Sequence[Held]:
    """What is to be let go, in the order that was named."""
    which: str = command["which"]
    with keeper.session.lock:
        held = keeper.desk.held()
    if which == "all":
        return held
    if which == "next":
        return held[:1]
    return [find_held(command, keeper, one.strip()) for one in which.split(",") if one.strip()]


def _with_unlisted(keeper: Keeper, context: Context, held: Sequence[Held]) -> Iterator[Held]:
    """Those, and then what had no room in an answer beside them: it has when they have gone on.

    What is held only after that was asked for is not among it. Raises what `look_everywhere` raises.
    """
    with keeper.session.lock:
        left = keeper.desk.unlisted()
    seen: set[int] = set()
    while held:
        yield from held
        if left <= 0:
            return
        seen |= {one.number for one in held}
        look_everywhere(keeper, context)
        with keeper.session.lock:
            held = [one for one in keeper.desk.held() if one.number not in seen][:left]
        left -= sum(one.instances for one in held)


def _whole(command: Command, context: Context, verdict: str) -> Any:
    """The answer, or the whole payload that takes the place of what is held; None where only a part is changed."""
    items: Items = command["changes"]
    if verdict == "answer" or (items.items and not items.items[0].path):
        return items.build(ContextSources(context))
    return None


def _edited(command: Command, context: Context, keeper: Keeper, held: Held, whole: Any) -> Any:
    """What takes the place of its payload: that with the items set in it, or the `whole`; None where it stays so."""
    items: Items = command["changes"]
    if not items.items:
        return None
    payload = keeper.look_into(held.first)
    if whole is None:
        if not isinstance(payload, dict):
            raise CommandError("its payload is too large to be edited here, or is no object", len(command.line))
        first = Item((), Json(payload), Word("", 0, 0, ""))
        whole = Items((first, *items.items)).build(ContextSources(context))
    # What says the same is not edited, and is not to be marked as that.
    same = isinstance(payload, dict) and jsontext.dumps(payload) == jsontext.dumps(whole)
    return None if same else whole


def _more(command: Command, verdict: str) -> dict[str, Any]:
    """What goes with a verdict beside a payload."""
    if verdict != "fail":
        return {}
    told = {"code": command["code"], "error": command["error"]}
    return {"fail": {name: value for name, value in told.items() if value is not None}}


def _tell(
    command: Command, context: Context, held: Held, verdict: str, released: Sequence[Released], *, edited: bool
) -> None:
    done = [one for one in released if one.answer.ok]
    how = {"go": "goes on as edited" if edited else "goes on", "answer": "is answered", "fail": "has failed"}
    text = f"H{held.number} {where(held.first)} {how.get(verdict, 'is dropped')}"
    if len(done) < len(released):
        text += f" in {len(done)} of {len(released)} instances; in the others it had gone on already"
    elif len(done) > 1:
        text += f" in {len(done)} instances"
    if command["json"]:
        context.output.record(
            {"number": held.number, "verdict": verdict, "edited": edited, "holds": [one.hold.hold for one in done]}
        )
    else:
        context.output.note(text)


def run_step(command: Command, context: Context) -> int:
    """Go on from what is held, and hold what comes next."""
    stepper = stepper_of(command, context)
    step = _step(command, command["how"])
    keeper = stepper.keeper
    held = _from_where(command, keeper, stepper.at)
    ask_for_others(context, keeper, held.owners, f"H{held.number} {where(held.first)}")
    try:
        stepper.step(held, step)
    except StepError as error:
        raise at_word(command, command["how"], str(error)) from None
    except (GoneOn, Refused) as error:
        context.output.error(str(error))
        return Exit.ERROR
    name = f"H{held.number} {where(held.first)} ({stage(held.first)})"
    context.output.note(f"{name} goes on" + ("" if step is Step.RUN else f"; {step}: what comes next is held"))
    return Exit.DONE


def _from_where(command: Command, keeper: Keeper, at: int | None) -> Held:
    if command["which"] is not None:
        return find_held(command, keeper, command["which"])
    with keeper.session.lock:
        held = keeper.desk.held()
    found = next((one for one in held if one.number == at), None) or next(iter(held), None)
    if found is None:
        raise CommandError("nothing is held: there is nothing to step from", len(command.line))
    return found
