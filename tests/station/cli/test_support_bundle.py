"""A support bundle: what helps is in it, and nothing that is planted wherever a secret or a name can be."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import secrets
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from benches.station_bench import Bench, give_order, journal_of
from benches.station_config import write_config
from station.people.bearers import Bearers, ProgramRole
from station.people.operators import Operators
from station.records.facts.orders import OrderClosed
from station.settings_file import load_settings, parse_settings
from station.support.bundle import shown_settings
from station.support.settings_shown import shown
from station.support.withholding import WITHHELD, Withholding

PEOPLE = ("Zoë Quartermain-Öst", "Bartholomew Fenwick")
ERASED = "Mallory Vanished"
"""Nobody knows of this one any more but a fact in the journal, which was told a name against all advice."""
URL_SECRET, QUERY_SECRET, PASSWORD = "p/4s$w0rd-of-url", "query-t0ken-of-url", 'b"roker\\pässword'
HSM_PIN, BADGE, PIN = "83920174", "Q7X9K2M4P8", "640913"
STATION = 65534
"""A user by its number."""
MAIL = "j.o-bloggs@meters.party.example"
OTHER_ENVIRONMENT = "environment-of-somebody-else"


def forms(text: str) -> set[str]:
    """Return how programs write a text."""
    return {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        quote(text, safe=""),
        base64.b64encode(text.encode()).decode().rstrip("="),
    }


def members(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as files:
        return {each.name: files.extractfile(each).read().decode() for each in files}  # type: ignore[union-attr]


@pytest.fixture(params=["hsm pin in a file", "hsm pin in the environment", "tokens", "key"])
def unlock(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path, monkeypatch: Any) -> Any:
    """Yield [unlock] of each kind, and what of it nobody may read."""
    file = tmp_path / "unlock-secret"
    file.touch(mode=0o600)
    hsm = {"module": "/none.so", "token": "unlock-token", "key": "unlock-key"}
    match request.param:
        case "hsm pin in a file":
            file.write_text(HSM_PIN)
            return {"hsm": {**hsm, "pin": {"file": str(file)}}}, [HSM_PIN]
        case "hsm pin in the environment":
            monkeypatch.setenv("UNLOCK_PIN", HSM_PIN)
            return {"hsm": {**hsm, "pin": {"variable": "UNLOCK_PIN"}}}, [HSM_PIN]
        case "tokens":
            rows = [(secrets.token_hex(16), secrets.token_hex(64)) for _ in range(3)]
            lines = [f"88-73-84-00-00-00-00-0{n},{nonce},{sign}" for n, (nonce, sign) in enumerate(rows)]
            file.write_text("\n".join(["chf,nonce,signature", *lines]))
            return {"token_file": str(file)}, [each for row in rows for each in row]
        case _:
            key = bench.unlock_key.read_text()
            return {"key_file": str(bench.unlock_key)}, [key, *key.splitlines()[1:-1]]


async def test_nothing_that_is_planted_is_in_it(
    bench: Bench, tmp_path: Path, reflash: Any, unlock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_of_unlock, planted = unlock
    password = tmp_path / "mqtt.password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD + "\n")
    root = tmp_path / "root.json"
    root.write_text("{}")
    place = f"http://reader:{quote(URL_SECRET, safe='')}@127.0.0.1:9/hubs?token={QUERY_SECRET}"
    monkeypatch.setenv("REFLASH_CATALOGUE", json.dumps({"place": place, "root": str(root)}))
    monkeypatch.setenv("SOMEBODYS_TOKEN", OTHER_ENVIRONMENT)
    raw = bench.settings(
        tmp_path / "state",
        {"jig1": [1]},
        mqtt={"port": 1, "username": "bench", "password_file": str(password)},
        unlock=settings_of_unlock,
        people={"badge_prefix": "BADGE-", "line_clearance": "off"},
    )
    raw["catalogue"] = {"place": "http://127.0.0.1:9/", "root": str(root)}
    config = write_config(tmp_path / "station.toml", raw)
    settings = load_settings(config)
    operators = Operators(settings.operators_file)
    settings.state_directory.mkdir()
    for number, person in enumerate(PEOPLE):
        pseudonym = operators.pseudonym_of(person)
        operators.set_badge(pseudonym, f"{BADGE}{number}")
        operators.set_pin(pseudonym, PIN)
    now = datetime.now(UTC)
    bearers = Bearers(settings.bearers_file, operators)
    session, _ = bearers.open_session(pseudonym, now, now + timedelta(hours=1))
    token = bearers.make_token("metrics", ProgramRole.VIEWER, now)
    hashes = re.findall(
        r'"(?:badge|pin|digest|person|badge_salt)": ?"([^"]+)"', settings.operators_file.read_text()
    )
    digests = re.findall(r"[0-9a-f]{64}", settings.bearers_file.read_text())
    assert len(hashes) >= 4
    assert len(digests) >= 2
    await give_order(settings, bench.hub())
    async with journal_of(settings) as journal:
        await journal.append(OrderClosed(order="WO-1", reason=f"{ERASED} and {PEOPLE[0]} said so"))

    planted = [
        *planted,
        URL_SECRET,
        QUERY_SECRET,
        PASSWORD,
        OTHER_ENVIRONMENT,
        *hashes,
        *digests,
    ]
    carried = (session, token, f"BADGE-{BADGE}1")  # of which no file has more than a digest
    log = tmp_path / "station.log"
    lines = [
        f"level=info reason={form} at jig1"
        for each in planted
        if each != OTHER_ENVIRONMENT
        for form in forms(each)
    ]
    lines += [f"refused {form}: there is nobody" for each in PEOPLE for form in (*forms(each), each.upper())]
    lines += [f"refused {each}" for each in carried]
    lines += [f"550 <{MAIL}> is nobody here", f"to={MAIL.upper()}"]
    lines += [f"Hello {part}," for each in PEOPLE for part in each.split()]
    log.write_text("\n".join([*lines, "level=info station works"]))

    archive = tmp_path / "bundle.tar.gz"
    said = await asyncio.to_thread(reflash, "support-bundle", archive, "--config", config, "--log", log)
    assert said.code == 0, said
    assert archive.stat().st_mode & 0o777 == 0o600
    held = members(archive)
    whole = "\n".join((*held, *held.values())).lower()
    names = [*PEOPLE, ERASED, *(part for each in (*PEOPLE, ERASED) for part in each.split())]
    assert not [each for each in (*carried, MAIL) if each.lower() in whole]
    for each in (*planted, *names):
        for form in forms(each):
            if len(form) > 3:
                assert form.lower() not in whole, form

    told = {name.rpartition("reflash-support/")[2]: text for name, text in held.items()}
    configuration = json.loads(told["configuration.json"])
    assert configuration["settings"]["mqtt"]["host"] == "127.0.0.1"
    assert configuration["settings"]["jigs"][0]["driver_settings"]["framing"] == "console"
    assert configuration["settings"]["catalogue"]["place"] == f"http://{WITHHELD}@127.0.0.1:9/hubs"
    assert "REFLASH_CATALOGUE" in configuration["overridden"]
    assert json.loads(told["status.json"])["daemon"] == "none"
    assert {"version", "clock"} <= {finding["where"] for finding in json.loads(told["doctor.json"])}
    assert json.loads(told["journal.json"])["events"] >= 4
    assert json.loads(told["sizes.json"])["journal"]["bytes"] > 0
    assert "station" in json.loads(told["versions.json"])
    assert "level=info station works" in told["logs/1.log"]
    assert told["logs/1.log"].count("at jig1") == sum("at jig1" in line for line in lines)
    again = await asyncio.to_thread(reflash, "support-bundle", archive, "--config", config)
    assert "is there already" in again.refused


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files are given to other users")
async def test_root_looks_as_the_stations_user_and_leaves_nothing_behind(bench: Bench, reflash: Any) -> None:
    with tempfile.TemporaryDirectory() as name:  # one that others may look into
        folder = Path(name)
        folder.chmod(0o755)
        tokens = folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text("chf,nonce,signature\n")
        unlock = {"token_file": str(tokens)}
        raw = bench.settings(folder / "state", {"jig1": [1]}, mqtt={"port": 1}, unlock=unlock)
        settings = load_settings(config := write_config(folder / "station.toml", raw))
        await give_order(settings, bench.hub())
        state = settings.state_directory
        for path in (state, *state.rglob("*"), tokens):
            os.chown(path, STATION, STATION)
        groups, archive = os.getgroups(), folder / "bundle.tar.gz"
        before = set(state.rglob("*"))
        for looking in ("status", "doctor"):
            told = (await asyncio.to_thread(reflash, looking, "--config", config, "--json")).out
            assert "user" not in {finding["where"] for finding in json.loads(told)["findings"]}
        said = await asyncio.to_thread(reflash, "support-bundle", archive, "--config", config)
        assert said.code == 0, said
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, os.getgid(), groups)
        assert {path.stat().st_uid for path in state.rglob("*")} == {STATION}
        made = {path.name.rpartition("-")[2] for path in set(state.rglob("*")) - before}
        assert made <= {"shm", "wal"}, "nothing but what SQLite reads a journal with"
        assert archive.stat().st_uid == 0
        findings = json.loads(members(archive)["reflash-support/doctor.json"])
    assert "user" not in {finding["where"] for finding in findings}, "it ran as that user"


def test_the_shipped_configuration_is_shown_whole_and_what_joins_it_is_withheld() -> None:
    shipped = Path(__file__).parents[3] / "deploy" / "station.toml"
    everything = re.sub(r"(?m)^# ?(?=\w+ = |\[)", "", shipped.read_text())
    whole = shown_settings(parse_settings(everything, shipped))
    assert WITHHELD not in json.dumps(whole.content)
    assert whole.withheld == set()

    class Later(BaseModel):
        password: str = "of a driver that nobody here knows"
        key: SecretStr = SecretStr("of another")
        port: int = 7

    later = shown(Later())
    assert later.content == {"password": WITHHELD, "key": WITHHELD, "port": 7}
    assert later.withheld == {"of a driver that nobody here knows", "of another"}


@given(st.text(min_size=4), st.text(), st.text())
def test_a_secret_is_in_no_text_however_it_is_written(secret: str, before: str, after: str) -> None:
    withholding = Withholding([secret], ())
    for line in secret.splitlines():
        if len(line.strip()) < 4 or line.strip().startswith("-----"):
            continue
        for form in forms(line.strip()):
            text = withholding.text(f"{before}{form}{after}")
            assert form not in text.replace(WITHHELD, "") or form in f"{before}{after}"
