"""Runs in the guest: our driver through libusb and usbfs. Takes orders as JSON in its first argument.

Each step prints one line of JSON, and adds it to /run/steps.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.plugin import open_port
from drivers.dfu.settings import DfuSettings
from drivers.errors import DriverError
from drivers.hub import ExpectedDevice, UnlockChallenge
from firmware_catalog.mcuboot import load_image

STEPS = Path("/run/steps")


class Authority:
    """Signs with the key it was given."""

    def __init__(self, private_value: int) -> None:
        self._key = ec.derive_private_key(private_value, ec.SECP256R1())

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        r, s = decode_dss_signature(self._key.sign(challenge.to_be_signed(), ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def tell(place: str, step: str, **facts: Any) -> None:
    line = json.dumps({"place": place, "step": step, "at": time.monotonic(), **facts})
    print(line, flush=True)
    with STEPS.open("a") as steps:
        steps.write(line + "\n")


async def life(place: str, orders: dict[str, Any]) -> None:
    # Everything in the guest is emulated, so the deadlines are generous.
    settings = DfuSettings(transfer_seconds=5, command_seconds=30, return_seconds=120)
    port = await open_port(place, settings)
    driver = DfuHubDriver(port)
    tell(place, "opened", hears_events=port._hotplug.hears_events)
    try:
        hub: ExpectedDevice | None = None
        for step in orders["steps"]:
            facts: dict[str, Any] = {}
            match step:
                case "wait":
                    seen = await driver.wait_for_hub()
                    hub = seen.device
                    facts = {"chf": str(seen.chf), "firmware": str(seen.firmware), "boots": seen.boots}
                case "unlock":
                    await driver.unlock(hub, Authority(int(orders["key"])))
                case "removal":
                    await driver.wait_for_removal(await driver.identify())
                case "reboot":
                    facts = {"boots": (await driver.reboot(hub)).boots}
                case "flash":
                    await driver.flash(hub, load_image(bytes.fromhex(orders["image"])), lambda _: None)
                case "activate" | "verify" | "confirm":
                    await getattr(driver, step)(hub, load_image(bytes.fromhex(orders["image"])))
            tell(place, step, **facts)
    finally:
        await driver.close()


async def main() -> int:
    orders = json.loads(sys.argv[1])
    failed: tuple[BaseException, ...] = ()
    try:
        async with asyncio.TaskGroup() as tasks:
            for place in orders["places"]:
                tasks.create_task(life(place, orders))
    except* DriverError as errors:
        failed = errors.exceptions
        for error in failed:
            tell("", "failed", error=type(error).__name__, what=str(error))
    return len(failed)


sys.exit(asyncio.run(main()))
