"""The configuration of the catalogue: a signed one and what it is trusted by, or a plain folder at a bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from firmware_catalog.cpl import ProductColumns


class CatalogueSettings(BaseModel):
    """Where the firmware that may be flashed comes from. Exactly one of place and folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str | None = Field(
        None, description="folder or http(s) address of the signed catalogue; needs root"
    )
    root: Path | None = Field(
        None, description="the catalogue's first root metadata, brought here on a way of its own; needs place"
    )
    folder: Path | None = Field(
        None, description="plain folder with catalog.json and the images that it pins; not in production"
    )
    refresh_seconds: Annotated[float, Field(ge=1)] = Field(
        60.0, description="between two looks for what is new: how long a withdrawal may go unnoticed"
    )
    products: Path | None = Field(
        None, description="imported Central Products List, which must have each image as active"
    )
    product_columns: ProductColumns = Field(
        default_factory=lambda: ProductColumns.model_validate({}),
        description="the columns of the list's CSV file, for `reflash catalog import-cpl`",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.place is None) == (self.folder is None):
            raise ValueError("state either place, with root, or folder")
        if (self.place is None) != (self.root is None):
            raise ValueError("place and root go together; a signed catalogue is trusted by its root alone")
        return self
