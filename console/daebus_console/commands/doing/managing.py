"""jobs and cancel: what is under way."""

from __future__ import annotations

import time

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.jobs import Job
from daebus_console.render import Span, duration, table


def run_jobs(_command: Command, context: Context) -> int:
    """List what is under way."""
    now = time.monotonic()
    rows: list[list[str | Span]] = [
        [str(job.number), duration(now - job.began), Span(job.line, "bold")] for job in _others(context)
    ]
    if rows:
        context.output.result(table(("JOB", "FOR", "COMMAND"), rows, right=frozenset({0, 1})))
    else:
        context.output.note("nothing is under way")
    return Exit.DONE


def run_cancel(command: Command, context: Context) -> int:
    """Stop waiting for one of them, or for all."""
    number = command["job"]
    jobs = [job for job in _others(context) if number is None or job.number == number]
    if not jobs:
        context.output.note("nothing is under way" if number is None else f"no job {number} is under way")
        return Exit.DONE if number is None else Exit.USAGE
    for job in jobs:
        context.output.note(f"stopping [{job.number}] {job.line}")
        job.cancellation.cancel()
    return Exit.DONE


def _others(context: Context) -> list[Job]:
    """All but the one that asks."""
    return [job for job in context.jobs.running() if job.cancellation is not context.cancellation]
