"""The station's configuration: one TOML file, every field documented, unknown keys refused.

A value can be overridden from the environment (`REFLASH_MQTT__HOST=broker`), which suits containers and tests.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from drivers.jig_board.settings import JigBoardSettings
from drivers.serial_link import SerialSettings
from drivers.topology import same_place
from station.bench.jig_inputs import StartPolicy
from station.catalogue_settings import CatalogueSettings
from station.domain.slot_name import Place
from station.log import LogFormat, LogLevel
from station.publishing.settings import MqttSettings
from station.records.operators import NO_PSEUDONYM, is_pseudonym
from station.unlocking.settings import UnlockSettings

MAX_SLOTS = 8
"""Slots of one multi-jig (MP155 Preliminary Impact Assessment 6.2.2)."""

TopicLevel = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
"""A name that becomes an MQTT topic level."""


class ConfigError(Exception):
    """The configuration cannot be used. The message is one line a fault."""


def _slot_number(key: object) -> int:
    """Read a slot's number, which TOML, whose keys are texts, writes as a text."""
    for number in range(1, MAX_SLOTS + 1):
        if key in (number, str(number)):
            return number
    raise ValueError(f"a multi-jig has slots 1 to {MAX_SLOTS}, {key} is none of them")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogSettings(_Section):
    """How the daemon speaks to its console or log collector."""

    format: LogFormat = Field("console", description="`console` for people, `json` for machines")
    level: LogLevel = Field("info", description="the least level that is written")


class Thresholds(_Section):
    """When a failure is taken to be more than one hub's."""

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


class ScannerSettings(SerialSettings):
    """A label scanner on a serial port."""

    port: str = Field(description="the scanner's place, like a slot's")
    baud: int = Field(9_600, ge=1_200, le=12_000_000, description="Line rate in bits a second.")


class JigSettings(_Section):
    """One multi-jig of up to eight slots."""

    name: TopicLevel = Field(description="what is written on the jig; a topic level")
    driver: str = Field("smp", description="the hub driver, by its entry point's name in `reflash.drivers`")
    driver_settings: dict[str, Any] = Field(
        default_factory=dict, description="settings of that driver; `reflash doctor` names the unknown ones"
    )
    board: JigBoardSettings | None = Field(
        None, description="the jig's I/O board; without one, presence is whether a hub answers"
    )
    scanner: ScannerSettings | None = Field(
        None, description="the jig's own label scanner; labels can also be scanned into `reflash watch`"
    )
    start: StartPolicy = Field(
        "seated",
        description="with a board: begin with each hub once `seated`, on `lid` closed, or on `button`",
    )
    recognition_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, description="with a board: how long a seated hub may take to say who it is, its boot included"
    )
    slots: dict[Annotated[int, BeforeValidator(_slot_number)], str] = Field(
        description="slot number, 1 to 8, to the place of its hub; see docs/bench-setup.md"
    )

    @model_validator(mode="after")
    def _start_needs_a_board(self) -> Self:
        if self.board is None and self.start != "seated":
            raise ValueError(f"start = {self.start!r} needs a board, and jig {self.name} has none")
        return self

    @model_validator(mode="after")
    def _board_serves_every_slot(self) -> Self:
        if self.board is not None and max(self.slots) > self.board.slots:
            raise ValueError(
                f"slot {max(self.slots)} is none of its board's, which serves {self.board.slots};"
                " correct slots under [jigs.board], or the jig's"
            )
        return self

    @field_validator("slots")
    @classmethod
    def _some(cls, slots: dict[int, str]) -> dict[int, str]:
        if not slots:
            raise ValueError("a jig needs at least one slot; bind its slots to their ports")
        return slots


