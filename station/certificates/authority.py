"""An authority's folder: its certificate and key, what it issued, and what it took back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware_catalog.files import read_named_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.domain.config_error import ConfigError

CERTIFICATE: Final = "authority.pem"
KEY: Final = "authority.key"
ISSUED: Final = "issued"
"""A folder with each certificate that was issued, by name and serial number: a key that is lost may have taken its own along."""
REVOKED: Final = "revoked.pem"
"""The list of certificates that were taken back."""
MAX_FILE_SIZE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to make, which is not there yet."""

    path: Path
    mode: int
    content: bytes


def open_authority(folder: Path) -> Authority:
    """Read certificate and key. Raises ConfigError."""
    certificate = read_certificate(folder / CERTIFICATE)
    file = folder / KEY
    try:
        key = serialization.load_pem_private_key(read_secret(file, MAX_FILE_SIZE), None)
    except SecretExposed as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; name the authority's folder, with its key") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{file} is no unencrypted private key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigError(f"{file} is not the key of {folder / CERTIFICATE}")
    return Authority(certificate, key)


def read_certificate(file: Path) -> x509.Certificate:
    """Read one certificate. Raises ConfigError."""
    try:
        return x509.load_pem_x509_certificate(read_named_file(file, MAX_FILE_SIZE))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; name the right folder") from error
    except ValueError as error:
        raise ConfigError(f"{file} holds no certificate in PEM") from error


def write_new(files: Sequence[NewFile]) -> None:
    """Write all or none, durably, into folders that are made if need be. Raises ConfigError."""
    written: list[Path] = []
    try:
        for file in files:
            file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file.mode)
            written.append(file.path)
            with open(descriptor, "wb") as out:  # noqa: PTH123 - a descriptor, not a path
                os.fchmod(descriptor, file.mode)
                out.write(file.content)
                out.flush()
                os.fsync(descriptor)
    except BaseException as error:
        _remove(written)
        if isinstance(error, FileExistsError):
            raise ConfigError(f"{error.filename} is there already: nothing is written over") from error
        if isinstance(error, OSError):
            raise ConfigError(
                f"{error.filename or files[0].path.parent}: {error.strerror}; nothing was made"
            ) from error
        raise


def _remove(written: Iterable[Path]) -> None:
    for path in written:
        path.unlink(missing_ok=True)
