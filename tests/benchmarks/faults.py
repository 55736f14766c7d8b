"""What callers notice of the faults of several servers: how long each is not answered, and what its calls end with.

A call that was under way may have been lost with a server, and ends with its timeout, which is short here; counted is
from when there is another master or node. Nothing may be handled twice, and nobody be told that nobody serves: that
ends the whole run.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from daebus.wire.sharded import slot_of
from tests.support.hammer import Hammer, hammering
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, Sentinels, order
from tests.support.slots import masters, move, owner, promote, replicates, seen_lost, with_slot
from tests.support.waiting import eventually

TIMEOUT = 1.0
RATE = 2000


@dataclass
class Fault:
    """`again` is how many seconds it took, in each round, until every caller had been answered three times."""

    what: str
    again: list[float] = field(default_factory=list)
    answered: int = 0
    errors: Counter[str] = field(default_factory=Counter)


# Sentinels


def master_killed(sentinels: Sentinels, _hammer: Hammer) -> None:
    before = sentinels.master()
    before.kill()
    sentinels.await_another(before)


def master_stopped(sentinels: Sentinels, _hammer: Hammer) -> None:
    before = sentinels.master()
    before.freeze()
    sentinels.await_another(before)


def sentinel_killed(sentinels: Sentinels, _hammer: Hammer) -> None:
    sentinels.sentinels[1].kill()


def sentinel_stopped(sentinels: Sentinels, _hammer: Hammer) -> None:
    sentinels.sentinels[2].freeze()


def failed_over(sentinels: Sentinels, _hammer: Hammer) -> None:
    sentinels.fail_over()


# Clusters: `here` finds the node that the service depends on.


def here(cluster: Cluster, hammer: Hammer) -> RedisServer:
    if "sharded" in hammer.url:
        return owner(cluster, hammer.name)
    return next(node for node in cluster.nodes if order(node, "PUBSUB", "NUMSUB", hammer.name)[1])


def half(cluster: Cluster, hammer: Hammer) -> list[RedisServer]:
    """With the node of the service; no master together with its replica, since their slots would stay away."""
    first = here(cluster, hammer)
    kept = {first.port, replicates(first)}
    others = [node for node in cluster.nodes if replicates(node) is not None]
    return [first, *[node for node in others if node is not first and replicates(node) not in kept][:2]]


def replaced(cluster: Cluster, hammer: Hammer, *lost: RedisServer) -> None:
    """Wait until there is another node in the place of what was lost."""
    seen_lost(cluster, *lost)
    # The channel of the service is there where it is sharded, and its claims always.
    slot = slot_of(hammer.name.encode())
    eventually(lambda: with_slot(cluster, slot, *lost), within=30, every=0.02, what="another master has the slot")


def node_killed(cluster: Cluster, hammer: Hammer) -> None:
    lost = here(cluster, hammer)
    lost.kill()
    replaced(cluster, hammer, lost)


def node_stopped(cluster: Cluster, hammer: Hammer) -> None:
    lost = here(cluster, hammer)
    lost.freeze()
    replaced(cluster, hammer, lost)


def half_killed(cluster: Cluster, hammer: Hammer) -> None:
    lost = half(cluster, hammer)
    for node in lost:
        node.kill()
    replaced(cluster, hammer, *lost)


def half_stopped(cluster: Cluster, hammer: Hammer) -> None:
    lost = half(cluster, hammer)
    for node in lost:
        node.freeze()
    replaced(cluster, hammer, *lost)


def replica_promoted(cluster: Cluster, hammer: Hammer) -> None:
    before = here(cluster, hammer)
    port = replicates(before) or before.port
    replica = next(node for node in cluster.nodes if replicates(node) == port)
    promote(replica)


def slot_moved(cluster: Cluster, hammer: Hammer) -> None:
    """That of the claims on its requests, and, where it is sharded, of its channel."""
    slot = slot_of(hammer.name.encode())
    source = with_slot(cluster, slot)
    assert source is not None
    move(cluster, slot, source, next(node for node in masters(cluster) if node is not source))


def node_added(cluster: Cluster, _hammer: Hammer) -> None:
    cluster.add()


Break = Callable[[Cluster, Hammer], None] | Callable[[Sentinels, Hammer], None]
WITH_SENTINELS: dict[str, Break] = {
    "the master is killed": master_killed,
    "the master stops": master_stopped,
    "a sentinel is killed": sentinel_killed,
    "a sentinel stops": sentinel_stopped,
    f"failover at {RATE}/s": failed_over,
}
IN_A_CLUSTER: dict[str, Break] = {
    "its node is killed": node_killed,
    "its node stops": node_stopped,
    "half are killed": half_killed,
    "half stop": half_stopped,
    f"CLUSTER FAILOVER at {RATE}/s": replica_promoted,
    "a slot moves": slot_moved,
}


def measured(fault: Fault, servers: Cluster | Sentinels, url: str, break_it: Break) -> None:
    """One round: it breaks, and everybody is answered again; it is mended, and everybody is answered still."""
    rate = RATE if str(RATE) in fault.what else 0
    # So many a second are more than instances that share them can handle on a machine with two processors.
    shares = not rate
    with hammering(url, services=1 + shares, shared=shares, rate=rate, timeout=TIMEOUT) as hammer:
        break_it(servers, hammer)  # type: ignore[arg-type]  # each table has what fits
        fault.again.append(hammer.goes_on(30))
        for server in servers.everything:
            server.thaw()
        fault.again.append(hammer.goes_on(30))
    servers.heal()
    fault.answered += sum(hammer.answered)
    fault.errors += hammer.errors


def all_faults(cluster: Cluster, sentinels: Sentinels) -> Iterator[tuple[Fault, Callable[[Fault], None]]]:
    for what, break_it in WITH_SENTINELS.items():
        yield Fault(f"sentinels: {what}"), partial(measured, servers=sentinels, url=sentinels.url, break_it=break_it)
    for kind, url in (("classic", cluster.url), ("sharded", f"{cluster.url}?sharded=true")):
        for what, break_it in IN_A_CLUSTER.items():
            yield Fault(f"{kind}: {what}"), partial(measured, servers=cluster, url=url, break_it=break_it)
        yield Fault(f"{kind}: a node is added"), partial(grown, suffix=url.partition("?")[2])


def grown(fault: Fault, suffix: str) -> None:
    """In a small cluster of its own, since it keeps the node."""
    with closing(Cluster(3, 0)) as small:
        small.start()
        url = f"{small.url}?{suffix}" if suffix else small.url
        measured(fault, small, url, node_added)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--rounds", type=int, default=1, help="of all faults, one after the other")
    parser.add_argument("--only", default="", help="of those whose names have this text in them alone")
    options = parser.parse_args()
    # It is what is provoked here.
    logging.getLogger("daebus").setLevel(logging.CRITICAL)
    with closing(Cluster()) as cluster, closing(Sentinels()) as sentinels:
        cluster.start()
        sentinels.start()
        faults = [pair for pair in all_faults(cluster, sentinels) if options.only in pair[0].what]
        for number in range(options.rounds):
            begun = time.monotonic()
            for fault, run in faults:
                try:
                    run(fault)
                except BaseException as error:
                    error.add_note(f"in {fault.what!r}, round {number + 1}")
                    raise
            print(f"round {number + 1} of {options.rounds}: {time.monotonic() - begun:.0f} s", flush=True)
    print(f"\n{'':38} {'answered again after':>20}  {'answered':>9}  calls that were not")
    for fault, _run in faults:
        longest = max(fault.again)
        middle = sorted(fault.again)[len(fault.again) // 2]
        errors = ", ".join(f"{count} {name}" for name, count in sorted(fault.errors.items()))
        print(f"{fault.what:38} {middle:6.2f} s, at most {longest:4.2f}  {fault.answered:9,}  {errors}")
    if options.json:
        options.json.write_text(json.dumps([{**vars(fault), "errors": dict(fault.errors)} for fault, _run in faults]))


if __name__ == "__main__":
    main()
