"""What the demonstration needs on disk, made for the occasion: keys, firmware, catalogue, hubs, order, configuration."""

from __future__ import annotations

import csv
import json
import random
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from securesystemslib.signer import CryptoSigner

from firmware_catalog.devices import BridgeType, DeviceKind
from firmware_catalog.identity import Eui64
from firmware_catalog.mcuboot_signature import MakerKey
from firmware_catalog.new_release import Statement
from firmware_catalog.trust.founding import OWNER_ROLES, delegate, found_catalog
from firmware_catalog.trust.publishing import refresh_catalog
from firmware_catalog.trust.releasing import add_signed_release
from firmware_catalog.trust.signing import RoleKeys
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key, save_private_key, save_public_key
from station.demo.family import DemoFamily
from station.domain.actor import PersonRole
from station.domain.label import ScannedLabel
from station.orders.csv_columns import BRIDGE_HEADINGS, HEADINGS
from station.people.operators import Operators

MANUFACTURER: Final = "10A8"
MODEL: Final = "00000011"
OLD_VERSION: Final = ("1.2.256", "01020100")
NEW_VERSION: Final = ("1.2.303", "0102012F")
ORDER: Final = "DEMO-1"
BRIDGES_ORDER: Final = "DEMO-2"
PARTY: Final = "DEMO PARTY"
IMAGE_BYTES: Final = 192 * 1024
BAUD: Final = 921_600
BADGE_PREFIX: Final = "STAFF-"
CHECK_LIST: Final = ("wrist strap", "scanner", "label printer")
"""What a technician looks at and signs for before the first hub."""
_OUI: Final = 0x887384


@dataclass(frozen=True, slots=True)
class DemoHub:
    """A hub or bridge of the demonstration and where it begins: in a slot, or in its jig's queue."""

    chf: Eui64
    """Of a bridge its one id."""
    gpf: Eui64 | None
    jig: int
    slot: int | None
    kind: DeviceKind = DeviceKind.HUB
    premises: str | None = None
    """Of a bridge: whose set it is one of."""

    @property
    def order(self) -> str:
        """The order that lists it."""
        return ORDER if self.kind is DeviceKind.HUB else BRIDGES_ORDER

    @property
    def model(self) -> str:
        """Its DeviceModel."""
        return _model(self.kind)

    @property
    def label(self) -> ScannedLabel:
        """What is printed on it: a hub's GPF id, a bridge's only one."""
        return ScannedLabel(self.chf) if self.gpf is None else ScannedLabel(self.gpf, "GPF")


def _model(kind: DeviceKind) -> str:
    return MODEL if kind is DeviceKind.HUB else f"000000{kind}"


def _image(age: str, kind: DeviceKind) -> str:
    """Name an image's file."""
    return f"{age}.bin" if kind is DeviceKind.HUB else f"{age}-{kind}.bin"


@dataclass(frozen=True, slots=True)
class DemoPeople:
    """Who works there: pseudonyms, and the technicians' badges by jig."""

    technician: str
    """Whoever packs."""
    supervisor: str
    badges: dict[str, str]
    """Without their prefix."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything on disk, and where."""

    folder: Path
    jigs: int
    slots: int
    hubs: tuple[DemoHub, ...]
    people: DemoPeople
    family: DemoFamily = DemoFamily.HUB

    @property
    def state(self) -> Path:
        """The station's state directory."""
        return self.folder / "state"

    @property
    def ports(self) -> Path:
        """The simulated ports appear below this folder as `jig1/slot1`."""
        return self.folder / "ports"

    @property
    def catalogue(self) -> Path:
        """The signed catalogue's folder."""
        return self.folder / "catalogue"

    @property
    def catalogue_root(self) -> Path:
        """What the station trusts the catalogue by, brought on a way of its own."""
        return self.folder / "root.json"

    @property
    def unlock_key(self) -> Path:
        """The station's private unlock key; its public half lies beside it as `.pub`."""
        return self.folder / "unlock.pem"

    @property
    def maker_key(self) -> Path:
        """The maker's public key, which the simulated boot loaders hold."""
        return self.folder / "maker.pub"

    @property
    def order_file(self) -> Path:
        """The work order."""
        return self.folder / f"{ORDER}.csv"

    @property
    def bridges_order_file(self) -> Path:
        """The work order of the bridges."""
        return self.folder / f"{BRIDGES_ORDER}.csv"

    @property
    def orders(self) -> dict[str, Path]:
        """Each order that there is, and its file."""
        files = {ORDER: self.order_file, BRIDGES_ORDER: self.bridges_order_file}
        there = {hub.order for hub in self.hubs}
        return {order: file for order, file in files.items() if order in there}

    def order_of(self, jig: int) -> str:
        """Return the order that a jig works on."""
        return BRIDGES_ORDER if self.family.has_bridges(jig) else ORDER

    def rig_folder(self, jig: int) -> Path:
        """Where a jig's simulated rig works."""
        return self.ports / f"rig{jig}"

    def rig_control(self, jig: int) -> Path:
        """The control socket of a jig's simulated rig."""
        return self.rig_folder(jig) / "control.sock"

    def hubs_file(self, jig: int) -> Path:
        """The hubs of one jig, as the simulator reads them."""
        return self.folder / f"hubs-jig{jig}.json"


