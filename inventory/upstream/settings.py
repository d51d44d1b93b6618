"""Which way leads upstream for which region."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from inventory.upstream.https import HttpsSettings


class N3Elements(BaseModel):
    """What the parameters of a pre-notification are called. Provisional: those of SR 12.2, and two more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_id: str = Field("DeviceID", description="the device's EUI-64")
    manufacturer: str = Field("DeviceManufacturer", description="its maker")
    model: str = Field("DeviceModel", description="its model")
    device_type: str = Field("DeviceType", description="CHF or GPF")
    chts_version: str = Field("SMETSCHTSVersion", description="such as `CHTS V1.4`")
    firmware_version: str = Field("FirmwareVersion", description="what the hub itself said last")
    gpf_id: str = Field("AssociatedGPFDeviceID", description="of a CHF, its GPF")
    region: str = Field("Region", description="Central, South, North or their 4G variants")
    han_variant: str = Field("HANVariant", description="SBCH, DBCH")


class N3Settings(HttpsSettings):
    """A CSP Management Interface (CSPM-N3). Provisional: its schema is unpublished."""

    elements: N3Elements = Field(default_factory=N3Elements, description="names of the parameters")
    schema_file: Path | None = Field(None, description="XSD instead of our provisional one")
    at_once: Annotated[int, Field(ge=1, le=64)] = Field(8, description="notifications on their way at a time")


class RouteSettings(BaseModel):
    """The way upstream of some regions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    csp: str = Field(min_length=1, description="the Communications Services Provider of these regions")
    regions: frozenset[str] = Field(min_length=1, description="as the extract calls them")
    n3: N3Settings | None = Field(
        None, description="Option A, by pre-notification; without it Option B, by a file for the SSMI"
    )


class UpstreamSettings(BaseModel):
    """The ways upstream."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    routes: tuple[RouteSettings, ...] = Field(min_length=1, description="one for each CSP")

    @model_validator(mode="after")
    def _one_way_each(self) -> Self:
        names = [each.csp for each in self.routes]
        regions = [region for each in self.routes for region in each.regions]
        for one, what in ((names, "csp"), (regions, "region")):
            if twice := sorted({each for each in one if one.count(each) > 1}):
                raise ValueError(f"{what} {', '.join(twice)} stands there twice; leave one")
        return self

    def route_of(self, region: str | None) -> RouteSettings | None:
        """Return the way of a region's hubs; None where nobody has said one."""
        return next((each for each in self.routes if region in each.regions), None)
