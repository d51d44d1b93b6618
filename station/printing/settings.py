"""Where labels are printed, on what, and which numbers they bear."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from station.domain.whole_path import WholePath
from station.papers.label import Media
from station.papers.sscc import SsccRange


class PrinterSettings(BaseModel):
    """A label printer in the network that understands ZPL and says how it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1, description="its name or address")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(9100, description="its raw TCP port")
    answer_seconds: Annotated[float, Field(gt=0)] = Field(
        5.0, description="how long it may take to be reached, to take a label in, or to say how it is"
    )


class LabelSettings(BaseModel):
    """A printer, or a folder; with neither, no label is printed, and each can be made as a page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    printer: PrinterSettings | None = Field(
        None, description="where each label is printed when its carton closes"
    )
    folder: WholePath | None = Field(
        None, description="or a folder that each is put into as a ZPL file: a whole path"
    )
    media: Media = Field(default_factory=Media)
    gs1: SsccRange | None = Field(
        None,
        description="which SSCCs are the station's to give; without them labels bear a plain internal number",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.printer is not None and self.folder is not None:
            raise ValueError("labels go to a printer or into a folder; name one of the two")
        return self
