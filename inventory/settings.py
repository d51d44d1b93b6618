"""The inventory's configuration. Every field is documented, unknown keys are refused.

A value can be overridden from the environment (`REFLASH_INVENTORY_MQTT__HOST=broker`).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict, SettingsError

from inventory.charge.settings import ChargeSettings
from inventory.errors import WrongInput
from inventory.intake.settings import MqttSettings, StationSettings
from inventory.log import LogSettings
from inventory.notices.settings import NoticeSettings, PartySettings
from inventory.pages.settings import PagesSettings
from inventory.requests.settings import RequestSettings
from inventory.ssmi.settings import SsmiSettings
from inventory.upstream.settings import UpstreamSettings
from inventory.web.settings import WebSettings
from station.domain.config_error import faults_of
from station.domain.file_settings import FileSettings
from station.messages.topics import Topics


class InventorySettings(FileSettings):
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
    parties: tuple[PartySettings, ...] = Field((), description="who is told at each party")
    notices: NoticeSettings | None = Field(None, description="what parties are told waits unless given")
    charge: ChargeSettings | None = Field(None, description="nothing is charged unless given")
    web: WebSettings | None = Field(None, description="other programs are not answered unless given")
    pages: PagesSettings | None = Field(None, description="people are shown no pages unless given")
    ssmi: SsmiSettings | None = Field(None, description="no file for the SSMI is written unless given")
    upstream: UpstreamSettings | None = Field(
        None, description="which way leads upstream for which region; by file alone unless given"
    )
    log: LogSettings = Field(default_factory=LogSettings)

    @model_validator(mode="after")
    def _nobody_twice(self) -> Self:
        sources = [each.topics.source for each in self.stations]
        if twice := sorted({each for each in sources if sources.count(each) > 1}):
            raise ValueError(f"stations: {', '.join(twice)} stands there twice")
        parties = [each.name for each in self.parties]
        if twice := sorted({each for each in parties if parties.count(each) > 1}):
            raise ValueError(f"parties: {', '.join(twice)} stands there twice")
        return self

    @property
    def topics_of_sources(self) -> dict[str, Topics]:
        """Where each station writes to, by what it calls itself in its messages."""
        return {each.topics.source: each.topics for each in self.stations}


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
