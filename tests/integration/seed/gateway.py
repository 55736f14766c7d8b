"""A service that calls others: callers made at module level, closed by each request, and used by the next."""

from __future__ import annotations

from daebus import Daebus, DaebusCaller, broadcast, request, response

app = Daebus(__name__)

user_service = DaebusCaller("user_service")
notification_service = DaebusCaller("notification_service")


@app.action("register_user")
def register_user() -> int:
    user_data = request.payload
    try:
        user_result = user_service.send_request("create_user", user_data)
        if user_result.get("status") == "error":
            return response.error(f"User creation failed: {user_result.get('error')}")
        notification_result = notification_service.send_request(
            "send_email", {"user_id": user_result["id"], "template": "welcome", "email": user_data.get("email")}
        )
        broadcast.send("user_events", {"type": "user_registered", "user_id": user_result["id"]})
        return response.send({"user": user_result, "notification": notification_result})
    except Exception as e:
        return response.error(f"Registration failed: {e}")
    finally:
        user_service.close()
        notification_service.close()


if __name__ == "__main__":
    app.run(service="gateway")
