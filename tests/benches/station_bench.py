"""A bench for the station's tests: one simulated rig with hubs to spare, its catalogue, its keys and its orders."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
import io
import itertools
import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benches.processes import running, wait_for
from firmware_catalog.devices import BridgeType, DeviceKind
from firmware_catalog.editing import add_release
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.release import VersionRange
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key, save_private_key, save_public_key
from station.domain.label import ScannedLabel
from station.domain.slot_name import SlotName
from station.orders.csv_columns import BRIDGE_HEADINGS, HEADINGS
from station.orders.csv_import import parse_order
from station.orders.life_cycle import events_for_import
from station.records.facts.orders import OrderAssigned
from station.records.journal import Journal
from station.settings import StationSettings

MODEL = DeviceModel("10A8", "00000011")
CHAINED = DeviceModel("10A8", "00000022")
"""A model whose release can only be reached over another one."""
BRIDGE = DeviceModel("10A8", "000000B2")
"""A model of bridges of type B2; the catalogue lists it where the rig has some."""
UNLISTED = DeviceModel("10A8", "00000033")
"""A model that the catalogue does not know."""
BAUD = 3_000_000
ORDER = "WO-1"
JIGS, SLOTS = 2, 4
DRIVER_SETTINGS: dict[str, Any] = {
    "baud": BAUD,
    "answer_seconds": 0.5,
    "upload_attempts": 2,
    "slot_bytes": 65536,
    "erase_seconds_per_mebibyte": 2.0,
    "quiet_after_reset_seconds": 0.05,
    "return_seconds": 4.0,
    "removal_seconds": 0.3,
    "probe_seconds": 0.1,
    "stall_seconds": 1.0,
    "input_timeout_seconds": 0.05,
}
"""Times that fit the rig's hubs, which boot and erase twenty times as fast as real ones."""
USB_SETTINGS: dict[str, Any] = {
    "backend": "usbip",
    "transfer_seconds": 0.5,
    "write_seconds_per_mebibyte": 120.0,
    "manifestation_seconds": 5.0,
    "erase_seconds": 5.0,
    "return_seconds": 4.0,
    "removal_seconds": 0.3,
    "poll_seconds": 0.05,
}
"""The same for the jigs on USB, but for the server's address."""

FIRMWARE = {
    "old": ("1.2.256", MODEL),
    "new": ("1.2.303", MODEL),
    "newer": ("1.3.0", MODEL),
    "chained-old": ("1.0.0", CHAINED),
    "chained-between": ("1.1.0", CHAINED),
    "chained-new": ("1.2.0", CHAINED),
    "unlisted-old": ("1.0.0", UNLISTED),
    "bridge-old": ("1.2.256", BRIDGE),
    "bridge-new": ("1.2.303", BRIDGE),
}
STOCK = {"old": 400, "new": 60, "newer": 2, "chained-old": 4, "unlisted-old": 2}
"""How many hubs of each firmware the rig has to spare."""
IMAGE_BYTES = 24_000


def version(name: str) -> FirmwareVersion:
    return FirmwareVersion.from_image_version(*map(int, FIRMWARE[name][0].split(".")))


@dataclass(frozen=True)
class StockHub:
    """A hub in the rig's store."""

    chf: Eui64
    gpf: Eui64
    firmware: str
    bridge_type: BridgeType | None = None
    """Of a bridge, whose one id is both `chf` and `gpf`."""

    @property
    def label(self) -> ScannedLabel:
        return ScannedLabel(self.gpf, "GPF" if self.bridge_type is None else None)

    @property
    def model(self) -> DeviceModel:
        return FIRMWARE[self.firmware][1]


