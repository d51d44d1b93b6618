"""When certificates end, as their files say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from firmware_catalog.files import read_named_file

_MAX_FILE_SIZE: Final = 1 << 20
_LIST: Final = b"-----BEGIN X509 CRL-----"
"""Begins a list of certificates taken back (RFC 7468, section 6): whoever has one that has ended trusts nobody."""


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """What a certificate's file says, or a list's of those taken back; one that holds several ends with the first of them."""

    ends: datetime | None
    fault: str | None
    """Why nothing is known of it, in one line."""


def look_at_certificate(file: Path) -> CertificateFile:
    """Read it. Blocks."""
    from cryptography import x509  # noqa: PLC0415 - takes its time, and most stations have no certificates

    try:
        content = read_named_file(file, _MAX_FILE_SIZE)
        if content.lstrip().startswith(_LIST):
            return CertificateFile(x509.load_pem_x509_crl(content).next_update_utc, None)
        certificates = x509.load_pem_x509_certificates(content)
    except OSError as error:
        return CertificateFile(None, f"{file}: {error.strerror}")
    except ValueError:
        return CertificateFile(None, f"{file} holds no certificate in PEM")
    return CertificateFile(min(each.not_valid_after_utc for each in certificates), None)
