"""Where backups go, and how many of them stay."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from station.domain.whole_path import WholePath


class BackupSettings(BaseModel):
    """What `reflash backup make` does, by hand or by its timer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: WholePath = Field(
        description="a whole path, best on another disk; it has to be there: a disk that is not mounted is noticed so"
    )
    keep: Annotated[int, Field(ge=1, le=10_000)] = Field(
        14, description="so many of the newest backups stay, once a newer one has been checked"
    )
    overdue_hours: Annotated[float, Field(gt=0)] = Field(
        50.0, description="a newest backup that is older is told as a fault: two nights and some"
    )
