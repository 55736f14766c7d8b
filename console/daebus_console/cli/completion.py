"""Completion in the user's shell: the script that asks for it, and the answer to what it asks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from daebus_console.cli.options import Globals, take_globals
from daebus_console.cli.typed import quoted, read
from daebus_console.commands.completion.completer import complete_argument
from daebus_console.commands.completion.offer import Known, Offer
from daebus_console.commands.errors import CommandError
from daebus_console.commands.verbs import SHELL_OPTIONS, VERBS
from daebus_console.files import storms
from daebus_console.text import clean

if TYPE_CHECKING:
    from daebus_console.commands.completion.known import SessionKnown

_LOOK_FOR = 3.0
"""Seconds that Redis has to tell what is there."""
_HEAR_FOR = 1.0
"""Seconds that services then have to tell of themselves."""
_BASH = """\
_daebus_console() {
  local line how=
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $how ]]; then how=$line; elif [[ -n $line ]]; then COMPREPLY+=("$line"); fi
  done <<< "$(_DAEBUS_CONSOLE_COMPLETE=bash command daebus-console "$COMP_LINE" "$COMP_POINT" "$2" 2>/dev/null)"
  if [[ $how == nospace ]]; then compopt -o nospace 2>/dev/null; fi
  return 0
}
complete -F _daebus_console daebus-console
"""
_ZSH = """\
(( $+functions[compdef] )) || { autoload -U +X compinit && compinit -i; }
_daebus_console() {
  emulate -L zsh
  local -a offers begun
  offers=("${(@f)$(_DAEBUS_CONSOLE_COMPLETE=zsh command daebus-console "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" \
    2>/dev/null)}")
  offers=("${(@)offers:#}")
  (( $#offers )) || return 1
  begun=("${(@M)offers:#*[=/:]}")
  offers=("${(@)offers:#*[=/:]}")
  (( $#begun )) && compadd -S '' -a begun
  (( $#offers )) && compadd -a offers
  return 0
}
compdef _daebus_console daebus-console
"""
_BEGUN = ("=", "/", ":")
"""What an offer ends in that is no whole word yet."""


def script(shell: str) -> str:
    """What that shell is to evaluate. Raises CommandError."""
    if shell not in ("bash", "zsh"):
        raise CommandError(f"there is no completion for {shell}; there is for bash and zsh")
    return _ZSH if shell == "zsh" else _BASH


def answer(shell: str, arguments: Sequence[str]) -> list[str]:
    """What the script of that shell wants to know of what is typed.

    For zsh, which gives the words up to the cursor, what may stand in the place of the last. For bash, which gives the
    line, the place of the cursor and how much of the line it would replace: how to go on, then what may stand there.
    """
    if shell == "zsh":
        return _whole(list(arguments[:-1]), arguments[-1] if arguments else "")
    if shell != "bash" or len(arguments) != 3 or not arguments[1].isdecimal():
        return []
    line, point, replaced = arguments[0], int(arguments[1]), arguments[2]
    before, after = line[:point], line[point:]
    if not before.endswith(replaced):
        return []
    typed = read(before)
    kept = read(before[: len(before) - len(replaced)])
    rest = _rest_of_word(after)
    if rest and typed.quote:
        return []
    found = _fitting(_whole(typed.words[1:], typed.last), typed.last, kept.last, rest)
    nospace = bool(rest) or (len(found) == 1 and found[0].endswith(_BEGUN))
    return ["nospace" if nospace else "space", *(quoted(one[len(kept.last) :], kept.quote) for one in found)]


def _rest_of_word(after: str) -> str:
    """What stands behind the cursor without a blank."""
    return read(after.split(maxsplit=1)[0]).last if after and not after[0].isspace() else ""


def _fitting(found: list[str], typed: str, kept: str, rest: str) -> list[str]:
    """Those that bash can put in without harm.

    It replaces what was typed by what all have in common, which must not be less; what it keeps stays, and so does
    the rest of a word in which the cursor stands.
    """
    found = [one for one in found if one.startswith(kept)]
    if rest:
        whole = [one for one in found if one.startswith(typed) and one.endswith(rest) and len(one) >= len(typed + rest)]
        return [one[: len(one) - len(rest)] for one in whole]
    exact = [one for one in found if one.startswith(typed)]
    if exact or len(found) < 2:
        return exact or found
    return found if _in_common(found) >= len(typed) else []


def _in_common(texts: list[str]) -> int:
    """How many characters they all begin with."""
    first, last = min(texts), max(texts)
    return next((index for index, sign in enumerate(first) if last[index : index + 1] != sign), len(first))


def _whole(words: list[str], last: str) -> list[str]:
    """What the last word may be, whole, as it is meant. Words are those behind the program's name."""
    with _Bus(_settings(words)) as known:
        found = offers(words, last, known)
    whole = dict.fromkeys(last[: offer.start] + offer.text for offer in found)
    # A shell takes one a line, and shows them on a terminal.
    return [text for text in whole if text == clean(text)]


def offers(words: list[str], last: str, known: Known) -> list[Offer]:
    """What may stand in the place of the last word. Words are those behind the program's name."""
    begin = _after_globals(words)
    if begin is None:
        # The value of an option that comes before the verb.
        few = (option.offered for option in SHELL_OPTIONS if option.name == words[-1])
        return [Offer(word, 0, "") for word in next(few, ()) if word.startswith(last)]
    rest = words[begin:]
    found = complete_argument(rest, last, known)
    if not rest and last.startswith("-"):
        names = [option for option in SHELL_OPTIONS if option.name.startswith(last)]
        found += [Offer(option.name, 0, option.help) for option in names]
    return found


def _after_globals(words: list[str]) -> int | None:
    """Where the verb is, or is to be: behind the options that come before it. None within such an option."""
    flags = {option.name for option in SHELL_OPTIONS if option.kind.value == "FLAG"}
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] not in VERBS:
        position += 1 if "=" in words[position] or words[position] in flags else 2
    return position if position <= len(words) else None


def _settings(words: list[str]) -> Globals:
    try:
        return take_globals(words)[0]
    except CommandError:
        return Globals()


class _Bus:
    """What is known of the bus: asked only where the place at the cursor needs it. See `completion.Known`."""

    def __init__(self, settings: Globals) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._looking = False

    def __enter__(self) -> _Bus:
        from daebus_console.cli.contexts import open_context
        from daebus_console.cli.output import TerminalOutput
        from daebus_console.commands.completion.known import SessionKnown

        context = open_context(self._settings, TerminalOutput(sys.stdout, sys.stderr), self._stack)
        self._session = context.session
        self._known = SessionKnown(context)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def _look(self) -> SessionKnown:
        """What is known, once all that are there have told of themselves."""
        from daebus_console.commands.doing.looking.listing import complete as all_told

        if not self._looking:
            self._looking = True
            self._session.start()
            session = self._session
            session.wait_for(lambda: session.directory.polled is not None or all_told(session), _LOOK_FOR)
            session.wait_for(lambda: all_told(session), _HEAR_FOR)
        return self._known

    def services(self) -> Iterable[tuple[str, str]]:
        """Services."""
        return self._look().services()

    def actions(self, service: str) -> Iterable[tuple[str, str]]:
        """The actions of a service."""
        return self._look().actions(service)

    def fields(self, service: str, action: str) -> Iterable[tuple[str, str]]:
        """Beginnings of the items that an action takes."""
        return self._look().fields(service, action)

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

    def held(self) -> Iterable[tuple[str, str]]:
        return ()

    def storms(self) -> Iterable[tuple[str, str]]:
        return [(name, storms.place_of(name)) for name in storms.names()]

    def jobs(self) -> Iterable[tuple[int, str]]:
        """None, as well."""
        return ()