def make_scene(
    folder: Path,
    *,
    jigs: int,
    slots: int,
    hubs: int,
    seed: int,
    image_bytes: int = IMAGE_BYTES,
    family: DemoFamily = DemoFamily.HUB,
) -> Scene:
    """Write everything into `folder`. The same seed gives the same hubs; keys are new each time."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    people = _hire(Operators(state / "operators.json"), jigs)
    scene = Scene(folder, jigs, slots, tuple(_hubs(jigs, slots, hubs, seed, family)), people, family)
    maker, unlock = generate_key(), generate_key()
    save_public_key(maker.public_key(), scene.maker_key)
    save_private_key(unlock, scene.unlock_key)
    save_public_key(unlock.public_key(), scene.unlock_key.with_suffix(".pub"))
    kinds = sorted({hub.kind for hub in scene.hubs})
    for kind in kinds:
        for (version, _), age in ((OLD_VERSION, "old"), (NEW_VERSION, "new")):
            spec = FirmwareSpec(version, MANUFACTURER, _model(kind), image_bytes, seed)
            (folder / _image(age, kind)).write_bytes(make_firmware(spec, maker))
    _found_catalogue(scene, kinds, maker.public_key())
    _write_hubs(scene)
    if ORDER in scene.orders:
        _write_order(scene)
    if BRIDGES_ORDER in scene.orders:
        _write_bridges_order(scene)
    return scene


def _hire(operators: Operators, jigs: int) -> DemoPeople:
    """Make a technician for each jig, with a badge, and a supervisor."""
    badges = {}
    for jig in range(1, jigs + 1):
        pseudonym = operators.pseudonym_of(f"Technician of jig{jig}")
        badges[f"jig{jig}"] = f"{secrets.token_hex(6).upper()}Z"
        operators.set_badge(pseudonym, badges[f"jig{jig}"])
    supervisor = operators.pseudonym_of("Supervisor", PersonRole.SUPERVISOR)
    return DemoPeople(pseudonym, supervisor, badges)


def _found_catalogue(scene: Scene, kinds: Iterable[DeviceKind], image_key: MakerKey) -> None:
    """Found a signed catalogue as its owner and the hubs' maker do, with keys that nobody keeps."""
    owner, maker = CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ecdsa()
    root = found_catalog(scene.catalogue, dict.fromkeys(OWNER_ROLES, RoleKeys((owner.public_key,))), [owner])
    scene.catalogue_root.write_bytes(root.read_bytes())
    delegate(scene.catalogue, MANUFACTURER, RoleKeys((maker.public_key,)), [image_key], [owner])
    for kind in kinds:
        add_signed_release(
            scene.catalogue, scene.folder / _image("new", kind), Statement(made_for=kind), [maker]
        )
    refresh_catalog(scene.catalogue, [owner])


def _hubs(jigs: int, slots: int, hubs: int, seed: int, family: DemoFamily) -> Iterator[DemoHub]:
    """Deal the hubs, and the sets of bridges, to the slots, jig by jig; those beyond wait in the queues."""
    source = random.Random(seed)  # noqa: S311 - the same hubs again, not a secret
    serials = source.sample(range(1 << 40), 2 * hubs)
    places = [index % (jigs * slots) for index in range(hubs)]
    bridges = iter(_sets(sum(family.has_bridges(place // slots + 1) for place in places)))
    for index, place in enumerate(places):
        chf, gpf = (Eui64(_OUI << 40 | serial) for serial in serials[2 * index : 2 * index + 2])
        jig, slot = place // slots + 1, place % slots + 1 if index < jigs * slots else None
        if family.has_bridges(jig):
            kind, premises = next(bridges)
            yield DemoHub(chf, None, jig, slot, kind, premises)
        else:
            yield DemoHub(chf, gpf, jig, slot)


_LARGEST_SET: Final = 3


def _sets(bridges: int) -> Iterator[tuple[DeviceKind, str]]:
    """Yield type and premises of so many bridges, in whole sets of two and three by turns. One bridge is no set."""
    types = cycle(BridgeType)
    left, number = bridges, 0
    while left > 0:
        number += 1
        members = (
            left if left <= _LARGEST_SET else 2 if number % 2 or left == _LARGEST_SET + 1 else _LARGEST_SET
        )
        left -= members
        yield from ((DeviceKind(next(types)), f"PREMISES {number}") for _ in range(members))


def _write_hubs(scene: Scene) -> None:
    for jig in range(1, scene.jigs + 1):
        entries = [
            {
                "chf": str(hub.chf),
                **(
                    {"bridge_type": hub.kind} if hub.gpf is None else {"gpf": str(hub.gpf), "variant": "DBCH"}
                ),
                "manufacturer": MANUFACTURER,
                "model": hub.model,
                "firmware": _image("old", hub.kind),
                "jig": jig,
                "slot": hub.slot,
            }
            for hub in scene.hubs
            if hub.jig == jig
        ]
        scene.hubs_file(jig).write_text(json.dumps(entries, indent=1))


def _write_order(scene: Scene) -> None:
    with scene.order_file.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order_number", *HEADINGS])
        for hub in scene.hubs:
            if hub.order != ORDER:
                continue
            facts = [MANUFACTURER, MODEL, "Central", "DBCH", OLD_VERSION[1], "Pending", PARTY]
            writer.writerow([ORDER, hub.chf, hub.gpf, *facts])


def _write_bridges_order(scene: Scene) -> None:
    members = Counter(hub.premises for hub in scene.hubs)
    with scene.bridges_order_file.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order_number", *BRIDGE_HEADINGS])
        for hub in scene.hubs:
            if hub.order == BRIDGES_ORDER:
                of_set = hub.chf, hub.kind, hub.premises, members[hub.premises]
                writer.writerow([BRIDGES_ORDER, *of_set, MANUFACTURER, hub.model, OLD_VERSION[1], PARTY])
