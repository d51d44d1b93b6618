"""A real mosquitto that denies what the station sends, and acknowledges it all the same."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import brokers
import pytest
from publisher_bench import bench

from station.publishing.publisher import IN_FLIGHT, Connection

DEPLOY = Path(__file__).parents[3] / "deploy"
ROOT = "reflash/v1/leeds/bench-1"
STATUS = f"{ROOT}/status"
FIRST, SECOND = (f"{ROOT}/jig/jig-1/slot/{slot}/result" for slot in (2, 3))
"""Where the results of the hubs 1 and 2 are sent."""

ALL = f"topic write {ROOT}/#\ntopic read {STATUS}\ntopic read {ROOT}/jig/+/slot/+/result\n"
DENYING = {
    "everything": ("topic read reflash/#\n", STATUS),
    "reading its status": (f"topic write {ROOT}/#\n", STATUS),
    "writing results": (f"topic readwrite {STATUS}\ntopic read reflash/#\n", FIRST),
    "reading results": (f"topic write {ROOT}/#\ntopic read {STATUS}\n", FIRST),
    "the results of a slot": (f"{ALL.replace('slot/+', 'slot/3')}", FIRST),
}


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    path = tmp_path / "acl"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("what", DENYING)
def test_no_result_leaves_to_a_broker_that_drops_what_it_acknowledges(
    folder: Path, tmp_path: Path, allowed: Path, what: str
) -> None:
    access, named = DENYING[what]
    allowed.write_text(access)

    async def main() -> None:
        with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
            async with bench(folder, broker.port) as station:
                await station.results(1, 2)
                station.start()
                refused = await station.until_said(Connection.REFUSED)
                assert f"let this station write and read {named} in the broker's access list" in refused.line
                assert all(said.connection is not Connection.CONNECTED for said in station.said)
                left = await station.journal.outbox_batch(9)
                # What is delivered does leave.
                assert [result.topic for result in left] == ([FIRST] if "slot" in what else [FIRST, SECOND])
                broker.kill()
                await asyncio.to_thread(allowed.write_text, ALL)
                broker.start()
                await station.until_empty()
                await station.until_said(Connection.CONNECTED)

    asyncio.run(main())


def test_results_of_a_denied_topic_wait_and_keep_no_others_waiting(
    folder: Path, tmp_path: Path, allowed: Path
) -> None:
    allowed.write_text(ALL.replace("slot/+", "slot/3"))
    denied = [1 + 8 * number for number in range(IN_FLIGHT + 3)]

    async def main() -> None:
        with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
            async with bench(folder, broker.port) as station:

                async def only_denied_ones_are_left() -> bool:
                    return await station.journal.outbox_size() == len(denied)

                await station.results(*denied, 2)
                station.start()
                await station.until(only_denied_ones_are_left)
                refused = await station.until_said(Connection.REFUSED)
                assert FIRST in refused.line
                # As long as nothing is mended they wait, and what comes does not.
                await station.results(10, 18)
                await station.until(only_denied_ones_are_left)
                assert all(said.connection is not Connection.CONNECTED for said in station.said)
                await asyncio.to_thread(allowed.write_text, ALL)
                broker.reload()
                await station.until_empty()
                await station.until_said(Connection.CONNECTED)

    asyncio.run(main())


def test_a_topic_that_is_denied_only_now_takes_the_green_light_back(
    folder: Path, tmp_path: Path, allowed: Path
) -> None:
    allowed.write_text(ALL.replace("slot/+", "slot/3"))

    async def main() -> None:
        with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
            async with bench(folder, broker.port) as station:
                station.start()
                await station.results(2)
                await station.until_said(Connection.CONNECTED)
                await station.until_empty()
                await station.results(1)
                refused = await station.until_said(Connection.REFUSED)
                assert FIRST in refused.line
                assert await station.journal.outbox_size() == 1

    asyncio.run(main())


def test_the_access_list_that_is_shipped_lets_results_out(folder: Path, tmp_path: Path) -> None:
    passwords, secret, allowed = tmp_path / "passwords", tmp_path / "secret", tmp_path / "acl"
    for path in (passwords, secret, allowed):
        path.touch(mode=0o600)
    subprocess.run(
        [brokers.installed("mosquitto_passwd", "mosquitto"), "-b", passwords, "bench-1", "pass"], check=True
    )
    secret.write_text("pass\n")
    allowed.write_text((DEPLOY / "mosquitto" / "reflash.acl").read_text())
    lines = (f"password_file {passwords}", f"acl_file {allowed}")

    async def main() -> None:
        with brokers.mosquitto(tmp_path, anonymous=False, lines=lines) as broker:
            who = {"site": "site-1", "username": "bench-1", "password_file": secret}
            async with bench(folder, broker.port, **who) as station:
                station.start()
                await station.results(1, 2, 3)
                await station.until_empty()
                await station.until_said(Connection.CONNECTED)

    asyncio.run(main())


def test_a_broker_that_hangs_up_at_each_result_is_told_apart_from_one_that_is_away(
    folder: Path, tmp_path: Path
) -> None:
    async def main() -> None:
        with brokers.mosquitto(tmp_path, lines=("max_packet_size 700",)) as broker:
            async with bench(folder, broker.port) as station:
                await station.results(1)
                station.start()
                refused = await station.until_said(Connection.REFUSED)
                assert "hangs up whenever it is sent results" in refused.line
                assert FIRST in refused.line
                (result,) = await station.journal.outbox_batch(9)
                assert f"packets of {len(result.payload) + 1024} bytes" in refused.line

    asyncio.run(main())
