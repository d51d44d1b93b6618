"""Why signed metadata is not trusted, or cannot be had. Each says in one line what, where, and what to do next."""

from __future__ import annotations

from tuf.api import exceptions as tuf

from firmware_catalog.errors import CatalogError


class CatalogUntrusted(CatalogError):
    """Metadata is not signed by as many of the right keys as its role needs, or says what its role may not say."""


class CatalogExpired(CatalogError):
    """The catalogue's own time is over: nobody refreshed it, or somebody keeps the newer one from us (freeze)."""


class CatalogRolledBack(CatalogError):
    """The source offers an older state than one that this station has accepted."""


class CatalogUnreachable(CatalogError):
    """The source, or a file of it, cannot be had: it does not answer, is too slow, or sends more than there may be."""


class CatalogMalformed(CatalogError):
    """The files do not belong together, or signed metadata is not of the form that this station knows."""


class ClockBehind(CatalogError):
    """This computer's clock shows a time before one at which it has already accepted the catalogue."""


class SignaturesMissing(CatalogError):
    """The keys at hand do not suffice to sign what is to be changed."""


class SigningKeyError(CatalogError):
    """A signing key cannot be used."""


class RepositoryFault(CatalogError):
    """The catalogue's own folder is not as its owner's tools left it, or does not allow what was asked."""


def explain(error: tuf.RepositoryError | tuf.DownloadError, source: str) -> CatalogError:
    """Turn what python-tuf found at `source` into this module's error."""
    what = str(error).rstrip(".")
    match error:
        case tuf.ExpiredMetadataError():
            return CatalogExpired(
                f"{source}: {what}",
                "have its owner run 'reflash catalog refresh', and check this computer's clock",
            )
        case tuf.BadVersionNumberError():
            return CatalogRolledBack(
                f"{source} is older than what this station has seen ({what})",
                "find out who put back an old copy, and get the newest",
            )
        case tuf.UnsignedMetadataError():
            return CatalogUntrusted(
                f"{source} is not signed by the keys that this station trusts ({what})",
                "find out who made it, and get it from the catalogue's owner",
            )
        case tuf.LengthOrHashMismatchError():
            return CatalogMalformed(
                f"{source} is put together from files that do not belong together ({what})",
                "copy the whole catalogue again",
            )
        case tuf.DownloadLengthMismatchError():
            return CatalogUnreachable(f"{source} sends too much ({what})", "find out what answers there")
        case tuf.SlowRetrievalError():
            return CatalogUnreachable(f"{source} is too slow: {what}", "check the network and the server")
        case tuf.DownloadError():
            return CatalogUnreachable(f"{source} cannot be read: {what}", "check the place and the way to it")
        case _:
            return CatalogMalformed(
                f"{source} is no catalogue that this station can read ({what})",
                "copy the whole catalogue again",
            )
