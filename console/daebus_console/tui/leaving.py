"""Screens that are left once, whatever says so."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen, ScreenResultType

from daebus_console.tui.look.measured import Measures


class LeftOnce(Screen[ScreenResultType]):
    """A screen that is left by the first of many clicks that come at once, also where that led elsewhere."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """See Textual, which takes away whatever screen is in front by then."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()


class Dialog(ModalScreen[ScreenResultType], LeftOnce[ScreenResultType], Measures):
    """Comes over the screen that it is about, which stays to be seen."""
