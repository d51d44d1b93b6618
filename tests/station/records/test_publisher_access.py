"""A real mosquitto that denies what the station sends, and acknowledges it all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import brokers
from publisher_bench import bench

from station.records.publisher import Connection

STATUS = "reflash/v1/leeds/bench-1/status"


def test_no_result_leaves_to_a_broker_that_drops_what_it_acknowledges(folder: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "acl"
    allowed.write_text("topic read reflash/#\n")
    allowed.chmod(0o600)

    async def main() -> None:
        with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
            async with bench(folder, broker.port) as station:
                await station.results(1, 2)
                station.start()
                refused = await station.until_said(Connection.REFUSED)
                assert f"let this station write and read {STATUS}" in refused.line
                assert await station.journal.outbox_size() == 2
                broker.kill()
                allowed.write_text(f"topic write reflash/v1/leeds/bench-1/#\ntopic read {STATUS}\n")
                broker.start()
                await station.until_empty()
                assert station.said[-1].connection is Connection.CONNECTED

    asyncio.run(main())