@dataclass
class Bench:
    """Everything on disk, the running rig, and the hubs that no test has used yet."""

    folder: Path
    stock: dict[str, Iterator[StockHub]]
    twins: Iterator[tuple[StockHub, StockHub]]
    """Pairs of hubs with one GPF id between them."""
    ready: dict[str, Any]
    """What the rig said when it was."""
    framing: str = "console"
    """Of the serial lines."""

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue"

    @property
    def unlock_key(self) -> Path:
        return self.folder / "unlock.pem"

    def firmware(self, name: str) -> Path:
        return self.folder / f"{name}.bin"

    def hub(self, firmware: str = "old") -> StockHub:
        """Take a hub out of the store; no other test will meet it."""
        hub = next(self.stock[firmware], None)
        assert hub is not None, f"the store has no more hubs with {firmware} firmware: raise STOCK"
        return hub

    def port(self, place: SlotName) -> str:
        port: str = self.ready["slots"][f"{place.jig}/slot{place.slot}"]
        return port

    def driver(self, jig: str) -> dict[str, Any]:
        """Return a jig's driver and its settings, as its table has them."""
        if Path(self.port(SlotName(jig=jig, slot=1))).is_absolute():
            return {"driver": "smp", "driver_settings": {**DRIVER_SETTINGS, "framing": self.framing}}
        usbip = self.ready["usbip"]
        where = {"usbip_host": usbip["host"], "usbip_port": usbip["port"]}
        return {"driver": "dfu", "driver_settings": {**USB_SETTINGS, **where}}

    async def do(self, what: str, **fields: Any) -> dict[str, Any]:
        """Have something done to the rig. Each request has a connection of its own."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "control.sock", limit=1 << 22)
        try:
            writer.write(json.dumps({"do": what, **fields}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
        if not answer.pop("ok"):
            raise AssertionError(answer["error"])
        return answer

    def do_now(self, what: str, **fields: Any) -> dict[str, Any]:
        """Do the same where there is no event loop."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "control.sock"))
            connection.sendall(json.dumps({"do": what, **fields}).encode() + b"\n")
            with connection.makefile() as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        if not answer.pop("ok"):
            raise AssertionError(answer["error"])
        return answer

    def diary(self, since: int) -> list[dict[str, Any]]:
        """Read what the rig has noted from this entry on, a piece at a time."""
        entries: list[dict[str, Any]] = []
        while more := self.do_now("diary", since=since + len(entries))["entries"]:
            entries += more
        return entries

    async def seat(self, hub: StockHub, place: SlotName) -> None:
        await self.do("seat", chf=str(hub.chf), jig=place.jig, slot=place.slot)

    async def unseat(self, place: SlotName) -> None:
        await self.do("unseat", jig=place.jig, slot=place.slot)

    async def fault(self, place: SlotName, name: str, **fields: Any) -> None:
        jig = int(place.jig.removeprefix("jig"))
        await self.do("fault", fault={"name": name, "jig": jig, "slot": place.slot, **fields})

    async def look(self, hub: StockHub) -> dict[str, Any]:
        """Look into a hub: what its flash holds, not what it says of it."""
        return await self.do("hub", chf=str(hub.chf))

    async def assert_runs(self, hub: StockHub, firmware: str) -> None:
        """The hub runs this firmware, confirmed, with nothing pending, locked, and would boot again."""
        inside = await self.look(hub)
        running = next(slot for slot in inside["slots"] if slot["active"])
        assert inside["firmware"] == str(version(firmware))
        assert running["confirmed"]
        assert not any(slot["pending"] for slot in inside["slots"])
        assert inside["locked"]
        assert inside["bootable"]

    async def assert_untouched(self, hub: StockHub) -> None:
        """Nobody tried the hub's lock, wrote to it or booted it."""
        await self.assert_runs(hub, hub.firmware)
        inside = await self.look(hub)
        assert len(inside["slots"]) == 1
        assert (inside["boots"], inside["wrong_unlock_answers"]) == (1, 0)

    def tidy(self) -> None:
        """Empty every slot, forget every fault, plug in every port; of the jigs' boards, too, whose buttons are let go."""
        self.do_now("disarm")
        for slot in self.do_now("slots")["slots"]:
            if slot["occupied"] or slot["loose"]:
                self.do_now("unseat", jig=slot["jig"], slot=slot["slot"])
            if slot["port"] is None:
                self.do_now("port", jig=slot["jig"], slot=slot["slot"], plugged=True)
        for jig in self.ready.get("boards", ()):
            self._tidy_board(int(jig.removeprefix("jig")))

    def _tidy_board(self, jig: int) -> None:
        acts: list[dict[str, Any]] = [{"act": "fault", "fault": "none"}, {"act": "lie", "slots": []}]
        acts += [{"act": act} for act in ("disarm", "release_stop", "release_start")]
        if self.do_now("board", jig=jig)["port"] is None:
            acts.append({"act": "plug"})
        for act in acts:
            self.do_now("board", jig=jig, **act)

    def settings(self, state: Path, places: dict[str, list[int]], **changes: Any) -> dict[str, Any]:
        """Return a station's configuration as its file would hold it."""
        jigs = [
            {
                "name": jig,
                **self.driver(jig),
                "slots": {str(slot): self.port(SlotName(jig=jig, slot=slot)) for slot in slots},
            }
            for jig, slots in places.items()
        ]
        return {
            "site": "site",
            "station": "bench",
            "mode": "bench",
            "state_directory": str(state),
            "catalogue": {"folder": str(self.catalogue)},
            "unlock": {"key_file": str(self.unlock_key)},
            "people": {"line_clearance": "off"},
            "jigs": jigs,
            **changes,
        }

    def station_settings(self, state: Path, places: dict[str, list[int]], **changes: Any) -> StationSettings:
        return StationSettings.model_validate(self.settings(state, places, **changes))


