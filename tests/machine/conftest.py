"""The package and the Debian that the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from debian_image import DebianImage, ImageUnavailable, debian_image

DIST = Path(__file__).parents[2] / "dist"


@pytest.fixture(scope="session")
def package() -> Path:
    """Return the package that was built last."""
    packages = sorted(DIST.glob("reflash-station_*.deb"), key=lambda path: path.stat().st_mtime)
    if not packages:
        pytest.skip("there is no package yet: make deb")
    return packages[-1]


@pytest.fixture(scope="session")
def image() -> DebianImage:
    """Return a Debian."""
    try:
        return debian_image()
    except ImageUnavailable as missing:
        pytest.skip(str(missing))
