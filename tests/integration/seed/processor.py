"""The complete example: actions, a listener that broadcasts, and background tasks that broadcast and log."""

from __future__ import annotations

import random
import time

from daebus import Daebus, broadcast, direct_logger, logger, request, response

app = Daebus(__name__, max_workers=20)

service_status = {"status": "healthy", "start_time": time.time(), "request_count": 0}


@app.action("get_status")
def handle_status_request() -> int:
    payload = request.payload
    logger.info(f"Received status request: {payload}")
    service_status["request_count"] += 1
    uptime = time.time() - service_status["start_time"]
    return response.send(
        {"status": service_status["status"], "uptime": uptime, "requests_handled": service_status["request_count"]}
    )


@app.action("process_data")
def handle_process_data() -> int:
    data = request.payload.get("data", [])
    if not data:
        return response.error("No data provided")
    try:
        result = sum(data)
        logger.info(f"Processed {len(data)} data points, result: {result}")
        return response.send({"input_size": len(data), "result": result, "timestamp": time.time()})
    except Exception as e:
        logger.error(f"Data processing error: {e}")
        return response.error(f"Processing failed: {e}")


@app.listen("system_events")
def handle_system_event(data: dict[str, object]) -> None:
    event_type = data.get("type")
    logger.info(f"Received system event: {event_type}")
    if event_type == "shutdown_request":
        service_status["status"] = "shutting_down"
        broadcast.send("service_status", {"service": "data_processor", "status": "shutting_down"})


@app.background("status_reporter", 0.2)
def report_status() -> None:
    try:
        cpu_load = random.uniform(0.1, 0.9)
        recipients = broadcast.send(
            "monitoring", {"service": "data_processor", "status": service_status["status"], "cpu": cpu_load}
        )
        logger.info(f"Heartbeat sent to {recipients} listeners")
        direct_logger.info(f"Status report sent: CPU {cpu_load:.2f}")
    except Exception as e:
        direct_logger.error(f"Failed to send status report: {e}")


if __name__ == "__main__":
    app.run(service="data_processor", debug=True)