def releases_of(bench: Bench) -> dict[DeviceModel, str]:
    """Return the SHA-256 of the file that hubs of each model should run in the end."""
    names = {MODEL: "new", CHAINED: "chained-new", BRIDGE: "bridge-new"}
    return {
        model: hashlib.sha256(bench.firmware(name).read_bytes()).hexdigest() for model, name in names.items()
    }


def slot(number: int, jig: int = 1) -> SlotName:
    return SlotName(jig=f"jig{jig}", slot=number)


def order_csv(*hubs: StockHub, order: str = ORDER, **changes: str) -> bytes:
    """Write a work order for these hubs, every line with the same changes; for bridges, in sets of two, the last with one that never comes."""
    if hubs and hubs[0].bridge_type is not None:
        return _bridges_csv(*hubs, order=order)
    text = io.StringIO()
    writer = csv.DictWriter(text, ["order_number", *HEADINGS])
    writer.writeheader()
    for hub in hubs:
        facts = {
            "order_number": order,
            "chf_id": str(hub.chf),
            "gpf_id": str(hub.gpf),
            "manufacturer": hub.model.manufacturer,
            "model": hub.model.model,
            "region": "Central",
            "variant": "DBCH",
            "recorded_firmware_version": str(version(hub.firmware)),
            "inventory_status": "Pending",
            "owner_party": "PARTY",
        }
        writer.writerow({**facts, **changes})
    return text.getvalue().encode()


def _bridges_csv(*bridges: StockHub, order: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["order_number", *BRIDGE_HEADINGS])
    last = bridges[-1]
    odd = [replace(last, chf=_id())] if len(bridges) % 2 else []
    for number, bridge in enumerate((*bridges, *odd)):
        made = (bridge.model.manufacturer, bridge.model.model, version(bridge.firmware), "PARTY")
        writer.writerow([order, bridge.chf, bridge.bridge_type, f"{order} {number // 2}", 2, *made])
    return text.getvalue().encode()


STATION_NAMES = (f"bench{number}" for number in itertools.count(1))
"""Stations that share one broker need names of their own."""


def at_broker(port: int) -> dict[str, Any]:
    """Return what names a station and its broker in its settings."""
    return {"station": next(STATION_NAMES), "mqtt": {"port": port}}


def journal_of(settings: StationSettings) -> AbstractAsyncContextManager[Journal]:
    """Open a station's journal, which does not run."""
    return Journal.open(settings.journal_folder, site=settings.site, station=settings.station)


async def give_order(settings: StationSettings, *hubs: StockHub, **changes: str) -> None:
    """Give a station's jigs an order for these hubs before it starts."""
    async with journal_of(settings) as journal:
        await import_order(journal, order_csv(*hubs, **changes), *(jig.name for jig in settings.jigs))


async def import_order(journal: Journal, content: bytes, *jigs: str) -> None:
    file = parse_order(content, "order.csv")
    await journal.append(*events_for_import(file, await journal.orders()))
    await journal.append(*(OrderAssigned(order=file.number, jig=jig) for jig in jigs))


