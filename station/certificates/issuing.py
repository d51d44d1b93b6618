"""Certificates for a first set-up, by an authority of the site's own (RFC 5280). Keys are P-256, as everywhere here.

Nothing that is there is ever written over: a new certificate lies beside the old one until a person puts it in place.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from station.certificates.authority import (
    CERTIFICATE,
    ISSUED,
    KEY,
    REVOKED,
    Authority,
    NewFile,
    open_authority,
    read_certificate,
    write_new,
)
from station.certificates.names import uri_of_station
from station.certificates.taking_back import first_list
from station.domain.config_error import ConfigError

AUTHORITY_DAYS: Final = 3650
LONGEST_DAYS: Final = 397
"""What browsers take at most of a server; the others have no reason to last longer."""
_BEFORE: Final = timedelta(hours=1)
"""A clock that is a little behind takes them, too."""
_COMMON_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
"""64 characters at most (RFC 5280, ub-common-name), and none that an access list or a file's name reads otherwise."""
_HOST: Final = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


class Profile(StrEnum):
    """What a certificate is for."""

    STATION = "station"
    """Shows a station to the broker. Its common name is the user in the broker's access list."""
    CONSUMER = "consumer"
    """Shows whoever reads results to the broker, likewise."""
    BROKER = "broker"
    SCREEN = "screen"
    INVENTORY = "inventory"
    """These show a computer to those who come to it, by the names they come by."""

    @property
    def is_server(self) -> bool:
        """Whether others come to it."""
        return self in {Profile.BROKER, Profile.SCREEN, Profile.INVENTORY}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was made."""

    certificate: Path
    key: Path | None
    """None where the key is the one of before."""
    ends: datetime


def make_authority(folder: Path, site: str, now: datetime, days: int = AUTHORITY_DAYS) -> Issued:
    """Make an authority for this site in a folder, which is made if need be. Raises ConfigError."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{site} authority", site)
    certificate = (
        _builder(name, name, key.public_key(), now, now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_file, file = folder / KEY, folder / CERTIFICATE
    write_new(
        (
            _key_file(key_file, key),
            NewFile(file, 0o644, certificate.public_bytes(serialization.Encoding.PEM)),
            NewFile(folder / REVOKED, 0o644, first_list(Authority(certificate, key), now)),
        )
    )
    return Issued(file, key_file, certificate.not_valid_after_utc)


def issue(
    authority_folder: Path,
    into: Path,
    profile: Profile,
    name: str,
    *,
    site: str | None = None,
    also: Sequence[str] = (),
    now: datetime,
    days: int = LONGEST_DAYS,
) -> Issued:
    """Make a key and a certificate of this profile, `NAME.pem` and `NAME.key`. Raises ConfigError.

    A server's `name`, and what it is `also` called, are what its visitors call it: host names and addresses. A station's
    `site` is the one in its configuration.
    """
    alternatives: list[x509.GeneralName]
    if profile.is_server:
        alternatives = [_host(each) for each in dict.fromkeys((name.lower(), *also))]
    elif also:
        raise ConfigError(f"a {profile} is called by nobody: leave out --also")
    else:
        _require_name(name)
        alternatives = [x509.DNSName(name)]
    if profile is Profile.STATION:
        if site is None:
            raise ConfigError("a station belongs to a site: give --site, as in its configuration")
        alternatives = [x509.UniformResourceIdentifier(uri_of_station(site, name))]
    authority = open_authority(authority_folder)
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if profile.is_server else ExtendedKeyUsageOID.CLIENT_AUTH
    subject = _name(name[:64], _site_of(authority))
    certificate = _signed(
        authority, subject, key.public_key(), x509.SubjectAlternativeName(alternatives), usage, now, days
    )
    file = _as_file(name)
    return _write(authority_folder, into / f"{file}.pem", certificate, _key_file(into / f"{file}.key", key))


def renew(authority_folder: Path, former: Path, new: Path, now: datetime, days: int = LONGEST_DAYS) -> Issued:
    """Make a certificate for the same key and the same names with a new term. Raises ConfigError.

    One file takes the place of one file then, and no key goes anywhere.
    """
    authority = open_authority(authority_folder)
    old = read_certificate(former)
    try:
        old.verify_directly_issued_by(authority.certificate)
        alternatives = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (usage,) = old.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except Exception as error:  # cryptography has a different class for each way of not being it
        raise ConfigError(
            f"{former} was not issued by {authority_folder / CERTIFICATE}: have its own authority renew it"
        ) from error
    public = old.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise ConfigError(f"{former} has another kind of key: issue a new one")
    certificate = _signed(authority, old.subject, public, alternatives, usage, now, days)
    return _write(authority_folder, new, certificate)


def _signed(
    authority: Authority,
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    alternatives: x509.SubjectAlternativeName,
    usage: x509.ObjectIdentifier,
    now: datetime,
    days: int,
) -> x509.Certificate:
    ends = now + timedelta(days=days)
    last = authority.certificate.not_valid_after_utc
    if last <= now:
        raise ConfigError(f"the authority ended at {last:%Y-%m-%d}: make another one, and give it to all")
    issuer = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    return (
        _builder(subject, authority.certificate.subject, public, now, min(ends, last))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, site: str | None) -> x509.Name:
    of_site = [] if site is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, site)]
    return x509.Name([*of_site, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _site_of(authority: Authority) -> str | None:
    found = authority.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else None


def _require_name(name: str) -> None:
    if not _COMMON_NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a certificate: letters, digits, and . _ - within, 64 at most"
        )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ConfigError(
                f"{text!r} is neither a host's name nor an address: give what its visitors call it, such as bench-1.example"
            ) from None
        return x509.DNSName(text)


def _write(folder: Path, file: Path, certificate: x509.Certificate, key: NewFile | None = None) -> Issued:
    """Write what an authority made, all or none, and keep a copy of the certificate in its `folder`. Raises ConfigError."""
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    common = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    kept = folder / ISSUED / f"{_as_file(common)}-{certificate.serial_number:040x}.pem"
    files = (*(() if key is None else (key,)), NewFile(file, 0o644, pem), NewFile(kept, 0o644, pem))
    write_new(files)
    return Issued(file, None if key is None else key.path, certificate.not_valid_after_utc)


def _as_file(name: str) -> str:
    return name.replace(":", "-")


def _key_file(path: Path, key: ec.EllipticCurvePrivateKey) -> NewFile:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return NewFile(path, 0o600, pem)
