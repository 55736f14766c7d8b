"""A text area that does what a key is bound to before the next key is looked at."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea


class KeysInOrder(TextArea):
    """Whoever inherits it calls `bound` for the keys that it does not take itself."""

    async def bound(self, event: events.Key) -> bool:
        """Do what the key is bound to here, now: on its way to where bindings are looked up, later keys overtake it."""
        if event.character is not None and event.is_printable:
            return False
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            if await self.app.run_action(binding.action, self):
                return True
        return False
