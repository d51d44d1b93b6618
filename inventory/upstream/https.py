"""How a service upstream is reached: HTTPS, both sides by certificate, within bounds."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import httpx
from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field

from inventory.errors import InventoryError
from inventory.secret_files import others_may_read

MAX_ANSWER: Final = 64 << 20
"""Bytes of an answer, at most: that to an upload has a line a hub."""


class NoCredentials(InventoryError):
    """Our own certificate cannot be shown: nothing was sent."""


class HttpsSettings(BaseModel):
    """A service, and who we are there. The files are read at each connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https://[^/\s]+(/\S*)?$", description="where it is, https:// alone")
    ca_file: Path = Field(description="PEM file with the authority that signed the service's certificate")
    certificate_file: Path = Field(description="PEM file with our own certificate")
    key_file: Path = Field(description="PEM file with that certificate's private key, mode 0600")
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        30.0, description="how long one call may take; then it is not known what became of it"
    )


def tls_of(settings: HttpsSettings, now: datetime) -> ssl.SSLContext:
    """Return what proves each side to the other. Raises NoCredentials, in one line for people."""
    own = settings.certificate_file
    try:
        if others_may_read(settings.key_file):
            raise NoCredentials(f"others may read {settings.key_file}; run: chmod 600 {settings.key_file}")
        certificate = x509.load_pem_x509_certificate(own.read_bytes())
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(own, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        where = error.filename or f"{settings.ca_file}, {own} or {settings.key_file}"
        raise NoCredentials(f"{where}: {error.strerror or error}") from error
    except ValueError as error:
        raise NoCredentials(f"{own} is no certificate in PEM") from error
    if certificate.not_valid_after_utc < now:
        raise NoCredentials(
            f"our certificate {own} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; have it renewed"
        )
    return context


def in_words(error: httpx.HTTPError) -> str:
    """Return what went wrong with a call, on one line."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    text = " ".join(str(cause).split()) or " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
