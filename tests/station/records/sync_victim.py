"""A process whose disk fails to sync: appends, says what became of each, and dies without closing anything."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from station.records.errors import JournalError
from station.records.facts.journal import StationStarted
from station.records.journal import Journal


async def work(folder: Path, control: Path, how: str, *names: str) -> None:
    async with Journal.open(folder, site="leeds", station="bench-1") as journal:
        for name in names:
            if name == "reader":
                await journal.orders()  # a second connection, as in a daemon
                continue
            if name == "failing":
                await asyncio.to_thread(control.write_text, f"-wal {how}")
            try:
                await journal.append(StationStarted(station_version=name, boot_id="b"))
                said = "ok"
            except JournalError as error:
                said = type(error).__name__
            print(json.dumps([name, said]), flush=True)
        os._exit(0)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
