"""The inventory's configuration. Every field is documented, unknown keys are refused.

A value can be overridden from the environment (`REFLASH_INVENTORY_MQTT__HOST=broker`).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from inventory.errors import WrongInput
from inventory.log import LogSettings
from inventory.requests.settings import RequestSettings
from inventory.ssmi.settings import SsmiSettings
from station.domain.config_error import faults_of
from station.messages.topics import TopicLevel, Topics


class MqttSettings(BaseModel):
    """The site's broker. Secrets stay in files and are read at each connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="the broker's name or address")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        1883, description="its TCP port; 8883 is usual for TLS"
    )
    client_id: str = Field(
        "reflash-inventory",
        min_length=1,
        max_length=128,
        description="MQTT client id: the broker keeps under it what has come and was not acknowledged",
    )
    username: str | None = Field(None, min_length=1, description="user name, if the broker wants one")
    password_file: Path | None = Field(
        None, description="file whose first line is the password, mode 0600; needs `username`"
    )
    ca_file: Path | None = Field(
        None, description="PEM file with the authority that signed the broker's certificate; turns TLS on"
    )
    certificate_file: Path | None = Field(
        None, description="PEM file with the inventory's own certificate; needs `key_file` and `ca_file`"
    )
    key_file: Path | None = Field(None, description="PEM file with that certificate's private key, mode 0600")
    keepalive_seconds: Annotated[int, Field(ge=5, le=3600)] = Field(
        15, description="silence after which a dead broker is noticed"
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        10.0, description="how long the broker may take for one answer before it is connected to anew"
    )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs username; name the user whose password it is")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together; give both or neither")
        if self.certificate_file is not None and self.ca_file is None:
            raise ValueError("certificate_file needs ca_file; name the authority of the broker's certificate")
        return self


class StationSettings(BaseModel):
    """One station that is listened to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: TopicLevel = Field(description="its site's name, as the station's own configuration has it")
    station: TopicLevel = Field(description="its name at the site, the same")

    @property
    def topics(self) -> Topics:
        """Where it writes to."""
        return Topics(self.site, self.station)


class InventorySettings(BaseSettings):
    """Everything that `reflash inventory` needs to know."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REFLASH_INVENTORY_", env_nested_delimiter="__"
    )

    database: str = Field(
        min_length=1,
        description="`sqlite:////var/lib/reflash-inventory/inventory.db`, or `postgresql://USER@HOST/NAME`",
    )
    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    stations: tuple[StationSettings, ...] = Field(
        min_length=1, description="the stations that are listened to; what another says is put aside"
    )
    gap_alarm_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0,
        description="how long a number may be missing before that is an alarm: results overtake each other",
    )
    requests: RequestSettings | None = Field(None, description="requests are not taken unless given")
    ssmi: SsmiSettings | None = Field(None, description="no file for the SSMI is written unless given")
    log: LogSettings = Field(default_factory=LogSettings)

    @model_validator(mode="after")
    def _no_station_twice(self) -> Self:
        sources = [each.topics.source for each in self.stations]
        if twice := sorted({each for each in sources if sources.count(each) > 1}):
            raise ValueError(f"stations: {', '.join(twice)} stands there twice")
        return self

    @property
    def sources(self) -> frozenset[str]:
        """What the stations call themselves in their messages."""
        return frozenset(each.topics.source for each in self.stations)

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


def load_settings(path: Path) -> InventorySettings:
    """Read and check the TOML file. Raises WrongInput with one line for each fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror}; name the file with --config") from error
    except (ValueError, RecursionError) as error:
        raise WrongInput(f"{path} is no TOML file: {error}") from error
    try:
        return InventorySettings(**content)
    except SettingsError as error:
        raise WrongInput(f"{path}: environment: {error}; write the variable as JSON") from error
    except ValidationError as error:
        raise WrongInput("\n".join(f"{path}: {line}" for line in faults_of(error))) from error
