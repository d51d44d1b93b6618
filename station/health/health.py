"""How a bench PC is: what whoever is not at the bench wants to know of it."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from station.backups.memory import BackupMemory
from station.domain.slot_name import SlotName


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JournalHealth(_Part):
    """What the journal has to say."""

    waiting: int = Field(description="messages that are not known to be delivered")
    waiting_since: AwareDatetime | None = Field(description="when the oldest of those was recorded")
    open_attempts: int = Field(description="hubs that were begun with and have no result")
    open_orders: int
    out_of_use: tuple[SlotName, ...] = Field(description="slots that wait to be enabled")
    stopped_jigs: tuple[str, ...] = Field(description="jigs that wait to be reset")
    stopped_releases: int = Field(description="releases that wait to be resumed or withdrawn")


class CatalogueHealth(_Part):
    """How the accepted catalogue stands."""

    hindrance: str | None = Field(description="why no hub may be begun with by it")
    ends: AwareDatetime | None = Field(description="when its first role expires; null where nothing ends")
    ends_soon: str | None = Field(description="what to do about that, once it is time to")


class CertificateHealth(_Part):
    """A certificate that the station uses, or was told to watch."""

    name: str = Field(description="the key of the configuration that names it; watched ones: their file")
    file: str
    ends: AwareDatetime | None
    fault: str | None = Field(description="why its end is not known")


class DiskHealth(_Part):
    """The disk of the state directory, in bytes."""

    free: int
    size: int
    least: int = Field(description="below this no hub is begun with")


class BackupHealth(_Part):
    """What is remembered of backups."""

    memory: BackupMemory
    overdue_seconds: float


class Health(_Part):
    """Everything that is known without asking a hub, a board or the broker."""

    site: str
    station: str
    version: str
    at: AwareDatetime
    journal: JournalHealth | None = Field(description="null where it cannot be read")
    journal_fault: str | None = Field(None, description="why not")
    catalogue: CatalogueHealth
    clock_kept: bool | None = Field(
        description="whether a time service keeps it; null where the kernel does not tell"
    )
    disk: DiskHealth | None = Field(description="null where it cannot be asked")
    certificates: tuple[CertificateHealth, ...]
    backup: BackupHealth | None = Field(description="null where none are configured")
