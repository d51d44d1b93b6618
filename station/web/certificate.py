"""Whether pages may be served so: what would let others in unseen or unasked is refused before anything starts."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from firmware_catalog.files import read_regular_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.domain.config_error import ConfigError
from station.web.address import Address, Certificate, in_url

_MAX_FILE_SIZE: Final = 256 * 1024


def address_of(
    host: str, port: int, certificate: Path | None, key: Path | None, *, without_login: bool
) -> Address:
    """Return where to serve. Raises ConfigError, in one line, for what would let others in unseen or unasked."""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ConfigError(
            f"{host}: give the address to listen at as a number, such as 127.0.0.1 or 0.0.0.0"
        ) from None
    if (certificate is None) != (key is None):
        raise ConfigError("a certificate and its key belong together: give both")
    if without_login and not is_loopback:
        raise ConfigError(
            f"without sign-on it is served to this computer alone: leave out --without-login, or --host {host}"
        )
    if certificate is None or key is None:
        if not is_loopback:
            raise ConfigError(f"at {host} badges and PINs go over the network: give certificate and key")
        return Address(host=host, port=port)
    return Address(host=host, port=port, certificate=certificate_of(certificate, key))


def certificate_of(file: Path, key_file: Path) -> Certificate:
    """Return what a server may show to browsers. Raises ConfigError."""
    try:
        certificate = x509.load_pem_x509_certificate(read_regular_file(file, _MAX_FILE_SIZE))
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except OSError as error:
        raise ConfigError(f"certificate {file}: {error.strerror}") from error
    except x509.ExtensionNotFound:
        raise ConfigError(
            f"certificate {file} names no host (subjectAltName): have one made that does"
        ) from None
    except ValueError as error:
        raise ConfigError(f"certificate {file} is no certificate in PEM: {error}") from error
    names = tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))
    addresses = tuple(in_url(str(each)) for each in alternatives.get_values_for_type(x509.IPAddress))
    if any("*" in name for name in names) or not names + addresses:
        raise ConfigError(
            f"certificate {file}: its names must be this host's own (subjectAltName, without a *): they are what a "
            "request may be for"
        )
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise ConfigError(
            f"certificate {file} is good from {certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}: renew it, or set this computer's clock"
        )
    if certificate.public_key() != _public_part_of(key_file):
        raise ConfigError(f"key {key_file} is not that of certificate {file}")
    return Certificate(file=file, key_file=key_file, names=names + addresses)


def _public_part_of(key_file: Path) -> object:
    try:
        return serialization.load_pem_private_key(read_secret(key_file, _MAX_FILE_SIZE), None).public_key()
    except SecretExposed as error:
        raise ConfigError(f"key {error}") from error
    except OSError as error:
        raise ConfigError(f"key {key_file}: {error.strerror}") from error
    except TypeError:
        raise ConfigError(f"key {key_file} is encrypted, and nobody is there to type: decrypt it") from None
    except ValueError as error:
        raise ConfigError(f"key {key_file} is no private key in PEM: {error}") from error
