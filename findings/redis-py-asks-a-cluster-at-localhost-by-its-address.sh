#!/bin/sh
# redis-py 8.1.0: RedisCluster replaces the host `localhost` by its address before it connects, so that a certificate for
# localhost is refused by it that Redis takes.
#
# The name is looked up where a ClusterNode is made, and what is verified and told by SNI is the address then. A cluster
# for development, with a certificate for localhost, cannot be connected to by the name that stands in the certificate;
# another name for the same machine works, or a certificate for the address as well.
# Seen: "Redis: True", "RedisCluster: ... certificate verify failed: IP address mismatch, certificate is not valid for
# '127.0.0.1'".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check redis==8.1.0
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$here/key" -out "$here/crt" -subj /CN=localhost -days 2 \
  -addext subjectAltName=DNS:localhost -addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
"$here/env/bin/python" - "$here/crt" "$here/key" <<'PY'
import socket
import ssl
import sys
import threading

import redis

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0))


def serve():
    """Shakes hands, and says PONG to whatever comes."""
    while True:
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as client:
                while client.recv(4096):
                    client.sendall(b"+PONG\r\n")
        except OSError:
            pass


threading.Thread(target=serve, daemon=True).start()
where = {"host": "localhost", "port": listener.getsockname()[1], "ssl": True, "ssl_ca_certs": sys.argv[1], "protocol": 2}
pong = redis.Redis(**where, driver_info=None).ping()
print("Redis:", pong)
try:
    redis.RedisCluster(**where)
    said = "connected"
except redis.exceptions.RedisClusterException as error:
    said = str(error)
print("RedisCluster:", said)
assert pong
assert "not valid for '127.0.0.1'" in said
PY
