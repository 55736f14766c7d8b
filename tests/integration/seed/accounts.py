"""The user service: streaming, errors from exceptions, a blueprint that listens, and a slow start on purpose."""

from __future__ import annotations

import time

from daebus import Blueprint, Daebus, logger, request, response

accounts = Blueprint("accounts")
events: list[dict[str, object]] = []


class Database:
    """Records by id; some ids break it."""

    def get_record(self, record_id: str) -> dict[str, str] | None:
        if record_id == "broken":
            raise OSError("disk on fire")
        return {"id": record_id} if record_id == "user123" else None


database = Database()


@accounts.action("create_user")
def create_user() -> int:
    new_user = {"id": "user123", "name": request.payload.get("name"), "created_at": time.time()}
    return response.send({**new_user, "asked_by": request.service})


@accounts.action("fetch_record")
def fetch_record() -> int:
    record_id = request.payload.get("id")
    if not record_id:
        return response.error("Missing record ID")
    try:
        record = database.get_record(record_id)
        if not record:
            return response.error(f"Record not found: {record_id}")
        return response.send(record)
    except Exception as e:
        return response.error(e)


@accounts.action("process_large_dataset")
def process_large_dataset() -> int:
    dataset = request.payload.get("dataset", [])
    response.send({"status": "processing", "progress": 0}, final=False)
    processed = 0
    for start in range(0, len(dataset), 100):
        processed += len(dataset[start : start + 100])
        if processed < len(dataset):
            response.send({"status": "processing", "progress": processed / len(dataset) * 100}, final=False)
    return response.send({"status": "complete", "progress": 100, "total_processed": processed})


@accounts.action("events")
def list_events() -> int:
    return response.send({"events": events})


@accounts.listen("user_events")
def on_user_event(data: dict[str, object]) -> None:
    logger.info(f"user event: {data.get('type')}")
    events.append(data)


app = Daebus(__name__)
app.register_blueprint(accounts)

if __name__ == "__main__":
    app.run(service="user_service")
