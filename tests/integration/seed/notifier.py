"""One-way actions under two services' names are one program each; this one is named on the command line."""

from __future__ import annotations

import sys

from daebus import Daebus, direct_logger, request, response

app = Daebus(__name__)
received: list[dict[str, object]] = []


@app.action("send_email")
def send_email() -> int:
    return response.send({"sent": True, "to": request.payload["email"]})


@app.action("record_metric")
def record_metric() -> None:
    received.append({"action": "record_metric", **request.payload})


@app.action("log_event")
def log_event() -> None:
    direct_logger.info("log_event: %s", request.payload["message"])
    received.append({"action": "log_event", **request.payload})


@app.action("received")
def list_received() -> int:
    return response.send({"received": received})


if __name__ == "__main__":
    app.run(service=sys.argv[1])
