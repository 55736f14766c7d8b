"""`make dialects`: the real programs of other frameworks, each on a Redis of its own, with our engine beside them.

`python -m tests.frameworks FOLDER [NAME ...]`. Every request must be paired as the script beside the programs pairs it
from the wire alone, nothing that is healthy may be called broken, and there must be no finding. What needs packages
that cannot be had here is skipped, and said so.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from daebus_console.engine.message.exchange import DAEBUS, Exchange, Flag, Kind, State
from daebus_console.engine.session import Session
from tests.frameworks.cases import CASES, Case
from tests.frameworks.running import Skipped, run

_NEVER = Flag.DUPLICATE | Flag.REUSED_ID | Flag.MALFORMED


def judged(case: Case, session: Session, told: Counter[str]) -> list[str]:
    """All that is wrong with what the session made of it."""
    session.findings.finish()
    exchanges = [one for one in session.journal.exchanges if not one.flags & Flag.CONTROL]
    wrong = [f"a finding: {finding.text}" for finding in session.findings.book]
    if session.correlator.recogniser.problem is not None:
        wrong.append(f"a recogniser failed: {session.correlator.recogniser.problem}")
    if not any(one.dialect == case.dialect for one in exchanges):
        wrong.append(f"nothing was recognised as {case.dialect}")
    for one in exchanges:
        if one.kind is Kind.UNREADABLE or one.state is State.ORPHAN or one.has(_NEVER):
            wrong.append(f"#{one.number} on {one.opened.channel} is called {one.state.value}, with flags {one.flags}")
        elif one.dialect == DAEBUS:
            wrong.append(f"#{one.number} on {one.opened.channel} is taken for one of ours")
    if case.pair:
        ours = Counter(outline(one) for one in exchanges if one.kind is Kind.REQUEST)
        if case.dialect == "socketio":
            # The script tells no end of what several answer.
            ours, told = (Counter(one.replace("part", "done") for one in some.elements()) for some in (ours, told))
        if ours != told:
            wrong.append(f"paired as {dict(ours)}, and by the script as {dict(told)}")
    return wrong


def outline(exchange: Exchange) -> str:
    """How a request was answered, in the words of the script."""
    answers = [one for one in exchange.messages if one.kind is Kind.RESPONSE]
    return "+".join("fail" if one.error else "done" if one.final else "part" for one in answers) or "none"


def main() -> int:
    """Run the cases that are named, or all; returns 1 where one failed, 2 where the programs are not there."""
    programs, names = Path(sys.argv[1] if sys.argv[1:] else "../shared/dialects").resolve(), sys.argv[2:]
    if not (programs / "pair.py").exists():
        print(
            "the frameworks' programs are not there: they are no part of this repository, and lie in a folder dialects/"
            f" (pair.py, nestjs/, …)\n  looked for in {programs}; name it with: make dialects DIALECTS=FOLDER",
            file=sys.stderr,
        )
        return 2
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        print(f"there is no {', '.join(unknown)}; there are {', '.join(case.name for case in CASES)}", file=sys.stderr)
        return 2
    failed = 0
    for case in CASES:
        if names and case.name not in names:
            continue
        try:
            session, told = run(case, programs)
        except Skipped as why:
            print(f"{case.name:<18} skipped: {why}", flush=True)
            continue
        except (RuntimeError, AssertionError) as error:
            print(f"{case.name:<18} FAILED: {error}", flush=True)
            failed += 1
            continue
        wrong = judged(case, session, told)
        failed += bool(wrong)
        asked = sum(one.kind is Kind.REQUEST and not one.flags & Flag.CONTROL for one in session.journal.exchanges)
        how = f"{len(session.journal.messages)} messages, {asked} requests" + (", as pair.py" if case.pair else "")
        print("\n    ".join([f"{case.name:<18} {'FAILED' if wrong else 'ok'}: {how}", *wrong[:10]]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
