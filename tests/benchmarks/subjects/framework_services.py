"""The answering side of one subject: `python -P framework_services.py KIND HOST PORT NAME [shared]`. Echoes on.

Runs with the Python of the subject's own environment, so it imports the standard library and the subject only.
A request's payload has `data`; with `parts` (a number) that many partial responses come first.
"""

import sys


def serve_daebus(host, port, name, *options):
    """On Daebus, ours or 0.0.31: what is used here is the same in both."""
    from daebus import Daebus, request, response

    app = Daebus(name)

    @app.action("echo")
    def echo():
        return response.send(request.payload)

    @app.action("stream")
    def stream():
        answer = {"data": request.payload["data"]}
        for _ in range(request.payload["parts"]):
            response.send(answer, final=False)
        return response.send(answer)

    app.run(service=name, redis_host=host, redis_port=port, **dict.fromkeys(options, True))


def serve_faststream(host, port, name):
    """On FastStream."""
    import asyncio

    from faststream import FastStream
    from faststream.redis import RedisBroker

    broker = RedisBroker(f"redis://{host}:{port}", logger=None)

    @broker.subscriber(name)
    async def echo(payload: dict) -> dict:
        return payload

    asyncio.run(FastStream(broker).run())


def serve_redis(host, port, name):
    """The least there can be: what comes in goes out on the channel that it names."""
    import redis

    client = redis.Redis(host, port)
    pubsub = client.pubsub()
    pubsub.subscribe(name)
    for message in pubsub.listen():
        if message["type"] == "message":
            client.publish(message["data"][:40], message["data"])


def serve_sockets(host, port, name):
    """The same with bare sockets: two of them, and as little work as Python lets one do with a message."""
    import socket

    listening, commanding = (socket.create_connection((host, port)) for _ in range(2))
    listening.sendall(command("SUBSCRIBE", name))
    replies = Parts(listening)
    replies.take()
    while True:
        _kind, _channel, data = replies.take()
        commanding.sendall(command("PUBLISH", data[:40], data))
        commanding.recv(64)


def command(*words):
    """A command as Redis reads it."""
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)])


class Parts:
    """The messages that a subscribed socket brings, each as its three parts."""

    def __init__(self, sock):
        self._socket, self._data = sock, b""

    def take(self):
        """The next one: b"message", the channel and the data."""
        while True:
            parts, rest = self._data.split(b"\r\n", 6), None
            if len(parts) == 7 and parts[1:2] and parts[5].startswith(b"$"):
                size = int(parts[5][1:])
                if len(parts[6]) >= size + 2:
                    data, rest = parts[6][:size], parts[6][size + 2 :]
            elif len(parts) == 7 and parts[5].startswith(b":"):
                data, rest = parts[5], parts[6]
            if rest is not None:
                self._data = rest
                return parts[2], parts[4], data
            more = self._socket.recv(1 << 20)
            if not more:
                raise EOFError
            self._data += more


if __name__ == "__main__":
    kind, redis_host, redis_port, service = sys.argv[1:5]
    globals()[f"serve_{kind}"](redis_host, int(redis_port), service, *sys.argv[5:])
