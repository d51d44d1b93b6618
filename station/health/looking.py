"""Looks at a bench PC. Blocks: have a thread do it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from firmware_catalog.catalog import Catalog
from firmware_catalog.errors import CatalogError
from station.backups.memory import BackupMemory, recall
from station.catalogue.sources import open_source
from station.certificates.looking import look_at_certificate
from station.domain.config_error import ConfigError
from station.health.health import (
    BackupHealth,
    CatalogueHealth,
    CertificateHealth,
    DiskHealth,
    Health,
    JournalHealth,
)
from station.kernel_clock import read_clock
from station.records.errors import JournalError
from station.records.facts.bench import slots_out_of_use, stopped_jigs
from station.records.facts.history import open_attempts
from station.records.facts.orders import open_orders
from station.records.facts.outbox import waiting_messages
from station.records.facts.releases import stopped_releases
from station.records.reader import JournalReader
from station.settings import StationSettings
from station.version import station_version


def look(settings: StationSettings, journal: JournalReader, catalogue: CatalogueHealth) -> Health:
    """Ask the journal, the kernel and the files that the configuration names. Changes nothing."""
    clock = read_clock()
    asked, fault = None, None
    try:
        asked = _journal(journal)
    except JournalError as error:
        fault = str(error)
    return Health(
        site=settings.site,
        station=settings.station,
        version=station_version(),
        at=clock.now,
        journal=asked,
        journal_fault=fault,
        catalogue=catalogue,
        clock_kept=clock.synchronised,
        disk=_disk(settings),
        certificates=tuple(certificates(settings)),
        backup=backups(settings),
    )


def certificate_files(settings: StationSettings) -> Iterator[tuple[str, Path]]:
    """Yield each certificate, or list of those taken back, that the station uses or watches, by the key that names it, a watched one by its file."""
    for key, file in (
        ("mqtt.ca_file", settings.mqtt.ca_file),
        ("mqtt.revoked_file", settings.mqtt.revoked_file),
        ("mqtt.certificate_file", settings.mqtt.certificate_file),
        *((str(file), file) for file in settings.watched_certificates),
    ):
        if file is not None:
            yield key, file


def _journal(journal: JournalReader) -> JournalHealth:
    return JournalHealth(
        waiting=journal.ask(waiting_messages),
        waiting_since=journal.waits_since(),
        open_attempts=len(journal.ask(open_attempts)),
        open_orders=journal.ask(open_orders),
        out_of_use=tuple(each.place for each in journal.ask(slots_out_of_use)),
        stopped_jigs=tuple(each.jig for each in journal.ask(stopped_jigs)),
        stopped_releases=len(journal.ask(stopped_releases)),
    )


def catalogue_health(catalogue: Catalog) -> CatalogueHealth:
    """Ask the catalogue in use."""
    hindrance = None
    try:
        catalogue.check_usable()
    except CatalogError as error:
        hindrance = str(error)
    return CatalogueHealth(hindrance=hindrance, ends=catalogue.ends(), ends_soon=catalogue.ends_soon())


def _disk(settings: StationSettings) -> DiskHealth | None:
    try:
        usage = shutil.disk_usage(settings.state_directory)
    except OSError:
        return None
    return DiskHealth(free=usage.free, size=usage.total, least=settings.thresholds.least_free_mebibytes << 20)


def certificates(settings: StationSettings) -> Iterator[CertificateHealth]:
    """Yield how long each certificate is good that the station uses, or watches."""
    for name, file in certificate_files(settings):
        seen = look_at_certificate(file)
        yield CertificateHealth(name=name, file=str(file), ends=seen.ends, fault=seen.fault)


def backups(settings: StationSettings) -> BackupHealth | None:
    """Return what is remembered of backups; None where none are configured."""
    if settings.backup is None:
        return None
    try:
        memory = recall(settings.state_directory)
    except OSError:
        memory = BackupMemory()  # whoever may not read it hears of none
    return BackupHealth(memory=memory, overdue_seconds=settings.backup.overdue_hours * 3600)


def look_at_files(settings: StationSettings) -> Health:
    """Look where no daemon answers: at the journal, and at the catalogue that was accepted last."""
    with JournalReader(settings.journal_folder) as journal:
        return look(settings, journal, _kept_catalogue(settings))


def _kept_catalogue(settings: StationSettings) -> CatalogueHealth:
    """Judge what was accepted last, without asking its source."""
    store = settings.state_directory / "catalogue"
    if settings.catalogue.folder is None and not store.is_dir():
        return _no_catalogue("no catalogue has been accepted yet")
    try:
        source = open_source(settings.catalogue, store, None, production=settings.mode == "production")
        source.reopen()
    except (CatalogError, ConfigError) as error:
        return _no_catalogue(str(error))
    return catalogue_health(source.current())


def _no_catalogue(why: str) -> CatalogueHealth:
    return CatalogueHealth(hindrance=why, ends=None, ends_soon=None)
