"""Where files for the SSMI go, what their columns are called, and where they are uploaded to."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from inventory.upstream.https import HttpsSettings


class SsmiSettings(BaseModel):
    """Files for the Self-Service Management Interface. The headings are provisional."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(description="where the files are written")
    chf_id: str = Field("chf_id", min_length=1, description="heading of the Communications Hub Function's id")
    gpf_id: str = Field("gpf_id", min_length=1, description="heading of the Gas Proxy Function's id")
    firmware_version: str = Field("firmware_version", min_length=1, description="heading of the new version")
    result: str = Field("result", min_length=1, description="heading of `accepted` or `refused` in answers")
    reason: str = Field("reason", min_length=1, description="heading of why, in answers")
    upload: HttpsSettings | None = Field(
        None, description="how DCC Logistics reaches the SSMI; nothing is uploaded unless given"
    )
