"""A catalogue that is renewed while the station has run out of file descriptors."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from benches.descriptor_limits import descriptors_left
from benches.signed_bench import Signed
from benches.station_bench import MODEL
from station.catalogue.keeping import StationCatalogue
from station.catalogue.settings import CatalogueSettings


@pytest.mark.parametrize("left", [0, 1])
async def test_what_was_accepted_serves_on_and_is_renewed_when_there_are_descriptors_again(
    signed: Signed, tmp_path: Path, left: int
) -> None:
    catalogue = StationCatalogue(tmp_path / "state", production=True)
    await catalogue.choose(CatalogueSettings.model_validate(signed.settings))
    async with catalogue.opened():
        before = catalogue.current().releases(MODEL)
        assert await catalogue.fetch_images() == ()
        signed.publish()
        with structlog.testing.capture_logs() as said, descriptors_left(left):
            await catalogue._renew(60.0)
            await catalogue.fetch_images()
        assert [line["event"] for line in said] == ["catalogue not renewed"]
        assert said[0]["hubs_begun_with"]
        assert said[0]["reason"].startswith("no more file descriptors (")
        assert catalogue.current().releases(MODEL) == before
        with structlog.testing.capture_logs() as said:
            await catalogue._renew(60.0)
        assert [line["event"] for line in said] == ["catalogue renewed again"]
        assert await catalogue.fetch_images() == ()
