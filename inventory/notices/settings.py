"""How e-mails leave, and who gets them."""

from __future__ import annotations

from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _address(text: str) -> str:
    if parseaddr(text)[1] != text or text.count("@") != 1 or not text.isascii() or not text.isprintable():
        raise ValueError(f"{text[:60]!r} is no plain e-mail address")
    return text


Address = Annotated[str, AfterValidator(_address)]
"""An address alone, without a name around it."""


class PartySettings(BaseModel):
    """A party, and who is told there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="as the extract calls it")
    emails: tuple[Address, ...] = Field(min_length=1, description="who is told")


class NoticeSettings(BaseModel):
    """The mail server, and what mails are made of. The password stays in its file and is read for each connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: Address = Field(description="from whom; what bounces comes back there, to a person")
    host: str = Field("127.0.0.1", min_length=1, description="the SMTP server's name or address")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="its TCP port")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`none` is for a server on this machine alone"
    )
    ca_file: Path | None = Field(None, description="PEM file with the server's authority; else the system's")
    username: str | None = Field(None, min_length=1, description="if the server wants one")
    password_file: Path | None = Field(None, description="file whose first line is the password, mode 0600")
    look_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        10.0, description="how often is looked for what is to be sent"
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(60.0, description="for one answer")
    templates: Path | None = Field(
        None,
        description="folder with templates of the site's own (`authorised.txt`); ours stand in for others",
    )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.password_file is None) != (self.username is None):
            raise ValueError("username and password_file go together; give both or neither")
        if self.username is not None and self.security == "none":
            raise ValueError("a password goes over TLS alone; set security to starttls or tls")
        return self