@contextlib.contextmanager
def running_bench(
    folder: Path,
    *,
    stock: Mapping[str, int] = MappingProxyType(STOCK),
    doubles: Sequence[StockHub] = (),
    faults: str = "none",
    seed: int = 7,
    speed: float = 20,
    boards: bool | str = False,
    port_needs_power: bool = False,
    jigs: int = JIGS,
    slots: int = SLOTS,
    transport: str = "serial",
    dfu_profile: str = "default",
    bridge_type: BridgeType | None = None,
) -> Iterator[Bench]:
    """Make everything in `folder` and run the rig while the block lasts.

    `boards` may name the jigs that have one, such as `2,4`. The transport `raw` is serial, with raw framing. `doubles` are hubs that say what those of another rig say.
    With a `bridge_type` its stock are bridges, and the catalogue's releases are for them.
    """
    maker, unlock = generate_key(), generate_key()
    save_public_key(maker.public_key(), folder / "maker.pub")
    save_private_key(unlock, folder / "unlock.pem")
    save_public_key(unlock.public_key(), folder / "unlock.pub")
    for name, (text, model) in FIRMWARE.items():
        spec = FirmwareSpec(text, model.manufacturer, model.model, IMAGE_BYTES)
        (folder / f"{name}.bin").write_bytes(make_firmware(spec, maker))
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    made_for = DeviceKind.HUB if bridge_type is None else DeviceKind(bridge_type)
    add_release(catalogue, folder / "new.bin", made_for=made_for)
    add_release(catalogue, folder / "chained-between.bin", made_for=made_for)
    only = VersionRange(lowest=version("chained-between"), highest=version("chained-between"))
    add_release(catalogue, folder / "chained-new.bin", permitted_from=(only,), made_for=made_for)
    if "bridge-old" in stock:
        add_release(catalogue, folder / "bridge-new.bin", made_for=DeviceKind.B2)
    hubs = [
        _stock_hub(firmware, BridgeType.B2 if firmware == "bridge-old" else bridge_type)
        for firmware, count in stock.items()
        for _ in range(count)
    ]
    twins = [(StockHub(*_ids(gpf), "old"), StockHub(*_ids(gpf), "old")) for gpf in (_id() for _ in range(4))]
    entries = [
        {
            "chf": str(hub.chf),
            **({"gpf": str(hub.gpf)} if hub.bridge_type is None else {"bridge_type": hub.bridge_type}),
            "manufacturer": hub.model.manufacturer,
            "model": hub.model.model,
            "variant": "DBCH",
            "firmware": f"{hub.firmware}.bin",
            "jig": 1,
        }
        for hub in [*hubs, *doubles, *(one for pair in twins for one in pair)]
    ]
    (folder / "hubs.json").write_text(json.dumps(entries))
    arguments = ["rig", "--dir", folder, "--hubs", folder / "hubs.json", "--until-stdin-closes"]
    arguments += ["--maker-key", folder / "maker.pub", "--unlock-key", folder / "unlock.pub"]
    arguments += ["--jigs", jigs, "--slots", slots, "--baud", BAUD, "--speed", speed]
    arguments += ["--image-slot-size", 65536, "--faults", faults, "--seed", seed]
    framing = "raw" if transport == "raw" else "console"
    arguments += ["--framing", framing, "--input-timeout", DRIVER_SETTINGS["input_timeout_seconds"]]
    arguments += ["--transport", "serial" if transport == "raw" else transport, "--dfu-profile", dfu_profile]
    arguments += ["--port-needs-power"] if port_needs_power else []
    arguments += ["--boards", "all" if boards is True else boards or "none"]
    command = [sys.executable, "-m", "simulators", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running(command, **pipes, text=True) as rig:
        assert rig.stdout is not None
        assert rig.stdin is not None
        ready = json.loads(rig.stdout.readline())
        assert ready["ready"]
        store = {name: iter([hub for hub in hubs if hub.firmware == name]) for name in stock}
        yield Bench(folder, store, iter(twins), ready, framing)
        rig.stdin.close()
        assert wait_for(rig) == 0


def _stock_hub(firmware: str, bridge_type: BridgeType | None) -> StockHub:
    chf, gpf = _ids()
    return StockHub(chf, gpf if bridge_type is None else chf, firmware, bridge_type)


_SOURCE = random.Random(2031)


def _id() -> Eui64:
    return Eui64(0x887384 << 40 | _SOURCE.getrandbits(40))


def _ids(gpf: Eui64 | None = None) -> tuple[Eui64, Eui64]:
    return _id(), gpf or _id()
