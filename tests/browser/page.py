"""What a person sees and does at a page of the screen, in chromium."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import socket
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from benches.processes import running

PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")
PATIENCE_SECONDS = 60
SIZES = ((1920, 1080), (1366, 768))
CLIPPED = """
  return [...document.querySelectorAll('.tile')].flatMap(tile => ['.word', '.line', '.foot'].filter(name => {
    const part = tile.querySelector(name);
    return part.scrollWidth > part.clientWidth + 1 ||
      part.getBoundingClientRect().bottom > tile.getBoundingClientRect().bottom + 1 ||
      (name === '.line' && part.getBoundingClientRect().bottom > tile.querySelector('.foot').getBoundingClientRect().top + 1);
  }).map(name => tile.dataset.part + name));
"""
OVERFLOWING = """
  const main = document.querySelector('main');
  const wide = [...document.querySelectorAll('main *')].filter(each =>
    !each.closest('svg, .ids') && each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline');
  return [main, ...wide].filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML.slice(0, 120));
"""
SMALL = """
  const seen = each => each.getClientRects().length > 0;
  return [...document.querySelectorAll('button, nav a, summary, select, input:not([type=checkbox]):not([type=hidden]), label.check')]
    .filter(each => seen(each) && each.getBoundingClientRect().height < 44)
    .map(each => each.outerHTML.slice(0, 120));
"""
PRESSED = """
  return [...document.querySelectorAll('button, input, nav, .answer, .veil')].filter(each => each.getClientRects().length > 0)
    .map(each => each.outerHTML.slice(0, 120));
"""
CAPITAL = """
  const style = getComputedStyle([...document.querySelectorAll('.word')].find(word => word.textContent === 'SEAT'));
  const brush = document.createElement('canvas').getContext('2d');
  brush.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  return brush.measureText('E').actualBoundingBoxAscent;
"""
AXE = """
  axe.run(document, { resultTypes: ['violations'] }).then(found => JSON.stringify(found.violations.map(each =>
    [each.id, each.help, each.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary)])))
