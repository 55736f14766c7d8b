"""A plain script with no app: broadcasts, one-way messages and requests."""

from __future__ import annotations

import json
import time

from daebus import DaebusCaller, broadcast

heard = broadcast.send("user_events", {"type": "user_registered", "user_id": "user123", "timestamp": time.time()})

logger_service = DaebusCaller("logger_service")
logger_service.send_to_service({"level": "info", "message": "System started successfully"}, action="log_event")
logger_service.close()

metrics = DaebusCaller("metrics_service")
metrics.send_message("record_metric", {"name": "api_request", "value": 1, "tags": {"endpoint": "/users"}})
metrics.close()

caller = DaebusCaller("data_processor")
response = caller.send_request("get_status", {})
caller.close()
print(json.dumps({"heard": heard, "status": response["status"]}))
