"""Pre-notifications as they stand in the books after they were sent."""

from __future__ import annotations

import uuid
from typing import Any

from benches.told_results import chf_of
from inventory.database.engine import Database
from inventory.database.upstream_tables import pre_notification_tries, pre_notifications
from inventory.moments import system_clock


def tell_upstream(database: Database, hub: int, state: str, *, doubtful: bool = False, **others: Any) -> None:
    """Put down that a hub was told of once. Its result, message number `hub`, has to be there."""
    now = system_clock()
    row = {
        "notification_id": str(uuid.uuid4()),
        "csp": "central-and-south",
        "work_order": "WO-1",
        "device": chf_of(hub),
        "firmware": "0002012F",
        "message": hub,
        "document": "<sent/>",
        "state": state,
        "doubtful": doubtful,
        "tries": 1,
        "due": now,
        "made": now,
        "decided": None if state == "waiting" else now,
        **others,
    }
    with database.write() as connection:
        number = connection.scalar(pre_notifications.insert().values(row).returning(pre_notifications.c.id))
        tried = {"notification": number, "number": 1, "worker": "bench", "begun": now}
        outcome = {"ended": None if doubtful else now, "outcome": None if doubtful else state}
        connection.execute(
            pre_notification_tries.insert().values({**tried, **outcome, "detail": others.get("answer")})
        )
