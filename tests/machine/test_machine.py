"""A bench PC from bare Debian to its purge, in qemu with systemd and no network: one life, one power cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_life import live
from debian_image import DebianImage


@pytest.mark.machine
@pytest.mark.timeout(2400)
async def test_a_bench_pc_lives_by_the_documented_steps(
    image: DebianImage, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = await live(image, package, tmp_path, hubs=8, seed=7)
    with capsys.disabled():
        print(f"\nseconds of an emulated processor: {json.dumps(measured.seconds)}")