class StationSettings(BaseSettings):
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
    state_directory: Path = Field(
        description="where journal, accepted catalogue and control socket live: a whole path, on a local disk"
    )
    desk_socket: Path | None = Field(
        None,
        description="socket (….sock) for people who may look and scan and nothing else; its folder's group says who",
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
    jigs: tuple[JigSettings, ...] = Field(description="the multi-jigs on the bench")

    @field_validator("operator")
    @classmethod
    def _no_name(cls, operator: str | None) -> str | None:
        """Say it in words for people: a pattern says nothing of why."""
        if operator is not None and not is_pseudonym(operator):
            raise ValueError(NO_PSEUDONYM)
        return operator

    @field_validator("state_directory")
    @classmethod
    def _one_place(cls, folder: Path) -> Path:
        """Find out once where it is: journal and accepted catalogue must not move when a link on the way does."""
        if not folder.is_absolute():
            raise ValueError(
                f"{folder} is another folder wherever a command is run; write its whole path, from /"
            )
        return Path(os.path.realpath(folder))

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
    def _no_place_twice(self) -> Self:
        names = [jig.name for jig in self.jigs]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(
                f"two jigs are called {', '.join(sorted(twice))}; give each the name that is written on it"
            )
        owners: dict[str, str] = {}
        for owner, port in self._ports():
            real = same_place(port)
            if real in owners:
                raise ValueError(
                    f"{owners[real]} and {owner} are both bound to {port}; give each slot its own"
                )
            owners[real] = owner
        return self

    def _ports(self) -> Iterator[tuple[str, str]]:
        """Yield everything that takes a port, with its place."""
        for place, port in self.places():
            yield str(place), port
        for jig in self.jigs:
            if jig.board is not None:
                yield f"{jig.name} board", jig.board.port
            if jig.scanner is not None:
                yield f"{jig.name} scanner", jig.scanner.port

    def places(self) -> Iterator[tuple[Place, str]]:
        """Yield every slot with the port it is bound to."""
        for jig in self.jigs:
            for number, port in sorted(jig.slots.items()):
                yield Place(jig=jig.name, slot=number), port

    @property
    def journal_folder(self) -> Path:
        """Where the journal lies."""
        return self.state_directory / "journal"

    @property
    def operators_file(self) -> Path:
        """Who stands behind which pseudonym."""
        return self.state_directory / "operators.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content comes in as the initial values."""
        return env_settings, init_settings


def load_settings(path: Path) -> StationSettings:
    """Read and check a station's TOML file. Raises ConfigError with one line for each fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise ConfigError(
            f"{path} is not yours to read; run it as the station's user: sudo -u reflash reflash …"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name the file with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    return parse_settings(text, path)


def parse_settings(text: str, path: Path) -> StationSettings:
    """Check what stands, or shall stand, in a station's TOML file. Raises ConfigError with one line for each fault."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only its own: numbers too long, nesting too deep
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    try:
        settings = StationSettings(**content)
    except SettingsError as error:
        raise ConfigError(f"{path}: environment: {error}; write the variable as JSON") from error
    except ValidationError as error:
        jigs = content.get("jigs")
        faults = faults_of(error, jigs if isinstance(jigs, list) else ())
        raise ConfigError("\n".join(f"{path}: {line}" for line in faults)) from error
    return settings


def faults_of(error: ValidationError, jigs: Sequence[object] = ()) -> Iterator[str]:
    """Word each fault of a validation as one line: where it is, what is wrong, what to do.

    `jigs` are the jig tables that were validated: a person knows a jig by its name, not by its place in the file.
    """
    for fault in error.errors(include_url=False):
        owner, key = _place_in_file(fault["loc"], jigs)
        what = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            line = f"unknown key {key}; remove it or correct its spelling"
        elif fault["type"] == "missing":
            line = f"{key} is missing; add it"
        else:
            line = f"{key}: {what}" if key else what
        yield f"{owner}: {line}" if owner else line


def _place_in_file(location: Sequence[int | str], jigs: Sequence[object]) -> tuple[str, str]:
    """Name a key as a person finds it: the jig it belongs to, if any, and the key within."""
    keys = [str(part) for part in location if part != "[key]"]  # pydantic's mark of a fault in the key itself
    match location:
        case ("jigs", int(index), *_) if index < len(jigs):
            jig = jigs[index]
            if isinstance(jig, Mapping) and isinstance(jig.get("name"), str):
                return f"jig {jig['name']}", ".".join(keys[2:])
    return "", ".".join(keys)
