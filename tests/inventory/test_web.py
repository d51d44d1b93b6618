"""Other programs: asked by HTTP of a real server, by token, each answer one that a program can read."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from benches.inventory_desk import Desk, asked, held
from benches.told_results import SOURCE, TOPICS, SayingStation, chf_of, gpf_of
from inventory.database.engine import Database
from inventory.errors import WrongInput
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.settings import load_settings
from inventory.web.app import web_app
from inventory.web.callers import Callers
from inventory.web.settings import TokenSettings

ACT, LOOK = "a" * 40, "b" * 40


@dataclass
class Asking:
    """A program that asks."""

    port: int

    def __call__(
        self, method: str, path: str, body: Any = None, *, token: str | None = ACT, **headers: str
    ) -> tuple[int, Any]:
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content, kind = answer.read().decode(), answer.headers["content-type"]
        if answer.status >= 400:
            assert kind == "application/problem+json", content
            assert json.loads(content)["status"] == answer.status
        return answer.status, json.loads(content) if "json" in kind else content


@pytest.fixture
def tokens(tmp_path: Path) -> tuple[TokenSettings, ...]:
    made = []
    for name, may, token in (("erp", "act", ACT), ("watch", "look", LOOK)):
        file = tmp_path / f"{name}.token"
        file.touch(mode=0o600)
        file.write_text(f"{token}\n")
        made.append(TokenSettings.model_validate({"name": name, "file": file, "may": may}))
    return tuple(made)


@pytest.fixture
def asking(desk: Desk, database: Database, tokens: tuple[TokenSettings, ...]) -> Iterator[Asking]:
    requests = load_settings(desk.config).requests
    app = web_app(database, Callers(tokens), requests, system_clock)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield Asking(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


def test_a_program_takes_an_order_from_its_request_to_its_dispatch(
    desk: Desk, database: Database, asking: Asking
) -> None:
    desk.take([*(asked(hub) for hub in (1, 2, 3)), asked(9)], [held(hub) for hub in (1, 2, 3)])
    by = {"by": "A. Person"}
    act = {"work_order": "WO-1", "purchase_order": "PO-7", **by}
    status, answer = asking("POST", "/v1/requests/RQ-1/authorise", act)
    assert status == 200
    assert Path(answer["file"]).read_text().count("WO-1") == 3
    assert asking("POST", "/v1/requests/RQ-1/authorise", act)[0] == 409
    goods = {
        "delivery_note": "DN",
        "units": [
            {"unit": "hub", "code": chf_of(1)},
            {"unit": "hub", "code": gpf_of(2)},
            {"unit": "hub", "code": chf_of(3), "finding": "damaged_packaging"},
        ],
        **by,
    }
    status, answer = asking("POST", "/v1/requests/RQ-1/deliveries", goods)
    assert (status, answer["accepted"], answer["rejected"]) == (200, 2, {"damaged_packaging": 1})
    station = SayingStation()
    intake = Intake(database, {SOURCE: TOPICS}, system_clock)
    first, missing = station.result(1), station.result(2)
    intake.take_heard([first, station.result(2), *station.packed((1, 2), "CTN1")])
    assert (
        asking("POST", "/v1/requests/RQ-1/address", {"address": "Dock 4", "reason": "mail", **by})[0] == 200
    )
    leave = {
        "cartons": ["CTN1"],
        "carrier_note": "4711",
        "transport_pence": 100,
        "despite_upstream": "by file",
        **by,
    }
    status, answer = asking("POST", "/v1/requests/RQ-1/dispatches", leave)
    assert (status, "journal republish 2 2" in answer["title"]) == (409, True)
    figures = asking("GET", "/v1/metrics", token=LOOK)[1]
    assert f'reflash_inventory_missing_messages{{source="{SOURCE}"}} 1\n' in figures
    assert asking("GET", "/v1/missing")[1][0]["command"] == "reflash journal republish 2 2"
    intake.take_heard([missing])
    assert asking("POST", "/v1/requests/RQ-1/dispatches", leave)[1]["hubs"] == 2
    assert asking("POST", "/v1/dispatches/DP-1/fate", {"fate": "delivered", "reason": "r", **by})[1] == {
        "hubs": 2
    }
    status, page = asking("GET", "/v1/requests/RQ-1", token=LOOK)
    assert (status, page["state"], page["decided_by"]) == (200, "authorised", "A. Person (by erp)")
    assert (page["accepted"], page["refused"]) == (3, {"unknown": 1})
    assert (page["delivered"], page["outcomes"]) == ({"accepted": 2, "damaged_packaging": 1}, {"passed": 2})
    assert (page["places"], page["dispatched"], page["address"]) == (
        {"carton": 2},
        {"delivered": 2},
        "Dock 4",
    )
    first_page = asking("GET", "/v1/requests/RQ-1/hubs?limit=3", token=LOOK)[1]
    second = asking("GET", f"/v1/requests/RQ-1/hubs?limit=3&after={first_page['next']}", token=LOOK)[1]
    assert [each["line"] for each in (*first_page["hubs"], *second["hubs"])] == [2, 3, 4, 5]
    assert second["next"] is None
    hub = asking("GET", f"/v1/hubs/{gpf_of(1)}", token=LOOK)[1]
    assert (hub["hub"]["firmware"], hub["requests"][0]["request"]) == ("0002012F", "RQ-000001")
    for path in ("requests", "rejected", "recalled", "findings", "notices", "charges"):
        assert asking("GET", f"/v1/{path}", token=LOOK)[0] == 200
    assert asking("GET", "/v1/requests/RQ-1/deliveries")[1]["outstanding"] == [chf_of(3)]
    assert asking("GET", "/v1/requests/RQ-1/dispatches")[1][0]["fates"] == {"delivered": 2}
    assert asking("POST", "/v1/requests/RQ-1/done", by)[0] == 409
    decided = {"state": "closed", "reason": "all came back", **by}
    assert asking("POST", "/v1/requests/RQ-1/decide", {**decided, "by": "Another"})[0] == 200
    page = asking("GET", "/v1/requests/RQ-1")[1]
    assert (page["decided_by"], page["closed_by"]) == ("A. Person (by erp)", "Another (by erp)")
    assert (page["reason"], page["closed_reason"]) == (None, "all came back")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_nobody_asks_without_a_token_and_what_is_wrong_is_told_as_a_problem(
    desk: Desk, asking: Asking, tokens: tuple[TokenSettings, ...], tmp_path: Path
) -> None:
    desk.take([asked(1)], [held(1)])
    assert asking("GET", "/health", token=None) == (200, "ok\n")
    for token in (None, "", ACT[:-1], ACT + "a", "é"):
        assert asking("GET", "/v1/requests", token=token and token.encode().decode("latin-1"))[0] == 401
        assert asking("GET", "/v1/openapi.json", token=token and token.encode().decode("latin-1"))[0] == 401
    act = {"work_order": "WO-1", "purchase_order": "PO-7", "by": "A. Person"}
    assert asking("POST", "/v1/requests/RQ-1/authorise", act, token=LOOK)[0] == 403
    for wrong in (
        {**act, "by": " "},
        {**act, "by": "a\nb"},
        {**act, "by": "\u200b"},
        {**act, "by": "A\u202eB"},
        {**act, "work_order": "../x"},
        {**act, "x": 1},
        [],
        None,
    ):
        assert asking("POST", "/v1/requests/RQ-1/authorise", wrong)[0] == 422
    assert asking("POST", "/v1/requests/RQ-1/authorise", act, **{"Content-Length": "9999999"})[0] == 413
    assert asking("GET", "/v1/requests/RQ-9")[0] == 400
    assert asking("GET", "/v1/requests/x")[0] == 400
    assert asking("GET", "/v1/hubs/nonsense")[0] == 400
    assert asking("GET", "/v1/nothing")[0] == 404
    assert asking("DELETE", "/v1/requests", **{"Content-Length": "0"})[0] == 405
    assert asking("GET", "/v1/requests/RQ-1/hubs?limit=501")[0] == 422
    schema = asking("GET", "/v1/openapi.json", token=LOOK)[1]
    assert len([path for path, methods in schema["paths"].items() if "post" in methods]) == 7
    (tmp_path / "erp.token").chmod(0o640)
    with pytest.raises(WrongInput, match="can be read by others"):
        Callers(tokens)
    (tmp_path / "erp.token").chmod(0o600)
    (tmp_path / "erp.token").write_text("short")
    with pytest.raises(WrongInput, match="no token of 32"):
        Callers(tokens)
    (tmp_path / "erp.token").write_text(LOOK)
    with pytest.raises(WrongInput, match="holds the token of"):
        Callers(tokens)
    assert "has no [web]" in desk(group="serve", code=2)


@pytest.mark.parametrize(("program", "table"), [("serve", "web"), ("pages", "pages")])
def test_a_port_that_another_program_has_is_one_line_that_says_what_to_do(
    desk: Desk, tokens: tuple[TokenSettings, ...], program: str, table: str
) -> None:
    asking = f'tokens = [{{name = "erp", file = "{tokens[0].file}"}}]\n' if table == "web" else ""
    with socket.create_server(("127.0.0.1", 0)) as theirs, desk.config.open("a") as config:
        port = theirs.getsockname()[1]
        config.write(f"[{table}]\nport = {port}\n{asking}")
        config.flush()
        assert desk(group=program, code=1) == (
            f"reflash inventory: [{table}]: port {port} of 127.0.0.1: another program has it: stop that one (ss -ltnp names it), "
            "or choose another port\n"
        )
