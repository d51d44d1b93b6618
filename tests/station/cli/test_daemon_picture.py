"""The picture that `reflash run` draws on its terminal. The station fares the same whatever becomes of that."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from benches.station_bench import Bench, slot
from benches.terminal import Screen, program
from station.control.client import follow_daemon
from station.desk.bench_requests import Watch
from station.domain.phase import SlotPhase
from station.settings_file import load_settings


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
async def test_a_terminal_that_lacks_a_sign_shows_all_else_and_one_that_is_closed_stops_nothing(
    bench: Bench, config: Path, tmp_path: Path, encoding: str
) -> None:
    screen, log = Screen(), tmp_path / "log"
    environment = {
        **os.environ,
        "TERM": "xterm",
        "COLUMNS": "90",
        "LINES": "40",
        "PYTHONIOENCODING": encoding,
    }
    state = load_settings(config).state_directory

    async def until_empty() -> None:
        async with follow_daemon(state, Watch()) as answers:
            async for answer in answers:
                if any(each.place == slot(1) and each.phase is SlotPhase.EMPTY for each in answer.slots):
                    return

    with log.open("w") as file:
        streams = {"stdin": screen.slave, "stdout": screen.slave, "stderr": file}
        async with program("run", "--config", config, env=environment, **streams) as daemon:
            await screen.until("EMPTY")
            await bench.seat(bench.hub(), slot(1))
            await screen.until("REJECTED")
            await screen.until("assign an order to the jig, then seat it again")
            screen.close()
            await bench.do("unseat", jig=1, slot=1)
            await until_empty()
            daemon.send_signal(signal.SIGTERM)
            assert await daemon.wait() == 0
    assert "Traceback" not in log.read_text()
