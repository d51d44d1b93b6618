"""How much the benches and stores of some regions are sized for, and how much of it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from inventory.database.tables import request_hubs
from inventory.requests.settings import LimitSettings


class Beyond(NamedTuple):
    """A limit that would be gone beyond."""

    line: str
    refuses: bool


def beyond_a_month(
    connection: Connection, regions: Mapping[str, int], limits: Sequence[LimitSettings], now: datetime
) -> list[Beyond]:
    """Return each limit beyond which so many more hubs, by region, would go that were authorised in this month."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    authorised: dict[str, int] = dict(
        connection.execute(
            select(request_hubs.c.region, func.count())
            .where(request_hubs.c.authorised >= month, request_hubs.c.cancelled.is_(None))
            .group_by(request_hubs.c.region)
        ).all()
    )
    over = []
    for limit in limits:
        more = sum(regions.get(each, 0) for each in limit.regions)
        total = more + sum(authorised.get(each, 0) for each in limit.regions)
        if more and total > limit.hubs_a_month:
            line = f"{total} hubs of {_named(limit)} would be authorised in {now:%B %Y}, more than {limit.hubs_a_month}"
            over.append(Beyond(line, limit.refuse))
    return over


def beyond_the_store(
    in_store: Mapping[str, int], more: Mapping[str, int], limits: Sequence[LimitSettings]
) -> list[Beyond]:
    """Return each limit beyond which so many more hubs, by region, would lie in store. Pure."""
    over = []
    for limit in limits:
        if limit.hubs_in_store is None:
            continue
        coming = sum(more.get(each, 0) for each in limit.regions)
        total = coming + sum(in_store.get(each, 0) for each in limit.regions)
        if coming and total > limit.hubs_in_store:
            line = f"{total} hubs of {_named(limit)} would be in store, more than {limit.hubs_in_store}"
            over.append(Beyond(line, limit.refuse))
    return over


def _named(limit: LimitSettings) -> str:
    return ", ".join(sorted(limit.regions))
