"""Jig boards for the proofs' stations, with times that fit hubs which boot twenty times as fast as real ones."""

from __future__ import annotations

from typing import Any

from benches.station_bench import Bench

BOARD_TIMES: dict[str, Any] = {
    "poll_seconds": 0.02,
    "debounce_seconds": 0.05,
    "heartbeat_seconds": 0.25,
    "watchdog_seconds": 2.0,
    "answer_seconds": 0.2,
    "reconnect_seconds": 0.5,
}
RECOGNITION_SECONDS = 4.0


def with_boards(bench: Bench, settings: dict[str, Any]) -> dict[str, Any]:
    """Give each jig of these settings the board that it has on the rig, if any."""
    boards: dict[str, str] = bench.ready.get("boards", {})
    for jig in settings["jigs"]:
        if jig["name"] in boards:
            jig["board"] = {"port": boards[jig["name"]], **BOARD_TIMES}
            jig["recognition_seconds"] = RECOGNITION_SECONDS
    return settings


def boards_of(choice: str, jigs: int) -> str:
    """Name the jigs of a rig that have a board, as the rig's option wants them: of each four the last two, or all."""
    if choice != "mixed":
        return choice
    return ",".join(str(jig) for jig in range(1, jigs + 1) if (jig - 1) % 4 >= 2)
