"""The pages for people: asked of the program itself, over a real database, as a browser asks."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import ssl
import sys
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from benches.brokers import free_port
from benches.certificates import Authority
from benches.inventory_desk import Desk, asked, held
from benches.processes import running
from benches.screen_process import until_served
from benches.told_results import SOURCE, TOPICS, SayingStation, chf_of, gpf_of
from benches.told_upstream import tell_upstream
from inventory.database.engine import Database
from inventory.database.people_tables import page_acts, people_acts, sessions
from inventory.database.tables import requests
from inventory.errors import WrongInput
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.pages import people
from inventory.pages.program import address_for, pages_app
from inventory.pages.settings import PagesSettings
from inventory.requests.request_file import TEMPLATE
from inventory.settings import load_settings
from inventory.upstream.settings import UpstreamSettings
from station.domain.pin import WRONG_PINS, is_pin
from station.web.address import Address

HOME = "http://127.0.0.1:8091"
ANN, BEN, EVE = "Ann Example", "Ben Other", "Eve Looker"
PINS = {ANN: "135797", BEN: "864201", EVE: "730518"}
NASTY = '<script>alert("x")</script>'
WAYS = UpstreamSettings.model_validate(
    {
        "routes": [
            {"csp": "north", "regions": ["North"]},
            {
                "csp": "central-and-south",
                "regions": ["Central", "South"],
                "n3": {
                    "url": "https://n3.example/",
                    **dict.fromkeys(("ca_file", "certificate_file", "key_file"), "x"),
                },
            },
        ]
    }
)


class Browser:
    """A page that asks, in the name of whoever signed on."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def sign_on(self, name: str, pin: str | None = None) -> httpx.Response:
        proof = {"name": name, "pin": pin or PINS[name]}
        return await self.client.post("/session", json=proof, headers={"Origin": HOME})

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "trusted-types 'none'" in policy
        assert re.search(r"<[^>]* (style|on[a-z]+)=|<style|javascript:", answer.text) is None
        assert NASTY not in answer.text
        return answer.text

    async def act(
        self,
        name: str,
        fields: dict[str, Any],
        *,
        by: str = ANN,
        pin: str | None = None,
        key: str | None = None,
    ) -> tuple[int, str]:
        proof = base64.b64encode(f"{by}:{pin or PINS[by]}".encode()).decode()
        answer = await self.client.post(
            f"/do/{name}",
            json={"with": fields, "key": key or str(uuid.uuid4())},
            headers={"Origin": HOME, "Authorization": f"Basic {proof}"},
        )
        told = answer.json()
        return answer.status_code, told.get("line") or told["detail"]

    async def press(self, path: str, name: str, **fields: Any) -> tuple[int, str]:
        """Fill in the form of an act that a page has, and press its button."""
        return await self.act(name, {**self.form(await self.page(path), name), **fields})

    @staticmethod
    def form(page: str, name: str) -> dict[str, str]:
        """Return what a form has filled in by itself."""
        found = re.search(rf'<form data-request="{name}">(.*?)</form>', page, re.DOTALL)
        assert found is not None, f"no {name} on the page"
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', found[1])
        return {field: unescape(value) for field, value in hidden}


@pytest.fixture
def browser(desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(people, "NO_SECONDS", 0.0)
    for name, pin in PINS.items():
        with database.write_alone() as connection:
            may = "look" if name == EVE else "act"
            people.add(connection, name, may, by="Root", now=system_clock())
            people.set_pin(connection, name, pin, by="Root", now=system_clock())
    settings = load_settings(desk.config).requests
    app = pages_app(database, Address(host="127.0.0.1", port=8091), 10, settings, WAYS, system_clock)
    return Browser(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME, timeout=60))


