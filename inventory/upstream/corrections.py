"""What a person corrected of a hub's record, which stands until an extract of later holds something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select

from inventory.database.tables import request_hubs
from inventory.database.upstream_tables import corrections
from inventory.errors import WrongInput

CORRECTABLE: Final = ("manufacturer", "model", "region", "han_variant", "chts_version")
"""Parameters that a person may correct. Which hub it is, and what it runs, only the hub says."""


class Correction(NamedTuple):
    """One parameter of one hub."""

    parameter: str
    value: str
    corrected: datetime


def correct(
    connection: Connection, device: str, values: Mapping[str, str], *, by: str, reason: str, now: datetime
) -> None:
    """Keep in somebody's name what a hub's record is to hold. Raises WrongInput for a parameter that nobody may correct."""
    if wrong := sorted(set(values) - set(CORRECTABLE)):
        raise WrongInput(f"{', '.join(wrong)} cannot be corrected; what can: {', '.join(CORRECTABLE)}")
    act = {"device": device, "corrected": now, "corrected_by": by, "reason": reason}
    if values:
        connection.execute(
            insert(corrections),
            [{**act, "parameter": name, "value": value} for name, value in values.items()],
        )


def corrections_of(connection: Connection, request: int) -> Mapping[str, Sequence[Correction]]:
    """Return what was corrected of the hubs of a request, by CHF, oldest first."""
    of_request = select(request_hubs.c.chf).where(request_hubs.c.request == request)
    found: defaultdict[str, list[Correction]] = defaultdict(list)
    row = corrections.c
    for device, *rest in connection.execute(
        select(row.device, row.parameter, row.value, row.corrected)
        .where(row.device.in_(of_request))
        .order_by(row.id)
    ):
        found[device].append(Correction(*rest))
    return found


def holding(corrected: Sequence[Correction], stated: datetime) -> dict[str, Any]:
    """Return, by parameter, the corrections that stand over what an extract stated then."""
    return {each.parameter: each.value for each in corrected if each.corrected >= stated}
