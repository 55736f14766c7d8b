"""Running a replay for a command: its progress shown, its cancellation heard, its messages known to the session."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from daebus.transport.address import RedisAddress
from daebus_console.commands.context import Context
from daebus_console.commands.under_way import under_way
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.links import Links, MirrorLinks, SessionLinks
from daebus_console.engine.replay.replay import Replay
from daebus_console.render import Line, Span, duration, line

_TICK = 0.1
_BAR = 30


@contextmanager
def links_for(context: Context, address: RedisAddress, *, origins: bool) -> Iterator[Links]:
    """Who is to be told what a replay sends; with `origins`, what is replayed is the session's own."""
    session = context.session
    if isinstance(session, OfflineSession):
        yield MirrorLinks(session, session.show, origins=origins)
    elif context.live and address.url == session.address.url:
        yield SessionLinks(session, origins=origins)
    else:
        yield Links()


def drive(replay: Replay, context: Context, total: int = 0) -> bool:
    """Run it to its end, in a thread beside this one; True where the user ended it. Raises what `run` raises."""
    problem: list[BaseException] = []

    def work() -> None:
        try:
            replay.run()
        except BaseException as error:  # noqa: BLE001 - it is raised where the user can be told
            problem.append(error)

    thread = threading.Thread(target=work, name="daebus-console-replay")
    withdraw = context.cancellation.on_cancel(replay.cancel)
    replays = under_way(context.session).replays
    replays.append(replay)
    begun = time.monotonic()
    thread.start()
    try:
        while thread.is_alive():
            if total:
                context.output.progress(_bar(replay, total, time.monotonic() - begun), transient=True)
            thread.join(_TICK)
    except KeyboardInterrupt:
        # At the shell.
        replay.cancel()
    except BaseException:
        replay.cancel()
        raise
    finally:
        thread.join()
        withdraw()
        replays.remove(replay)
        if total:
            context.output.progress(line(), transient=True)
    if problem:
        raise problem[0]
    return replay.cancelled


def _bar(replay: Replay, total: int, seconds: float) -> Line:
    progress = replay.progress
    done = progress.answered + progress.failed
    filled = min(_BAR, _BAR * progress.sent // total)
    return line(
        "[",
        Span("#" * filled, "accent"),
        Span("-" * (_BAR - filled), "dim"),
        f"] {progress.sent}/{total} sent, {done} done, {progress.in_flight} under way",
        Span(f", {progress.failed} without an answer" if progress.failed else "", "error"),
        f", {duration(seconds)}",
        Span("  paused" if replay.paused else "", "warn"),
    )
