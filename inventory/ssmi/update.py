"""Which hubs of a work order are told upstream, with which version, and which are held back, with the reason.

Only what a hub itself said last is told, only of hubs whose result is a success, and only once the bench has reconciled and closed
their order. A hub of which too little is known is held by name.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, insert, select

from inventory.database.tables import (
    hubs,
    messages,
    order_facts,
    request_hubs,
    requests,
    results,
    ssmi_files,
    standings,
)
from inventory.errors import InventoryError
from inventory.intake.missing import missing
from inventory.ssmi.settings import SsmiSettings
from station.domain.outcome import SUCCESSES


class NotYet(InventoryError):
    """Nothing may be told of this order now."""


class Told(NamedTuple):
    """One hub, and the version that it said last."""

    chf: str
    gpf: str
    firmware: str


class Held(NamedTuple):
    """One hub of which nothing is told, and why."""

    chf: str
    reason: str
    """`no_success`, `not_read_back`, `no_gpf` or `ids_disagree`."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is told of one work order."""

    work_order: str
    told: Sequence[Told]
    held: Sequence[Held]


def update_of(connection: Connection, work_order: str, *, despite_missing: bool = False) -> Update:
    """Return what is to be told of an order.

    Raises NotYet for one that was not authorised here or that the bench has not closed, and, unless `despite_missing`, while
    results of a station that worked on it have not come: one of them may say that a hub runs something else by now.
    """
    request = connection.scalar(select(requests.c.id).where(requests.c.work_order == work_order))
    if request is None:
        raise NotYet(f"no work order {work_order} was authorised here; see reflash inventory requests list")
    closed = (order_facts.c.work_order == work_order) & (order_facts.c.what == "closed")
    if connection.execute(select(order_facts.c.message).where(closed)).first() is None:
        raise NotYet(
            f"the bench has not told that {work_order} is reconciled and closed; there, run: reflash orders show {work_order}"
        )
    if not despite_missing:
        _require_all(connection, work_order)
    of_result = results.alias("of_result")
    hub = request_hubs.c
    rows = connection.execute(
        select(hub.chf, hub.gpf, standings.c.outcome, of_result.c.gpf, hubs.c.gpf, hubs.c.firmware)
        .outerjoin(standings, and_(standings.c.device == hub.chf, standings.c.work_order == work_order))
        .outerjoin(of_result, of_result.c.message == standings.c.message)
        .outerjoin(hubs, hubs.c.device == hub.chf)
        .where(hub.request == request, hub.refused.is_(None))
        .order_by(hub.chf)
    )
    told, held = [], []
    for chf, asked_gpf, outcome, result_gpf, known_gpf, firmware in rows:
        if outcome not in SUCCESSES:
            held.append(Held(chf, "no_success"))
        elif firmware is None:
            held.append(Held(chf, "not_read_back"))
        elif known_gpf is None:
            held.append(Held(chf, "no_gpf"))
        elif {asked_gpf, result_gpf} != {known_gpf}:
            held.append(Held(chf, "ids_disagree"))
        else:
            told.append(Told(chf, known_gpf, firmware))
    return Update(work_order, told, held)


def _require_all(connection: Connection, work_order: str) -> None:
    sources = set(
        connection.scalars(
            select(messages.c.source)
            .distinct()
            .join(results, results.c.message == messages.c.id)
            .where(results.c.work_order == work_order)
        )
    )
    for each in missing(connection):
        if each.source in sources and each.kind == "result":
            raise NotYet(f"{work_order}: {each.line}")


@dataclass(frozen=True, slots=True)
class UpdateFile:
    """An update as it is handed over: the table, and the notice that it is complete. Provisional."""

    name: str
    table: bytes
    sha256: str
    """Of the table."""
    notice: bytes


def file_of(update: Update, settings: SsmiSettings) -> UpdateFile:
    """Return the table of hubs and versions, and beside it its count and SHA-256: the same bytes for the same facts."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([settings.chf_id, settings.gpf_id, settings.firmware_version])
    writer.writerows(update.told)
    table = text.getvalue().encode()
    sha256 = hashlib.sha256(table).hexdigest()
    held = [each._asdict() for each in update.held]
    # By its content, so that an update that was corrected stands beside the one that it corrects.
    content = hashlib.sha256(table + json.dumps(held).encode()).hexdigest()
    name = f"{update.work_order}-ssmi-{content[:8]}"
    notice = {
        "form": "reflash-ssmi-1 (provisional)",
        "work_order": update.work_order,
        "file": f"{name}.csv",
        "rows": len(update.told),
        "sha256": sha256,
        "held": held,
    }
    return UpdateFile(name, table, sha256, (json.dumps(notice, indent=1) + "\n").encode())


def note(
    connection: Connection, update: Update, file: UpdateFile, *, by: str, despite: str | None, now: datetime
) -> None:
    """Record who had the file written, and the reason where it was in spite of something. The same again is no other act."""
    there = select(ssmi_files.c.id).where(
        ssmi_files.c.work_order == update.work_order, ssmi_files.c.sha256 == file.sha256
    )
    if connection.scalar(there) is None:
        connection.execute(
            insert(ssmi_files).values(
                work_order=update.work_order,
                sha256=file.sha256,
                rows=len(update.told),
                held=len(update.held),
                written=now,
                written_by=by,
                despite=despite,
            )
        )
