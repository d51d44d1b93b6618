"""The sizes of what hubs are packed into."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from station.packing.codes import HIGHEST_NUMBER


class PackingSettings(BaseModel):
    """Cartons and pallets. A carton or pallet that was opened keeps the size that it was opened with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hubs_per_carton: Annotated[int, Field(ge=1, le=1000)] = Field(
        16, description="the scan that puts the last of them in closes the carton"
    )
    cartons_per_pallet: Annotated[int, Field(ge=1, le=1000)] = Field(
        56, description="with 16 hubs a carton, a pallet has 896 (MP155-A-003: two pallets are 1,792 hubs)"
    )
    numbers_from: Annotated[int, Field(ge=1, le=HIGHEST_NUMBER)] = Field(
        1, description="no carton or pallet is given a lower number: keeps the stations of a site apart"
    )
