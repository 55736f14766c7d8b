"""Blueprint: handlers gathered in a module of their own, to be registered with an app later."""

from __future__ import annotations

from daebus.errors import RegistrationError

from .registry import Registry


class Blueprint(Registry):
    """A group of actions, listeners, tasks and hooks. Names get no prefix: an action is called as it is named here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._registered_with: str | None = None

    def _changing(self) -> None:
        if self._registered_with is not None:
            raise RegistrationError(
                f"blueprint {self.name!r} is registered with {self._registered_with!r} already; "
                "add its handlers before that"
            )

    def registered(self, app_name: str) -> None:
        """Called by the app that has taken the handlers over."""
        self._registered_with = app_name
