"""Where pages are served: under which names, and with which certificate."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, FilePath

_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_USUAL_PORTS: Final = {"http": 80, "https": 443}


class Certificate(BaseModel):
    """What browsers know this server by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: FilePath
    key_file: FilePath
    names: tuple[str, ...]


class Address(BaseModel):
    """Where it listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int
    certificate: Certificate | None = None

    @property
    def scheme(self) -> str:
        """Of its addresses."""
        return "http" if self.certificate is None else "https"

    @property
    def names(self) -> tuple[str, ...]:
        """By which browsers and programs find it."""
        return _LOOPBACK_NAMES if self.certificate is None else self.certificate.names

    @property
    def hosts(self) -> frozenset[str]:
        """What a request's host header may say."""
        with_port = {f"{name}:{self.port}" for name in self.names}
        return frozenset({*with_port, *(self.names if self.port == _USUAL_PORTS[self.scheme] else ())})

    @property
    def url(self) -> str:
        """Where to look first."""
        name = self.names[0] if self.certificate is not None else in_url(self.host)
        return f"{self.scheme}://{name}:{self.port}/"


def in_url(address: str) -> str:
    """Write an address as URLs have it."""
    return f"[{address}]" if ":" in address else address
