"""Customers of the demo shop. Its actions live in a blueprint, as they would in a service with many.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/users.py
Ask it:     daebus-console request users get_user id=u-1
"""

from __future__ import annotations

import threading
from typing import Any

from daebus import Blueprint, Daebus, logger, request, response

accounts = Blueprint("accounts")

CUSTOMERS: dict[str, dict[str, Any]] = {}
GROWTH = threading.Lock()


def remember(name: str, email: str, city: str, country: str, tags: list[str]) -> dict[str, Any]:
    """Keep a new customer under the next free id, and return it."""
    with GROWTH:
        customer = {
            "id": f"u-{len(CUSTOMERS) + 1}",
            "name": name,
            "email": email,
            "address": {"city": city, "country": country},
            "tags": tags,
        }
        CUSTOMERS[str(customer["id"])] = customer
    return customer


remember("Zoë Ångström", "zoe@example.com", "Göteborg", "SE", ["regular"])
remember("José Peña", "jose@example.com", "Málaga", "ES", ["regular", "newsletter"])
remember("李雷", "lilei@example.com", "杭州", "CN", [])
remember("Oluwaseun Adébáyọ̀", "seun@example.com", "Lagos", "NG", ["newsletter"])
remember("Ann O'Neill", "ann@example.com", "Cork", "IE", ["regular", "wholesale"])


@accounts.action("get_user")
def get_user() -> Any:
    """One customer by `id`."""
    customer = CUSTOMERS.get(str(request.payload.get("id")))
    if customer is None:
        return response.error(f"No user {request.payload.get('id')!r}")
    return response.send(customer)


@accounts.action("list_users")
def list_users() -> Any:
    """All customers, or those with the tag `tag`."""
    tag = request.payload.get("tag")
    found = [customer for customer in list(CUSTOMERS.values()) if tag is None or tag in customer["tags"]]
    return response.send({"users": found, "total": len(found)})


@accounts.action("create_user")
def create_user() -> Any:
    """A new customer from `name` and `email`, with `city`, `country` and `tags` where given."""
    wanted = request.payload
    if not wanted.get("name") or "@" not in str(wanted.get("email")):
        return response.error("A user needs a name and an email address")
    customer = remember(
        str(wanted["name"]),
        str(wanted["email"]),
        str(wanted.get("city", "")),
        str(wanted.get("country", "")),
        list(wanted.get("tags", [])),
    )
    logger.info("new user %s", customer["id"])
    return response.send(customer)


app = Daebus(__name__)
app.register_blueprint(accounts)

if __name__ == "__main__":
    app.run(service="users")