async def test_an_order_from_its_request_to_its_charge_each_act_in_somebodys_name(
    desk: Desk, database: Database, browser: Browser
) -> None:
    lines = [*(asked(hub) for hub in (1, 2, 3)), asked(9), (TEMPLATE, NASTY, "", "")]
    desk.take(lines, [held(hub) for hub in (1, 2, 3)])
    await browser.sign_on(ANN)
    listed = await browser.page("/requests?state=judged&party=PARTY")
    assert "RQ-000001" in listed
    page = await browser.page("/requests/RQ-1")
    assert "refused: unknown" in page
    assert "&lt;script&gt;" in page
    assert chf_of(1) not in await browser.page("/requests/RQ-1?reason=unknown")

    order = {"work_order": "WO-1", "purchase_order": f"PO {NASTY}"}
    seen = browser.form(await browser.page("/requests/RQ-1"), "authorise_request")
    press = {"key": str(uuid.uuid4())}
    status, line = await browser.act("authorise_request", {**seen, **order}, **press)
    assert (status, "RQ-000001 is authorised as WO-1; " in line) == (200, True)
    assert (desk.folder / "orders" / "WO-1.csv").read_text().count("WO-1") == 3
    assert await browser.act("authorise_request", {**seen, **order}, **press) == (200, line)
    status, other = await browser.act("refuse_request", {**seen, "reason": "no"}, **press)
    assert (status, other) == (
        400,
        "this is another act than the one that was asked for before: load the page anew",
    )
    status, late = await browser.act("refuse_request", {**seen, "reason": "no"}, by=BEN)
    assert (status, late.startswith(f"RQ-000001 is authorised by {ANN} at 2")) == (409, True)

    goods = {
        "delivery_note": "DN-7",
        "hubs": f"{chf_of(1)}\n{gpf_of(2)}\n{chf_of(3)}=damaged_packaging={NASTY}",
    }
    status, line = await browser.press("/requests/RQ-1", "receive_goods", **goods)
    assert (status, line) == (200, "DL-000001: 2 hubs accepted, 1 damaged_packaging")
    assert "1 damaged packaging" in await browser.page("/deliveries?of=RQ-1")
    assert "damaged packaging" in await browser.page("/deliveries/DL-1")
    assert (await browser.press("/deliveries/DL-1", "give_back", note="carrier 1"))[0] == 200
    assert "give_back" not in await browser.page("/deliveries/DL-1")
    await browser.press("/requests/RQ-1", "receive_goods", delivery_note="DN-8", hubs=chf_of(3))
    seen = browser.form(await browser.page("/deliveries/DL-2"), "reject_goods")
    opened = {"hubs": f"{gpf_of(3)}=seal_broken", "reason": f"seen when opened {NASTY}"}
    assert (await browser.act("reject_goods", {**seen, **opened, "hubs": chf_of(3)}))[0] == 400
    status, line = await browser.press("/deliveries/DL-2", "reject_goods", **opened)
    assert (status, line) == (200, "1 hub of DL-000002 is rejected")
    status, late = await browser.act("reject_goods", {**seen, **opened}, by=BEN)
    assert (status, late.startswith(f"some of DL-000002 was rejected by {ANN} at 2")) == (409, True)
    assert "reject_goods" not in await browser.page("/deliveries/DL-2")

    station = SayingStation()
    intake = Intake(database, {SOURCE: TOPICS}, system_clock)
    intake.take_heard([station.result(1), station.result(2), *station.packed((1, 2), "CTN1")])
    assert "2 passed" in await browser.page("/orders/RQ-1")
    seen = browser.form(await browser.page("/orders/RQ-1"), "dispatch")
    address = {"address": f"Dock 4 {NASTY}", "reason": "mail"}
    assert (await browser.press("/orders/RQ-1", "amend_address", **address))[0] == 200
    leave = {"cartons": "CTN1", "carrier_note": "4711", "transport": "1.20", "despite_upstream": "by file"}
    status, line = await browser.act("dispatch", {**seen, **leave}, by=BEN)
    assert (status, f"the address of RQ-000001 was recorded by {ANN}" in line) == (409, True)
    status, line = await browser.press("/orders/RQ-1", "dispatch", **leave)
    assert (status, line.startswith("DP-000001: 2 hubs to Dock 4")) == (200, True)
    became = {"fate": "delivered", "reason": "signed for"}
    assert await browser.press("/orders/RQ-1", "record_fate", **became) == (
        200,
        "DP-000001: 2 hubs delivered",
    )
    status, line = await browser.press("/orders/RQ-1", "tell_done")
    assert (status, "has not told that WO-1 is reconciled" in line) == (409, True)
    released = await browser.press("/orders/RQ-1", "release_part", reason="its journal is lost")
    assert released == (200, "2 hubs of WO-1 may go up")
    page = await browser.page("/orders/RQ-1")
    assert "its journal is lost" in page
    assert "2 delivered" in page
    assert (await browser.press("/requests/RQ-1", "write_order"))[0] == 200
    assert (await browser.press("/orders/RQ-1", "close_request", reason="all came back"))[0] == 200
    assert "What can be done" not in await browser.page("/requests/RQ-1")
    for path in ("/orders", "/upstream", "/letters", "/hubs"):
        await browser.page(path)

    story = await browser.page(f"/hubs/{gpf_of(1)}")
    told = [
        *("asked for it (RQ-000001, line 2): accepted", "on work order WO-1", "came with DL-000001"),
        *("attempt 1 under WO-1: passed, runs 0002012F", "left with DP-000001", "RQ-000001 was closed"),
    ]
    places = [story.index(each) for each in told]
    assert max(places) < story.index("Evidence")
    with database.read() as connection:
        assert set(connection.scalars(select(page_acts.c.acted_by))) == {ANN}
        assert connection.scalar(select(func.count()).select_from(page_acts)) == 11
        assert connection.scalar(select(requests.c.closed_by)) == ANN


