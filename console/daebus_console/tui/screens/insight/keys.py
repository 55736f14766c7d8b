"""The keys that look at many: what sets an action's failures apart, and what its messages look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.screens.insight.about import About

if TYPE_CHECKING:
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp


class InsightKeys(FullScreen):
    """Whoever inherits it binds the keys, and says what they are about."""

    NOTHING_CHOSEN: ClassVar[str] = "Put the cursor on an action"

    app: BaseApp
    session: Session

    def about(self) -> About | None:
        """What the cursor is on; None where that is nothing of which there are many."""
        raise NotImplementedError

    def action_contrast(self) -> None:
        """Show what sets its failures, or the slowest, apart from the rest."""
        from daebus_console.tui.screens.insight.contrast import ContrastScreen

        about = self.about()
        if about is None:
            self.notify(self.NOTHING_CHOSEN, timeout=3)
        else:
            self.app.push_screen(ContrastScreen(self.session, about))

    def action_shape(self) -> None:
        """Show what its messages look like, and which are not like the others."""
        from daebus_console.tui.screens.insight.shape import ShapeScreen

        about = self.about()
        if about is None or not about.target:
            self.notify(self.NOTHING_CHOSEN, timeout=3)
        else:
            self.app.push_screen(ShapeScreen(self.session, about._replace(selecting="", named="")))
