"""Simulated rigs from the command line: `python -m simulators rig --dir DIR`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import selectors
import signal
import sys
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from simulators.boot import LayoutError
from simulators.connection import NOT_ON_USB
from simulators.control import ControlError, bind_control, serve_control
from simulators.dfu_profile import DFU_PROFILES, DfuProfile
from simulators.faults import FaultFileError, load_faults
from simulators.firmware import FirmwareError, FirmwareSpec, make_firmware
from simulators.flash import FlashTiming
from simulators.hub import Hub, HubBuild, HubTiming
from simulators.keys import (
    KeyFileError,
    generate_key,
    load_private_key,
    load_public_key,
    save_private_key,
    save_public_key,
)
from simulators.population import MANUFACTURER, MODEL, HubEntry, HubFileError, load_hubs, make_hubs
from simulators.rig import NoBus, Rig, RigSettings, Transport, open_rig
from simulators.smp_line import PROFILES, BufferProfile
from simulators.uart import LineSettings
from simulators.upstream.command import DevicesFileError, run_upstream
from simulators.upstream.command import add_options as add_upstream_options

_WRONG_INPUT = 2
_SLOTS_A_JIG = 8
_PAGE_SIZE = 4096
_LAST_PORT = 65_535


class UsageError(Exception):
    """Options that do not go together. One line."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    rig = commands.add_parser(
        "rig",
        help="run simulated jigs until told to stop",
        description="Runs jigs whose slots are ptys linked as DIR/jig1/slot1 and so on, or places such as 1-1 of a "
        "USB/IP server on the loopback interface. Prints one line of JSON when it is ready. What the control socket "
        "is asked to seat, unseat or spoil hubs: python -m pydoc simulators.control. "
        "Example: python -m simulators rig --dir /tmp/rig --jigs 1 --slots 2",
    )
    rig.add_argument(
        "--dir", type=Path, required=True, help="folder for the ports, the control socket and keys"
    )
    rig.add_argument("--control", type=Path, help="control socket (DIR/control.sock)")
    rig.add_argument("--jigs", type=int, default=3)
    rig.add_argument("--slots", type=int, default=8, help="slots a jig")
    rig.add_argument(
        "--first-jig", type=int, default=1, help="number of the first jig, for a rig of several processes"
    )
    rig.add_argument(
        "--transport",
        type=Transport,
        choices=list(Transport),
        default=Transport.SERIAL,
        help="what the jigs are connected by; mixed: odd jigs serial, even ones USB",
    )
    rig.add_argument("--usbip-port", type=int, default=0, help="TCP port of the USB/IP server; any free one")
    rig.add_argument(
        "--dfu-profile", choices=sorted(DFU_PROFILES), default="default", help="how hubs on USB do DFU"
    )
    rig.add_argument("--baud", type=int, default=921_600)
    rig.add_argument(
        "--rtscts", action="store_true", help="back-pressure; without, what finds no room is lost"
    )
    rig.add_argument(
        "--profile", choices=sorted(PROFILES), default="default", help="the hubs' packet buffers"
    )
    rig.add_argument(
        "--framing",
        choices=("console", "raw"),
        default="console",
        help="how packets stand on the serial lines: as lines of base64, or as they are",
    )
    rig.add_argument(
        "--input-timeout",
        type=float,
        default=BufferProfile().input_timeout,
        metavar="SECONDS",
        help="for how long a hub with raw framing waits for the rest of a packet",
    )
    rig.add_argument("--seed", type=int, default=7, help="of everything random")
    rig.add_argument("--hubs", type=Path, help="JSON array of hubs; without, one for each slot is made up")
    rig.add_argument("--faults", default="none", help="JSON array of faults, or 'realistic' or 'none'")
    rig.add_argument(
        "--unlock-key", type=Path, help="public key (PEM) of who may unlock; without, DIR/unlock.pem is made"
    )
    rig.add_argument(
        "--maker-key", type=Path, help="public key (PEM) of who signs images; without, DIR/maker.pem is made"
    )
    rig.add_argument("--image-slot-size", type=int, default=512 * 1024, help="bytes of an image slot")
    rig.add_argument("--erase-ms-per-page", type=float, default=10.0, help="flash: a page of 4096 bytes")
    rig.add_argument("--write-us-per-byte", type=float, default=1.5, help="flash")
    rig.add_argument(
        "--speed", type=float, default=1.0, help="flash and boots this many times as fast; never the line"
    )
    rig.add_argument("--handling-seconds", type=float, default=3.0, help="a person's time between two hubs")
    rig.add_argument(
        "--boards",
        nargs="?",
        const="all",
        default="none",
        metavar="JIGS",
        help="give each jig, or these (2,3), an I/O board, DIR/jig2/board: Modbus RTU, 115200 baud, serial number 1002",
    )
    rig.add_argument(
        "--port-needs-power",
        action="store_true",
        help="each slot's port is its hub's own: it is there while a hub has power",
    )
    rig.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the parent that holds our stdin"
    )

    upstream = commands.add_parser(
        "upstream",
        help="run the Smart Metering Inventory with its two ways in until told to stop",
        description="Serves pre-notifications (N3) and files (SSMI) over HTTPS on loopback; both forms are provisional. "
        "Prints one line of JSON when it is ready. Example: python -m simulators upstream --dir /tmp/upstream",
    )
    add_upstream_options(upstream)

    firmware = commands.add_parser(
        "firmware",
        help="make a signed image",
        description="Example: python -m simulators firmware --key DIR/maker.pem --version 1.2.303 --out new.bin",
    )
    firmware.add_argument("--key", type=Path, required=True, help="the maker's private key (PEM)")
    firmware.add_argument("--version", required=True, help="such as 1.2.303")
    firmware.add_argument("--out", type=Path, required=True)
    firmware.add_argument("--manufacturer", default=MANUFACTURER)
    firmware.add_argument("--model", default=MODEL)
    firmware.add_argument("--size", type=int, default=128 * 1024, help="bytes of body")
    firmware.add_argument("--seed", type=int, default=7)

    keys = commands.add_parser(
        "keys",
        help="make a key pair",
        description="Writes NAME.pem and NAME.pub.pem. Example: python -m simulators keys --dir keys maker unlock",
    )
    keys.add_argument("--dir", type=Path, required=True)
    keys.add_argument("names", nargs="+", metavar="NAME")
    return parser


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be made ({error.strerror})") from error


