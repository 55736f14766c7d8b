"""What widgets tell the screen, beside the messages of the lists themselves. State goes down, these go up."""

from __future__ import annotations

from textual.message import Message


class Narrow(Message):
    """Show only what this filter lets through; everything where it is the filter already."""

    def __init__(self, filter_text: str) -> None:
        super().__init__()
        self.filter_text = filter_text


class FilterChanged(Message):
    """The text in the filter line is another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class KeepFilter(Message):
    """This filter is to be kept under a name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CommandEntered(Message):
    """A command is to be run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class FillIn(Message):
    """Complete this command with the payload that was seen last for its action or channel."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class StopRequested(Message):
    """The newest command that is under way is to be stopped."""


class Prefill(Message):
    """Put this into the command line, to be completed by the user."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
