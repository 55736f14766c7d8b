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


if __name__ == "__main__":
    kind, redis_host, redis_port, service = sys.argv[1:5]
    globals()[f"serve_{kind}"](redis_host, int(redis_port), service, *sys.argv[5:])