def _make_pair(directory: Path, name: str) -> ec.EllipticCurvePrivateKey:
    key = generate_key()
    save_private_key(key, directory / f"{name}.pem")
    save_public_key(key.public_key(), directory / f"{name}.pub.pem")
    return key


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError for numbers that make no rig."""
    if options.jigs < 1 or options.first_jig < 1 or not 1 <= options.slots <= _SLOTS_A_JIG:
        raise UsageError(f"a rig has one jig or more, of 1 to {_SLOTS_A_JIG} slots")
    if options.baud < 1 or options.speed <= 0 or options.input_timeout <= 0:
        raise UsageError("--baud, --speed and --input-timeout are more than 0")
    if not 0 <= options.usbip_port <= _LAST_PORT:
        raise UsageError(f"--usbip-port is a TCP port, up to {_LAST_PORT}, or 0 for any free one")
    if options.image_slot_size % _PAGE_SIZE:
        raise UsageError(f"--image-slot-size is a multiple of the flash page, {_PAGE_SIZE}")


def _populate(options: argparse.Namespace, jigs: range) -> list[tuple[HubEntry, Hub]]:
    """Make the rig's hubs, and keys where none were given."""
    _check(options)
    if options.maker_key is not None and options.hubs is None:
        raise UsageError(
            "--maker-key without --hubs: made-up hubs need an image, which only its private key signs"
        )
    maker = None if options.maker_key else _make_pair(options.dir, "maker")
    unlock = load_public_key(options.unlock_key) if options.unlock_key else None
    timing, speed = HubTiming(), options.speed
    build = HubBuild(
        maker=load_public_key(options.maker_key) if maker is None else maker.public_key(),
        unlock_authority=unlock or _make_pair(options.dir, "unlock").public_key(),
        slot_pages=options.image_slot_size // _PAGE_SIZE,
        flash_timing=FlashTiming(
            options.erase_ms_per_page / 1e3 / speed, options.write_us_per_byte / 1e6 / speed
        ),
        timing=HubTiming(
            boot_loader=timing.boot_loader / speed,
            start=timing.start / speed,
            reset_delay=timing.reset_delay / speed,
            watchdog=timing.watchdog / speed,
        ),
    )
    if options.hubs is not None:
        return load_hubs(options.hubs, build, options.seed)
    if maker is None:
        raise UsageError("--hubs is missing")
    return make_hubs(jigs, options.slots, build, maker, options.seed)


