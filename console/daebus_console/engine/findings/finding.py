"""What a finding is: one thing that is wrong in one place, and how often it was seen. Pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from enum import IntEnum

MOST_EVIDENCE = 20
_FIRST = 5


class Severity(IntEnum):
    """How much a finding matters; a greater one matters more."""

    INFO = 1
    """Worth to know."""
    WARNING = 2
    """Most likely a fault."""
    ERROR = 3
    """Something does not work."""

    @property
    def word(self) -> str:
        """As it is written."""
        return self.name.lower()


@dataclass
class Finding:
    """One finding.

    `rule` is the name of its rule, `service` and `action` where it is (empty where that has no sense), `about` what
    else tells it from others of its rule. `text` says what is wrong, `because` why it is thought so, `advice` what to
    do. `filter` shows the exchanges it is about; `evidence` are the numbers of some of them, the first and the latest.
    `first` and `last` are epoch seconds, `count` is how often it was seen.
    """

    rule: str
    severity: Severity
    service: str
    action: str
    about: str
    text: str
    because: str
    advice: str
    filter: str
    first: float
    last: float
    count: int = 0
    evidence: list[int] = field(default_factory=list)

    @property
    def id(self) -> str:
        """A short name, the same for the same fault at another time."""
        key = "\0".join((self.rule, self.service, self.action, self.about))
        return f"{zlib.crc32(key.encode('utf-8', 'surrogatepass')):08x}"

    def add(self, number: int) -> None:
        """Remember one more exchange as evidence: the first ones stay, of the others the latest."""
        evidence = self.evidence
        if number in evidence:
            return
        evidence.append(number)
        if len(evidence) > MOST_EVIDENCE:
            del evidence[_FIRST]
