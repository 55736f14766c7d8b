"""What the framework needs of a span, and what a span needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class Outcome(Protocol):
    """What became of a request, as far as it is told: the code of the error that it was answered with, if it was."""

    @property
    def finished(self) -> bool: ...

    @property
    def failure(self) -> str | None: ...

    def put_off(self, answered: Callable[[], object]) -> bool:
        """Whether the answer is to come later yet: then `answered` is called when it has been given."""


class Span(Protocol):
    """Something that takes time. As a context manager it is what goes on for the block, and ends with it."""

    @property
    def fields(self) -> Mapping[str, str]:
        """What goes beside the envelope, so that others know what belongs together."""

    def failed(self, error: BaseException | str | None) -> None:
        """It has failed, with that exception or for that reason."""

    def end(self, error: BaseException | str | None = None) -> None:
        """It is over, if it was not already; with that error, where it failed."""

    def __enter__(self) -> Span: ...

    def __exit__(self, *exception: object) -> None: ...
