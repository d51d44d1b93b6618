"""What the Smart Metering Inventory holds of a hub, as far as that is known here.

That is the latest word of the extracts that requests were held against, each of when it was taken, and of the updates that were accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Select, select

from inventory.database.tables import request_hubs
from inventory.database.upstream_tables import pre_notifications, ssmi_rows, ssmi_uploads

_AT_ONCE: Final = 500
"""Hubs named in one question."""


def smi_versions(connection: Connection, devices: Sequence[str]) -> dict[str, str]:
    """Return the version that the inventory holds of each CHF, but of one to which another one may be on its way.

    The caller reads what is of one moment, or writes alone.
    """
    found: dict[str, tuple[datetime, str]] = {}
    for device, when, firmware in _words(connection, devices):
        if device not in found or found[device][0] <= when:
            found[device] = when, firmware
    for device, begun, firmware in _under_way(connection, devices):
        if device in found and found[device][1] != firmware and (begun is None or found[device][0] <= begun):
            del found[device]
    return {device: firmware for device, (_, firmware) in found.items()}


def _under_way(connection: Connection, devices: Sequence[str]) -> Iterator[tuple[str, datetime | None, str]]:
    """Return the versions of each CHF that may have been taken; None where they may be taken yet, else when they were uploaded."""
    sent, row, uploaded = pre_notifications.c, ssmi_rows.c, ssmi_uploads.c
    for at in range(0, len(devices), _AT_ONCE):
        some = devices[at : at + _AT_ONCE]
        doubtful = select(sent.device, sent.firmware).where(
            sent.device.in_(some), sent.state == "waiting", sent.doubtful.is_(True)
        )
        for device, firmware in connection.execute(doubtful):
            yield device, None, firmware
        not_answered = (
            select(row.device, uploaded.begun, row.firmware)
            .join(ssmi_uploads, uploaded.file == row.file)
            .where(row.device.in_(some), row.state == "written")
        )
        yield from connection.execute(not_answered)


def _words(connection: Connection, devices: Sequence[str]) -> Iterator[tuple[str, datetime, str]]:
    sent, row, asked = pre_notifications.c, ssmi_rows.c, request_hubs.c
    for at in range(0, len(devices), _AT_ONCE):
        some = devices[at : at + _AT_ONCE]
        questions: tuple[Select[str, datetime, str], ...] = (
            select(asked.chf, asked.taken, asked.firmware).where(
                asked.chf.in_(some), asked.taken.is_not(None), asked.firmware.is_not(None)
            ),
            select(sent.device, sent.decided, sent.firmware).where(
                sent.device.in_(some), sent.state == "accepted"
            ),
            select(row.device, row.answered, row.firmware).where(
                row.device.in_(some), row.state == "accepted"
            ),
        )
        for question in questions:
            yield from connection.execute(question)
