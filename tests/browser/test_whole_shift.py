"""A whole shift in a browser, from sign-on to packed pallet and closed order: by scan codes alone, then by the keyboard alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from page import PATIENCE_SECONDS, Page, longer_texts, screen, until_served
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from benches.brokers import free_port
from benches.station_bench import Bench, StockHub, give_order, slot
from benches.station_daemon import RunningDaemon, running_daemon
from station.domain.phase import SlotPhase
from station.people.operators import Operators, PersonRole
from station.screen.parts import VIEWS

pytestmark = pytest.mark.browser
BADGE, PIN = "REFLASHBADGE0002", "24681357"
FIRST, SECOND, PALLET = "CTN00000013", "CTN00000021", "PLT00000013"
MORE_PAGES = (("box", f"/box?code={FIRST}"), ("codes", "/codes"))


@pytest.mark.timeout(PATIENCE_SECONDS * 20)
async def test_a_pallet_from_sign_on_to_the_order_s_end(
    bench: Bench, browser: Chrome, pictures: Path, tmp_path: Path
) -> None:
    settings = bench.station_settings(
        tmp_path / "state",
        {"jig1": [1, 2, 3, 4, 5], "jig2": [1, 2]},
        desk_socket=str(tmp_path / "desk.sock"),
        people={"line_clearance": "off", "sign_on": "required", "badge_prefix": "BADGE-"},
        packing={"hubs_per_carton": 2, "cartons_per_pallet": 2},
        labels={"folder": str(tmp_path / "labels")},
        shift={
            "check_list": [{"what": "wrist strap"}, {"what": "scanner", "until": "2100-01-31"}],
            "check_list_signed": "required",
        },
    )
    hubs, stranger = [bench.hub() for _ in range(3)], bench.hub()
    settings.state_directory.mkdir()
    operators = Operators(settings.operators_file)
    ann, sue = operators.pseudonym_of("Ann"), operators.pseudonym_of("Sue", PersonRole.SUPERVISOR)
    operators.set_badge(ann, BADGE)
    operators.set_pin(sue, PIN)
    await give_order(settings, *hubs)
    port, page = free_port(), Page(browser)
    with contextlib.ExitStack() as served:
        reports = ("--reports", settings.reports_folder)
        process = served.enter_context(screen(tmp_path / "desk.sock", port, *reports))
        await until_served(port)
        async with running_daemon(settings) as station:
            await sign_on_and_check(page, port, ann)
            await flash(page, port, bench, station, [*hubs, stranger])
            await pack(page, port, hubs, stranger, pictures)
            for view, path in VIEWS[1:]:
                await page.open(port, path)
                await page.pictures(pictures, view)
                await page.axe(view)
            await look_at_hubs(page, port, hubs[0], pictures)
            await close_by_keyboard(page, port, pictures)
            assert station.task.done() is False
        longer = settings.model_copy(update={"language": str(longer_texts(tmp_path / "long.toml"))})
        async with running_daemon(longer):
            await page.open(port, "/orders")
            await page.until_loaded("document.querySelector('h1').textContent.startsWith('Orderse')")
            for view, path in (*VIEWS[1:], *MORE_PAGES):
                await page.open(port, path)
                await page.pictures(pictures, f"{view}-longer")
        complaints = [each["message"] for each in await page.do(browser.get_log, "browser")]
        assert [each for each in complaints if "Content Security Policy" in each or "TypeError" in each] == []
        process.terminate()


async def sign_on_and_check(page: Page, port: int, ann: str) -> None:
    await page.open(port, "/")
    await page.until("document.querySelectorAll('.tile').length === 7")
    assert ann in await page.scan(f"BADGE-{BADGE}", "taken")
    assert "supervisor" in await page.scan("supervisor", "person")
    await page.open(port, "/shift-start")
    assert "scanner" in await page.scan("done", "taken")
    await page.scan("undo", "taken")
    await page.scan("done", "taken")
    await page.type(f"done{Keys.ENTER}")
    await page.until("document.body.innerText.includes(arguments[0])", f"Signed for today by {ann}")


async def flash(page: Page, port: int, bench: Bench, station: RunningDaemon, hubs: list[StockHub]) -> None:
    await page.open(port, "/")
    for number, hub in enumerate(hubs, start=1):
        await page.scan(f"jig1/{number}", "taken")
        await page.scan(str(hub.gpf), "taken")
        await bench.seat(hub, slot(number))
    for number in range(1, len(hubs)):
        await page.todo(f"jig1/{number}", "pass")
    await page.todo(f"jig1/{len(hubs)}", "hold")
    for number in range(1, len(hubs) + 1):
        await bench.unseat(slot(number))
        await station.until(slot(number), SlotPhase.EMPTY)


async def pack(page: Page, port: int, hubs: list[StockHub], stranger: StockHub, pictures: Path) -> None:
    """The packer has a scanner and no keyboard."""
    await page.open(port, "/pack")
    assert "first scan where it goes" in await page.scan(str(hubs[0].gpf), "refused")
    assert FIRST in await page.scan("new carton", "taken")
    await page.scan(str(hubs[0].gpf), "taken")
    await page.until("document.querySelector('.chosen [data-field=count]').textContent === '1 / 2'")
    assert "it goes to quarantine" in await page.scan(str(stranger.gpf), "refused")
    await page.scan(str(hubs[1].gpf), "done")
    await page.scan("new carton", "taken")
    await page.until("document.querySelectorAll('#cartons tr').length === 2")
    await page.pictures(pictures, "pack-at-work")
    await page.scan(str(hubs[2].gpf), "taken")
    assert SECOND in await page.scan("done", "done")
    assert SECOND in await page.scan("print", "taken")
    await page.scan("new pallet", "taken")
    await page.scan(FIRST, "taken")
    assert PALLET in await page.scan(SECOND, "done")
    await page.scan("quarantine", "taken")
    await page.scan(str(stranger.gpf), "taken")
    await page.scan("supervisor", "person")
    await page.until("document.activeElement.matches('#decide [name=by]')")
    assert await page.script("return document.querySelector('#decide [name=id]').value") == str(stranger.gpf)


async def look_at_hubs(page: Page, port: int, hub: StockHub, pictures: Path) -> None:
    await page.open(port, "/orders")
    await page.type(f"{hub.gpf}{Keys.ENTER}")
    await page.until("location.pathname === '/hubs' && document.body.innerText.includes(arguments[0])", FIRST)
    await page.pictures(pictures, "hub")
    await page.axe("hub")
    for view, path in MORE_PAGES:
        await page.open(port, path)
        await page.pictures(pictures, view)
        await page.axe(view)
        await page.printed(pictures, view)
    await page.open(port, "/hand-over")
    await page.printed(pictures, "hand-over")
    await page.open(port, f"/box?code={FIRST}")
    await page.press("[data-request=print_label] button", "taken")
    await page.open(port, "/orders")
    await page.tab_to("[name=find]")
    await page.type(f"{str(hub.chf)[-8:]}{Keys.ENTER}")
    await page.until("location.pathname === '/hubs' && document.body.innerText.includes(arguments[0])", FIRST)


async def close_by_keyboard(page: Page, port: int, pictures: Path) -> None:
    """Two people have the order's page open; the second is told that the first was there."""
    browser = page.browser
    await page.open(port, "/orders/show?order=WO-1")
    await page.pictures(pictures, "order")
    await page.axe("order")
    first = browser.current_window_handle
    await page.do(browser.switch_to.new_window, "tab")
    await page.open(port, "/orders/show?order=WO-1")
    second = browser.current_window_handle
    for handle in (first, second):
        await page.do(browser.switch_to.window, handle)
        await page.tab_to("[data-request=close_order] [name=reason]")
        await page.type("all done")
        await page.tab_to("[data-request=close_order] [name=by]")
        await page.type("Sue")
        await page.tab_to("[data-request=close_order] [name=pin]")
        await page.type(PIN)
        await page.tab_to("[data-request=close_order] button")
        await page.type(Keys.ENTER)
        if handle == first:
            await page.until("document.body.innerText.includes('Closed because: all done')")
    await page.until("document.querySelector('.answer').dataset.kind === 'refused'")
    assert "is closed" in str(await page.script("return document.querySelector('.answer').textContent"))
    await page.do(browser.close)
    await page.do(browser.switch_to.window, first)
