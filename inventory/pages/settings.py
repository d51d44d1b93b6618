"""Where the pages are served, and for how long somebody stays signed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PagesSettings(BaseModel):
    """The pages. To more than this computer only by TLS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        "127.0.0.1", description="an address; another than this computer's own takes a certificate"
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8091, description="its TCP port")
    certificate: Path | None = Field(
        None, description="PEM, with the names that browsers find the pages by (subjectAltName)"
    )
    key: Path | None = Field(None, description="its private key in PEM, for this user alone")
    sign_on_hours: Annotated[float, Field(gt=0, le=24)] = Field(
        10.0, description="how long somebody who signed on may look"
    )
