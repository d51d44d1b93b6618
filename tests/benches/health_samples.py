"""The health of a bench PC that is well, of which each test changes what it is about."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from station.backups.memory import BackupMade, BackupMemory
from station.health.health import BackupHealth, CatalogueHealth, DiskHealth, Health, JournalHealth


def healthy(at: datetime, **changed: Any) -> Health:
    """Return it as it is at a time, with fields of its own in place of some."""
    return Health(
        **{
            "site": "site",
            "station": "bench",
            "version": "1",
            "at": at,
            "journal": journal_health(),
            "catalogue": CatalogueHealth(hindrance=None, ends=None, ends_soon=None),
            "clock_kept": True,
            "disk": DiskHealth(free=1 << 40, size=1 << 41, least=1 << 28),
            "certificates": (),
            "backup": BackupHealth(
                memory=BackupMemory(verified=BackupMade(folder=Path("/b"), at=at, events=1)),
                overdue_seconds=3600,
            ),
            **changed,
        }
    )


def journal_health(
    *, waiting: int = 0, waiting_since: datetime | None = None, open_orders: int = 0
) -> JournalHealth:
    """Return that of a journal that nothing waits in for a person."""
    return JournalHealth(
        waiting=waiting,
        waiting_since=waiting_since,
        open_attempts=0,
        open_orders=open_orders,
        out_of_use=(),
        stopped_jigs=(),
        stopped_releases=0,
    )