async def test_lists_are_read_page_by_page_and_a_hub_is_found_by_its_last_digits(
    desk: Desk, database: Database, browser: Browser
) -> None:
    desk.take([asked(hub) for hub in range(1, 131)], [held(hub) for hub in range(1, 131)])
    await browser.sign_on(EVE)
    first = await browser.page("/requests/RQ-1")
    following = unescape(re.findall(r'href="(/requests/RQ-000001\?[^"]*)">More', first)[0])
    second = await browser.page(following)
    lines = [chf for page in (first, second) for chf in re.findall(r'href="/hubs/([^"]*)"', page)]
    assert lines == [chf_of(hub) for hub in range(1, 131)]
    assert ">More<" not in second
    with database.write() as connection:
        row = dict(connection.execute(select(requests)).one()._mapping)
        for number in range(2, 25):
            more = {"id": number, "file_sha256": f"{number:064}"}
            connection.execute(requests.insert().values({**row, **more}))
    first = await browser.page("/requests")
    second = await browser.page(unescape(re.findall(r'href="(/requests\?after[^"]*)">More', first)[0]))
    names = [name for page in (first, second) for name in re.findall(r'<a href="/requests/(RQ-\d+)">', page)]
    assert names == [f"RQ-{number:06}" for number in range(24, 0, -1)]
    assert "authorise_request" not in first + await browser.page("/requests/RQ-1")

    for text in (
        chf_of(77)[-8:].lower(),
        gpf_of(77)[-16:].replace("-", ""),
        gpf_of(77),
        f" {chf_of(77)[-5:]} ",
    ):
        found = await browser.client.get("/hubs", params={"find": text})
        assert (found.status_code, found.headers["location"]) == (303, f"/hubs/{chf_of(77)}")
    for wrong in ("77", "xyz", "0" * 17):
        assert "problem" in await browser.page(f"/hubs?find={wrong}", 400)
    assert "Nobody has told of" in await browser.page("/hubs?find=FFFFFF")
    for path in (
        "/requests/RQ-99",
        "/requests/x",
        "/orders/RQ-1",
        "/hubs/x",
        "/requests?after=x",
        "/deliveries/DL-1",
    ):
        await browser.page(path, 400)
    await browser.page("/nowhere", 404)


