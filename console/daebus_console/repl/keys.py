"""The keys of the line REPL, beside those that every such prompt has."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from daebus_console.commands.completion.completer import fill_in
from daebus_console.commands.completion.offer import Known, taken
from daebus_console.commands.grammar.script import goes_on
from daebus_console.repl.pasting import TooLong, pasted


def make_keys(known: Known, tell: Callable[[str], None]) -> KeyBindings:
    """The bindings. `tell` shows a text above the prompt."""
    keys = KeyBindings()
    typing = has_focus("DEFAULT_BUFFER")

    @keys.add("enter", filter=typing)
    def _enter(event: KeyPressEvent) -> None:
        """Take the chosen completion; go on in a new line while something is open; else carry it out."""
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            take_completion(buffer)
        elif goes_on(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("tab", filter=typing)
    def _tab(event: KeyPressEvent) -> None:
        """Go on in the menu, opened at once where it is still on its way; what is alone in it is taken."""
        buffer = event.current_buffer
        if buffer.complete_state is None or not buffer.complete_state.completions:
            open_menu(buffer)
        alone = buffer.complete_state is not None and len(buffer.complete_state.completions) == 1
        buffer.complete_next()
        if alone:
            take_completion(buffer)

    @keys.add("escape", "enter", filter=typing)
    def _newline(event: KeyPressEvent) -> None:
        """A new line whatever stands there."""
        event.current_buffer.insert_text("\n")

    @keys.add("c-t", filter=typing)
    def _fill_in(event: KeyPressEvent) -> None:
        """Fill in the payload seen last for the action, or on the channel."""
        buffer = event.current_buffer
        filled = fill_in(buffer.text, known)
        if filled is None:
            tell("nothing was seen that could be filled in here")
        else:
            buffer.text = filled
            buffer.cursor_position = len(filled)

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _paste(event: KeyPressEvent) -> None:
        """Put in what was pasted."""
        try:
            event.current_buffer.insert_text(pasted(event.data))
        except TooLong as error:
            tell(str(error))

    @keys.add("escape", filter=typing & Condition(lambda: _menu_is_open()), eager=True)
    def _close_menu(event: KeyPressEvent) -> None:
        """Close the menu and put back what was typed."""
        event.current_buffer.cancel_completion()

    return keys


def _menu_is_open() -> bool:
    return get_app().current_buffer.complete_state is not None


def open_menu(buffer: Buffer) -> None:
    """Fill the menu without waiting for the thread that is to do so: a quick hand is ahead of it."""
    document = buffer.document
    found = list(buffer.completer.get_completions(document, CompleteEvent(completion_requested=True)))
    # That thread gives up when it finds that the menu is no longer the one it was begun for.
    buffer.complete_state = CompletionState(document, found) if found else None


def take_completion(buffer: Buffer) -> None:
    """Keep the chosen completion, and go on to the next word."""
    buffer.complete_state = None
    before = buffer.document.text_before_cursor
    buffer.insert_text(taken(before)[len(before) :])
    buffer.start_completion(select_first=False)
