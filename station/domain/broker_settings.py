"""How an MQTT broker is reached, and as whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class BrokerSettings(BaseModel):
    """Broker, credentials and TLS. Secrets stay in files and are read at each connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="the broker's name or address")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        1883, description="its TCP port; 8883 is usual for TLS"
    )
    username: str | None = Field(None, min_length=1, description="user name, if the broker wants one")
    password_file: Path | None = Field(
        None, description="file whose first line is the password, mode 0600; needs `username`"
    )
    ca_file: Path | None = Field(
        None, description="PEM file with the authority that signed the broker's certificate; turns TLS on"
    )
    revoked_file: Path | None = Field(
        None, description="PEM file with that authority's list of certificates taken back; needs `ca_file`"
    )
    certificate_file: Path | None = Field(
        None, description="PEM file with our own certificate; needs `key_file` and `ca_file`"
    )
    key_file: Path | None = Field(None, description="PEM file with that certificate's private key, mode 0600")

    @property
    def has_files(self) -> bool:
        """Whether something of it stands in files, which may be other ones by now."""
        return any(each is not None for each in (self.password_file, self.ca_file, self.certificate_file))

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs username; name the user whose password it is")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together; give both or neither")
        if self.certificate_file is not None and self.ca_file is None:
            raise ValueError("certificate_file needs ca_file; name the authority of the broker's certificate")
        if self.revoked_file is not None and self.ca_file is None:
            raise ValueError("revoked_file needs ca_file; name the authority whose list it is")
        return self
