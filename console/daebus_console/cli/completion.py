"""Completion in the user's shell: the script that asks for it, and the answer to what it asks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from daebus_console.cli.options import Globals, take_globals
from daebus_console.commands.completion import Known, Offer, complete
from daebus_console.commands.errors import CommandError
from daebus_console.commands.verbs import SHELL_OPTIONS, VERBS, Face
from daebus_console.commands.words import Word, split
from daebus_console.text import clean

if TYPE_CHECKING:
    from daebus_console.commands.known import SessionKnown

_LOOK_FOR = 1.0
_BASH = """\
_daebus_console() {
  local IFS=$'\\n' cur="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(_DAEBUS_CONSOLE_COMPLETE="$COMP_POINT ${#cur}" daebus-console "$COMP_LINE" 2>/dev/null))
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:] ]] && compopt -o nospace
}
complete -F _daebus_console daebus-console
"""
_ZSH = """\
(( $+functions[compdef] )) || { autoload -U +X compinit && compinit -i; }
autoload -U +X bashcompinit && bashcompinit
"""


def script(shell: str) -> str:
    """What that shell is to evaluate. Raises CommandError."""
    if shell not in ("bash", "zsh"):
        raise CommandError(f"there is no completion for {shell}; there is for bash and zsh")
    return (_ZSH if shell == "zsh" else "") + _BASH


def answer(asked: str, line: str) -> list[str]:
    """What may stand in place of the shell's word, each as the shell puts it in."""
    point, _blank, length = asked.partition(" ")
    before = line[: int(point)]
    settings = _settings(before)
    with _Bus(settings) as known:
        found = offers(before, known)
    begin = len(before) - int(length)
    whole = (before[: offer.start] + offer.text for offer in found)
    return [clean(text)[begin:] for text in whole]


def offers(line: str, known: Known) -> list[Offer]:
    """What may come at the end of a shell's line, which begins with the program's name."""
    start = _after_globals(line)
    rest = line[start:]
    found = [offer._replace(start=offer.start + start) for offer in complete(rest, len(rest), known, Face.SHELL)]
    if rest.startswith("-") and " " not in rest:
        names = [option for option in SHELL_OPTIONS if option.name.startswith(rest)]
        found += [Offer(option.name, start, option.help) for option in names]
    return found


def _words(line: str) -> Sequence[Word]:
    try:
        return split(line)
    except CommandError as error:
        # What is open is the last word.
        return split(line[: error.position]) if error.unfinished else ()


def _after_globals(line: str) -> int:
    """Where the verb begins, or is to begin: behind the program's name and the options that come before the verb."""
    words = list(_words(line))[1:]
    flags = {option.name for option in SHELL_OPTIONS if option.kind.value == "FLAG"}
    position = 0
    while position < len(words) and words[position].text.startswith("-") and words[position].text not in VERBS:
        position += 1 if "=" in words[position].text or words[position].text in flags else 2
    if position < len(words):
        return words[position].start
    last = words[-1] if words else None
    return last.start if last is not None and last.end == len(line) and last.text.startswith("-") else len(line)


def _settings(line: str) -> Globals:
    try:
        return take_globals([word.text for word in _words(line)][1:])[0]
    except CommandError:
        return Globals()


class _Bus:
    """What is known of the bus: asked only where the place at the cursor needs it. See `completion.Known`."""

    def __init__(self, settings: Globals) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._looking = False

    def __enter__(self) -> _Bus:
        from daebus_console.cli.output import TerminalOutput
        from daebus_console.cli.shell import open_context
        from daebus_console.commands.known import SessionKnown

        context = open_context(self._settings, TerminalOutput(sys.stdout, sys.stderr), self._stack)
        self._session = context.session
        self._known = SessionKnown(context)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def _look(self) -> SessionKnown:
        """What is known, once all that are there have told of themselves."""
        from daebus_console.commands.listing import complete as all_told

        if not self._looking:
            self._looking = True
            self._session.start()
            session = self._session
            session.wait_for(lambda: all_told(session), _LOOK_FOR)
        return self._known

    def services(self) -> Iterable[tuple[str, str]]:
        """Services."""
        return self._look().services()

    def actions(self, service: str) -> Iterable[tuple[str, str]]:
        """The actions of a service."""
        return self._look().actions(service)

    def channels(self) -> Iterable[tuple[str, str]]:
        """Channels that carry broadcasts."""
        return self._look().channels()

    def filter_offers(self, text: str) -> Iterable[tuple[str, int, str]]:
        """How a term of a filter may go on."""
        return self._look().filter_offers(text)

    def files(self, beginning: str) -> Iterable[tuple[str, str]]:
        """Files on disk."""
        return self._known.files(beginning)

    def payload(self, service: str, action: str) -> Any:
        """Nothing: a shell has seen no messages."""
        del service, action

    def message(self, channel: str) -> Any:
        """Nothing, as well."""
        del channel

    def exchanges(self) -> Iterable[tuple[int, str]]:
        """None, as well."""
        return ()

    def variables(self) -> Iterable[tuple[str, str]]:
        """None: they are of prompts."""
        return ()

    def jobs(self) -> Iterable[tuple[int, str]]:
        """None, as well."""
        return ()
