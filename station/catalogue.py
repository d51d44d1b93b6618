"""The catalogue that a station works by: opened as configured, renewed while it works, and never unusable in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from drivers.descriptors import shortage, shortage_in
from firmware_catalog.catalog import Catalog, FolderCatalog
from firmware_catalog.checks import ImageChecks
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.errors import CatalogError
from firmware_catalog.files import read_regular_file
from firmware_catalog.manifest import read_manifest
from firmware_catalog.release import Release
from station.catalogue_settings import CatalogueSettings
from station.config import ConfigError
from station.worker import Worker

_MAX_ROOT_SIZE: Final = 512_000
_RENEWAL_SECONDS: Final = 120.0
"""How long a renewal is waited for. A source that is slower is left to run into its own deadlines."""
_START_SECONDS: Final = 15.0
"""How long the first start waits for a source. The station starts without it then, and goes on looking."""
_IMAGES_SECONDS: Final = 3600.0
"""How long all images are waited for that the station has not kept yet."""
_FILES: Final = 2
"""Open at once in a renewal: a file and its copy."""
_CLOSING_SECONDS: Final = 1.0

_log = structlog.stdlib.get_logger()


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


class FolderSource:
    """A plain folder, trusted for who may write it."""

    def __init__(self, folder: Path, products: CentralProductsList | None) -> None:
        """Read the manifest. Raises CatalogError."""
        self._folder = folder
        self._checks = ImageChecks(products=products)
        self._releases = read_manifest(folder).releases
        self._catalog = FolderCatalog(folder, self._releases, self._checks)

    def current(self) -> Catalog:
        """Return the catalogue as it was read last."""
        return self._catalog

    def reopen(self) -> None:
        """Do nothing: a folder keeps nothing elsewhere, and was read when it was named."""

    def refresh(self) -> FolderCatalog:
        """Read the manifest again. The catalogue and its images stay the same objects while it does."""
        releases = read_manifest(self._folder).releases
        if releases != self._releases:
            self._releases = releases
            self._catalog = FolderCatalog(self._folder, releases, self._checks)
        return self._catalog


class StationCatalogue:
    """One for a daemon's life: `choose`, then `opened` while it works.

    One thread of its own reads metadata, another fetches images: large images never keep a withdrawal waiting.
    """

    def __init__(self, store: Path, *, production: bool) -> None:
        """`store` is the folder in which the accepted catalogue is kept; one process at a time works with it."""
        self._store = store
        self._production = production
        self._chosen: tuple[CatalogueSettings, CatalogueSource] | None = None
        self._renew_now = asyncio.Event()
        self._renewed = asyncio.Event()
        self._worker = Worker("catalogue")
        self._image_worker = Worker("catalogue images")
        self._fault: str | None = None
        """What was logged last and still holds."""

    async def choose(self, settings: CatalogueSettings) -> None:
        """Read what the configuration names: root, products, a plain folder's manifest.

        Raises ConfigError or CatalogError for what a person has to put right first.
        """
        self._chosen = settings, await self._source(settings)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Serve, while the block lasts, what was accepted last; where there is nothing, what the source has now.

        A station starts without its catalogue all the same, as it does without its broker: see `hindrance`.
        """
        try:
            _, source = self._in_use()
            try:
                await self._off_loop(source.reopen)
            except CatalogError as error:
                self._say(str(error))
            if _why_unusable(source) is not None:
                await self._renew(_START_SECONDS)
            else:
                self._renew_now.set()
            yield
        finally:
            await self._worker.close(_CLOSING_SECONDS)
            await self._image_worker.close(_CLOSING_SECONDS)

    async def replace(self, settings: CatalogueSettings) -> None:
        """Change over to a changed configuration, and take over what its source has now.

        Raises ConfigError or CatalogError, and changes nothing then.
        """
        source = await self._source(settings)
        with suppress(CatalogError):  # the source has the last word
            await self._off_loop(source.reopen)
        try:
            await self._off_loop(source.refresh)
        except CatalogError as error:
            if _why_unusable(source) is not None:
                raise
            self._say(str(error))
        self._chosen = settings, source
        self._renew_now.set()

    def current(self) -> Catalog:
        """Return the catalogue to ask now."""
        return self._in_use()[1].current()

    def hindrance(self) -> str | None:
        """Say in one line why no hub may be begun with; None if one may."""
        return _why_unusable(self._in_use()[1])

    async def keep_fresh(self) -> None:
        """Look for what is new, again and again, and fetch the images of it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_renewing(), name="catalogue")
            group.create_task(self._keep_fetching(), name="catalogue images")

    async def fetch_images(self) -> tuple[str, ...]:
        """Check every image, which keeps it here, so that no hub waits for the source; return what is wrong."""
        try:
            problems = await self._image_worker.run(self.current().verify, _IMAGES_SECONDS)
        except TimeoutError:
            return (f"the images were not there after {_IMAGES_SECONDS:g} s; check the way to their source",)
        except OSError as error:
            return (f"the images: {shortage_in(error) or error}",)
        return tuple(str(problem) for problem in problems)

    async def _keep_fetching(self) -> None:
        fetched: tuple[Release, ...] = ()
        told: tuple[str, ...] = ()
        while True:
            await self._renewed.wait()
            self._renewed.clear()
            catalog = self.current()
            listed = tuple(release for model in catalog.models() for release in catalog.releases(model))
            if listed == fetched and not told:
                continue
            problems = await self.fetch_images()
            for problem in problems:
                if problem not in told:
                    _log.error("image cannot be used", reason=problem)
            fetched, told = listed, problems

    async def _keep_renewing(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._in_use()[0].refresh_seconds):
                    await self._renew_now.wait()
            self._renew_now.clear()
            await self._renew(_RENEWAL_SECONDS)

    async def _renew(self, seconds: float) -> None:
        """Take over what the source has now; say once what is wrong with it, and once that it is over."""
        _, source = self._in_use()
        try:
            await self._off_loop(source.refresh, seconds)
        except CatalogError as error:
            self._say(shortage(_FILES) or str(error))
        else:
            self._renewed.set()
            if self._fault is not None:
                _log.info("catalogue renewed again")
            self._fault = None

    def _say(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            _log.error("catalogue not renewed", reason=fault, hubs_begun_with=self.hindrance() is None)

    async def _off_loop(self, work: Callable[[], object], seconds: float = _RENEWAL_SECONDS) -> None:
        """Have the thread do it. Raises CatalogError."""
        try:
            await self._worker.run(work, seconds)
        except TimeoutError as error:
            raise CatalogError(
                f"the catalogue's source was not through after {seconds:g} s; check the way to it"
            ) from error
        except OSError as error:  # from a library, or from tidying up after another
            raise CatalogError(f"the catalogue: {shortage_in(error) or error}") from error

    def _in_use(self) -> tuple[CatalogueSettings, CatalogueSource]:
        if self._chosen is None:
            raise AssertionError("`choose` comes first")
        return self._chosen

    async def _source(self, settings: CatalogueSettings) -> CatalogueSource:
        return await asyncio.to_thread(open_source, settings, self._store, production=self._production)


def open_source(settings: CatalogueSettings, store: Path, *, production: bool) -> CatalogueSource:
    """Read what the configuration names, and prepare to keep in `store` what is accepted.

    Raises ConfigError or CatalogError for what a person has to put right first.
    """
    products = CentralProductsList.load(settings.products) if settings.products else None
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


def _why_unusable(source: CatalogueSource) -> str | None:
    try:
        source.current().check_usable()
    except CatalogError as error:
        return str(error)
    return None
