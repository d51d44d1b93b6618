"""Where other programs are answered, and which."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TokenSettings(BaseModel):
    """A program that may ask, by what it proves itself with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        min_length=1, max_length=60, description="who it is, as it is recorded with what it does"
    )
    file: Path = Field(description="its first line is the token: 32 characters or more, mode 0600")
    may: Literal["look", "act"] = Field(
        "look", description="`act` may do what a person may, in that person's name"
    )


class WebSettings(BaseModel):
    """The REST interface. It speaks HTTP: what stands before it on another machine's way speaks TLS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Literal["127.0.0.1", "::1"] = Field("127.0.0.1", description="this computer alone")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8090, description="its TCP port")
    tokens: tuple[TokenSettings, ...] = Field(min_length=1, description="who may ask")

    @model_validator(mode="after")
    def _nobody_twice(self) -> Self:
        names = [each.name for each in self.tokens]
        if len(set(names)) != len(names):
            raise ValueError("tokens: two have the same name")
        return self