def _boards(text: str, jigs: range) -> Container[int]:
    if text in {"all", "none"}:
        return jigs if text == "all" else ()
    numbers = text.split(",")
    if not all(number.isdecimal() and int(number) in jigs for number in numbers):
        raise UsageError(f"--boards {text}: name jigs, such as {jigs[0]},{jigs[-1]}, or none for all of them")
    return frozenset(map(int, numbers))


def _watch_for_the_end(rig: Rig, *, until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, rig.stop_wanted.set)

    def read_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            rig.stop_wanted.set()

    if until_stdin_closes:
        loop.add_reader(sys.stdin, read_stdin)


async def _run_rig(options: argparse.Namespace) -> None:
    jigs = range(options.first_jig, options.first_jig + options.jigs)
    is_all_usb = all(options.transport.is_usb(jig) for jig in jigs)
    faults = load_faults(options.faults, NOT_ON_USB if is_all_usb else ())
    population = _populate(options, jigs)
    dfu: DfuProfile = DFU_PROFILES[options.dfu_profile]
    settings = RigSettings(
        directory=options.dir,
        jigs=jigs,
        slots=options.slots,
        line=LineSettings(options.baud, options.rtscts),
        profile=replace(
            PROFILES[options.profile], raw=options.framing == "raw", input_timeout=options.input_timeout
        ),
        seed=options.seed,
        handling_seconds=options.handling_seconds,
        boards=_boards(options.boards, jigs),
        port_needs_power=options.port_needs_power,
        transport=options.transport,
        dfu=replace(
            dfu,
            off_the_bus=dfu.off_the_bus / options.speed,
            manifestation=dfu.manifestation / options.speed,
        ),
        usbip_port=options.usbip_port,
    )
    control = options.control or options.dir / "control.sock"
    with bind_control(control) as listener:
        async with open_rig(settings, population, faults) as rig, serve_control(rig, listener):
            await _stay(rig, control, until_stdin_closes=options.until_stdin_closes)


async def _stay(rig: Rig, control: Path, *, until_stdin_closes: bool) -> None:
    """Say that the rig is ready, and wait until it is to end."""
    _watch_for_the_end(rig, until_stdin_closes=until_stdin_closes)
    slots = {f"jig{slot.jig}/slot{slot.number}": slot.port.address for slot in rig.slots}
    ready: dict[str, object] = {"ready": True, "control": str(control), "slots": slots}
    if rig.usbip is not None:
        ready["usbip"] = dict(zip(("host", "port"), rig.usbip, strict=True))
    if rig.boards:
        ready["boards"] = {f"jig{number}": str(board.path) for number, board in rig.boards.items()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await rig.stop_wanted.wait()


_INPUT_ERRORS = (
    UsageError,
    ControlError,
    DevicesFileError,
    FaultFileError,
    FirmwareError,
    HubFileError,
    KeyFileError,
    LayoutError,
    NoBus,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0, 1 for a port that another program has, or 2 for wrong use or input."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "rig":
                _make_folder(options.dir)
                # select() keeps time to the microsecond, where epoll rounds up to the next millisecond.
                with asyncio.Runner(
                    loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())
                ) as runner:
                    runner.run(_run_rig(options))
            case "upstream":
                _make_folder(options.dir)
                asyncio.run(run_upstream(options))
            case "firmware":
                spec = FirmwareSpec(
                    options.version, options.manufacturer, options.model, options.size, options.seed
                )
                options.out.write_bytes(make_firmware(spec, load_private_key(options.key)))
            case _:
                _make_folder(options.dir)
                for name in options.names:
                    _make_pair(options.dir, name)
    except _INPUT_ERRORS as error:
        sys.stderr.write(f"python -m simulators: {error}\n")
        return _WRONG_INPUT
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(
            f"python -m simulators: another program has the port ({error}): stop that one (ss -ltnp names it), or choose another\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
