"""A work order's file, as stations take it (docs/work-orders.md, docs/bridges.md): hubs that may be installed no longer soon come first."""

from __future__ import annotations

import csv
import io

from sqlalchemy import Connection, select

from firmware_catalog.devices import Family
from inventory.database.tables import request_hubs, requests


def order_bytes(connection: Connection, request: int, work_order: str) -> bytes | None:
    """Return the file of the lines that stand: the same bytes each time; None if none does."""
    hub = request_hubs.c
    if connection.scalar(select(requests.c.family).where(requests.c.id == request)) == Family.BRIDGE:
        columns = {
            "device_id": hub.chf,
            "bridge_type": hub.bridge_type,
            "premises": hub.premises,
            "set_members": hub.set_members,
            "manufacturer": hub.manufacturer,
            "model": hub.model,
            "recorded_firmware_version": hub.firmware,
            "owner_party": hub.owner,
        }
    else:
        columns = {
            "chf_id": hub.chf,
            "gpf_id": hub.gpf,
            "manufacturer": hub.manufacturer,
            "model": hub.model,
            "region": hub.region,
            "variant": hub.han_variant,
            "recorded_firmware_version": hub.firmware,
            "inventory_status": hub.status,
            "owner_party": hub.owner,
            "chts_version": hub.chts_version,
        }
    rows = connection.execute(
        select(*columns.values())
        .where(hub.request == request, hub.refused.is_(None), hub.cancelled.is_(None))
        .order_by(hub.installation_end.is_(None), hub.installation_end, hub.line)
    ).all()
    if not rows:
        return None
    if "premises" in columns:
        # A set's bridges stand together, to be seated together; sets as they were listed.
        first: dict[str, int] = {}
        for row in rows:
            first.setdefault(row.premises, len(first))
        rows = sorted(rows, key=lambda row: first[row.premises])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["order_number", "order_hubs", *columns])
    writer.writerows([work_order, len(rows), *row] for row in rows)
    return text.getvalue().encode()
