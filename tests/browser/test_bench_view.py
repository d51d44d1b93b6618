"""A shift at the screen, in a browser: a real daemon on simulated rigs, scanned at, restarted, and looked at."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from page import AWAKE, PATIENCE_SECONDS, VEILED, Page, longer_texts, screen, until_served
from selenium.webdriver import Chrome

from benches.brokers import free_port
from benches.station_bench import Bench, give_order, slot
from benches.station_daemon import running_daemon
from station.domain.phase import SlotPhase
from station.people.operators import Operators

pytestmark = pytest.mark.browser
BADGE = "REFLASHBADGE0001"
FIRST, OTHER = slot(1), slot(2, jig=3)


@pytest.mark.timeout(PATIENCE_SECONDS * 20)
async def test_a_shift_at_the_screen(bench: Bench, browser: Chrome, pictures: Path, tmp_path: Path) -> None:
    port = free_port()
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
    with contextlib.ExitStack() as served:
        process = served.enter_context(screen(desk, port))
        await until_served(port)
        await page.do(browser.get, f"http://127.0.0.1:{port}/")
        await page.until(VEILED)  # there is no station yet
        async with running_daemon(settings) as station:
            await page.until(f"{AWAKE} && document.querySelectorAll('.tile').length === 24")
            await page.todo("jig1/1", "wait")
            await page.until("document.body.innerText.includes(arguments[0])", "nobody is signed on at jig1")

            assert ann in await page.scan(f"BADGE-{BADGE}", "taken")
            await page.todo("jig1/1", "seat")
            await page.pictures(pictures, "bench-empty")
            await page.axe("bench")
            assert await page.capital_millimetres() >= 14

            assert "scan the label of what is to sit there" in await page.scan("jig1/1", "taken")
            assert str(hub.gpf) in await page.scan(str(hub.gpf), "taken")
            assert "neither" in await page.scan("rubbish", "refused")
            await bench.seat(hub, FIRST)
            await bench.seat(stranger, OTHER)
            await page.todo("jig1/1", "pass")
            await page.todo("jig3/2", "hold")
            await page.pictures(pictures, "bench")
            await page.script("document.querySelector('.theme').focus()")
            await page.type("jig2/")  # the page stands still in the middle of a scan
            assert await page.script("return document.querySelector('#scan').value") == "jig2/"

            process.terminate()
            await page.until(VEILED)
            process.wait(PATIENCE_SECONDS)
            await page.pictures(pictures, "bench-still")
            process = served.enter_context(screen(desk, port))
            await until_served(port)
            await page.until(AWAKE)
            assert await page.script("return document.querySelector('#scan').value") == "jig2/"
            await page.todo("jig1/1", "pass")
            assert "jig2" in await page.scan("1", "taken")
            assert station.view(FIRST).phase is SlotPhase.PASSED
        await page.until(VEILED)  # the station has stopped: green stands over nothing that is not known
        longer = settings.model_copy(update={"language": str(longer_texts(tmp_path / "long.toml"))})
        async with running_daemon(longer):
            await page.until(AWAKE)
            await page.todo("jig1/1", "pass")
            await page.until("document.querySelector('.word[data-field=word]').textContent.endsWith('EE')")
            await page.pictures(pictures, "bench-longer")
        complaints = [each["message"] for each in await page.do(browser.get_log, "browser")]
        assert [each for each in complaints if "Content Security Policy" in each or "TypeError" in each] == []
        process.terminate()
