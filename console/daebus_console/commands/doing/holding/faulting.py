"""fault: harm done on purpose, listed, kept by name or in files, and set from there."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.holding.breaking import rows_of
from daebus_console.commands.doing.holding.debugging import (
    at_word,
    conditions,
    ended,
    keeper_of,
    look_everywhere,
    place_of,
)
from daebus_console.commands.doing.holding.standing import checked_rule, stand
from daebus_console.commands.doing.shared.inputs import giving_up, misplaced, stored
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.items import parse_items
from daebus_console.commands.terms.kinds import Kind, read_value
from daebus_console.commands.terms.words import Word
from daebus_console.engine.export.quoting import shell_word
from daebus_console.engine.hiding.redact import MASK
from daebus_console.engine.holding.rule import ANSWER, DELAY, FAIL, FAULTS, Rule
from daebus_console.engine.holding.storm import Fault, StormError, read_storm, storm_text
from daebus_console.engine.holding.words import told_untold
from daebus_console.engine.keeping.keeper import Keeper, Wanted
from daebus_console.files import storms
from daebus_console.files.places import FileError
from daebus_console.files.writing import Writing
from daebus_console.naming import shown
from daebus_console.render import plural, table

MOST_TOLD = 20
"""Names of storms that a message tells."""
LARGEST = 1024 * 1024
"""Bytes of the largest file of faults."""
_PROBABILITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)")


def run_fault(command: Command, context: Context) -> int:
    """List, set, save or load faults."""
    keeper = keeper_of(command, context)
    service, action, deed = command["service"], command["action"], command["deed"]
    if service is None:
        return _list(command, context, keeper)
    if service == "storms" and action is None:
        return _storms(command, context)
    if service in ("save", "load") and deed is None:
        if action is None:
            known = f": {', '.join(storms.names()[:MOST_TOLD])}" if service == "load" and storms.names() else ""
            raise CommandError(f"expected NAME or FILE: `fault {service} black-friday`{known}", len(command.line))
        return (_save if service == "save" else _load)(command, context, keeper, action)
    if action is None or deed is None:
        missing = "DEED" if action is not None else "ACTION"
        raise CommandError(f"expected {missing}: `fault payment charge delay 2s`", len(command.line))
    return stand(command, context, keeper, [Wanted(service, _rule(command, context), command["for"])])


def _rule(command: Command, context: Context) -> Rule:
    """The rule that the command says. Raises CommandError."""
    deed: str = command["deed"].replace("-", "_")
    able = [one.replace("_", "-") for one in FAULTS]
    if deed not in FAULTS:
        raise replaced(
            at_word(command, command["deed"], f"expected one of {', '.join(able)}"), nearest(command["deed"], able)
        )
    place = place_of(command)
    name = None if command["action"] == "*" else command["action"]
    rule = Rule(
        "",
        place,
        action=name if place != "event" else None,
        channel=name if place == "event" else None,
        sender=command["from"],
        where=conditions(command),
        times=command["times"],
        skip=command["skip"] or 0,
        probability=_probability(command),
        do=deed,
        **_how(command, context, deed),
    )
    return checked_rule(rule, command)


def replaced(error: CommandError, suggestion: str | None) -> CommandError:
    """The error with what was likely meant."""
    error.suggestion = suggestion
    return error


def _how(command: Command, context: Context, deed: str) -> dict[str, Any]:
    words: tuple[Word, ...] = command["how"]
    if command["code"] is not None and deed != FAIL:
        raise CommandError("--code goes with `fail`", len(command.line))
    if deed == DELAY:
        if len(words) != 1:
            raise CommandError("expected how long: `delay 2s`", len(command.line))
        return {"seconds": read_value(Kind.DURATION, words[0])}
    if deed == ANSWER:
        return {"payload": parse_items(words).build(ContextSources(context))}
    if deed == FAIL:
        text = " ".join(word.text for word in words)
        return {"error": text or None, "code": command["code"]}
    if words:
        raise words[0].error(f"nothing goes with `{deed.replace('_', '-')}`")
    return {}


def _probability(command: Command) -> float:
    text: str | None = command["probability"]
    if text is None:
        return 1.0
    found = _PROBABILITY.fullmatch(text)
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < value <= 1:
        raise at_word(command, text, "a probability is above 0 and at most 1, such as 0.1 or 10%")
    return value


def _list(command: Command, context: Context, keeper: Keeper) -> int:
    unknown = look_everywhere(keeper, context)
    with keeper.session.lock:
        known, untold = keeper.desk.known(), keeper.desk.untold()
    found = [one for one in known if not one.rule.holds]
    if command["json"]:
        for one in found:
            context.output.record(
                {
                    "number": one.number,
                    "service": one.service,
                    "hits": one.hits,
                    "rule": one.rule.masked(context.redact).wire(),
                }
            )
    elif found:
        rows = rows_of(keeper, found, context.redact)
        context.output.result(table(("", "SERVICE", "FAULT", "HITS", "BY"), rows, frozenset({3})))
    elif unknown is None and not untold:
        context.output.note("no fault stands; `help fault` tells how to set one")
    for service, owners in untold.items():
        context.output.note(told_untold(service, owners))
    return ended(context, unknown)


def _save(command: Command, context: Context, keeper: Keeper, which: str) -> int:
    with keeper.session.lock:
        ours = [one for one in keeper.desk.settings.values() if not one.group]
    rules = [one.rule.masked(context.redact) for one in ours]
    faults = [Fault(one.service, replace(rule, id=""), one.lasts) for one, rule in zip(ours, rules, strict=True)]
    if not faults:
        raise CommandError("no rule of ours stands that could be kept", len(command.line))
    named = storms.is_name(which)
    try:
        text = storm_text(faults)
        if named:
            storms.made_ready()
        path = storms.place_of(which) if named else which
        with Writing(path, force=command["force"], given_up=giving_up(context)) as file:
            file.write(text)
    except (FileError, StormError) as error:
        raise misplaced(command, which, str(error)) from None
    again = f"`fault load {which if named else shell_word(file.path)}` sets {'it' if len(faults) == 1 else 'them'}"
    context.output.note(f"{plural(len(faults), 'rule')} written to {file.path}; {again}")
    if any(rule != one.rule for one, rule in zip(ours, rules, strict=True)):
        context.output.note(f"values of redacted keys are written as {MASK}: it is loaded when they are put in")
    return Exit.DONE


def _load(command: Command, context: Context, keeper: Keeper, which: str) -> int:
    path = _stored_as(command, which)
    try:
        faults = _faults_in(path, context)
    except (FileError, StormError) as error:
        raise misplaced(command, which, str(error)) from None
    return stand(command, context, keeper, [Wanted(one.service, one.rule, one.lasts) for one in faults])


def _stored_as(command: Command, which: str) -> str:
    """The file that a name or a path means. Raises CommandError for a name that there is not."""
    if not storms.is_name(which):
        return which
    known = storms.names()
    if which in known:
        return storms.place_of(which)
    where = storms.shortly(storms.folder())
    there = f"there {'is' if len(known) == 1 else 'are'} {', '.join(known[:MOST_TOLD])}" if known else "there is none"
    text = f"no storm {which} is kept in {where}: {there}; a file is named with its ending, or as ./{which}"
    raise replaced(misplaced(command, which, text), nearest(which, known))


def _faults_in(path: str, context: Context) -> list[Fault]:
    """What a file says. Raises FileError, StormError."""
    data = stored(path, context).all(LARGEST)
    try:
        return read_storm(data.decode())
    except UnicodeDecodeError:
        raise StormError(f"{path} is not UTF-8 text") from None
    except StormError as error:
        raise StormError(f"{path}: {error}") from None


def _storms(command: Command, context: Context) -> int:
    """List what is kept by name."""
    names, where = storms.names(), storms.shortly(storms.folder())
    rows = []
    for name in names:
        path = storms.place_of(name)
        try:
            faults, wrong = _faults_in(path, context), ""
        except (FileError, StormError) as error:
            faults, wrong = [], str(error)
        services = list(dict.fromkeys(one.service for one in faults))
        if command["json"]:
            told = {"name": name, "path": path, "faults": len(faults), "services": services}
            context.output.record({**told, "error": wrong} if wrong else told)
        about = ", ".join(shown(one, text=True) for one in services)
        rows.append([name, str(len(faults) or ""), about or f"cannot be read: {wrong}"])
    if rows and not command["json"]:
        context.output.result(table(("STORM", "FAULTS", "SERVICES"), rows, frozenset({1})))
        context.output.note(f"kept in {where}; `fault load NAME` sets one")
    elif not rows:
        context.output.note(f"no storm is kept in {where}; `fault save NAME` keeps the rules that stand")
    return Exit.DONE
