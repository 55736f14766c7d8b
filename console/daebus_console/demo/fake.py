"""The demo's last resort for a broker: fakeredis.TcpFakeServer, in a process of its own.

In the runner's process its polling threads would take turns with whatever the runner draws.
"""

from __future__ import annotations

import sys

HOST = "127.0.0.1"


def main(port: int) -> None:
    """Serve on loopback until this process is ended."""
    from fakeredis import TcpFakeServer

    server = TcpFakeServer((HOST, port), server_type="redis")
    print("ready to accept connections", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
