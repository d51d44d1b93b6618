"""Stations that live one after the other: each a fork of a process that has everything imported, for speed.

As a program it reads a JSON object a line, `{"config", "hubs", "point", "kill_after"}`, lives that life in a child
and answers how it ended. A life ends by itself once every hub named has a result on its slot's screen. With `play`
it is one in which a scenario is played, and ends as `play` says.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from crash_points import DEATH, Point, act_at, die
from play import Play
from witness import Shown, Trace

from benches.processes import last_words
from station.daemon.assembly import Daemon
from station.domain.phase import SlotPhase
from station.domain.slot_view import SlotView
from station.log import configure_logging
from station.settings_file import load_settings

LONGEST_LIFE_SECONDS = 60.0
_DONE = {
    SlotPhase.PASSED,
    SlotPhase.ALREADY_CURRENT,
    SlotPhase.PASSED_BEFORE,
    SlotPhase.REJECTED,
    SlotPhase.FAILED,
}


class End(StrEnum):
    """How a life ended."""

    POINT = "point"
    KILLED = "killed"
    FINISHED = "finished"
    STUCK = "stuck"
    FAILED = "failed"


class Lives:
    """The line to such a program. Use as a context manager, from one thread."""

    def __enter__(self) -> Self:
        folder = Path(__file__).parent
        self._program = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(folder.parent), *sys.path))},
        )
        return self

    def __exit__(self, *_: object) -> None:
        last_words(self._program)

    def live(
        self,
        config: Path,
        hubs: Iterable[str] = (),
        *,
        point: Point | None = None,
        kill_after: float | None = None,
        trace: Path | None = None,
    ) -> End:
        """Live one life to its end; what it shows is written into the trace."""
        return self._live_as_told(
            config,
            {
                "hubs": list(hubs),
                "trace": None if trace is None else str(trace),
                "point": None if point is None else [point.name, point.side, point.number],
                "kill_after": kill_after,
            },
        )

    def play(self, config: Path, request: Mapping[str, Any]) -> End:
        """Live one life in which a scenario is played, or what is left of it."""
        return self._live_as_told(config, {"play": request, "kill_after": None})

    def _live_as_told(self, config: Path, request: Mapping[str, Any]) -> End:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps({"config": str(config), **request}) + "\n")
        self._program.stdin.flush()
        end = End(json.loads(self._program.stdout.readline())["end"])
        if end in {End.STUCK, End.FAILED}:
            log = config.with_suffix(".log").read_text(errors="replace")[-4000:]
            raise AssertionError(f"a station's life ended {end}:\n{log}")
        return end


def _live(request: dict[str, Any]) -> None:
    """Be the station, until its point or until the hubs are done."""
    config = Path(request["config"])
    with config.with_suffix(".log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if "play" in request:
        settings = load_settings(config)
        configure_logging(settings.log.format, settings.log.level)
        asyncio.run(Play(settings, request["play"]).run())
        return
    if request["point"] is not None:
        act_at({Point(*request["point"]): die})
    settings = load_settings(config)
    configure_logging(settings.log.format, settings.log.level)
    waiting = set(request["hubs"])
    shown = Shown(Trace(Path(request["trace"]))) if request["trace"] else None

    def see(view: SlotView) -> None:
        if shown is not None:
            shown.see(view)
        if view.phase in _DONE and view.chf is not None:
            waiting.discard(str(view.chf))
        if not waiting:
            daemon.stop()

    daemon = Daemon(settings, on_view=see)
    asyncio.run(daemon.run())


def _wait(pid: int, kill_after: float | None) -> End:
    process = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([process], [], [], kill_after or LONGEST_LIFE_SECONDS)
        if not ended:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(process)
    _, status = os.waitpid(pid, 0)
    if not ended:
        return End.KILLED if kill_after else End.STUCK
    return {DEATH: End.POINT, 0: End.FINISHED}.get(os.waitstatus_to_exitcode(status), End.FAILED)


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            with suppress(
                BaseException
            ):  # whatever it was, the log has it; the parent's clean-up is not ours
                try:
                    _live(request)
                    code = 0
                except BaseException:
                    traceback.print_exc()
            os._exit(code)
        print(json.dumps({"end": _wait(pid, request["kill_after"])}), flush=True)


if __name__ == "__main__":
    main()
