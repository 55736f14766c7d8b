"""Publishing, and being told who got it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from math import inf

from daebus.errors import ConnectionLost, RedisUnavailable, again
from daebus.wire.names import encoded

from .address import RedisAddress
from .commander import FRESH, Commander, due_at
from .commander import PUBLISH_TIMEOUT as PUBLISH_TIMEOUT
from .commands import (
    Asking,
    Delivery,
    Pending,
    Posted,
    Publishing,
    at_replica,
    count_command,
    counting,
    is_doubtful,
    lost_there,
    misplaced,
    publish_command,
    receivers,
    recounted,
    subscribers_in,
)
from .places.cluster import COUNTED_WITHIN
from .proof import greeting, hello
from .sockets.connection import Connection
from .sockets.waiter import Waiter
from .threads import aside, in_time

CROWDED = 500
"""Commands in flight beyond which whoever sends one waits for its reply: nobody reads replies if all only send."""


class Publisher(Commander):
    """Publishes to a Redis; see `Commander`."""

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """Publish and return how many subscribers Redis gave it to (pattern subscribers count too)."""
        command = self._exchanged(Publishing(publish_command(channel, data), 1, due_at(deadline)))
        return receivers(command, channel, self.address)

    def publish_part(self, channel: str, data: bytes) -> int:
        """Publish a part of an answer, and return how many receive it: of a cluster at whichever node they are.

        Where that is not known it is 1.
        """
        return self.publish(channel, data) or self._at_others(channel)

    def _at_others(self, channel: str) -> int:
        """How many subscribe at other servers than the one published at, which has given it to nobody.

        None where messages are sharded, since the owner of a slot knows all.
        """
        if self._presence.cluster is None:
            return 0
        due = due_at(None)
        try:
            found = self._presence.find(channel, -inf, lambda: self._present(channel, due), until=due)
        except RedisUnavailable:
            found = None
        return 1 if found is None else found

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """Publish, and tell what became of it."""
        due = due_at(deadline)
        command = self._hand_in_unasked(due, lambda: self._audience.publishing(channel, data, due, time.monotonic()))
        if command is None:
            present = self._present(channel, due)
            command = self._exchanged(Publishing(publish_command(channel, data), 1, due))
            found = _to(present, command, channel, self.address)
            if present == 0 and not self._is_nobody_still(channel, due):
                found = found._replace(subscribers=None)
        else:
            self._replied(command.connection, command)
            found = self._audience.delivery(command, channel, self.address)
            if is_doubtful(found):
                found = recounted(found, self._exchanged(counting(channel, due)))
        if found.subscribers == 0 and self.cluster is None:
            if greeting(self._exchanged(Asking(hello(), 1, due)).replies[0]).is_replica:
                return found._replace(subscribers=None, astray=at_replica(self.address))
            wrong = self._presence.misplaced(command.connection.place)
            if wrong is not None:
                return found._replace(subscribers=None, astray=misplaced(self.address, wrong))
        return found

    def count(self, channels: Sequence[bytes], doing: str) -> list[int]:
        """How many subscribe to each; in a cluster anywhere, as far as its nodes answer."""
        cluster = self.cluster
        if cluster is not None:
            return [found or 0 for found in cluster.count(channels)]
        (reply,) = self.ask([(b"PUBSUB", b"NUMSUB", *channels)], doing, (list,))
        return [int(number) for number in reply[1::2]]

    def _hand_in_unasked(self, due: float, made: Callable[[], Pending]) -> Pending | None:
        """Hand in what `made()` makes, unless it is to be found out before who subscribes: then None.

        That goes for one connection: on another, made meanwhile, those who are to get it may be on their way still.
        """
        while True:
            connection = self._connection
            if connection is None or not connection.usable:
                # What it is to be connected to tells.
                self._usable(due)
            if self._presence.asks_first(time.monotonic()):
                return None
            if connection is not None:
                command = made()
                if self._hand_to(connection, command, due):
                    return command

    def _find(self, channel: str, due: float) -> int | None:
        """How many subscribe to a channel, or come soon; None where that is not known."""
        return self._presence.find(channel, due, lambda: self._present(channel, due), until=due)

    def _is_nobody_still(self, channel: str, due: float) -> bool:
        """Whether nobody has come while something was published that nobody was there for."""
        try:
            return self._present(channel, due) == 0
        except RedisUnavailable:
            return False

    def _present(self, channel: str, due: float) -> int | None:
        """How many subscribe to a channel now."""
        cluster = self.cluster
        if cluster is not None:
            longest = COUNTED_WITHIN + cluster.longer
            return in_time(lambda: cluster.count([encoded(channel)], all_of=False)[0], due, longest, "who subscribes")
        try:
            return subscribers_in(self._exchanged(counting(channel, due)))
        except ConnectionLost as error:
            raise RedisUnavailable(f"{error}; nothing was sent") from None

    def is_at_replica(self, within: float) -> bool:
        """Whether the server is a replica, asked just now; True where it does not say within so many seconds.

        Connects to nothing: who has been closed meanwhile is to stay so.
        """
        connection, until = self._connection, time.monotonic() + within
        asked = Asking(hello(), 1, until)
        asked.connection = connection
        if connection is None or not connection.submit(asked):
            return True
        self._await(connection, asked, Waiter(), asked.is_done, until)
        return not asked.replies or greeting(asked.replies[0]).is_replica

    def _at_a_replica(self, connection: Connection) -> RedisUnavailable:
        """The error for what reached nobody, since it was published at a replica."""
        self.on_replica()
        return RedisUnavailable(at_replica(connection.address))

    def post(
        self,
        channel: str,
        data: bytes,
        deadline: float | None = None,
        failed: Callable[[RedisUnavailable], None] | None = None,
        later: bool = False,
        patience: float | None = None,
    ) -> None:
        """Publish without waiting for Redis to confirm it. Without a deadline it is sent as long as Redis lives.

        Where it is handed in and comes to nothing, `failed` is called with the reason by whichever thread learns of
        it. Without `failed`, what is known at once is raised. With `later` it is sent with the next `flush`. A
        connection is waited for until `patience` (a time of `time.monotonic()`).
        """

        def ended(command: Pending) -> None:
            try:
                receivers(command, channel, self.address)
            except RedisUnavailable as error:
                if failed is not None:
                    failed(error)

        due = inf if deadline is None else deadline
        command = Posted(publish_command(channel, data), 1, due, ended if failed else None)
        connection = self._connection
        if (
            later
            and failed is not None
            and connection is not None
            and not connection.doubted
            and not connection.full
            and time.monotonic() - self._looked_at < FRESH
        ):
            # So it is with most answers where there are many: there is no reason to look at the connection before.
            command.connection = connection
            if connection.submit(command, later):
                return
        patience = min(due, time.monotonic() + PUBLISH_TIMEOUT if patience is None else patience)
        self._post(command, patience, failed, later)

    def _post(
        self, command: Pending, patience: float, failed: Callable[[RedisUnavailable], None] | None, later: bool
    ) -> None:
        connection = self._hand_in(command, patience, later)
        if connection.told_by != threading.get_ident():
            if connection.full:
                connection.write_on(patience)
            if not later and connection.in_flight > CROWDED:
                self._await(connection, command, Waiter(), lambda: command.done, patience)
        if failed is None and command.error is not None:
            raise again(command.error)

    def publish_soon(
        self,
        channel: str,
        data: bytes,
        told: Callable[[int | RedisUnavailable], None],
        deadline: float,
        later: bool = False,
    ) -> Pending:
        """Publish without waiting, and have `told` called with how many got it by whichever thread learns of it.

        That is as `publish_part` counts them. Nothing is sent after the deadline. Raises RedisUnavailable where it
        could not be handed in. `later` as for `post`.
        """

        def ended(command: Pending) -> None:
            try:
                outcome: int | RedisUnavailable = receivers(command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            if outcome == 0 and self._presence.cluster is not None:
                aside(lambda: told(self._at_others(channel)))
            else:
                told(outcome)

        command = Publishing(publish_command(channel, data), 1, deadline, ended)
        self._hand_in(command, deadline, later)
        return command

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Pending:
        """Publish without waiting, and have `told` called with what became of it by whichever thread learns of it.

        Nothing is sent after the deadline, nor where it is withdrawn. Raises RedisUnavailable where it could not be
        handed in.
        """

        def ended(command: Pending) -> None:
            if command.error is None and command.expected == (command.replies[-1], command.connection):
                # So it is nearly always where many are sent; see `Audience.delivery`.
                told(Delivery(command.replies[-1], command.replies[-1], command.sent_at or 0.0))
                return
            try:
                outcome: Delivery | RedisUnavailable = self._audience.delivery(command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            if isinstance(outcome, Delivery) and is_doubtful(outcome):
                self._recount(command, channel, outcome, told)
            else:
                self._tell(command, outcome, told)

        def made() -> Pending:
            command = self._audience.publishing(channel, data, deadline, time.monotonic(), ended)
            if command.expected is None:
                # Whoever waits for this reply is not to have to read those of the commands before.
                self.look(FRESH)
            return command

        return self._hand_in_unasked(deadline, made) or self._submit_found(channel, data, told, deadline)

    def _recount(
        self, command: Pending, channel: str, found: Delivery, told: Callable[[Delivery | RedisUnavailable], None]
    ) -> None:
        """Have the subscribers counted once more. Called while others are told, too: connects to nothing."""

        def counted(count: Pending) -> None:
            self._tell(command, recounted(found, count), told)

        command.ask_again(count_command(channel), counted, encoded(channel))
        if not command.connection.submit(command):
            told(found._replace(subscribers=None))

    def _submit_found(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Pending:
        """The same where it is asked first who subscribes."""
        present = self._find(channel, deadline)
        if present == 0:
            return self._to_nobody(told, deadline)

        def ended(command: Pending) -> None:
            try:
                outcome: Delivery | RedisUnavailable = _to(present, command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            told(outcome)

        command = Publishing(publish_command(channel, data), 1, deadline, ended)
        self._hand_in(command, deadline)
        return command

    def _to_nobody(self, told: Callable[[Delivery | RedisUnavailable], None], deadline: float) -> Pending:
        """Nothing is published, since nobody subscribes; in a cluster, that is the sum over all its servers."""
        command, found = Pending(b"", 0, deadline), Delivery(0, 0, time.monotonic())
        command.sent_at, command.connection = found.sent_at, self._connection
        if self.cluster is None and command.connection is not None:
            self._tell(command, found, told)
        else:
            told(found)
        return command

    def _tell(
        self,
        command: Pending,
        outcome: Delivery | RedisUnavailable,
        told: Callable[[Delivery | RedisUnavailable], None],
    ) -> None:
        """Tell what became of a message. That nobody subscribes says nothing at a replica, so that it is asked."""
        if not isinstance(outcome, Delivery) or outcome.subscribers != 0:
            told(outcome)
            return
        connection = command.connection

        def greeted(asked: Pending) -> None:
            if asked.error is not None:
                told(lost_there(asked.error))
            elif greeting(asked.replies[0]).is_replica:
                told(self._at_a_replica(connection))
            elif self._presence.takes_asking:
                aside(verify)
            else:
                told(outcome)

        def verify() -> None:
            wrong = self._presence.misplaced(connection.place)
            told(outcome if wrong is None else RedisUnavailable(misplaced(connection.address, wrong)))

        command.ask_again(hello(), greeted)
        if not connection.submit(command):
            # One that is about to fail takes nothing more, and cannot say yet why.
            error = connection.error or f"lost the connection to Redis at {connection.address}"
            told(lost_there(error))

    def await_told(self, command: Pending, waiter: Waiter, ready: Callable[[], bool], deadline: float) -> None:
        """Wait until `ready()`, or the deadline: until `told` was called with what became of a command, say.

        Whoever makes it true wakes the waiter.
        """
        connection = command.connection
        if connection is not None:
            self._await(connection, command, waiter, ready, deadline)


def _to(present: int | None, command: Pending, channel: str, address: RedisAddress) -> Delivery:
    """What became of a message of which it was asked first who is to get it."""
    return Delivery(receivers(command, channel, address), present, command.sent_at or 0.0)
