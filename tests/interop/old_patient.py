"""A caller on daebus 0.0.31 that asks twice: old_patient.py NAME PORT. Prints what it saw."""

import json
import sys

from daebus import DaebusCaller

name, port = sys.argv[1], int(sys.argv[2])
seen = []
caller = DaebusCaller(name, redis_port=port, timeout=10)
said = {"first": caller.send_request("echo", {"n": 1}, on_progress=seen.append)}
try:
    said["second"] = caller.send_request("echo", {"n": 2}, timeout=2, on_progress=seen.append)
except Exception as error:
    said["second"] = str(error)
said["progress"] = seen
caller.close()
print("RESULT " + json.dumps(said))
