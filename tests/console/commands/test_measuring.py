"""`stats`: what is beyond its rows, and how long messages waited as services told."""

from __future__ import annotations

import json
from pathlib import Path

from daebus_console.commands.context import Exit
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt


def test_what_is_beyond_500_actions_is_no_service(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    lines = [json.dumps({"daebus_capture": 1})]
    for number in range(503):
        message = {"action": f"act{number}", "request_id": f"r{number}", "payload": {}, "reply_to": "caller:1"}
        lines.append(json.dumps({"at": 1000.0 + number, "channel": "orders", "data": json.dumps(message)}))
    file.write_text("\n".join(lines) + "\n")
    prompt = Prompt(session)
    assert prompt(f"stats {file} --json") == Exit.DONE
    rows = prompt.heard.records
    assert [(row["service"], row["action"], row["count"]) for row in rows if row.get("others")] == [(None, None, 3)]
    assert sum(row["service"] == "orders" for row in rows) == 500
    assert prompt(f"stats {file}") == Exit.DONE
    assert any("(others)" in line and "(beyond 500 actions)" in line for line in prompt.heard.lines)
