"""What requests are held against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from firmware_catalog.devices import DeviceKind
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from inventory.requests.extract import ExtractColumns


class ReleaseSettings(BaseModel):
    """The release that a model is re-flashed to, as the stations' catalogue has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manufacturer: str = Field(min_length=1, max_length=30, description="DeviceManufacturer")
    model: str = Field(min_length=1, max_length=30, description="DeviceModel")
    firmware_version: FirmwareVersion = Field(description="8 hex digits")
    made_for: DeviceKind = Field(
        DeviceKind.HUB, alias="for", description="`hub`, or the type of bridges that it is made for"
    )


class LimitSettings(BaseModel):
    """How much some regions' bench is sized for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    regions: frozenset[str] = Field(min_length=1, description="as the extract calls them")
    hubs_a_month: Annotated[int, Field(ge=1)] = Field(
        description="hubs authorised in a calendar month (UTC), at most"
    )
    hubs_in_store: Annotated[int, Field(ge=1)] | None = Field(
        None, description="hubs that were received and have not gone back, at most; no limit unless given"
    )
    refuse: bool = Field(False, description="whether more are refused; they are warned of otherwise")


class RequestSettings(BaseModel):
    """What requests are held against, and where work orders go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    orders_folder: Path = Field(
        description="where work orders are written; copied from there to a station's `order_folder`"
    )
    extract_columns: ExtractColumns = Field(
        default_factory=ExtractColumns, description="headings of the extract; provisional"
    )
    forecast_months: Annotated[int, Field(ge=1, le=24)] = Field(
        6, description="how many months ahead a party forecasts"
    )
    releases: tuple[ReleaseSettings, ...] = Field(description="the release of each model")
    limits: tuple[LimitSettings, ...] = Field((), description="none unless given")

    @property
    def release_of(self) -> dict[DeviceModel, FirmwareVersion]:
        """The release of each model of hubs."""
        every = self.release_of_kind.items()
        return {model: version for (kind, model), version in every if kind is DeviceKind.HUB}

    @property
    def release_of_kind(self) -> dict[tuple[DeviceKind, DeviceModel], FirmwareVersion]:
        """The release of each model, by what it is made for."""
        return {
            (each.made_for, DeviceModel(each.manufacturer, each.model)): each.firmware_version
            for each in self.releases
        }
