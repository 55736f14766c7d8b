"""The asking side of one subject: `python -P framework_clients.py KIND HOST PORT NAME`. Reads jobs, one JSON a line.

Runs with the Python of the subject's own environment, so it imports the standard library and the subject only.
A job asks from `callers` threads or tasks for `seconds`, at least `calls` times each, and is answered with the
seconds that every call took; one with a `rate` sends that many requests a second and waits for no answer.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time
import uuid

# Run as a script with -P: its own folder is no place that Python looks in.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from framework_services import Parts, command

TIMEOUT = 60


class Threads:
    """Jobs for a subject that blocks: `ask(data, parts)` returns the data that came back."""

    def ask(self, data, parts):
        """Ask once."""
        raise NotImplementedError

    def send(self, data):
        """Send a request to which nobody hears the answer."""
        raise NotImplementedError

    def run(self, jobs):
        """Do the jobs, one after the other."""
        for job in jobs:
            if "rate" in job:
                report(self._load(job))
            elif "batch" in job:
                report(self._publish(job))
            else:
                report(self._measure(job))

    def _measure(self, job):
        data, results = "x" * job["size"], []
        start = threading.Barrier(job["callers"] + 1)

        def work():
            durations = []
            self.ask(data, job["parts"])
            start.wait()
            begun = now = time.perf_counter()
            while now - begun < job["seconds"] or len(durations) < job["calls"]:
                answer = self.ask(data, job["parts"])
                durations.append(time.perf_counter() - now)
                now += durations[-1]
                assert len(answer) == job["size"]
            results.append(durations)

        threads = [threading.Thread(target=work) for _ in range(job["callers"])]
        for thread in threads:
            thread.start()
        start.wait()
        begun = time.perf_counter()
        for thread in threads:
            thread.join()
        return result(begun, results)

    def _load(self, job):
        data, sent, begun = "x" * job["size"], 0, time.perf_counter()
        while (now := time.perf_counter() - begun) < job["seconds"]:
            while sent < now * job["rate"]:
                self.send(data)
                sent += 1
            time.sleep(0.002)
        return {"sent": sent}

    def _publish(self, job):
        raise NotImplementedError


class Tasks:
    """The same for a subject on asyncio."""

    async def ask(self, data, parts):
        """Ask once."""
        raise NotImplementedError

    async def send(self, data):
        """Send a request to which nobody hears the answer."""
        raise NotImplementedError

    async def open(self):
        """Connect, where that is a step of its own."""

    def run(self, jobs):
        """Do the jobs, one after the other, in one event loop."""
        asyncio.run(self._run(iter(jobs)))

    async def _run(self, jobs):
        await self.open()
        while (job := await asyncio.to_thread(next, jobs, None)) is not None:
            report(await (self._load(job) if "rate" in job else self._measure(job)))

    async def _measure(self, job):
        data = "x" * job["size"]

        async def work():
            durations = []
            await start.wait()
            begun = now = time.perf_counter()
            while now - begun < job["seconds"] or len(durations) < job["calls"]:
                answer = await self.ask(data, job["parts"])
                durations.append(time.perf_counter() - now)
                now += durations[-1]
                assert len(answer) == job["size"]
            return durations

        start = asyncio.Event()
        await asyncio.gather(*(self.ask(data, job["parts"]) for _ in range(job["callers"])))
        working = [asyncio.create_task(work()) for _ in range(job["callers"])]
        start.set()
        begun = time.perf_counter()
        return result(begun, await asyncio.gather(*working))

    async def _load(self, job):
        data, sent, begun = "x" * job["size"], 0, time.perf_counter()
        while (now := time.perf_counter() - begun) < job["seconds"]:
            while sent < now * job["rate"]:
                await self.send(data)
                sent += 1
            await asyncio.sleep(0.002)
        return {"sent": sent}


class daebus(Threads):
    """Daebus, ours or 0.0.31: what is used here is the same in both."""

    def __init__(self, host, port, name):
        import redis

        from daebus import DaebusCaller

        self.name = name
        self.client = redis.Redis(host, port)
        self.caller = DaebusCaller(name, redis_host=host, redis_port=port, timeout=TIMEOUT)

    def ask(self, data, parts):
        if not parts:
            return self.caller.send_request("echo", {"data": data})["data"]
        payload = {"data": data, "parts": parts}
        return self.caller.send_request("stream", payload, on_progress=lambda part: None)["data"]

    def send(self, data):
        message = {"action": "echo", "payload": {"data": data}, "reply_to": "caller:nobody", "request_id": "load"}
        self.client.publish(self.name, json.dumps(message))


class daebus_asyncio(Tasks):
    """The asyncio caller of Daebus."""

    def __init__(self, host, port, name):
        from daebus import AsyncDaebusCaller

        self.caller = AsyncDaebusCaller(name, redis_host=host, redis_port=port, timeout=TIMEOUT)

    async def ask(self, data, parts):
        if not parts:
            return (await self.caller.send_request("echo", {"data": data}))["data"]
        async for part in self.caller.stream_request("stream", {"data": data, "parts": parts}):
            last = part
        return last["data"]

    async def send(self, data):
        await self.caller.send_message("echo", {"data": data})


class faststream(Tasks):
    """FastStream's RPC over Redis Pub/Sub."""

    def __init__(self, host, port, name):
        from faststream.redis import RedisBroker

        self.name = name
        self.broker = RedisBroker(f"redis://{host}:{port}", logger=None)

    async def open(self):
        await self.broker.connect()

    async def ask(self, data, parts):
        assert not parts, "it has no partial responses"
        message = await self.broker.request({"data": data}, self.name, timeout=TIMEOUT)
        return (await message.decode())["data"]

    async def send(self, data):
        await self.broker.publish({"data": data}, self.name, reply_to="caller:nobody")