"""
AWAKE = "document.querySelector('main').ariaBusy === 'false'"
"""All that is shown is what is known now."""
VEILED = "!document.querySelector('.veil').hidden"
PIXELS_A_MILLIMETRE = 1920 / 597.7
"""Of a 27-inch full-HD screen."""


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
        while not await self._is_so(what, *values):
            assert time.monotonic() < begun + PATIENCE_SECONDS, (what, values, await self.text())
            await asyncio.sleep(0.05)
        return time.monotonic() - begun

    async def _is_so(self, what: str, *values: object) -> bool:
        try:  # nothing is so on a page whose scripts may not have begun
            return bool(await self.script(f"return document.readyState === 'complete' && ({what})", *values))
        except WebDriverException:  # the page is just being loaded anew
            return False

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
        await self._forget_answer()
        await self.type(f"{text}{Keys.ENTER}")
        return await self.answered(kind)

    async def answered(self, kind: str) -> str:
        await self.until("document.querySelector('.answer').dataset.kind === arguments[0]", kind)
        return str(await self.script("return document.querySelector('.answer').textContent"))

    async def _forget_answer(self) -> None:
        """What was answered before is no answer to what comes."""
        await self.script("document.querySelector('.answer').dataset.kind = ''")

    async def fill(self, selector: str, text: object) -> None:
        """Put a text into a field, or choose a file by its path."""
        await self._at(selector, lambda field: field.send_keys(str(text)))

    async def press(self, selector: str, kind: str) -> None:
        """Press a button whose answer is of this kind, on this page or on the one it leads to."""
        await self._forget_answer()
        # By the mouse: a window that has just got the focus gives it to the box for scans, and Enter with it.
        await self._at(selector, lambda button: button.click())
        await self.answered(kind)

    async def _at(self, selector: str, act: Callable[[WebElement], None]) -> None:
        """Do something with what is there, once nothing lies over it: the veil does while the station's process is starved."""
        begun = time.monotonic()
        while True:
            await self.until("document.querySelector(arguments[0]) !== null", selector)
            found = await asyncio.to_thread(self.browser.find_element, By.CSS_SELECTOR, selector)
            try:
                await self.do(act, found)
            except (ElementClickInterceptedException, StaleElementReferenceException):  # and nothing was done
                assert time.monotonic() < begun + PATIENCE_SECONDS, (selector, await self.text())
            else:
                return

    async def capital_millimetres(self) -> float:
        """Measure a tile's capitals as a 27-inch full-HD screen shows them."""
        metrics = {"width": 1920, "height": 1080, "deviceScaleFactor": 1, "mobile": False}
        await self.do(self.browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", metrics)
        pixels = await self.script(CAPITAL)
        assert isinstance(pixels, (int, float))
        return pixels / PIXELS_A_MILLIMETRE

    async def open(self, port: int, path: str) -> None:
        """Load a page, and wait until it is alive: one that the station had not answered yet loads itself anew."""
        await self.do(self.browser.get, f"http://127.0.0.1:{port}{path}")
        await self.until(AWAKE)

    async def until_loaded(self, what: str) -> None:
        """Load a page that is not followed, again and again, until an expression is true on it."""
        begun = time.monotonic()
        while not await self._is_so(what):
            assert time.monotonic() < begun + PATIENCE_SECONDS, (what, await self.text())
            await self.do(self.browser.refresh)
        await self.until(AWAKE)

    async def pictures(self, folder: Path, name: str) -> None:
        """Keep what is seen on two screens, where nothing may be cut off, and every target is large enough for a glove."""
        for width, height in SIZES:
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            await self.do(self.browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", metrics)
            await self.script(
                "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            await self.do(self.browser.save_screenshot, str(folder / f"{name}-{width}x{height}.png"))
            for what in (CLIPPED, OVERFLOWING, SMALL):
                found = await self.script(what)
                assert found == [], (name, width, found)

    async def printed(self, folder: Path, name: str) -> None:
        """Keep what comes out on A4: what is read, and none of what is pressed."""
        await self.do(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": "print"})
        try:
            metrics = {"width": 794, "height": 1123, "deviceScaleFactor": 1, "mobile": False}
            await self.do(self.browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", metrics)
            await self.do(self.browser.save_screenshot, str(folder / f"{name}-printed.png"))
            assert await self.script(PRESSED) == [], name
            assert await self.script("return document.documentElement.scrollWidth") <= metrics["width"], name
        finally:
            await self.do(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})

    async def axe(self, name: str) -> None:
        """Have the page judged by axe-core, which nobody here wrote. In a world of its own: the page's policy stays as it is."""
        path = os.environ.get("AXE")
        if path is None:
            pytest.skip("axe-core is not installed: make test-browser")
        tree = await self.do(self.browser.execute_cdp_cmd, "Page.getFrameTree", {})
        frame = tree["frameTree"]["frame"]["id"]
        world = {"frameId": frame, "worldName": "axe"}
        made = await self.do(self.browser.execute_cdp_cmd, "Page.createIsolatedWorld", world)
        found = {}
        for script in (await asyncio.to_thread(Path(path).read_text), AXE):
            asked = {
                "expression": script,
                "contextId": made["executionContextId"],
                "awaitPromise": True,
                "returnByValue": True,
            }
            found = await self.do(self.browser.execute_cdp_cmd, "Runtime.evaluate", asked)
            assert "exceptionDetails" not in found, found
        assert json.loads(found["result"]["value"]) == [], name

    async def tab_to(self, selector: str) -> None:
        """Reach something by the keyboard alone."""
        for _ in range(200):
            if await self.script("return document.activeElement.matches(arguments[0])", selector):
                return
            # As a key: what is sent to a field for files would be taken for a path.
            await self.do(ActionChains(self.browser).send_keys(Keys.TAB).perform)
        raise AssertionError(f"{selector} is not reached by the keyboard")


def screen(
    desk: Path, port: int, *more: object
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return running((*PROGRAM, "screen", "--desk", desk, "--port", port, "--without-login", *more))


def longer_texts(path: Path) -> Path:
    """Write a language whose every line is three tenths longer."""
    tables = tomllib.loads((resources.files("station.texts") / "en.toml").read_text())

    def longer(key: str, line: str) -> str:
        more = textwrap.wrap(("E" if line.isupper() else "e") * math.ceil(0.3 * len(line)), 9)
        return line if key == "lang" else f"{line}{' '.join(more)}"

    path.write_text(
        "\n".join(
            f"[{table}]\n"
            + "\n".join(f"{key} = {json.dumps(longer(key, line))}" for key, line in lines.items())
            for table, lines in tables.items()
        )
    )
    return path


async def until_served(port: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await asyncio.sleep(0.02)
