"""What lines and text areas do with keys, so that those typed faster than the screen follows do not overtake others.

The keys of a burst are in the queue of whatever has the focus before it has looked at the first of them.
"""

from __future__ import annotations

from textual import events
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget


async def carried_out(widget: Widget, event: events.Key, *, also_around: bool = False) -> bool:
    """Do what the key is bound to there, now: on its way to where bindings are looked up, later keys overtake it.

    With `also_around`, what it is bound to in whatever the widget is in, too, as far as the screen.
    """
    if event.character is not None and event.is_printable:
        return False
    for node in widget.ancestors_with_self if also_around else (widget,):
        if await _bound(node, event):
            event.stop()
            event.prevent_default()
            return True
        if isinstance(node, Screen):
            break
    return False


async def _bound(node: DOMNode, event: events.Key) -> bool:
    for binding in node._bindings.key_to_bindings.get(event.key, ()):
        if await node.app.run_action(binding.action, node):
            return True
    return False


async def told(widget: Widget, message: Message) -> None:
    """Have the screen handle the message now: what is typed next is for what that leads to."""
    await widget.screen._dispatch_message(message)


async def passed_on(widget: Widget, event: events.Key | events.Paste) -> bool:
    """Hand it to whatever has the focus by now, where that is not the widget: it was typed to go there."""
    if widget.app.focused is widget or not event.is_forwarded:
        # What the application has not handed out was meant for the widget.
        return False
    event.stop()
    event.prevent_default()
    again = events.Paste(event.text) if isinstance(event, events.Paste) else events.Key(event.key, event.character)
    await widget.app.on_event(again)
    return True
