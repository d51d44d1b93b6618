"""A process that writes to a journal until something kills it.

`journal_victim.py FOLDER` appends without end, and prints each result as JSON once it is acknowledged.
`journal_victim.py FOLDER POINT` works until it reaches the named point, and dies there.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benches.journal_samples import closed, ledger_in, opened, write
from station.records import head, making, successor
from station.records.facts.outbox import MessagesAcknowledged
from station.records.journal import Journal

DEATH = 77


async def write_without_end(folder: Path) -> None:
    async with Journal.open(folder, site="leeds", station="bench-1", segment_rows=60) as journal:

        async def slot(number: int) -> None:
            while True:
                (attempt,) = await journal.append(opened(number, slot=number, order=None))
                (result,) = await journal.append(closed(attempt.sequence, number, slot=number, order=None))
                print(json.dumps([result.sequence, result.hash.hex()]), flush=True)
                if number == 1:
                    waiting = await journal.outbox_batch(10)
                    numbers = tuple(each.number.number for each in waiting)
                    await journal.append(MessagesAcknowledged(message="result", numbers=numbers))

        async with asyncio.TaskGroup() as slots:
            for number in range(1, 9):
                slots.create_task(slot(number))


def die(*_: object, **__: object) -> None:
    os._exit(DEATH)


def dying_after(work: Callable[..., object]) -> Callable[..., object]:
    def done(*given: object) -> None:
        work(*given)
        die()

    return done


def die_at_statement(prefix: str) -> Callable[[str], None]:
    def look(statement: str) -> None:
        if statement.startswith(prefix):
            die()

    return look


def work_until(folder: Path, point: str) -> None:
    with ledger_in(folder, segment_rows=20) as ledger:
        match point:
            case "commit":
                ledger._opened().set_trace_callback(die_at_statement("COMMIT"))
            case "projection":
                ledger._opened().set_trace_callback(die_at_statement("INSERT INTO outbox"))
            case "checkpoint":
                ledger._opened().set_trace_callback(die_at_statement("PRAGMA wal_checkpoint"))
            case "segment made":
                making.sync_file = die
            case "segment whole":
                Path.rename = die  # type: ignore[method-assign,assignment]
            case "segment renamed":
                making.sync_opened = die
            case "segment begun":
                successor.Successor.finish = dying_after(successor.Successor.finish)
            case "taking over":
                successor.SLICE = 1
                successor.Successor._follow = die
            case "following":
                successor.SLICE = 1
                successor.Successor._take_over = die
            case "published head":
                head.replace_file = die
        for number in range(100):
            (attempt,) = write(ledger, opened(number, order=None))
            (result,) = write(ledger, closed(attempt.sequence, number, order=None))
            print(json.dumps([result.sequence, result.hash.hex()]), flush=True)
            if number % 5 == 4:
                write(
                    ledger,
                    MessagesAcknowledged(message="result", numbers=tuple(range(number - 3, number + 2))),
                )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        work_until(Path(sys.argv[1]), sys.argv[2])
    else:
        asyncio.run(write_without_end(Path(sys.argv[1])))
