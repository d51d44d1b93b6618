"""A command ends with the same code and words whether a daemon answers it or it opens the journal itself."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from benches import brokers
from benches.processes import run
from benches.station_bench import Bench, at_broker, order_csv, slot
from benches.station_config import write_config
from benches.station_daemon import running_daemon
from station.domain.phase import SlotPhase

CASES = {
    "an order that is not there": (
        ("orders", "assign", "WO-9", "--jig", "jig1"),
        2,
        "there is no order WO-9",
    ),
    "an order without a name": (
        ("orders", "assign", "", "--jig", "jig1"),
        2,
        "that cannot be asked: order: it is empty: write something",
    ),
    "an order that is not what was expected": (
        ("orders", "close", "WO-1", "--reason", "done", "--incomplete", "--waiting", "7"),
        1,
        "order WO-1 has 1 hubs without a result now, not 7 as was expected: look again, then decide anew",
    ),
    "a jig that works on another order than was expected": (
        ("orders", "assign", "WO-1", "--jig", "jig1", "--instead-of", "WO-2"),
        1,
        "jig1 works on no order now, not on order WO-2 as was expected",
    ),
    "a jig that is not there": (("orders", "assign", "WO-1", "--jig", "jig9"), 2, "there is no jig jig9"),
    "an order with other content": (("orders", "import", "{other}"), 2, "with other content"),
    "a revision that is another order's": (
        ("orders", "revise", "{other}"),
        2,
        "lists no hub of order WO-1: it is another order's file",
    ),
    "an order that is not complete": (
        ("orders", "close", "WO-1", "--reason", "done"),
        1,
        "order WO-1 is not complete",
    ),
    "an order that is closed": (("orders", "close", "WO-2", "--reason", "again"), 2, "WO-2 is closed (done)"),
    "results that are not there": (("journal", "republish", 7, 9), 2, "there are no result messages 7 to 9"),
}


def test_the_same_with_and_without_a_daemon(
    reflash: Any, bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    at = (tmp_path, {"jig1": [1]})
    named = {**at_broker(shared_broker.port)}
    config = write_config(tmp_path / "station.toml", bench.settings(*at, **named))
    settings = bench.station_settings(*at, **named)
    order, second, other = (tmp_path / name for name in ("WO-1.csv", "WO-2.csv", "other.csv"))
    order.write_bytes(order_csv(bench.hub()))
    second.write_bytes(order_csv(bench.hub(), order="WO-2"))
    other.write_bytes(order_csv(bench.hub()))

    def said(name: str) -> tuple[int, str]:
        arguments, _, _ = CASES[name]
        done = reflash(*(str(each).format(other=other) for each in arguments), "--config", config)
        return done.code, done.complaint

    async def with_a_daemon() -> dict[str, tuple[int, str]]:
        async with running_daemon(settings) as station:
            await station.until(slot(1), SlotPhase.EMPTY)
            for file in (order, second):
                assert (
                    await asyncio.to_thread(reflash, "orders", "import", file, "--config", config)
                ).code == 0
            closing = ("orders", "close", "WO-2", "--reason", "done", "--incomplete", "--config", config)
            assert (await asyncio.to_thread(reflash, *closing)).code == 0
            return {name: await asyncio.to_thread(said, name) for name in CASES}

    with_one = asyncio.run(with_a_daemon())
    assert {name: said(name) for name in CASES} == with_one
    for name, (_, code, words) in CASES.items():
        assert with_one[name][0] == code, with_one[name]
        assert words in with_one[name][1]


def test_through_the_socket_a_jig_has_to_be_there_too(
    bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]}, **at_broker(shared_broker.port))

    async def work() -> str:
        async with running_daemon(settings) as station:
            await station.until(slot(1), SlotPhase.EMPTY)
            try:
                await station.ask("assign_order", order="WO-1", jig="jig 9")
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            return "taken"

    assert asyncio.run(work()) == "NotFound: there is no jig jig 9; this bench has jig1"


def test_ctrl_c_before_anything_is_imported_ends_it_quietly() -> None:
    """The signal comes in the middle of the imports, wherever this machine is slow, and some libraries hide that it did."""
    interrupted = (
        "import builtins, os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's job in the background ignores it
        "known = builtins.__import__\n"
        "def importing(name, *rest):\n"
        "    if name.startswith('station.cli.orders') or name == 'pydantic':\n"
        "        try:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "        except KeyboardInterrupt:\n"
        "            raise ImportError('as pydantic does') from None\n"
        "    return known(name, *rest)\n"
        "from station.program import main\n"
        "builtins.__import__ = importing\n"
        "sys.argv = ['reflash', 'orders', 'list']\n"
        "main()\n"
    )
    done = run([sys.executable, "-c", interrupted], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")


def test_a_folder_that_is_gone_is_told_in_one_line(tmp_path: Path) -> None:
    called = (
        "import os, sys\n"
        "from station.program import main\n"
        "os.rmdir(os.getcwd())\n"
        "sys.argv = ['reflash', 'orders', 'list']\n"
        "main()\n"
    )
    (folder := tmp_path / "gone").mkdir()
    done = run([sys.executable, "-c", called], capture_output=True, text=True, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "reflash: the folder it was called in is gone, or closed to this user: cd to another\n"
    )


def test_the_program_that_is_installed_begins_there() -> None:
    pyproject = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert 'reflash = "station.program:main"' in pyproject
    done = subprocess.run(
        [sys.executable, "-c", "from station.program import main; main()", "orders", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert "Example: " in done.stdout or "import" in done.stdout
    assert done.stderr == ""
