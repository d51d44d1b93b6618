"""Which hubs of an order may not go back yet: what the Smart Metering Inventory holds of them is not what they run.

The rule: a hub goes back only if what it said last is what the inventory holds, by the extract and by the updates that were accepted. One
that was found current under a stale record, whose chain of versions stopped half-way, or whose update was refused, stays until it is
told of, or is scrapped. A hub that failed without being read back may run anything, and stays. Of bridges that inventory knows nothing, and
they wait for nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, and_, select

from inventory.database.tables import hubs, request_hubs, requests, results, standings
from inventory.database.upstream_tables import pre_notifications, ssmi_rows
from inventory.upstream.smi_versions import smi_versions
from station.domain.outcome import Outcome


def withheld(connection: Connection, work_order: str) -> Mapping[str, str]:
    """Return the CHFs of an order that may not go back, each with why.

    `not_read_back`; or what it said last is `not_told` upstream yet, `not_answered`, or `refused_upstream`.
    """
    line = request_hubs.c
    rows = connection.execute(
        select(
            *(line.chf, line.bridge_type, hubs.c.firmware),
            *(standings.c.outcome, results.c.firmware_read_back),
        )
        .join(requests, requests.c.id == line.request)
        .outerjoin(hubs, hubs.c.device == line.chf)
        .outerjoin(standings, and_(standings.c.device == line.chf, standings.c.work_order == work_order))
        .outerjoin(results, results.c.message == standings.c.message)
        .where(requests.c.work_order == work_order, line.refused.is_(None))
    ).all()
    held_there = smi_versions(connection, [row.chf for row in rows])
    sent = _sent(connection, work_order)
    found = {}
    for row in rows:
        if row.outcome == Outcome.FAILED and row.firmware_read_back is None:
            found[row.chf] = "not_read_back"
        elif row.bridge_type is None and row.firmware is not None and held_there.get(row.chf) != row.firmware:
            found[row.chf] = sent.get((row.chf, row.firmware), "not_told")
    return found


_WORDS = {"waiting": "not_answered", "written": "not_answered", "refused": "refused_upstream"}


def _sent(connection: Connection, work_order: str) -> dict[tuple[str, str], str]:
    of_order = (
        select(request_hubs.c.chf)
        .join(requests, requests.c.id == request_hubs.c.request)
        .where(requests.c.work_order == work_order)
    )
    return {
        (device, firmware): _WORDS[state]
        for table in (pre_notifications, ssmi_rows)
        for device, firmware, state in connection.execute(
            select(table.c.device, table.c.firmware, table.c.state).where(
                table.c.device.in_(of_order), table.c.state.in_(_WORDS)
            )
        )
    }
