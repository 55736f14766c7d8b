"""A caller on daebus 0.0.31, run with the Python of its environment: old_caller.py NAME PORT. Prints what it saw."""

import json
import sys

from daebus import DaebusCaller

name, port = sys.argv[1], int(sys.argv[2])
caller = DaebusCaller(name, redis_port=port, timeout=10)
said = {"echo": caller.send_request("echo", {"a": [1, None, "\u00e9"]})}
progress = []
said["final"] = caller.send_request("steps", {}, on_progress=progress.append)
said["progress"] = progress
for action in ("error", "raise", "nothing", "unknown"):
    try:
        caller.send_request(action, {})
    except Exception as error:
        said[action] = str(error)
said["sent"] = caller.send_to_service({"way": "service", "level": 3}, action="note")
said["told"] = caller.send_message(name + ".events", {"type": "old"})
caller.close()
print("RESULT " + json.dumps(said))
