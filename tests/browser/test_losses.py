"""What is lost under an open page, and comes back: a hub at work, the broker, the daemon, and the screen itself."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from page import AWAKE, PATIENCE_SECONDS, VEILED, Page, screen, until_served
from selenium.webdriver import Chrome

from benches.brokers import free_port, mosquitto
from benches.station_bench import Bench, at_broker, give_order, slot
from benches.station_daemon import outcomes, running_daemon
from station.domain.outcome import Outcome

pytestmark = pytest.mark.browser
LEFT, OTHER = slot(1), slot(2)
NOTE_WHETHER_LIFTED = """
  window.lifted = false;
  const veil = document.querySelector('.veil');
  new MutationObserver(() => { window.lifted ||= veil.hidden; }).observe(veil, { attributes: true });
"""


@pytest.mark.timeout(PATIENCE_SECONDS * 20)
async def test_what_is_lost_under_an_open_page_is_said_and_comes_back(
    bench: Bench, browser: Chrome, pictures: Path, tmp_path: Path
) -> None:
    port, page, desk = free_port(), Page(browser), tmp_path / "desk.sock"
    with mosquitto(tmp_path) as broker, contextlib.ExitStack() as served:
        settings = bench.station_settings(
            tmp_path / "state", {"jig1": [1, 2]}, desk_socket=str(desk), **at_broker(broker.port)
        )
        settings.state_directory.mkdir()
        hub, other = bench.hub(), bench.hub()
        await give_order(settings, hub, other)
        process = served.enter_context(screen(desk, port))
        await until_served(port)
        async with running_daemon(settings):
            await page.open(port, "/health")
            await page.until_loaded("document.body.innerText.includes('connected')")
            await page.open(port, "/")
            await bench.fault(LEFT, "unplug_hub", on="upload", at_byte=12_000)
            await bench.seat(hub, LEFT)
            await page.todo("jig1/1", "find")
            await page.pictures(pictures, "bench-unplugged")
            await page.axe("bench-unplugged")

            broker.kill()
            await bench.seat(other, OTHER)
            await page.todo("jig1/2", "pass")  # the bench goes on, and its results wait
            await page.open(port, "/health")
            await page.until_loaded("document.body.innerText.includes('wait')")
            await page.pictures(pictures, "health-without-broker")

            await page.open(port, "/")
            await page.todo("jig1/2", "pass")
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            await page.until(VEILED)
        # The station ends while nothing tells of it: what is green under the veil is shown no more.
        await page.script(NOTE_WHETHER_LIFTED)
        process = served.enter_context(screen(desk, port))
        await page.until("document.querySelector('.still').textContent === 'The station does not answer'")
        assert await page.script("return lifted") is False
        async with running_daemon(settings):
            await page.until(AWAKE)
            await page.todo("jig1/2", "pass")
            await bench.seat(hub, LEFT)
            await page.todo("jig1/1", "pass")

            broker.start()
            await page.open(port, "/health")
            await page.until_loaded("document.body.innerText.includes('connected')")
        process.terminate()
    assert set(outcomes(settings).values()) == {Outcome.PASSED}
