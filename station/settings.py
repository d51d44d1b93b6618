"""The station's configuration: what each room may be told, put together. Every field is documented, unknown keys are refused.

A value can be overridden from the environment (`REFLASH_MQTT__HOST=broker`), which suits containers and tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from station.backups.settings import BackupSettings
from station.bench.settings import PeopleSettings, ShiftSettings
from station.catalogue.settings import CatalogueSettings
from station.domain.actor import NO_PSEUDONYM, is_pseudonym
from station.domain.file_settings import FileSettings
from station.domain.slot_name import SlotName
from station.domain.whole_path import WholePath
from station.dropped_orders.settings import OrderFolderSettings
from station.log import LogSettings
from station.messages.topics import TopicLevel
from station.packing.settings import PackingSettings
from station.places.settings import JigSettings
from station.printing.settings import LabelSettings
from station.publishing.settings import MqttSettings
from station.unlocking.settings import UnlockSettings


class Thresholds(BaseModel):
    """When a failure is taken to be more than one hub's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hubs_failing_in_a_row: Annotated[int, Field(ge=2)] = Field(
        3, description="different hubs failing in one slot in a row before the slot is taken out of use"
    )
    release_last_hubs: Annotated[int, Field(ge=2)] = Field(
        20, description="of so many hubs, the newest that a release was given to, the failures are counted"
    )
    release_failed_hubs: Annotated[int, Field(ge=2)] = Field(
        5, description="so many of them failing by their own fault stop the release until a person resumes it"
    )
    least_free_mebibytes: Annotated[int, Field(ge=16)] = Field(
        256, description="with less room for the journal no hub is begun with"
    )


class StationSettings(FileSettings):
    """Everything that `reflash run` needs to know."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REFLASH_", env_nested_delimiter="__"
    )

    site: TopicLevel = Field(description="the site's name, a topic level")
    station: TopicLevel = Field(description="this bench PC's name at the site, a topic level")
    mode: Literal["production", "bench"] = Field(
        "production",
        description="`production` wants a signed catalogue and an HSM or tokens, and guards the ports below",
    )
    state_directory: WholePath = Field(
        description="where journal, accepted catalogue and control socket live: a whole path, on a local disk"
    )
    desk_socket: Path | None = Field(
        None,
        description="socket (….sock) for people who may look and scan and nothing else; its folder's group says who",
    )
    language: str = Field(
        "en",
        description="of what people at the bench read: `en`, or the whole path of a file of texts (docs/operating.md)",
    )
    operator: str | None = Field(
        None, description="pseudonym of who works here, as `reflash operators add` gave it; in each result"
    )
    drain_seconds: Annotated[float, Field(ge=0)] = Field(
        20.0, description="how long a stop waits for slots to reach a safe point"
    )
    log: LogSettings = Field(default_factory=LogSettings)
    catalogue: CatalogueSettings
    unlock: UnlockSettings
    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    thresholds: Thresholds = Field(default_factory=Thresholds)
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    shift: ShiftSettings = Field(default_factory=ShiftSettings)
    order_folder: OrderFolderSettings | None = Field(
        None, description="a folder into which orders may be dropped; none unless given"
    )
    packing: PackingSettings = Field(default_factory=PackingSettings)
    labels: LabelSettings = Field(default_factory=LabelSettings)
    backup: BackupSettings | None = Field(
        None, description="where `reflash backup make` puts backups; none unless given"
    )
    watched_certificates: tuple[Path, ...] = Field(
        (),
        description="PEM files whose end is told besides that of the broker's: the screen's certificate, say",
    )
    jigs: tuple[JigSettings, ...] = Field(description="the multi-jigs on the bench")

    @field_validator("operator")
    @classmethod
    def _no_name(cls, operator: str | None) -> str | None:
        """Say it in words for people: a pattern says nothing of why."""
        if operator is not None and not is_pseudonym(operator):
            raise ValueError(NO_PSEUDONYM)
        return operator

    @field_validator("desk_socket")
    @classmethod
    def _a_socket(cls, socket: Path | None) -> Path | None:
        if socket is not None and (not socket.is_absolute() or socket.suffix != ".sock"):
            raise ValueError(
                f"{socket} is no whole path of a socket; write one such as /run/reflash/desk.sock"
            )
        return socket

    @field_validator("jigs")
    @classmethod
    def _some(cls, jigs: tuple[JigSettings, ...]) -> tuple[JigSettings, ...]:
        if not jigs:
            raise ValueError("a station needs at least one jig; describe it under [[jigs]]")
        return jigs

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        names = [jig.name for jig in self.jigs]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(
                f"two jigs are called {', '.join(sorted(twice))}; give each the name that is written on it"
            )
        return self

    def ports(self) -> Iterator[tuple[str, str]]:
        """Yield everything that takes a port, with its place."""
        for place, port in self.places():
            yield str(place), port
        yield from self.ports_of_no_slot()

    def ports_of_no_slot(self) -> Iterator[tuple[str, str]]:
        """Yield the jigs' boards and scanners, with their places: no hub is ever there."""
        for jig in self.jigs:
            if jig.board is not None:
                yield f"{jig.name} board", jig.board.port
            if jig.scanner is not None:
                yield f"{jig.name} scanner", jig.scanner.port

    def places(self) -> Iterator[tuple[SlotName, str]]:
        """Yield every slot with the port it is bound to."""
        for jig in self.jigs:
            for number, port in sorted(jig.slots.items()):
                yield SlotName(jig=jig.name, slot=number), port

    @property
    def journal_folder(self) -> Path:
        """Where the journal lies."""
        return self.state_directory / "journal"

    @property
    def reports_folder(self) -> Path:
        """Where the reports lie, which are made again from the journal if they are deleted."""
        return self.state_directory / "reports"

    @property
    def bytes_left_by_reports(self) -> int:
        """Room on the disk that the reports do not touch: twice that below which no hub is begun with."""
        return 2 * self.thresholds.least_free_mebibytes << 20

    @property
    def operators_file(self) -> Path:
        """Who stands behind which pseudonym."""
        return self.state_directory / "operators.json"

    @property
    def bearers_file(self) -> Path:
        """Who is signed on at a screen, and which programs have tokens."""
        return self.state_directory / "bearers.json"
