"""Keeps the catalogue that a station trusts: opens the last good one, renews it, and never goes without saying why."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from tuf.api.exceptions import DownloadError

from firmware_catalog.catalog import Catalog
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.devices import DeviceKind
from firmware_catalog.errors import CatalogError, CatalogSuperseded
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage
from firmware_catalog.release import Plan, Release
from firmware_catalog.trust.catalog import ImageShelf, TrustedCatalog
from firmware_catalog.trust.checking import TrustedState, check, reopen
from firmware_catalog.trust.errors import explain
from firmware_catalog.trust.fetchers import fetcher_for
from firmware_catalog.trust.names import FIRST_ROOT
from firmware_catalog.trust.store import TrustStore

_MAX_ROOT_SIZE: Final = 512_000


def read_first_root(place: str) -> bytes:
    """Return the first root that a catalogue itself offers, at a URL or in a folder. Blocks. Raises CatalogError.

    Who starts from it trusts whoever made the catalogue: for its owner's own look at it, never for a station.
    """
    try:
        return fetcher_for(place).download_bytes(FIRST_ROOT, _MAX_ROOT_SIZE)
    except DownloadError as error:
        raise explain(error, place) from error


class CatalogKeeper:
    """Serves the newest catalogue that has been found good, from a folder or a URL."""

    def __init__(
        self, place: str, root: bytes, folder: Path, products: CentralProductsList | None = None
    ) -> None:
        """Prepare; read nothing yet but make `folder`, in which the accepted catalogue is kept.

        `place` is the catalogue's folder or URL, `root` the root metadata that came on a way of its own.
        Raises CatalogError.
        """
        self._place = place
        self._root = root
        self._products = products
        self._store = TrustStore(folder)
        self._source = fetcher_for(place)
        self._shelf = ImageShelf(self._source, place, self._store)
        self._served = 0
        """The store's generation that is served; 0 while there is none."""
        self._current: Catalog = UnusableCatalog("no catalogue has been accepted yet; see 'reflash doctor'")

    def current(self) -> Catalog:
        """Return the last good catalogue; one that serves nothing but the reason while there is none."""
        return self._current

    def hold_against(self, products: CentralProductsList | None) -> None:
        """Have every image be one that this list has as active, from now on."""
        if products != self._products:
            self._products = products
            if isinstance(self._current, TrustedCatalog):
                self._current = self._catalog(self._current.state)

    def reopen(self) -> None:
        """Check and serve again what was accepted before, without the source. Blocks.

        Raises the CatalogError that says why it cannot be used; `current` then says so too.
        """
        try:
            accepted = self._store.accepted()
            state = reopen(self._root, accepted, self._store.folder)
        except CatalogError as error:
            self._current = UnusableCatalog(str(error))
            raise
        if state is not None:
            self._serve(state, accepted.generation)

    def examine(self) -> Callable[[], Catalog]:
        """Fetch and check what the source has now; return what accepts and serves it. Blocks, both.

        Raises the CatalogError that says why not, and has changed nothing then; so may what is returned.
        """
        checked = check(self._source, self._place, self._root, self._store)
        return lambda: self._serve(checked.state, checked.accept(self._store))

    def refresh(self) -> Catalog:
        """Fetch, check, accept and serve what the source has now. Blocks. One call at a time.

        Raises the CatalogError that says why not; the last good catalogue is served on, until its own expiry.
        """
        while True:
            try:
                return self.examine()()
            except CatalogSuperseded:
                continue  # at most once for each program that shares the store
            except CatalogError as error:
                self._catch_up()
                if isinstance(self._current, UnusableCatalog):
                    self._current = UnusableCatalog(str(error))
                raise

    def _catch_up(self) -> None:
        """Serve what another program has accepted, where the source does not give it to this one."""
        with suppress(CatalogError):
            accepted = self._store.accepted()
            if accepted.generation > self._served:
                state = reopen(self._root, accepted, self._store.folder)
                if state is not None:
                    self._serve(state, accepted.generation)

    def _serve(self, state: TrustedState, generation: int) -> Catalog:
        self._current, self._served = self._catalog(state), generation
        return self._current

    def _catalog(self, state: TrustedState) -> TrustedCatalog:
        return TrustedCatalog(state, self._shelf, self._products)


class UnusableCatalog:
    """A `Catalog` that has nothing to give, and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    products = None

    def check_usable(self) -> None:
        """Raise CatalogError."""
        self._refuse()

    def ends_soon(self) -> None:
        """Say None: there is nothing that could end."""

    def ends(self) -> None:
        """Say None, for the same reason."""

    def models(self) -> tuple[DeviceModel, ...]:
        """Raise CatalogError."""
        self._refuse()

    def releases(self, model: DeviceModel) -> tuple[Release, ...]:  # noqa: ARG002 -- the Protocol's signature
        """Raise CatalogError."""
        self._refuse()

    def latest(self, model: DeviceModel, kind: DeviceKind = DeviceKind.HUB) -> Release:  # noqa: ARG002 -- the same
        """Raise CatalogError."""
        self._refuse()

    def plan(
        self,
        model: DeviceModel,  # noqa: ARG002 -- the same
        from_version: FirmwareVersion,  # noqa: ARG002 -- the same
        hardware_version: str,  # noqa: ARG002 -- the same
        kind: DeviceKind,  # noqa: ARG002 -- the same
        devices: Collection[Eui64] = (),  # noqa: ARG002 -- the same
    ) -> Plan:
        """Raise CatalogError."""
        self._refuse()

    def load(self, release: Release) -> FirmwareImage:  # noqa: ARG002 -- the same
        """Raise CatalogError."""
        self._refuse()

    def verify(self) -> tuple[CatalogError, ...]:
        """Return why there is nothing to look at."""
        return (CatalogError(self._why),)

    def _refuse(self) -> NoReturn:
        raise CatalogError(self._why)
