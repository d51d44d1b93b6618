"""The configuration of unlocking: which authority signs, how fast it may be asked, and where its PIN is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PinSettings(_Section):
    """Where a PIN is. Exactly one of the two."""

    file: Path | None = Field(None, description="file with the PIN and nothing else, mode 0600")
    variable: str | None = Field(None, description="environment variable with the PIN")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.variable is None):
            raise ValueError("state either file or variable")
        return self

    def __str__(self) -> str:
        return f"PIN file {self.file}" if self.file else f"environment variable {self.variable}"


class HsmSettings(_Section):
    """Which key signs, and where it is. ECDSA P-256."""

    module: Path = Field(description="the PKCS#11 library of the HSM's maker")
    token: str = Field(description="the token's label")
    key: str = Field(description="the private key's label")
    pin: PinSettings = Field(description="where the token's user PIN is")
    seconds: Annotated[float, Field(gt=0)] = Field(
        2.0, description="how long one signature may take; a hub's challenge does not last"
    )


class UnlockRate(_Section):
    """So many signatures in so many seconds."""

    signatures: Annotated[int, Field(ge=1)] = Field(
        96, description="how many signatures may be asked for: four rounds of 24 slots"
    )
    seconds: Annotated[float, Field(gt=0)] = Field(60.0, description="in how many seconds")


class UnlockSettings(_Section):
    """Who signs for a hub to open its lock. Exactly one of hsm, token_file and key_file."""

    hsm: HsmSettings | None = Field(None, description="a key in a hardware security module, by PKCS#11")
    token_file: Path | None = Field(None, description="CSV file of tokens issued beforehand, mode 0600")
    key_file: Path | None = Field(
        None, description="PEM file with an ECDSA P-256 private key, mode 0600; not in production"
    )
    rate: UnlockRate = Field(default_factory=UnlockRate, description="how many signatures in which time")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.hsm, self.token_file, self.key_file)) != 1:
            raise ValueError("state exactly one of hsm, token_file and key_file")
        return self
