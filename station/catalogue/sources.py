"""Where a catalogue comes from: a signed one, or at a bench a plain folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from firmware_catalog.catalog import Catalog, FolderCatalog
from firmware_catalog.checks import ImageChecks
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.errors import CatalogError
from firmware_catalog.files import read_regular_file
from firmware_catalog.manifest import read_manifest
from station.catalogue.settings import CatalogueSettings
from station.domain.config_error import ConfigError

_MAX_ROOT_SIZE: Final = 512_000


class CatalogueSource(Protocol):
    """What keeps a catalogue (`trust.keeper.CatalogKeeper`, `FolderSource`). Blocks, but for `current`."""

    def current(self) -> Catalog:
        """Return the last good catalogue, or one that says why there is none."""
        ...

    def reopen(self) -> None:
        """Serve again what was accepted before, without the source. Raises CatalogError."""
        ...

    def refresh(self) -> Catalog:
        """Serve what the source has now. Raises CatalogError, and serves the last good one on then."""
        ...

    def examine(self) -> Callable[[], Catalog]:
        """Check what the source has now, changing nothing; return what makes it the one that is served.

        Raises CatalogError, and so may what is returned; nothing has changed then.
        """
        ...

    def hold_against(self, products: CentralProductsList | None) -> None:
        """Have every image be one that this list has as active, from now on. Takes no time."""
        ...


class FolderSource:
    """A plain folder, trusted for who may write it."""

    def __init__(self, folder: Path, products: CentralProductsList | None) -> None:
        """Read the manifest. Raises CatalogError."""
        self._folder = folder
        self._checks = ImageChecks(products=products)
        self._releases = read_manifest(folder).releases
        self._catalogue = FolderCatalog(folder, self._releases, self._checks)

    def current(self) -> Catalog:
        """Return the catalogue as it was read last."""
        return self._catalogue

    def hold_against(self, products: CentralProductsList | None) -> None:
        """Have every image be one that this list has as active, from now on."""
        if products != self._checks.products:
            self._checks = ImageChecks(products=products)
            self._catalogue = FolderCatalog(self._folder, self._releases, self._checks)

    def reopen(self) -> None:
        """Do nothing: a folder keeps nothing elsewhere, and was read when it was named."""

    def refresh(self) -> FolderCatalog:
        """Read the manifest again. The catalogue and its images stay the same objects while it does."""
        return self.examine()()

    def examine(self) -> Callable[[], FolderCatalog]:
        """Read the manifest again; return what takes it over."""
        releases = read_manifest(self._folder).releases

        def take_over() -> FolderCatalog:
            if releases != self._releases:
                self._releases = releases
                self._catalogue = FolderCatalog(self._folder, releases, self._checks)
            return self._catalogue

        return take_over


def open_source(
    settings: CatalogueSettings, store: Path, products: CentralProductsList | None, *, production: bool
) -> CatalogueSource:
    """Read what the configuration names, and prepare to keep in `store` what is accepted.

    Raises ConfigError or CatalogError for what a person has to put right first.
    """
    if settings.folder is not None:
        if production:
            raise ConfigError(
                "catalogue.folder is not for production: whoever writes the folder decides what is flashed; "
                "set catalogue.place and catalogue.root"
            )
        return FolderSource(settings.folder, products)
    if settings.place is None or settings.root is None:
        raise AssertionError("the settings name a place and its root, or a folder")
    try:
        root = read_regular_file(settings.root, _MAX_ROOT_SIZE)
    except OSError as error:
        raise ConfigError(
            f"catalogue.root {settings.root}: {error.strerror}; put the root metadata there that the catalogue's owner gave"
        ) from error
    # python-tuf takes its time to import, and a bench does without it.
    from firmware_catalog.trust.keeper import CatalogKeeper  # noqa: PLC0415

    return CatalogKeeper(settings.place, root, store, products)


def why_unusable(source: CatalogueSource) -> str | None:
    """Say in one line why the catalogue that is served is of no use; None if it is."""
    try:
        source.current().check_usable()
    except CatalogError as error:
        return str(error)
    return None
