"""Debian's chromium, without a window. Pictures of each view are kept where `SCREENSHOTS` says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from benches.station_bench import Bench, running_bench

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # in a container root has no other; it opens our own pages alone
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--window-size=1366,768",  # whichever test comes first: in a smaller window the footer lies over what is pressed
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromium-driver are not installed: make system-packages")
    options = Options()
    options.binary_location = chromium
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture(scope="session")
def whole_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("bench"), stock={"old": 16}, jigs=3, slots=8) as bench:
        yield bench


@pytest.fixture
def bench(whole_bench: Bench) -> Bench:
    whole_bench.tidy()
    return whole_bench


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
