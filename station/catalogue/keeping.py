"""The catalogue that a station works by: opened as configured, renewed while it works, and never unusable in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import structlog

from drivers.descriptors import shortage, shortage_in
from drivers.threads import Worker, apart
from firmware_catalog.catalog import Catalog
from firmware_catalog.cpl import ProductsFile
from firmware_catalog.errors import CatalogError, CatalogSuperseded
from firmware_catalog.release import Release
from station.catalogue.settings import CatalogueSettings
from station.catalogue.sources import CatalogueSource, open_source, why_unusable

_RENEWAL_SECONDS: Final = 120.0
"""How long a renewal is waited for. A source that is slower is left to run into its own deadlines."""
_START_SECONDS: Final = 15.0
"""How long the first start waits for a source. The station starts without it then, and goes on looking."""
_PRODUCTS_SECONDS: Final = 30.0
_IMAGES_SECONDS: Final = 3600.0
"""How long all images are waited for that the station has not kept yet."""
_FILES: Final = 2
"""Open at once in a renewal: a file and its copy."""
_CLOSING_SECONDS: Final = 1.0

_Result = TypeVar("_Result")

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a configuration names."""

    settings: CatalogueSettings
    source: CatalogueSource
    products: ProductsFile | None


class StationCatalogue:
    """One for a daemon's life, or for a piece of work by hand: `choose`, then `opened` while it works.

    One thread of its own reads metadata, another fetches images: large images never keep a withdrawal waiting.
    """

    def __init__(
        self,
        store: Path,
        *,
        production: bool,
        warn: Callable[[str | None], None] = lambda _: None,
        renewed: Callable[[], None] = lambda: None,
    ) -> None:
        """`store` is the folder in which the accepted catalogue is kept: one memory for daemon and hand.

        `warn` is told when the catalogue's time is nearly over, and, with None, when it is not any more; `renewed` after
        each look at what the source has, and at once when another products list or configuration is taken over.
        """
        self._warn = warn
        self._tell_renewed = renewed
        self._warned: str | None = None
        self._store = store
        self._production = production
        self._chosen: _Chosen | None = None
        self._renew_now = asyncio.Event()
        self._renewed = asyncio.Event()
        self._renewing = asyncio.Lock()
        """Held by whoever is about to change what is accepted: a renewal, or a change of configuration."""
        self._worker = Worker("catalogue")
        self._products_worker = Worker("products list")
        self._image_worker = Worker("catalogue images")
        self._fault: str | None = None
        """What was logged last and still holds."""
        self._products_fault: str | None = None
        """Why the list cannot be read. The last good one goes on vetoing, and no hub is begun with."""

    async def choose(self, settings: CatalogueSettings) -> None:
        """Read what the configuration names: root, products, a plain folder's manifest.

        Raises ConfigError or CatalogError for what a person has to put right first.
        """
        self._chosen = await self._read(settings)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Serve, while the block lasts, what was accepted last; where there is nothing, what the source has now.

        A station starts without its catalogue all the same, as it does without its broker: see `hindrance`.
        """
        try:
            source = self._in_use().source
            try:
                await self._off_loop(source.reopen)
            except CatalogError as error:
                self._say(str(error))
            if why_unusable(source) is not None:
                await self._renew(_START_SECONDS)
            else:
                self._renew_now.set()
            yield
        finally:
            await self._worker.close(_CLOSING_SECONDS)
            await self._products_worker.close(_CLOSING_SECONDS)
            await self._image_worker.close(_CLOSING_SECONDS)

    async def replace(self, settings: CatalogueSettings) -> None:
        """Change over to a changed configuration, and take over what its source has now.

        Raises ConfigError or CatalogError, and changes nothing then, on disk or here.
        """
        chosen = await self._read(settings)
        fault = None
        async with self._renewing:
            with suppress(CatalogError):  # the source has the last word
                await self._off_loop(chosen.source.reopen)
            try:
                await self._accept(chosen.source)
            except CatalogError as error:
                if why_unusable(chosen.source) is not None:
                    raise
                fault = str(error)
            self._chosen = chosen
            self._products_fault = None
        self._tell_renewed()
        if fault is not None:
            self._say(fault)
        self._renew_now.set()

    async def _accept(self, source: CatalogueSource) -> None:
        """Check and accept in two steps: a check that is waited for no longer must accept nothing behind our back."""
        while True:
            take_over = await self._off_loop(source.examine)
            try:
                await self._off_loop(take_over)
            except CatalogSuperseded:
                continue  # at most once for each program that shares the store
            return

    def current(self) -> Catalog:
        """Return the catalogue to ask now."""
        return self._in_use().source.current()

    def hindrance(self) -> str | None:
        """Say in one line why no hub may be begun with; None if one may."""
        return self._products_fault or why_unusable(self._in_use().source)

    async def renew(self) -> None:
        """Take over what source and products list have now; what is wrong with them is in the log."""
        await self._renew(_RENEWAL_SECONDS)

    async def keep_fresh(self) -> None:
        """Look for what is new, again and again, and fetch the images of it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.keep_renewed(), name="catalogue")
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
            catalogue = self.current()
            listed = tuple(release for model in catalogue.models() for release in catalogue.releases(model))
            if listed == fetched and not told:
                continue
            problems = await self.fetch_images()
            for problem in problems:
                if problem not in told:
                    _log.error("image cannot be used", reason=problem)
            fetched, told = listed, problems

    async def keep_renewed(self) -> None:
        """Look for what is new, again and again, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._in_use().settings.refresh_seconds):
                    await self._renew_now.wait()
            self._renew_now.clear()
            await self.renew()

    async def _renew(self, seconds: float) -> None:
        """Take over what there is now; say once what is wrong with it, and once that it is over."""
        async with self._renewing:
            chosen = self._in_use()
            # First: it is a file of this computer, and the catalogue's source may keep us waiting.
            await self._look_at_products(chosen)
            try:
                await self._off_loop(chosen.source.refresh, seconds)
            except CatalogError as error:
                self._say(shortage(_FILES) or str(error))
            else:
                self._renewed.set()
                if self._fault is not None:
                    _log.info("catalogue renewed again")
                self._fault = None
            self._look_at_term(chosen)
            self._tell_renewed()

    def _look_at_term(self, chosen: _Chosen) -> None:
        line = chosen.source.current().ends_soon()
        if line != self._warned:
            self._warned = line
            if line is not None:
                _log.warning("catalogue ends soon", reason=line)
            self._warn(line)

    async def _look_at_products(self, chosen: _Chosen) -> None:
        if chosen.products is None:
            return
        try:
            listed = await self._products_worker.run(chosen.products.look, _PRODUCTS_SECONDS)
        except TimeoutError:
            fault: str | None = f"{chosen.settings.products} was not read in {_PRODUCTS_SECONDS:g} s"
        else:
            before = chosen.source.current().products
            chosen.source.hold_against(listed)
            if chosen.source.current().products is not before:
                self._tell_renewed()
            fault = chosen.products.fault
        if fault is not None and fault != self._products_fault:
            _log.error("products list not read again; the last good one stands", reason=fault)
        elif fault is None and self._products_fault is not None:
            _log.info("products list read again")
        self._products_fault = fault

    def _say(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            _log.error("catalogue not renewed", reason=fault, hubs_begun_with=self.hindrance() is None)

    async def _off_loop(self, work: Callable[[], _Result], seconds: float = _RENEWAL_SECONDS) -> _Result:
        """Have the thread do it. Raises CatalogError."""
        try:
            return await self._worker.run(work, seconds)
        except TimeoutError as error:
            raise CatalogError(
                f"the catalogue's source was not through after {seconds:g} s", "check the way to it"
            ) from error
        except OSError as error:  # from a library, or from tidying up after another
            raise CatalogError(f"the catalogue: {shortage_in(error) or error}") from error

    def _in_use(self) -> _Chosen:
        if self._chosen is None:
            raise AssertionError("`choose` comes first")
        return self._chosen

    async def _read(self, settings: CatalogueSettings) -> _Chosen:
        def read() -> _Chosen:
            products = ProductsFile(settings.products) if settings.products else None
            listed = products.current if products else None
            source = open_source(settings, self._store, listed, production=self._production)
            return _Chosen(settings, source, products)

        return await apart("catalogue settings", read)
