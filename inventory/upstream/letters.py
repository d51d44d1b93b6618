"""Dead letters: what upstream refused for good, until a person has corrected it and sends it again, or has settled it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from firmware_catalog.identity import Eui64
from inventory.database.tables import hubs, request_hubs, ssmi_files
from inventory.database.upstream_tables import pre_notifications, ssmi_rows
from inventory.errors import InventoryError, WrongInput
from inventory.upstream.document import Documents
from inventory.upstream.orders import look_again
from inventory.upstream.planning import row_of
from inventory.upstream.settings import UpstreamSettings
from inventory.upstream.update import Told

CORRECTABLE: Final = ("manufacturer", "model", "region", "han_variant", "chts_version")
"""Parameters that a person may correct. Which hub it is, and what it runs, only the hub says."""


class NoDeadLetter(InventoryError):
    """Nothing was refused of that hub, or somebody has dealt with it."""


class Letter(NamedTuple):
    """What was refused, why, and by whom."""

    device: str
    work_order: str
    by: str
    """The CSP, or `SSMI`."""
    firmware: str
    refused: datetime
    code: str | None
    answer: str | None


def letters(connection: Connection) -> list[Letter]:
    """Return all dead letters, oldest first."""
    sent, row = pre_notifications.c, ssmi_rows.c
    refused = [
        Letter(*each)
        for each in connection.execute(
            select(
                sent.device, sent.work_order, sent.csp, sent.firmware, sent.decided, sent.code, sent.answer
            ).where(sent.state == "refused")
        )
    ]
    refused += [
        Letter(device, order, "SSMI", firmware, answered, None, answer)
        for device, order, firmware, answered, answer in connection.execute(
            select(row.device, ssmi_files.c.work_order, row.firmware, row.answered, row.answer)
            .join(ssmi_files, ssmi_files.c.id == row.file)
            .where(row.state == "refused")
        )
    ]
    return sorted(refused, key=lambda each: (each.refused, each.device))


def settle(connection: Connection, either_id: Eui64, *, by: str, reason: str, now: datetime) -> str:
    """Put a hub's dead letter away in somebody's name, unsent; return its CHF. Raises NoDeadLetter."""
    device, sent = _refused(connection, either_id)
    if sent is None:
        _settle_rows(connection, device, "settled", by, reason)
    else:
        connection.execute(
            update(pre_notifications)
            .where(pre_notifications.c.device == device, pre_notifications.c.state == "refused")
            .values(state="settled", settled_by=by, settled_why=reason, decided=now)
        )
    return device


def send_again(
    connection: Connection,
    either_id: Eui64,
    corrections: Mapping[str, str],
    ways: UpstreamSettings,
    documents: Mapping[str, Documents],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> str:
    """Have a hub told of again in somebody's name, corrected, with the version that it said last; say what happens next.

    A pre-notification goes under a new id; a row that the SSMI refused is in the next file of its order. The caller writes alone.
    Raises NoDeadLetter, and WrongInput for a parameter that nobody may correct or a record that still does not follow the schema.
    """
    if wrong := sorted(set(corrections) - set(CORRECTABLE)):
        raise WrongInput(f"{', '.join(wrong)} cannot be corrected; what can: {', '.join(CORRECTABLE)}")
    device, sent = _refused(connection, either_id)
    if sent is None:
        if corrections:
            raise WrongInput("a file for the SSMI has nothing that could be corrected; leave out --set")
        order = _settle_rows(connection, device, "again", by, reason)
        return f"{device} is in the next file of {order}: reflash inventory ssmi write {order}"
    route = next((each for each in ways.routes if each.csp == sent.csp and each.n3 is not None), None)
    if route is None:
        raise WrongInput(f"there is no way to {sent.csp} any more; see [[upstream.routes]]")
    hub = _as_known(connection, device)
    corrected = Told(**{**hub._asdict(), **corrections})
    row = row_of(
        *(corrected, sent.work_order, route.csp, documents[route.csp], now),
        made_by=by,
        made_why=reason,
        corrects=sent.id,
    )
    if row["state"] == "refused":
        raise WrongInput(f"it still does not follow the schema: {row['answer']}")
    connection.execute(
        update(pre_notifications)
        .where(pre_notifications.c.device == device, pre_notifications.c.state == "refused")
        .values(state="replaced")
    )
    connection.execute(insert(pre_notifications).values(row))
    return f"{device} is sent again to {route.csp}, with {corrected.firmware}"


def _as_known(connection: Connection, device: str) -> Told:
    line = request_hubs.c
    found = connection.execute(
        select(
            *(line.chf, hubs.c.gpf, hubs.c.firmware, hubs.c.firmware_message),
            *(line.manufacturer, line.model, line.region, line.han_variant, line.chts_version),
        )
        .join(hubs, hubs.c.device == line.chf)
        .where(line.chf == device, line.refused.is_(None))
        .order_by(line.request.desc())
    ).first()
    if found is None or found.firmware is None:
        raise NoDeadLetter(f"{device} has never said what it runs")
    return Told(*found)


def _refused(connection: Connection, either_id: Eui64) -> tuple[str, Any]:
    """Return the CHF, and its refused pre-notification; None where it was the SSMI that refused."""
    wanted = str(either_id)
    device = connection.scalar(
        select(hubs.c.device).where(or_(hubs.c.device == wanted, hubs.c.gpf == wanted))
    )
    if device is None:
        raise NoDeadLetter(f"no station has told of {either_id}")
    sent = pre_notifications.c
    found = connection.execute(
        select(sent.id, sent.csp, sent.work_order)
        .where(sent.device == device, sent.state == "refused")
        .order_by(sent.id.desc())
    ).first()
    row = select(ssmi_rows.c.file).where(ssmi_rows.c.device == device, ssmi_rows.c.state == "refused")
    if found is None and connection.execute(row).first() is None:
        raise NoDeadLetter(f"nothing was refused of {device}; see reflash inventory upstream dead")
    return device, found


def _settle_rows(connection: Connection, device: str, state: str, by: str, reason: str) -> str:
    order: str | None = connection.scalar(
        select(ssmi_files.c.work_order)
        .join(ssmi_rows, ssmi_rows.c.file == ssmi_files.c.id)
        .where(ssmi_rows.c.device == device, ssmi_rows.c.state == "refused")
        .order_by(ssmi_files.c.id.desc())
    )
    connection.execute(
        update(ssmi_rows)
        .where(ssmi_rows.c.device == device, ssmi_rows.c.state == "refused")
        .values(state=state, settled_by=by, settled_why=reason)
    )
    if order is None:
        raise NoDeadLetter(f"nothing was refused of {device}")
    look_again(connection, [order])
    return order
