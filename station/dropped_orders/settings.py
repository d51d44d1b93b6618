"""Where orders may be dropped."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from station.domain.whole_path import WholePath


class OrderFolderSettings(BaseModel):
    """The folder, and when a file in it counts as whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: WholePath = Field(
        description="a whole path; `taken` and `refused` are folders in it, which the station does not make: "
        "without them it is taken for a share that is not mounted"
    )
    still_seconds: Annotated[float, Field(gt=0)] = Field(
        5.0, description="a file that nobody has changed for so long is taken"
    )
    look_seconds: Annotated[float, Field(gt=0)] = Field(
        15.0, description="between two looks at a folder whose host does not tell of changes, as NFS and SMB"
    )