class redis(Threads):
    """redis-py alone: a connection to publish on and one to listen on for each thread."""

    def __init__(self, host, port, name):
        import redis

        self.name = name
        self.client = redis.Redis(host, port)
        self.own = threading.local()

    def ask(self, data, parts):
        assert not parts
        if not hasattr(self.own, "messages"):
            self.own.channel = f"ping.{uuid.uuid4().hex}".ljust(40)
            pubsub = self.client.pubsub()
            pubsub.subscribe(self.own.channel)
            self.own.messages = pubsub.listen()
            next(self.own.messages)
        self.client.publish(self.name, self.own.channel + data)
        return next(self.own.messages)["data"][40:]

    def send(self, data):
        self.client.publish(self.name, "nobody".ljust(40) + data)

    def _publish(self, job):
        data, published, begun = b"x" * job["size"], 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < job["seconds"]:
            pipeline = self.client.pipeline(transaction=False)
            for _ in range(job["batch"]):
                pipeline.publish("bench.nobody", data)
            pipeline.execute()
            published += job["batch"]
        return {"elapsed": elapsed, "published": published}


class sockets(Threads):
    """Bare sockets: one to publish on and one to listen on for each thread."""

    def __init__(self, host, port, name):
        self.where, self.name, self.own = (host, port), name, threading.local()

    def ask(self, data, parts):
        assert not parts
        own = self.own
        if not hasattr(own, "messages"):
            own.channel = f"ping.{uuid.uuid4().hex}".ljust(40)
            own.publishing, listening = (socket.create_connection(self.where) for _ in range(2))
            listening.sendall(command("SUBSCRIBE", own.channel))
            own.messages = Parts(listening)
            own.messages.take()
        own.publishing.sendall(command("PUBLISH", self.name, own.channel + data))
        own.publishing.recv(64)
        return own.messages.take()[2][40:]

    def send(self, data):
        if not hasattr(self.own, "sending"):
            self.own.sending = socket.create_connection(self.where)
        self.own.sending.sendall(command("PUBLISH", self.name, "nobody".ljust(40) + data))
        self.own.sending.recv(64)


def result(begun, durations):
    """What a measuring job is answered with."""
    elapsed = time.perf_counter() - begun
    return {"elapsed": elapsed, "durations": [round(one, 7) for each in durations for one in each]}


def report(answer):
    """Answer a job."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    kind, redis_host, redis_port, service = sys.argv[1:]
    globals()[kind](redis_host, int(redis_port), service).run(map(json.loads, sys.stdin))
