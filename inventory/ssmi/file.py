"""An update as a file for the SSMI, and the notice that it is complete. Provisional."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, insert, select

from inventory.database.tables import ssmi_files
from inventory.database.upstream_tables import ssmi_rows
from inventory.ssmi.settings import SsmiSettings
from inventory.upstream.settings import UpstreamSettings
from inventory.upstream.update import Held, Told


@dataclass(frozen=True, slots=True)
class UpdateFile:
    """An update as it is handed over: the table, and the notice that it is complete."""

    name: str
    table: bytes
    sha256: str
    """Of the table."""
    notice: bytes


def prefix_of(work_order: str) -> str:
    """Return how the names of an order's files begin."""
    return f"{work_order}-ssmi-"


def by_file(ways: UpstreamSettings | None, region: str) -> bool:
    """Say whether hubs of a region are told of by file: all are, where no ways are configured."""
    if ways is None:
        return True
    route = ways.route_of(region)
    return route is not None and route.n3 is None


def file_of(
    work_order: str, told: Sequence[Told], held: Sequence[Held], settings: SsmiSettings
) -> UpdateFile:
    """Return the table of hubs and versions, and beside it its count and SHA-256: the same bytes for the same facts."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([settings.chf_id, settings.gpf_id, settings.firmware_version])
    writer.writerows((each.chf, each.gpf, each.firmware) for each in told)
    table = text.getvalue().encode()
    sha256 = hashlib.sha256(table).hexdigest()
    held_back = [each._asdict() for each in held]
    # By its content, so that an update that was corrected stands beside the one that it corrects.
    content = hashlib.sha256(table + json.dumps(held_back).encode()).hexdigest()
    name = f"{prefix_of(work_order)}{content[:8]}"
    notice = {
        "form": "reflash-ssmi-1 (provisional)",
        "work_order": work_order,
        "file": f"{name}.csv",
        "rows": len(told),
        "sha256": sha256,
        "held": held_back,
    }
    return UpdateFile(name, table, sha256, (json.dumps(notice, indent=1) + "\n").encode())


def note(
    connection: Connection,
    work_order: str,
    told: Sequence[Told],
    held: Sequence[Held],
    file: UpdateFile,
    *,
    by: str,
    despite: str | None,
    now: datetime,
) -> None:
    """Record who had the file written, and the reason where it was in spite of something.

    The same again is no other act, as long as nothing was answered of it and no later file has one of its hubs.
    """
    there = connection.scalar(
        select(ssmi_files.c.id)
        .where(ssmi_files.c.work_order == work_order, ssmi_files.c.sha256 == file.sha256)
        .order_by(ssmi_files.c.id.desc())
        .limit(1)
    )
    if there is not None and _still_open(connection, there) == len(told):
        return
    number = connection.scalar(
        insert(ssmi_files)
        .values(
            work_order=work_order,
            sha256=file.sha256,
            rows=len(told),
            held=len(held),
            written=now,
            written_by=by,
            despite=despite,
        )
        .returning(ssmi_files.c.id)
    )
    rows: list[dict[str, Any]] = [
        {
            "file": number,
            "device": each.chf,
            "firmware": each.firmware,
            "message": each.message,
            "state": "written",
        }
        for each in told
    ]
    if rows:
        connection.execute(insert(ssmi_rows), rows)


def _still_open(connection: Connection, file: int) -> int:
    """Return how many of a file's rows nothing was answered of, and no later file has."""
    row, later = ssmi_rows.c, ssmi_rows.alias("later")
    return (
        connection.scalar(
            select(func.count())
            .select_from(ssmi_rows)
            .where(
                row.file == file,
                row.state == "written",
                ~exists().where(later.c.device == row.device, later.c.file > row.file),
            )
        )
        or 0
    )
