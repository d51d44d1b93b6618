"""Which station a certificate is for, where it says so: a URI among its alternative names, `reflash://SITE/STATION`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from firmware_catalog.files import read_named_file

_SCHEME: Final = "reflash://"
_MAX_FILE_SIZE: Final = 1 << 20


def uri_of_station(site: str, station: str) -> str:
    """Return the name that a station's certificate bears beside its common name, which is unique at one broker alone."""
    return f"{_SCHEME}{site}/{station}"


def stations_named(certificate_file: Path) -> tuple[str, ...]:
    """Return the stations that a PEM file's first certificate is for, as `SITE/STATION`.

    None where it was made by somebody who does not say so. Blocks. Raises OSError, and ValueError for no certificate.
    """
    from cryptography import x509  # noqa: PLC0415 - takes its time, and most stations have no certificates

    certificate = x509.load_pem_x509_certificate(read_named_file(certificate_file, _MAX_FILE_SIZE))
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    uris = alternatives.get_values_for_type(x509.UniformResourceIdentifier)
    return tuple(uri.removeprefix(_SCHEME) for uri in uris if uri.startswith(_SCHEME))
