"""The API as programs meet it: derived from the desk's requests, asked over HTTP before a real daemon."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from benches.screen_process import browser, events, running_screen, until_ready
from benches.station_bench import Bench, order_csv, slot
from benches.station_daemon import events_of, running_daemon
from station.desk.rights import MAY, Role
from station.domain.actor import Actor, PersonRole
from station.domain.phase import SlotPhase
from station.people.bearers import Bearers, ProgramRole
from station.people.operators import Operators
from station.records.facts.orders import OrderImported
from station.records.facts.packing import CartonOpened
from station.screen.api.document import document
from station.screen.api.following import Following
from station.screen.api.operations import ROOT, operations
from station.screen.board import Board

PIN = "135797"
PAGE = "00000000-0000-4000-8000-000000000000"


def test_whatever_may_be_asked_at_the_screen_has_one_path_and_is_described() -> None:
    every = list(operations())
    assert len({(each.method, each.path) for each in every}) == len(every)
    offered = {each.kind for each in every}
    left_out = {kind.name for kind, roles in MAY.items() if kind not in offered and roles - {Role.ACCOUNT}}
    assert left_out == {"open_session", "show_bearer", "close_session"}
    described = document(every, "1")
    assert sum(len(methods) for methods in described["paths"].values()) == len(every)
    for methods in described["paths"].values():
        for each in methods.values():
            for parameter in each["parameters"]:
                jsonschema.Draft202012Validator.check_schema(parameter["schema"])
            assert each["x-who-may"]
    assigned = described["paths"]["/orders/{order}/assign"]["post"]
    body = assigned["requestBody"]["content"]["application/json"]["schema"]
    assert ("order" in body["properties"], body["required"]) == (False, ["jig"])
    written = json.dumps(described)
    for reference in {part.split('"')[0] for part in written.split('"#/components/schemas/')[1:]}:
        assert reference in described["components"]["schemas"]


async def test_programs_ask_what_their_tokens_let_them(bench: Bench, tmp_path: Path) -> None:
    desk = tmp_path / "desk.sock"
    settings = bench.station_settings(
        tmp_path / "state",
        {"jig1": [1]},
        desk_socket=str(desk),
        people={"line_clearance": "off"},
    )
    settings.state_directory.mkdir()
    operators = Operators(settings.operators_file)
    sue = operators.pseudonym_of("Sue Example", PersonRole.SUPERVISOR)
    operators.set_pin(sue, PIN)
    bearers = Bearers(settings.bearers_file, operators)
    looks, plans = (
        {"Authorization": f"Bearer {bearers.make_token(role.value, role, datetime.now(UTC))}"}
        for role in (ProgramRole.VIEWER, ProgramRole.PLANNER)
    )
    hub = bench.hub()
    file = order_csv(hub)
    csv = {"Content-Type": "text/csv"}

    async with (
        running_daemon(settings) as station,
        running_screen(desk) as address,
        browser(address) as page,
        httpx.AsyncClient(base_url=f"{address}{ROOT}", timeout=60) as program,
    ):
        await until_ready(page)
        await station.until(slot(1), SlotPhase.EMPTY)
        described = (await program.get("/openapi.json")).json()

        async def problem(answer: Any, status: int, says: str) -> dict[str, Any]:
            answered = await answer
            assert answered.status_code == status, answered.text
            assert answered.headers["content-type"] == "application/problem+json"
            told = answered.json()
            jsonschema.validate(told, described["components"]["schemas"]["Problem"])
            assert says in told["detail"]
            return told

        imports = "/orders/import?source=wo.csv"
        await problem(
            program.post(imports, content=file, headers={**csv, **looks}),
            403,
            "import order is not for a viewer",
        )
        assert b"403 Forbidden" in await answer_to_the_head_alone(
            address, f"{ROOT}{imports}", {**csv, **looks}
        )
        await problem(program.post(imports, content=file, headers=csv), 403, "only this screen's own pages")
        await problem(program.post(imports, content=b"{}", headers=plans), 415, "its body is an order's file")
        bad = await problem(program.post(imports, content=b"\xff", headers={**csv, **plans}), 422, "wo.csv")
        assert bad["facts"]["source"] == "wo.csv"
        await problem(
            program.post("/hubs/put", content=bytes(70_000), headers=plans), 413, "that is more than 65536"
        )
        imported = await program.post(imports, content=file, headers={**csv, **plans})
        assert imported.json() == {"order": "WO-1", "hubs": 1, "new": True}
        actor = Actor(pseudonym="program-planner", role=None, where="desk")
        assert [each.actor for each in events_of(settings, OrderImported)] == [actor]

        second = order_csv(bench.hub(), order="WO/2")
        await program.post(imports, content=second, headers={**csv, **plans})
        listed = await program.get("/orders?limit=1", headers=looks)
        assert [each["order"] for each in listed.json()["orders"]] == ["WO/2"]
        following = listed.headers["link"].partition(">")[0].removeprefix(f"<{ROOT}")
        listed = await program.get(following, headers=looks)
        assert [each["order"] for each in listed.json()["orders"]] == ["WO-1"]
        assert "link" not in listed.headers
        for query, says in (
            ("limit=0", "list_orders: limit"),
            ("limit=1&limit=2", "twice"),
            ("more=1", "list_orders: more"),
        ):
            await problem(program.get(f"/orders?{query}", headers=looks), 422, says)
        shown = await program.get("/orders/WO%2F2", headers=looks)
        assert shown.json()["row"]["order"] == "WO/2"
        schema = {
            **described["paths"]["/orders/{order}"]["get"]["responses"]["200"]["content"]["application/json"][
                "schema"
            ]
        }
        jsonschema.validate(shown.json(), {**schema, "components": described["components"]})
        await problem(program.get("/orders/none", headers=looks), 404, "there is no order none")
        await problem(program.get("/nothing", headers=looks), 404, "Not Found")
        for headers, status in ((looks, 403), (plans, 403), ({}, 200)):
            assert (await page.get("/people", headers=headers)).status_code == status, "a page shows no more"
            scanned = await page.post("/scan", json={"page": PAGE, "text": "jig1/1"}, headers=headers)
            assert scanned.status_code == status, scanned.text
            assert (await page.get("/metrics", headers=headers)).status_code == 200
        await problem(program.delete("/orders", headers=looks), 405, "Method Not Allowed")

        assign, sent = "/orders/WO-1/assign", {"jig": "jig1", "expected": {"order": None}}
        await problem(page.post(f"{ROOT}{assign}", json=sent), 403, "assign order is not for a technician")
        key = {"Idempotency-Key": str(uuid4())}
        for _ in range(2):
            done = await page.post(f"{ROOT}{assign}", json=sent, auth=("Sue Example", PIN), headers=key)
            assert done.json() == {"order": "WO-1", "jig": "jig1"}
        other = {**sent, "expected": None}
        second_one = page.post(f"{ROOT}{assign}", json=sent, auth=(sue, PIN))
        told = await problem(second_one, 409, "jig1 works on order WO-1 now")
        assert told["facts"] == {"jig": "jig1", "order": "WO-1"}
        for content, says in (
            ({**other, "order": "WO-1"}, "order stands in the path"),
            ({"jig": 1}, "assign_order: jig"),
            ([], "its body is a JSON object"),
        ):
            await problem(page.post(f"{ROOT}{assign}", json=content), 422, says)
        await problem(page.post(f"{ROOT}{assign}?jig=jig1", json=sent), 422, "none in the query")
        await problem(page.post(f"{ROOT}{assign}", json=sent, headers={"Idempotency-Key": "1"}), 422, "UUID")

        await no_scan_is_a_supervisors(page, (sue, PIN))
        assert [each.actor.role for each in events_of(settings, CartonOpened)] == ["technician"]
        await hears_what_it_missed(program, looks, station, bench)


async def answer_to_the_head_alone(address: str, path: str, headers: dict[str, str]) -> bytes:
    """Announce a large file, send none of it, and return the first line of what is said."""
    host = address.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    lines = (
        f"{name}: {value}" for name, value in {**headers, "Host": host, "Content-Length": 1 << 25}.items()
    )
    writer.write("\r\n".join((f"POST {path} HTTP/1.1", *lines, "", "")).encode())
    try:
        return await reader.readline()
    finally:
        writer.close()


async def no_scan_is_a_supervisors(page: httpx.AsyncClient, supervisor: tuple[str, str]) -> None:
    """Name and PIN prove one request, and never the scans of a page after it."""
    other = PAGE.replace("4000", "4001")
    scan = {"page": other, "view": "pack", "text": "new carton WO-1"}
    assert (await page.get(f"/pack/now?page={other}", auth=supervisor)).status_code == 200
    for pin in (supervisor[1], "975310"):
        for method, path in (("POST", "/scan"), ("GET", "/metrics")):
            answer = await page.request(method, path, json=scan, auth=(supervisor[0], pin))
            assert (answer.status_code, "prove nothing here" in answer.text) == (401, True)
    assert (await page.post("/scan", json=scan)).json()["kind"] == "taken"


async def hears_what_it_missed(
    program: httpx.AsyncClient, looks: dict[str, str], station: Any, bench: Bench
) -> None:
    """Follow, leave, and go on from the last event that was heard."""

    async def heard(until: str, last: str | None = None) -> list[dict[str, str]]:
        headers = looks if last is None else {**looks, "Last-Event-ID": last}
        found = []
        async with program.stream("GET", "/watch", headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            async with aclosing(events(stream)) as each:
                async for event in each:
                    found.append(event)
                    if event.get("event") == "slot" and json.loads(event["data"])["phase"] == until:
                        return found
        raise AssertionError(found)

    first = await heard("empty")
    assert {"layout", "station", "slot"} <= {each.get("event") for each in first}
    last = first[-1]["id"]
    stranger = bench.hub()
    await bench.seat(stranger, slot(1))
    await station.until(slot(1), SlotPhase.REJECTED)
    missed = await heard("rejected", last)
    assert "layout" not in {each.get("event") for each in missed}, "what did not change is not told again"
    again = await heard("rejected", "0000-" + last.partition("-")[2])
    assert "layout" in {each.get("event") for each in again}, "another run's numbers say nothing"


@pytest.mark.parametrize("last", ["", "x", "-", "9" * 40, "0-\N{SUPERSCRIPT TWO}"])
async def test_whatever_a_reader_claims_to_have_heard_it_hears_all(last: str) -> None:
    board = Board()
    board.put("slot jig1/1", 1)
    answer = await Following(board, "0").answer(
        Request({"type": "http", "headers": [(b"last-event-id", last.encode())]})
    )
    assert isinstance(answer, StreamingResponse)
    async with aclosing(answer.body_iterator) as stream:  # type: ignore[type-var]
        assert [await anext(stream), await anext(stream)][1] == b"event: slot\nid: 0-1\ndata: 1\n\n"  # type: ignore[call-overload]
