"""Certificates taken back before their time: a list that an authority signs (RFC 5280, section 5), for whoever is shown them.

The list is good for as long as its authority: one that ended before a person renewed it would have a broker refuse everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from firmware_catalog.errors import CatalogError
from firmware_catalog.files import read_named_file, replace_file
from firmware_catalog.locking import locked
from station.certificates.authority import ISSUED, REVOKED, Authority, open_authority, read_certificate
from station.domain.config_error import ConfigError

_BEFORE: Final = timedelta(hours=1)
"""As certificates: a clock that is a little behind takes it, too."""
_MAX_LIST_SIZE: Final = 16 << 20
_PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of the list."""

    file: Path
    names: tuple[str, ...]
    """Of each certificate that is in it from now on: what it is for, and when it would have ended."""
    held: int
    """How many it holds now."""


def take_back(folder: Path, which: str, now: datetime) -> TakenBack:
    """Put into the authority's list every certificate of one key: that of a certificate's file, or of a name it was issued under.

    Raises ConfigError, and the list is as it was: where that name has several keys, one of which may be the new one, too.
    """
    authority = open_authority(folder)
    try:
        with locked(folder, _PATIENCE_SECONDS):
            former = _former(folder / REVOKED, authority)
            taken = set() if former is None else {each.serial_number for each in former}
            going = [
                each
                for each in _of_one_key(folder, authority, which, taken)
                if each.serial_number not in taken
            ]
            if not going:
                raise ConfigError(f"{which} was taken back before: {folder / REVOKED} has it")
            made = _signed(authority, former, going, now)
            try:
                replace_file(folder / REVOKED, made.public_bytes(serialization.Encoding.PEM), mode=0o644)
            except OSError as error:
                raise ConfigError(
                    f"{folder / REVOKED}: {error.strerror or error}; the list is as it was"
                ) from error
    except CatalogError as error:  # of the lock
        raise ConfigError(str(error)) from error
    return TakenBack(folder / REVOKED, tuple(map(_described, going)), len(made))


def first_list(authority: Authority, now: datetime) -> bytes:
    """Return a list of none, in PEM: a broker can be told of its file before there is anything to take back."""
    return _signed(authority, None, (), now).public_bytes(serialization.Encoding.PEM)


def _of_one_key(folder: Path, authority: Authority, which: str, taken: set[int]) -> list[x509.Certificate]:
    """Return the certificates that one key has had. Raises ConfigError where it is not known which key is meant."""
    kept = dict(_kept(folder))
    if Path(which).is_file():
        named = read_certificate(Path(which))
        try:
            named.verify_directly_issued_by(authority.certificate)
        except Exception as error:  # cryptography has a different class for each way of not being it
            raise ConfigError(
                f"{which} was not issued by this authority: its own one takes it back"
            ) from error
        kept[Path(which)] = named
        key = named.public_key()
    else:
        fitting = {file: each for file, each in kept.items() if which in _names(each)}
        if not fitting:
            raise ConfigError(
                f"nothing was issued to {which} from {folder / ISSUED}: give the name as it was given then, or the certificate's file"
            )
        good = {file: each for file, each in fitting.items() if each.serial_number not in taken} or fitting
        key = next(iter(good.values())).public_key()
        if any(each.public_key() != key for each in good.values()):
            several = ", ".join(f"{file} ({_described(each)})" for file, each in sorted(good.items()))
            raise ConfigError(f"{which} has several keys; give the file of the one that is lost: {several}")
    of_key = {each.serial_number: each for each in kept.values() if each.public_key() == key}
    return list(of_key.values())


def _kept(folder: Path) -> Iterator[tuple[Path, x509.Certificate]]:
    for file in sorted((folder / ISSUED).glob("*.pem")):
        yield file, read_certificate(file)


def _names(certificate: x509.Certificate) -> set[str]:
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in (*common, *alternatives)}


def _described(certificate: x509.Certificate) -> str:
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = ", ".join(str(each.value) for each in alternatives)
    return f"{names}, until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _former(file: Path, authority: Authority) -> x509.CertificateRevocationList | None:
    """Return the list so far; None where there was none. Raises ConfigError for one that is not this authority's."""
    try:
        former = x509.load_pem_x509_crl(read_named_file(file, _MAX_LIST_SIZE))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(
            f"{file} holds no list in PEM: bring the newest one back from where it is used"
        ) from error
    if not former.is_signature_valid(authority.key.public_key()):
        raise ConfigError(f"{file} is another authority's list: bring this one's back from where it is used")
    return former


def _signed(
    authority: Authority,
    former: x509.CertificateRevocationList | None,
    going: Iterable[x509.Certificate],
    now: datetime,
) -> x509.CertificateRevocationList:
    # Whoever has two lists of an authority takes the later one, to the second.
    begins, number = now - _BEFORE, 1
    if former is not None:
        begins = max(begins, former.last_update_utc + timedelta(seconds=1))
        number += former.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(begins)
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
    )
    for each in former or ():
        builder = builder.add_revoked_certificate(each)
    for certificate in going:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(now)
            .build()
        )
    return builder.sign(authority.key, hashes.SHA256())
