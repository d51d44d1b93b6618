"""A bench PC from bare Debian to its purge, in qemu with systemd and no network: one life, one power cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_life import live
from debian_image import ImageUnavailable, debian_image

DIST = Path(__file__).parents[2] / "dist"


@pytest.mark.machine
@pytest.mark.timeout(2400)
async def test_a_bench_pc_lives_by_the_documented_steps(tmp_path: Path) -> None:
    packages = sorted(DIST.glob("reflash-station_*.deb"))
    if not packages:
        pytest.skip("there is no package yet: make deb")
    try:
        image = debian_image()
    except ImageUnavailable as missing:
        pytest.skip(str(missing))
    await live(image, packages[-1], tmp_path, hubs=16, cuts=1, seed=7)
