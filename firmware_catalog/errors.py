"""Why a catalogue cannot serve. Each says in one line what happened, in which file, and what to do."""

from __future__ import annotations


class CatalogError(Exception):
    """The catalogue cannot give what was asked. Says nothing of the hub."""

    def __init__(self, happened: str, advice: str | None = None) -> None:
        """`advice` is what to do about it. A slot's line tells what happened, and has advice of its own."""
        super().__init__(happened if advice is None else f"{happened}; {advice}")
        self.happened = happened


class ManifestError(CatalogError):
    """The manifest is missing, unreadable, or not what a manifest is allowed to be."""


class ImageUnavailable(CatalogError):
    """An image file that the manifest names is missing or cannot be read."""


class ImagePinMismatch(CatalogError):
    """An image file is not, byte for byte, the one that was put into the catalogue."""


class ImageUnsuitable(CatalogError):
    """An image is no usable image, or is for another model or version than its release says."""


class ImageHashMismatch(CatalogError):
    """An image's hash is not the Manufacturer Image Hash that the release, or the Central Products List, states."""


class ImageNotByItsMaker(CatalogError):
    """No key that is known of its maker signed an image."""


class ProductNotActive(CatalogError):
    """The Central Products List does not have a firmware version, or no longer as active."""


class ProductsListError(CatalogError):
    """A Central Products List is missing, unreadable, or not what its settings say."""


class ReleaseUnknown(CatalogError):
    """The catalogue lists no such release."""


class ReleaseExists(CatalogError):
    """The catalogue lists this version of this model already: a version names one image, for good."""


class ReleaseInvalid(CatalogError):
    """No release may be stated so."""


class CatalogBusy(CatalogError):
    """Another program is changing the catalogue."""


class CatalogSuperseded(CatalogError):
    """What was checked was checked against a state that is no longer the accepted one: it has to be checked again."""
