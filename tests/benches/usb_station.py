"""A station's USB jig for tests: hubs on a simulated bus in this process, their catalogue, their key, their order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benches.station_bench import ORDER, at_broker, import_order, journal_of
from benches.usb_bench import MANUFACTURER, MODEL, TARGET, UNLOCK_KEY, Bench
from firmware_catalog.editing import add_release
from simulators.keys import save_private_key
from station.orders.csv_columns import HEADINGS
from station.settings import StationSettings

JIG = "jig1"


def chf_of(serial: int) -> str:
    """Return the id that `usb_bench.make_hub` gives to the hub of this number."""
    return _id(bytes.fromhex("887384") + serial.to_bytes(5, "big"))


def gpf_of(serial: int) -> str:
    return _id(bytes.fromhex("000b6b") + (serial * 7919).to_bytes(5, "big"))


def usb_settings(
    folder: Path, bench: Bench, slots: dict[int, str], broker_port: int, **driver: Any
) -> dict[str, Any]:
    """Write catalogue and key, and return the configuration of a station with one USB jig, as its file holds it."""
    catalogue, image, key = folder / "catalogue", folder / "target.bin", folder / "unlock.pem"
    if not catalogue.exists():
        catalogue.mkdir()
        image.write_bytes(TARGET)
        add_release(catalogue, image)
        save_private_key(UNLOCK_KEY, key)
    settings = bench.settings(**driver).model_dump(exclude_defaults=True)
    return {
        "site": "site",
        "mode": "bench",
        "state_directory": str(folder / "state"),
        "catalogue": {"folder": str(catalogue)},
        "unlock": {"key_file": str(key)},
        **at_broker(broker_port),
        "jigs": [
            {
                "name": JIG,
                "driver": "dfu",
                "driver_settings": settings,
                "slots": {str(number): place for number, place in slots.items()},
            }
        ],
    }


async def order_hubs(settings: StationSettings, serials: Iterable[int]) -> None:
    """Put these hubs on an order of the jig."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["order_number", *HEADINGS])
    writer.writeheader()
    for serial in serials:
        writer.writerow(
            {
                "order_number": ORDER,
                "chf_id": chf_of(serial),
                "gpf_id": gpf_of(serial),
                "manufacturer": MANUFACTURER,
                "model": MODEL,
                "region": "Central",
                "variant": "SBCH",
                "recorded_firmware_version": "00010120",
                "inventory_status": "Pending",
                "owner_party": "PARTY",
            }
        )
    async with journal_of(settings) as journal:
        await import_order(journal, text.getvalue().encode(), JIG)


def _id(raw: bytes) -> str:
    return "-".join(f"{byte:02X}" for byte in raw)
