"""Figures for whoever watches over the program, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from inventory.database.notice_tables import notices
from inventory.database.tables import counts, findings, hubs, messages, requests
from inventory.intake.missing import missing

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def figures(connection: Connection, now: datetime) -> str:
    """Return all figures of one moment."""
    return "\n".join(_lines(connection, now)) + "\n"


def _lines(connection: Connection, now: datetime) -> Iterator[str]:
    newest = dict(
        connection.execute(
            select(counts.c.source, func.max(messages.c.received))
            .join(messages, _newest_of_count())
            .group_by(counts.c.source)
        ).all()
    )
    yield from _family(
        "reflash_inventory_last_message_seconds",
        "Seconds since a station's newest number came.",
        {f'source="{_escaped(source)}"': (now - at).total_seconds() for source, at in newest.items()},
    )
    gaps: dict[str, float] = dict.fromkeys((f'source="{_escaped(source)}"' for source in newest), 0)
    for each in missing(connection):
        key = f'source="{_escaped(each.source)}"'
        gaps[key] = gaps.get(key, 0) + each.last - each.first + 1
    yield from _family("reflash_inventory_missing_messages", "Numbers of a station that never came.", gaps)
    open_findings = connection.scalar(
        select(func.count()).select_from(findings).where(findings.c.settled.is_(None))
    )
    yield from _family(
        "reflash_inventory_open_findings", "What nobody has looked into.", {"": float(open_findings or 0)}
    )
    yield from _family(
        "reflash_inventory_hubs",
        "Hubs that a station has told of.",
        {"": float(connection.scalar(select(func.count()).select_from(hubs)) or 0)},
    )
    for table, name, what in (
        (notices, "notices", "Notices to parties."),
        (requests, "requests", "Requests of parties."),
    ):
        states = connection.execute(select(table.c.state, func.count()).group_by(table.c.state)).all()
        values = {f'state="{state}"': float(number) for state, number in states}
        yield from _family(f"reflash_inventory_{name}", what, values)


def _newest_of_count() -> ColumnElement[bool]:
    return (
        (messages.c.source == counts.c.source)
        & (messages.c.kind == counts.c.kind)
        & (messages.c.journal == counts.c.journal)
        & (messages.c.number == counts.c.highest)
    )


def _family(name: str, what: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} gauge"
    for labels, value in values.items():
        yield f"{name}{{{labels}}} {value:g}" if labels else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
