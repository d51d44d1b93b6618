"""A shift at the screen, in a browser: a real daemon on simulated rigs, scanned at, restarted, and looked at."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from benches.processes import running
from benches.station_bench import Bench, give_order, slot
from benches.station_daemon import running_daemon
from station.domain.phase import SlotPhase
from station.people.operators import Operators

pytestmark = pytest.mark.browser
PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")
PATIENCE_SECONDS = 30
CLIPPED = """
  return [...document.querySelectorAll('.tile')].flatMap(tile => ['.word', '.line', '.foot'].filter(name => {
    const part = tile.querySelector(name);
    return part.scrollWidth > part.clientWidth + 1 ||
      part.getBoundingClientRect().bottom > tile.getBoundingClientRect().bottom + 1 ||
      (name === '.line' && part.getBoundingClientRect().bottom > tile.querySelector('.foot').getBoundingClientRect().top + 1);
  }).map(name => tile.dataset.part + name));
"""
CAPITAL = """
  const style = getComputedStyle([...document.querySelectorAll('.word')].find(word => word.textContent === 'SEAT'));
  const brush = document.createElement('canvas').getContext('2d');
  brush.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  return brush.measureText('E').actualBoundingBoxAscent;
"""
PIXELS_A_MILLIMETRE = 1920 / 597.7
"""Of a 27-inch full-HD screen."""

BADGE = "REFLASHBADGE0001"
FIRST, OTHER = slot(1), slot(2, jig=3)


class Page:
    """What a person sees and does."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    async def do(self, work: Callable[..., object], *arguments: object) -> object:
        return await asyncio.to_thread(work, *arguments)

    async def script(self, text: str, *values: object) -> object:
        return await self.do(self.browser.execute_script, text, *values)

    async def until(self, what: str, *values: object) -> float:
        """Wait until an expression is true on the page; return how many seconds that took."""
        begun = time.monotonic()
        while not await self.script(f"return {what}", *values):
            assert time.monotonic() < begun + PATIENCE_SECONDS, (what, values, await self.text())
            await asyncio.sleep(0.05)
        return time.monotonic() - begun

    async def text(self) -> object:
        return await self.script("return document.body.innerText")

    async def todo(self, place: str, word: str) -> None:
        await self.until(
            "document.querySelector(`[data-part='tile ${arguments[0]}']`).dataset.todo === arguments[1]",
            place,
            word,
        )

    async def type(self, text: str) -> None:
        """As a scanner does: wherever the focus happens to be."""
        await self.do(self.browser.switch_to.active_element.send_keys, text)

    async def scan(self, text: str, kind: str) -> str:
        await self.type(f"{text}{Keys.ENTER}")
        await self.until("document.querySelector('.answer').dataset.kind === arguments[0]", kind)
        return str(await self.script("return document.querySelector('.answer').textContent"))

    async def capital_millimetres(self) -> float:
        """Measure a tile's capitals as a 27-inch full-HD screen shows them."""
        metrics = {"width": 1920, "height": 1080, "deviceScaleFactor": 1, "mobile": False}
        await self.do(self.browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", metrics)
        pixels = await self.script(CAPITAL)
        assert isinstance(pixels, (int, float))
        return pixels / PIXELS_A_MILLIMETRE

    async def pictures(self, folder: Path, name: str) -> None:
        """Keep what is seen on two screens, where no word and no line may be cut off."""
        for width, height in ((1920, 1080), (1366, 768)):
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            await self.do(self.browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", metrics)
            await self.script(
                "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            await self.do(self.browser.save_screenshot, str(folder / f"{name}-{width}x{height}.png"))
            assert await self.script(CLIPPED) == [], (name, width)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def screen(desk: Path, port: int) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return running((*PROGRAM, "screen", "--desk", desk, "--port", port, "--without-login"))


async def test_a_shift_at_the_screen(
    bench: Bench, browser: Chrome, pictures: Path, port: int, tmp_path: Path
) -> None:
    every = {f"jig{jig}": list(range(1, 9)) for jig in (1, 2, 3)}
    people = {"line_clearance": "off", "sign_on": "required", "badge_prefix": "BADGE-"}
    settings = bench.station_settings(
        tmp_path / "state", every, desk_socket=str(tmp_path / "desk.sock"), people=people
    )
    desk = tmp_path / "desk.sock"
    hub, stranger = bench.hub(), bench.hub()
    settings.state_directory.mkdir()
    operators = Operators(settings.operators_file)
    ann = operators.pseudonym_of("Ann")
    operators.set_badge(ann, BADGE)
    await give_order(settings, hub)
    page = Page(browser)
    awake = "document.querySelector('.veil').hidden"
    with contextlib.ExitStack() as served:
        process = served.enter_context(screen(desk, port))
        await until_served(port)
        await page.do(browser.get, f"http://127.0.0.1:{port}/")
        await page.until(f"!{awake}")  # there is no station yet
        async with running_daemon(settings) as station:
            await page.until(f"{awake} && document.querySelectorAll('.tile').length === 24")
            await page.todo("jig1/1", "wait")
            assert "nobody is signed on at jig1" in str(await page.text())

            assert ann in await page.scan(f"BADGE-{BADGE}", "taken")
            await page.todo("jig1/1", "seat")
            await page.pictures(pictures, "empty")
            assert await page.capital_millimetres() >= 14

            assert "scan its hub's label" in await page.scan("jig1/1", "taken")
            assert str(hub.gpf) in await page.scan(str(hub.gpf), "taken")
            assert "neither" in await page.scan("rubbish", "refused")
            await bench.seat(hub, FIRST)
            await bench.seat(stranger, OTHER)
            await page.todo("jig1/1", "pass")
            await page.todo("jig3/2", "hold")
            await page.pictures(pictures, "worked")
            await page.script("document.querySelector('.theme').focus()")
            await page.type("jig2/")  # the page stands still in the middle of a scan
            assert await page.script("return document.querySelector('#scan').value") == "jig2/"

            process.terminate()
            await page.until(f"!{awake}")
            process.wait(PATIENCE_SECONDS)
            await page.pictures(pictures, "still")
            process = served.enter_context(screen(desk, port))
            await until_served(port)
            back = await page.until(awake)
            assert back <= 1.5, back
            assert await page.script("return document.querySelector('#scan').value") == "jig2/"
            await page.todo("jig1/1", "pass")
            assert "jig2" in await page.scan("1", "taken")
            assert station.view(FIRST).phase is SlotPhase.PASSED
        await page.until(f"!{awake}")  # the station has stopped: green stands over nothing that is not known
        async with running_daemon(settings):
            await page.until(awake)
            await page.todo("jig1/1", "pass")
        complaints = [each["message"] for each in await page.do(browser.get_log, "browser")]
        assert [each for each in complaints if "Content Security Policy" in each or "TypeError" in each] == []
        process.terminate()


async def until_served(port: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await asyncio.sleep(0.02)