async def test_what_was_refused_upstream_is_read_corrected_and_sent_again_once(
    desk: Desk, database: Database, browser: Browser
) -> None:
    desk.authorised([1, 2, 3])
    station = SayingStation()
    Intake(database, {SOURCE: TOPICS}, system_clock).take_heard([station.result(hub) for hub in (1, 2, 3)])
    document = f"<sent>{NASTY}</sent>"
    tell_upstream(database, 1, "refused", code="E17", answer=NASTY, document=document)
    tell_upstream(database, 2, "waiting", doubtful=True)
    tell_upstream(database, 3, "waiting")
    await browser.sign_on(ANN)
    page = await browser.page("/upstream")
    for state in ("waiting", "unknown", "refused"):
        assert f"1 {state}, central-and-south, option A" in page
        listed = await browser.page(f"/upstream/hubs?csp=central-and-south&state={state}")
        assert listed.count("88-73-84") >= 1
    assert chf_of(1) in await browser.page("/letters")
    path = f"/letters/{gpf_of(1)}"
    letter = await browser.page(path)
    assert "&lt;sent&gt;&lt;script&gt;" in letter
    assert "CHTS V1.4" in letter
    seen = browser.form(letter, "send_again")
    wrong = {**seen, "reason": "r", "firmware": "00000001"}
    assert (await browser.act("send_again", wrong))[0] == 422
    again = {**seen, "reason": "the extract was wrong", "han_variant": "SBCH"}
    status, line = await browser.act("send_again", again)
    assert (status, line) == (200, f"{chf_of(1)} is sent again to central-and-south, with 0002012F")
    status, line = await browser.act("settle_letter", {**seen, "reason": "late"}, by=BEN)
    assert (status, f"{chf_of(1)} was sent again by {ANN}" in line) == (409, True)
    await browser.page(path, 303)
    assert "was told to central-and-south: refused" in await browser.page(f"/hubs/{gpf_of(1)}")
    assert "Nothing was refused" in await browser.page("/letters")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_nobody_looks_or_acts_who_has_not_shown_who_they_are_or_not_any_more(
    desk: Desk, database: Database, browser: Browser
) -> None:
    desk.take([asked(1)], [held(1)])
    client = browser.client
    looks = await client.get("/requests", headers={"Accept": "text/html"})
    assert (looks.status_code, looks.headers["location"]) == (303, "/sign-on")
    assert (await client.get("/requests/RQ-1")).status_code == 401
    for path in ("/sign-on", "/health", "/static/inventory.js", "/static/base.css", "/static/asking.js"):
        assert (await client.get(path)).status_code == 200
    assert (await client.get("/requests", headers={"Host": "elsewhere"})).status_code == 421
    assert (await client.post("/session", json={"name": ANN, "pin": PINS[ANN]})).status_code == 403
    other = {"Origin": "http://127.0.0.1:1"}
    proof = {"name": ANN, "pin": PINS[ANN]}
    assert (await client.post("/session", json=proof, headers=other)).status_code == 403
    wrong = await browser.sign_on("Nobody At All", "135797")
    assert wrong.json()["detail"] == (await browser.sign_on(ANN, "000001")).json()["detail"]
    assert (await browser.sign_on("  ann   EXAMPLE", PINS[ANN])).json()["name"] == ANN

    seen = browser.form(await browser.page("/requests/RQ-1"), "refuse_request")
    refuse = {**seen, "reason": "no"}
    unproven = {"with": refuse, "key": str(uuid.uuid4())}
    assert (
        await client.post("/do/refuse_request", json=unproven, headers={"Origin": HOME})
    ).status_code == 403
    assert await browser.act("refuse_request", refuse, by=EVE) == (403, f"{EVE} may look, and do nothing")
    assert (await browser.act("refuse_request", refuse, pin="000001"))[0] == 403
    assert (await browser.act("nothing", refuse))[0] == 404
    for odd in ({**refuse, "reason": " "}, {**refuse, "reason": "a\nb"}, {**refuse, "x": 1}, seen):
        assert (await browser.act("refuse_request", odd))[0] == 422

    # Whoever was removed, or given another PIN, is out at once.
    with database.write_alone() as connection:
        people.set_pin(connection, ANN, "975310", by="Root", now=system_clock())
    assert (await client.get("/requests")).status_code == 401
    assert (await browser.sign_on(ANN, "975310")).status_code == 200
    with database.write() as connection:
        connection.execute(update(sessions).values(until=datetime.now(UTC) - timedelta(seconds=1)))
    assert (await client.get("/requests")).status_code == 401
    await browser.sign_on(ANN, "975310")
    assert (await client.delete("/session", headers={"Origin": HOME})).status_code == 204
    assert (await client.get("/requests")).status_code == 401
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(page_acts)) == 0
        acts = connection.scalars(select(people_acts.c.what).where(people_acts.c.name == ANN)).all()
    assert acts == ["may act", "has a new PIN", "has a new PIN"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_pins_are_not_guessed_and_two_who_decide_at_once_do_it_once(
    desk: Desk, database: Database, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.take([asked(1)], [held(1)])
    await browser.sign_on(ANN)
    await browser.sign_on(BEN)
    seen = browser.form(await browser.page("/requests/RQ-1"), "refuse_request")
    told = await asyncio.gather(
        *(browser.act("refuse_request", {**seen, "reason": "no"}, by=who) for who in (ANN, BEN))
    )
    assert sorted(status for status, _ in told) == [200, 409]
    statuses = [(await browser.sign_on(BEN, "000001")).status_code for _ in range(6)]
    assert statuses == [403, 403, 403, 403, 403, 429]
    # The PIN is locked where it was wrong, be it right; nobody locks it where it was right before.
    soon = people.People(database, 10, lambda: system_clock() + timedelta(seconds=30))
    with pytest.raises(people.NotProven, match="do not belong together here, or were wrong too often"):
        soon.prove(BEN, PINS[BEN], None)
    assert soon.prove(BEN, PINS[BEN], "10.0.0.9").name == BEN
    for stranger in range(WRONG_PINS):
        with pytest.raises(people.NotProven):
            soon.prove(BEN, "000001", f"10.9.0.{stranger}")
    with pytest.raises(people.NotProven):
        soon.prove(BEN, PINS[BEN], "10.9.0.250")
    assert soon.prove(BEN, PINS[BEN], "10.0.0.9").name == BEN
    later = people.People(database, 10, lambda: system_clock() + timedelta(seconds=120))
    assert later.prove(BEN, PINS[BEN], None).name == BEN
    assert later.prove(BEN, PINS[BEN], "10.9.0.250").name == BEN
    presses = iter([True, False, False])

    def pressed_twice(pin: str, kept: str | None) -> bool:
        if next(presses):
            assert later.prove(ANN, PINS[ANN], "10.9.0.251").name == ANN
            with pytest.raises(people.NotProven):
                later.prove(ANN, "000001", "10.9.0.252")
        return is_pin(pin, kept)

    monkeypatch.setattr(people, "is_pin", pressed_twice)
    assert later.prove(ANN, PINS[ANN], "10.9.0.251").name == ANN
    with database.read() as connection:
        wrong = {each.name: each.wrong_pins for each in people.everybody(connection)}
    assert wrong[ANN] == 1, "what a stranger guessed meanwhile stands"


def test_beyond_this_computer_nothing_is_served_without_tls(desk: Desk) -> None:
    with pytest.raises(
        WrongInput, match=r"^\[pages\]: at 0\.0\.0\.0 badges and PINs go over the network: give certificate"
    ):
        address_for(PagesSettings(host="0.0.0.0"))
    assert "has no [pages]" in desk(group="pages", code=2)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_program_serves_by_tls_whom_the_commands_let_in(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = ("--by", "Root")
    desk("add", ANN, "--may", "act", *by, group="people")
    assert "is there already" in desk("add", ANN.upper(), *by, group="people", code=2)
    desk("add", EVE, *by, group="people")
    for who, pin, code in ((ANN, PINS[ANN], 0), (EVE, "1234", 2), ("Nobody", "135797", 2)):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{pin}\n"))
        desk("pin", who, *by, group="people", code=code)
    desk("may", ANN, "look", *by, group="people")
    desk("unlock", ANN, *by, group="people")
    desk("remove", EVE, *by, group="people")
    listed = json.loads(desk("list", "--json", group="people"))
    assert [(each["name"], each["may"], each["pin"]) for each in listed] == [(ANN, "look", True)]

    authority, port = Authority(tmp_path, "site"), free_port()
    issued = authority.issue("pages")
    more = f'[pages]\nport = {port}\ncertificate = "{issued.certificate}"\nkey = "{issued.key}"\n'
    desk.config.write_text(desk.config.read_text() + more)
    home = f"https://127.0.0.1:{port}"
    command = (sys.executable, "-c", "from station.cli import main; main()", "inventory", "pages", "--config")
    trusted = ssl.create_default_context(cafile=str(authority.file))
    with running((*command, desk.config)) as process:
        async with httpx.AsyncClient(base_url=home, verify=trusted, timeout=60) as client:
            await until_served(process, port)
            proof = {"name": ANN, "pin": PINS[ANN]}
            signed = await client.post("/session", json=proof, headers={"Origin": home})
            assert signed.status_code == 200, signed.text
            cookie = signed.headers["set-cookie"]
            assert cookie.startswith("__Host-inventory=")
            assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(cookie.split("; "))
            assert (await client.get("/requests")).status_code == 200
            with pytest.raises(httpx.HTTPError):
                await client.get(f"http://127.0.0.1:{port}/sign-on")
        process.terminate()
