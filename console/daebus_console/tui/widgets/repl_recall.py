"""Going back to what was entered: step by step, or by searching. Pure."""

from __future__ import annotations


def search(entries: list[str], needle: str, before: int) -> int | None:
    """The place of the newest entry before that place that contains the needle, whatever its case."""
    wanted = needle.casefold()
    return next((place for place in range(before - 1, -1, -1) if wanted in entries[place].casefold()), None)


class Recall:
    """Where one is among the entries (oldest first). What was being typed is kept until one comes back to it."""

    def __init__(self) -> None:
        self.searching = False
        self.needle = ""
        self.failed = False
        self._place: int | None = None
        self._draft = ""

    def step(self, entries: list[str], step: int, text: str) -> str | None:
        """The text to show after a step back (-1) or forth (1); None where there is nothing further."""
        place = len(entries) if self._place is None else min(self._place, len(entries))
        if self._place is None:
            self._draft = text
        wanted = place + step
        if not 0 <= wanted <= len(entries):
            return None
        self._place = wanted
        if wanted == len(entries):
            self._place = None
            return self._draft
        return entries[wanted]

    def begin_search(self, text: str) -> None:
        """Search from the newest on."""
        self.searching, self.needle, self.failed = True, "", False
        self._place, self._draft = None, text

    def narrow(self, entries: list[str], needle: str) -> str | None:
        """Search for something else."""
        self.needle = needle
        if not needle:
            self.failed, self._place = False, None
            return self._draft
        return self._find(entries, len(entries) if self._place is None else self._place + 1)

    def older(self, entries: list[str]) -> str | None:
        """Search further back."""
        return self._find(entries, len(entries) if self._place is None else self._place) if self.needle else None

    def _find(self, entries: list[str], before: int) -> str | None:
        found = search(entries, self.needle, before)
        self.failed = found is None
        if found is None:
            return None
        self._place = found
        return entries[found]

    def give_up(self) -> str:
        """End the search; what was being typed is back."""
        self.searching, self._place = False, None
        return self._draft

    def leave(self) -> None:
        """Go on from what is shown."""
        self.searching, self._place = False, None
