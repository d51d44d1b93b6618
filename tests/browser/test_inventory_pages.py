"""The inventory's pages in a browser: by the keyboard alone, two people at one request, and each page as a judge sees it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest
from page import PATIENCE_SECONDS, PROGRAM, Page, until_served
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from benches.brokers import free_port
from benches.inventory_desk import Desk, asked, held
from benches.processes import running
from benches.told_results import SOURCE, TOPICS, SayingStation, chf_of
from benches.told_upstream import tell_upstream
from inventory.cli import main
from inventory.database.engine import Database
from inventory.database.upgrade import upgrade
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.pages import people
from inventory.pages.parts import VIEWS

pytestmark = pytest.mark.browser
ANN, PIN = "Ann Example", "24681357"
NASTY = '<img src=x onerror="document.title=1">'
DARK = ("request", "order", "letter")
MORE = """
[pages]
port = {port}
[[upstream.routes]]
csp = "central-and-south"
regions = ["Central", "South"]
n3 = {{url = "https://n3.example/", ca_file = "x", certificate_file = "x", key_file = "x"}}
[[upstream.routes]]
csp = "north"
regions = ["North"]
"""


def typed(*arguments: object) -> tuple[int, str]:
    """Run a command in this process: its exit code, and what it says."""
    said = io.StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return int(ended.value.code or 0), said.getvalue()


@contextmanager
def inventory(folder: Path, port: int) -> Iterator[tuple[Desk, Database]]:
    """An inventory with one request, and its pages served."""
    url = f"sqlite:///{folder / 'inventory.db'}"
    with Database(url) as database:
        upgrade(database)
        desk = Desk(folder, url, typed)
        desk.config.write_text(desk.config.read_text() + MORE.format(port=port))
        with database.write_alone() as connection:
            people.add(connection, ANN, "act", by="Root", now=system_clock())
            people.set_pin(connection, ANN, PIN, by="Root", now=system_clock())
        with running((*PROGRAM, "inventory", "pages", "--config", desk.config)) as process:
            yield desk, database
            process.terminate()


class Pages(Page):
    """The same of these pages."""

    async def is_alive(self, path: str) -> None:
        await self.until(
            "location.pathname + location.search === arguments[0] && document.querySelector('.theme')?.textContent !== ''",
            path,
        )

    async def go(self, port: int, path: str) -> None:
        await self.do(self.browser.get, f"http://127.0.0.1:{port}{path}")
        await self.is_alive(path)

    async def fill(self, form: str, **fields: str) -> None:
        """Fill a form in and press its button, by the keyboard alone."""
        for name, text in (*fields.items(), ("pin", PIN)):
            await self.tab_to(f"form[data-request={form}] [name={name}]")
            await self.type(text)
        await self.tab_to(f"form[data-request={form}] button[type=submit]")
        await self.type(Keys.ENTER)

    async def judge(self, port: int, path: str, name: str, pictures: Path) -> None:
        """Look at a page, some in the dark as well, and have axe judge it."""
        for theme in ("light", "dark") if name in DARK else ("light",):
            await self.script("localStorage.setItem('theme', arguments[0])", theme)
            await self.go(port, path)
            assert (await self.script("return document.documentElement.dataset.theme")) == theme
            await self.pictures(pictures, f"inventory-{name}-{theme}")
            await self.axe(f"{name}, {theme}")


@pytest.mark.timeout(PATIENCE_SECONDS * 20)
async def test_the_inventory_in_a_browser(browser: Chrome, pictures: Path, tmp_path: Path) -> None:
    port, page = free_port(), Pages(browser)
    with inventory(tmp_path, port) as (desk, database):
        lines = [*(asked(hub) for hub in range(1, 13)), asked(99)]
        desk.take(lines, [held(hub) for hub in range(1, 13)])
        desk.take([asked(20)], [held(20)])
        await until_served(port)
        await page.do(browser.get, f"http://127.0.0.1:{port}/requests")
        await page.until("location.pathname === '/sign-on'")
        await page.pictures(pictures, "inventory-sign-on")
        await page.axe("sign-on")
        await page.type(f"{ANN}{Keys.TAB}{PIN}{Keys.ENTER}")
        await page.is_alive("/requests")

        await page.tab_to("a[href='/requests/RQ-000002']")
        await page.type(Keys.ENTER)
        await page.is_alive("/requests/RQ-000002")
        # Somebody else decides while this page is looked at.
        desk("refuse", "RQ-2", "--by", "Ben Other", "--reason", "no purchase order")
        await page.fill("authorise_request", work_order="WO-2", purchase_order="PO-2")
        assert "RQ-000002 is refused by Ben Other at " in await page.answered("refused")

        await page.go(port, "/requests/RQ-000001")
        await page.judge(port, "/requests/RQ-000001", "request", pictures)
        await page.fill("authorise_request", work_order="WO-1", purchase_order=f"PO {NASTY}")
        assert "RQ-000001 is authorised as WO-1" in await page.answered("taken")
        goods = {
            "delivery_note": "DN-7",
            "hubs": f"{chf_of(1)}\n{chf_of(2)}\n{chf_of(3)}=seal_broken={NASTY}",
        }
        await page.fill("receive_goods", **goods)
        await page.until("document.body.innerText.includes('1 seal_broken')")

        station = SayingStation()
        told = [station.result(hub) for hub in (1, 2, 3)]
        Intake(database, {SOURCE: TOPICS}, system_clock).take_heard([*told, *station.packed((1, 2), "CTN1")])
        tell_upstream(database, 1, "refused", code="E17", answer=f"no such HAN variant {NASTY}")
        tell_upstream(database, 2, "waiting", doubtful=True)
        await page.go(port, "/orders/RQ-000001")
        await page.fill("amend_address", address=f"Dock 4, 1 Some Road, Town {NASTY}", reason="their mail")
        await page.until("document.body.innerText.includes('Dock 4, 1 Some Road')")
        await page.fill("release_part", reason="its journal is lost")
        await page.until("document.body.innerText.includes('may go up')")
        await page.fill("dispatch", cartons="CTN1", carrier_note="4711", despite_upstream="by telephone")
        await page.until("document.body.innerText.includes('DP-000001')")

        paths = {
            **{key: path for key, path, _ in VIEWS},
            "delivery": "/deliveries/DL-000001",
            "order": "/orders/RQ-000001",
            "waiting": "/upstream/hubs?csp=central-and-south&state=unknown",
            "letter": f"/letters/{chf_of(1)}",
            "hub": f"/hubs/{chf_of(1)}",
        }
        for name, path in paths.items():
            await page.judge(port, path, name, pictures)
        await page.go(port, f"/letters/{chf_of(1)}")
        await page.fill("send_again", han_variant="SBCH", reason="the extract was wrong")
        await page.is_alive(f"/hubs/{chf_of(1)}")
        assert "is sent again to central-and-south" in await page.answered("taken")

        await page.go(port, "/hubs")
        await page.type(f"{chf_of(2)[-8:].lower()}{Keys.ENTER}")
        await page.is_alive(f"/hubs/{chf_of(2)}")
        assert await page.script("return document.querySelectorAll('main img').length") == 0
        logged = await page.do(browser.get_log, "browser")
        assert isinstance(logged, list)
        assert [each for each in logged if "Content Security Policy" in each["message"]] == []
        await page.tab_to(".sign-off")
        await page.type(Keys.ENTER)
        await page.until("location.pathname === '/sign-on'")
