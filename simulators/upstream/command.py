"""`python -m simulators upstream`: the inventory and its ways in, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulators.upstream.certificates import CALLERS, make_certificates, server_context
from simulators.upstream.control import Control
from simulators.upstream.faults import PROBABILITY, Faults
from simulators.upstream.service import Service
from simulators.upstream.smi import Smi


class DevicesFileError(Exception):
    """A file of hubs cannot be read. One line."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say which options there are."""
    parser.add_argument(
        "--dir", type=Path, required=True, help="folder of the inventory, certificates and control socket"
    )
    parser.add_argument("--devices", type=Path, help="JSON array of hubs that are registered")
    parser.add_argument(
        "--port", type=int, default=0, help="TCP port of both services, on loopback; any free one"
    )
    parser.add_argument(
        "--faults", choices=sorted(PROBABILITY), default="none", help="what goes wrong at random"
    )
    parser.add_argument("--seed", type=int, default=7, help="of everything random")
    parser.add_argument(
        "--server-valid-days", type=int, default=365, help="less than 0: the server's certificate has expired"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the parent that holds our stdin"
    )


async def run_upstream(options: argparse.Namespace) -> None:
    """Serve until stopped. Prints one line of JSON when it is ready. Raises DevicesFileError."""
    folder: Path = options.dir
    make_certificates(folder, timedelta(days=options.server_valid_days))
    smi = Smi(folder / "smi.db")
    try:
        if options.devices is not None:
            smi.register(_devices(options.devices))
        # Where it was killed and is started again, other things go wrong than the first time.
        faults = Faults(options.faults, f"{options.seed} {smi.count_calls()}")
        service, control = Service(smi, faults), Control(smi, faults)
        socket = folder / "control.sock"
        _watch_for_the_end(control.stop_wanted, until_stdin_closes=options.until_stdin_closes)
        async with control.listening(socket), service.listening(options.port, server_context(folder)) as port:
            ready: dict[str, Any] = {"ready": True, "control": str(socket), "port": port}
            ready |= {way: f"https://127.0.0.1:{port}/{way}" for way in ("n3", "ssmi")}
            ready |= {"ca": str(folder / "ca.pem")}
            ready |= {name: [str(folder / f"{name}.pem"), str(folder / f"{name}.key")] for name in CALLERS}
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            await control.stop_wanted.wait()
    finally:
        smi.close()


def _devices(path: Path) -> list[dict[str, Any]]:
    wanted = {"chf", "gpf", "manufacturer", "model", "firmware", "chts_version", "region", "han_variant"}
    try:
        hubs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DevicesFileError(f"{path}: {error}") from error
    if not isinstance(hubs, list) or not all(isinstance(hub, dict) and wanted <= hub.keys() for hub in hubs):
        raise DevicesFileError(
            f"{path}: an array of objects with {', '.join(sorted(wanted))}, owner and status"
        )
    return hubs


def _watch_for_the_end(stop_wanted: asyncio.Event, *, until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_wanted.set)

    def read_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            stop_wanted.set()

    if until_stdin_closes:
        loop.add_reader(sys.stdin, read_stdin)
