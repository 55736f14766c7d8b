"""taskiq: tasks on its Pub/Sub broker. Each worker that listens runs each of them; results are not on the bus."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader
from daebus_console.engine.message.exchange import Kind


class _Task(msgspec.Struct, gc=False):
    task_id: str
    task_name: str
    labels: dict[str, Raw]
    args: list[Raw]
    kwargs: dict[str, Raw]


_read = json_reader(_Task)


class Spoken(Dialect):
    """taskiq-redis."""

    name = "taskiq"
    title = "taskiq 0.13, taskiq-redis 1.2 (PubSubBroker)"
    unknown = "who sent a task, and its result, which is kept under a key"
    once = "a task of the same id would be run twice"
    openings = (b'{"task_id":',)

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """An id, a name, and what the function is called with."""
        del channel
        task = _read(data)
        return None if task is None else Sighting(Kind.ONE_WAY, task.task_name, id=task.task_id)
