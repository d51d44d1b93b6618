"""What is wrong with how a bench PC is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from station.doctor.clock import judge_clock
from station.doctor.disk import judge_room
from station.doctor.report import Finding, fault, ok, warning
from station.domain.counted import counted
from station.health.health import BackupHealth, CatalogueHealth, CertificateHealth, Health, JournalHealth
from station.kernel_clock import KernelClock

RENEWAL: Final = timedelta(days=30)
"""So long before a certificate ends it is spoken of: whoever signs it may be away for a while."""
_LATE: Final = timedelta(minutes=15)
"""What has waited longer for the broker waits for a cause."""


def judge_health(health: Health) -> Iterator[Finding]:
    """Judge all of it."""
    if health.journal is None:
        yield fault("journal", health.journal_fault or "cannot be read")
    else:
        yield from _journal(health.journal, health.at)
    yield _catalogue(health.catalogue)
    yield judge_clock(KernelClock(health.at, health.clock_kept))
    if health.disk is None:
        yield fault("disk", "the state directory cannot be asked for its room", "see: reflash doctor")
    else:
        yield judge_room("disk", health.disk.free, health.disk.least >> 20)
    yield from (judge_certificate(each, health.at) for each in health.certificates)
    yield judge_backup(health.backup, health.at)


def _journal(journal: JournalHealth, now: datetime) -> Iterator[Finding]:
    since = journal.waiting_since
    if not journal.waiting:
        yield ok("results", "the broker has taken every message")
    else:
        what = f"{counted(journal.waiting, 'message')} for the broker" + (
            f", the oldest since {since:%Y-%m-%d %H:%M} UTC" if since is not None else ""
        )
        if since is not None and now - since > _LATE:
            yield warning("results", what, "see how it is with the broker; they wait on this disk meanwhile")
        else:
            yield ok("results", what)
    for place in journal.out_of_use:
        yield fault(
            str(place), "out of use", f"mend the cause, then: reflash jigs enable {place.jig} {place.slot}"
        )
    for jig in journal.stopped_jigs:
        yield fault(jig, "stopped", f"release its emergency stop, then: reflash jigs reset {jig}")
    if journal.stopped_releases:
        yield fault(
            "releases",
            f"{counted(journal.stopped_releases, 'release')} stopped by failing hubs",
            "find out why, then: reflash catalog resume, or have it withdrawn",
        )
    if journal.open_attempts:
        yield ok("hubs", f"{counted(journal.open_attempts, 'hub')} begun with and without a result yet")


def _catalogue(catalogue: CatalogueHealth) -> Finding:
    if catalogue.hindrance is not None:
        return fault("catalogue", catalogue.hindrance)
    if catalogue.ends_soon is not None:
        return warning("catalogue", catalogue.ends_soon)
    if catalogue.ends is None:
        return ok("catalogue", "a folder, which has no end")
    return ok("catalogue", f"good until {catalogue.ends:%Y-%m-%d %H:%M} UTC unless it is renewed")


def judge_certificate(certificate: CertificateHealth, now: datetime) -> Finding:
    """Say whether it is good, and for long enough to have another one made."""
    where = f"certificate {certificate.name}"
    if certificate.ends is None:
        return fault(
            where, certificate.fault or "cannot be read", "put it there, or correct the configuration"
        )
    advice = "have a new one made, put it in its place, then: systemctl reload reflash"
    if certificate.ends <= now:
        return fault(where, f"ended at {certificate.ends:%Y-%m-%d %H:%M} UTC", advice)
    what = f"good until {certificate.ends:%Y-%m-%d}"
    return warning(where, what, advice) if certificate.ends - now < RENEWAL else ok(where, what)


def judge_backup(backup: BackupHealth | None, now: datetime) -> Finding:
    """Say whether there is a newest one that was verified."""
    if backup is None:
        return warning("backup", "none is made", "name a folder for them: docs/operating.md#backups")
    made, failed = backup.memory.verified, backup.memory.failed
    last = "none yet" if made is None else f"verified, of {made.at:%Y-%m-%d %H:%M} UTC"
    if failed is not None:
        return fault("backup", f"the one of {failed.at:%Y-%m-%d %H:%M} UTC failed: {failed.line} ({last})")
    if made is None:  # as on every new PC
        return warning("backup", last, "make the first one: systemctl start reflash-backup")
    if (now - made.at).total_seconds() > backup.overdue_seconds:
        return fault("backup", last, "see why: systemctl status reflash-backup.timer reflash-backup")
    return ok("backup", f"{last}, in {made.folder}")
