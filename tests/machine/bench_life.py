"""The life of a bench PC from bare Debian, by the documented steps: installed, at work, killed, cut off, upgraded, taken back, moved."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaos_books import Books
from chaos_consumer import Consumer
from debian_image import DebianImage, folder_from_disk, make_disk
from virtual_pc import PORT_NAMES, STICK, VirtualPc, package_version, virtual_pc

from benches.station_config import write_config
from firmware_catalog.identity import Eui64
from station.demo.rigs import Rigs, start_rigs
from station.demo.scene import BAUD, ORDER, Scene, make_scene
from station.demo.transport import Transport
from station.domain.slot_name import SlotName
from station.domain.to_do import ToDo
from station.messages.topics import Topics

SLOTS: Final = 4
IMAGE_BYTES: Final = 16 * 1024
"""A small image: an emulated processor is some forty times as slow as a bench PC's."""
TOPICS: Final = Topics("site-1", "bench-1")
OPERATING: Final = Path(__file__).parents[2] / "docs" / "operating.md"
_TAKE_OUT: Final = {ToDo.PASS, ToDo.FAIL, ToDo.MOVE, ToDo.HOLD}
REFLASH: Final = "sudo -u reflash reflash"


def documented(heading: str) -> str:
    """Return the commands of a section of docs/operating.md."""
    _, _, rest = OPERATING.read_text().partition(f"\n{heading}\n")
    section = re.split(r"\n##+ ", rest)[0]
    commands = re.findall(r"(?m)^    (.+)$", section)
    assert commands, f"docs/operating.md has no commands below {heading!r}"
    return "\n".join(commands)


def configuration(slots: int) -> dict[str, Any]:
    """Return what the station of the virtual PC is told; the rest is as it is unless said."""
    return {
        "site": TOPICS.site,
        "station": TOPICS.station,
        "mode": "bench",
        "state_directory": "/var/lib/reflash",
        "catalogue": {"place": f"{STICK}/catalogue", "root": "/etc/reflash/catalogue-root.json"},
        "unlock": {"key_file": "/etc/reflash/unlock.pem"},
        "people": {"line_clearance": "off"},
        "backup": {"folder": "/var/backups/reflash"},
        # Its broker answers within seconds, as everything does on this processor.
        "mqtt": {"host": "127.0.0.1", "timeout_seconds": 30.0},
        "jigs": [
            {
                "name": "jig1",
                "driver": "smp",
                "slots": {str(slot): PORT_NAMES.format(slot) for slot in range(1, slots + 1)},
                "driver_settings": {
                    "baud": BAUD,
                    "answer_seconds": 10.0,
                    "probe_seconds": 5.0,
                    "removal_seconds": 15.0,
                    "slowness": 100.0,
                },
            }
        ],
    }


def older(package: Path, folder: Path) -> Path:
    """Return the same package under a version before it, which is all that there was of one."""
    tree, made = folder / "older", folder / "before.deb"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    version = package_version(package)
    for name in ("control", "preinst"):
        file = tree / "DEBIAN" / name
        file.write_text(file.read_text().replace(version, f"{version}~before"))
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zzstd", "-b", tree, made], check=True, capture_output=True
    )
    shutil.rmtree(tree)
    return made


def make_stick(folder: Path, scene: Scene, packages: Sequence[Path], more: Sequence[Path] = ()) -> Path:
    """Write what somebody brings to the bench onto a stick."""
    content = folder / "stick"
    content.mkdir()
    for package, name in zip(packages, ("before.deb", "station.deb"), strict=True):
        shutil.copy(package, content / name)
    shutil.copytree(scene.catalogue, content / "catalogue")
    for file in (scene.catalogue_root, scene.unlock_key, scene.order_file):
        shutil.copy(file, content)
    for path in more:
        shutil.copytree(path, content / path.name)
    write_config(content / "station.toml", configuration(scene.slots))
    make_disk(content, folder / "stick.ext4", 400)
    shutil.rmtree(content)
    return folder / "stick.ext4"


def install_commands(package: str) -> str:
    """Return the documented steps, with this package and the site's own files in the editor's place."""
    mine = (
        # An emulated processor starts in minutes what a bench PC starts in seconds.
        "mkdir -p /etc/systemd/system/reflash.service.d\n"
        "printf '[Service]\\nTimeoutStartSec=900\\nWatchdogSec=600\\nTimeoutStopSec=300\\n'"
        " >/etc/systemd/system/reflash.service.d/emulated.conf\nsystemctl daemon-reload\n"
        f"cp {STICK}/station.toml /etc/reflash/station.toml\n"
        f"cp {STICK}/root.json /etc/reflash/catalogue-root.json\ncp {STICK}/unlock.pem /etc/reflash/"
    )
    steps = documented("### From the package")
    steps = steps.replace("./reflash-station_*.deb", f"{STICK}/{package}")
    assert "editor /etc/reflash/station.toml" in steps
    return "set -e\n" + steps.replace("editor /etc/reflash/station.toml", mine)


@dataclass
class Measured:
    """What a life took, in seconds of an emulated processor."""

    installed_to_ready: float = 0.0
    upgrade_without_station: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass
class Bench:
    """A scene, its rigs and hands, whatever PC stands beside them."""

    scene: Scene
    rigs: Rigs
    done: set[str] = field(default_factory=set)
    """Hubs that were taken out with their result, by CHF."""

    async def work(self, pc: VirtualPc, until: int) -> None:
        """Take hubs out as the slots say, and put the next ones in, until so many have left."""
        while len(self.done) < until:
            # It ends with 27 once nothing more comes, or says that there is no broker yet.
            told = await pc.try_out(f"mosquitto_sub -t '{TOPICS.every_slot_state}' -W 3")
            for line in told.out.splitlines():
                if line.startswith("{"):
                    await self._obey(json.loads(line))

    async def seat_again(self) -> None:
        """Seat the first hubs anew: they sat there before there was an order."""
        for hub in self.scene.hubs:
            if hub.slot is not None:
                await self.rigs.reseat(SlotName(jig="jig1", slot=hub.slot), hub.chf)

    async def _obey(self, state: dict[str, Any]) -> None:
        chf = state["chf"]
        if chf in self.done or state["to_do"] not in _TAKE_OUT:
            return
        taken, _ = await self.rigs.swap(SlotName.model_validate(state["place"]))
        assert str(taken) == chf, f"{state['place']} said {state['to_do']} of {chf}, and {taken} sat there"
        self.done.add(chf)


@asynccontextmanager
async def bench(folder: Path, hubs: int, seed: int) -> AsyncIterator[Bench]:
    """Have rigs with hubs for the length of the block."""
    scene = make_scene(folder / "scene", jigs=1, slots=SLOTS, hubs=hubs, seed=seed, image_bytes=IMAGE_BYTES)
    async with start_rigs(scene, seed=seed, faults="none", transport=Transport.SERIAL) as rigs:
        yield Bench(scene, rigs)


def ports(scene: Scene) -> list[Path]:
    """Return the ptys of the rig's slots."""
    return [scene.ports / "rig1" / "jig1" / f"slot{slot}" for slot in range(1, scene.slots + 1)]


async def live(
    image: DebianImage, package: Path, folder: Path, *, hubs: int, cuts: int, seed: int
) -> Measured:
    """Live it once, with so many power cuts. Raises AssertionError or GuestFailed with what is not as it has to be."""
    chance = random.Random(seed)
    measured = Measured()
    before = older(package, folder)
    async with bench(folder, hubs, seed) as table:
        stick = make_stick(folder, table.scene, (before, package))
        async with virtual_pc(image, folder / "first", stick, ports(table.scene)) as pc:
            await pc.boot()
            await _install(pc, measured)
            await pc.run(f"{REFLASH} orders import {STICK}/{ORDER}.csv --jig jig1")
            await table.seat_again()
            await table.work(pc, 2)
            await pc.run("systemctl kill --signal=KILL reflash")
            each = max(1, (hubs // 2 - 2) // max(1, cuts))
            for cut in range(cuts):
                await _cut_while_working(pc, table, min(hubs // 2, 2 + (cut + 1) * each), chance)
            await table.work(pc, hubs // 2)
            await _upgrade(pc, measured)
            await table.work(pc, hubs)
            received = await _close_the_day(pc)
            await _take_back(pc, package_version(before))
            await pc.run("dpkg --purge reflash-station")
            left = await pc.run(
                "ls -d /opt/reflash /etc/reflash /usr/bin/reflash /var/lib/reflash 2>/dev/null || true"
            )
            assert left.split() == ["/etc/reflash", "/var/lib/reflash"], left
            await pc.shut_down()
        backup = folder_from_disk(folder / "first" / "disk", "/srv/backup", folder)
        _hold_against_each_other(table, await table.rigs.hubs(), backup / "journal", received)
        await _move(image, package, folder, table.scene, backup)
    return measured


async def _install(pc: VirtualPc, measured: Measured) -> None:
    begun = time.monotonic()
    said = await pc.run(install_commands("before.deb"), seconds=900)
    assert " 0 faults" in said, said
    await _ready(pc)
    measured.installed_to_ready = time.monotonic() - begun
    # An inventory that is away, for which the broker keeps what comes.
    await pc.run(f"mosquitto_sub -E -c -i inventory -q 1 -t '{TOPICS.every_result}'")


async def _ready(pc: VirtualPc) -> None:
    await pc.run("until systemctl --quiet is-active reflash; do sleep 1; done", seconds=600)


async def _cut_while_working(pc: VirtualPc, table: Bench, until: int, chance: random.Random) -> None:
    """Take the power away at any instant of the shift, and switch the PC on again."""
    working = asyncio.create_task(table.work(pc, until))
    await asyncio.sleep(chance.uniform(5, 60))  # any instant: none is waited for
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await pc.cut_power()
    await pc.boot()
    await _ready(pc)
    await table.work(pc, until)


async def _upgrade(pc: VirtualPc, measured: Measured) -> None:
    """Install the new version in the middle of the shift."""
    await pc.run(f"dpkg -i {STICK}/station.deb", seconds=900)
    await _ready(pc)
    times = await pc.run(
        "systemctl show reflash -p InactiveEnterTimestampMonotonic -p ActiveEnterTimestampMonotonic --value"
    )
    up, down = (int(each) / 1e6 for each in times.split())
    measured.upgrade_without_station = abs(up - down)


async def _close_the_day(pc: VirtualPc) -> Consumer:
    """See that all is told and whole, take a backup, and fetch what an inventory has waiting."""
    await pc.run(
        f"until {REFLASH} journal outbox --json | grep -q '\"waiting\": 0'; do sleep 1; done", seconds=600
    )
    await pc.run(f"{REFLASH} journal verify", seconds=600)
    nightly = await pc.run(documented("## Backups"), seconds=1200)
    assert "/var/backups/reflash/bench-1-" in nightly, nightly
    await pc.run("install -d -o reflash -g reflash /srv/backup")
    await pc.run(f"{REFLASH} journal backup /srv/backup/journal", seconds=600)
    received = Consumer(0, TOPICS.every_result)
    waiting = await pc.try_out(f"mosquitto_sub -c -i inventory -q 1 -t '{TOPICS.every_result}' -W 10")
    for line in waiting.out.splitlines():
        if line.startswith("{"):
            received.take(line.encode())
    return received


async def _take_back(pc: VirtualPc, version: str) -> None:
    """Go back to the version before, by the documented steps; without them it is refused."""
    refused = await pc.try_out(f"dpkg -i {STICK}/before.deb", seconds=900)
    assert refused.code != 0
    assert "put the journal away first (reflash journal set-aside)" in refused.out, refused.out
    assert (await pc.try_out("systemctl is-active reflash")).out.strip() == "active", "as it was"
    steps = documented("### Going back").replace("./reflash-station_BEFORE.deb", f"{STICK}/before.deb")
    await pc.run("set -e\n" + steps.replace("/backup/journal-…", "/srv/backup/journal"), seconds=1200)
    await _ready(pc)
    installed = await pc.run("dpkg-query -W -f '${Version}' reflash-station")
    assert installed == version
    assert re.search(rf"{ORDER}\b", await pc.run(f"{REFLASH} orders list"))


def _hold_against_each_other(
    table: Bench, inside: Sequence[dict[str, Any]], journal: Path, received: Consumer
) -> None:
    """Hubs, journal and consumer agree."""
    books = Books(journal)
    books.against_consumer(received)
    assert books.findings.lines == (), books.findings.lines
    assert books.passed == {str(hub.chf) for hub in table.scene.hubs} == table.done
    held = {Eui64.parse(hub["chf"]): hub for hub in inside}
    for hub in table.scene.hubs:
        assert held[hub.chf]["bootable"]
        assert held[hub.chf]["firmware"] == "0102012F", held[hub.chf]


async def _move(image: DebianImage, package: Path, folder: Path, scene: Scene, backup: Path) -> None:
    """Carry on, on another PC, with what was backed up."""
    (other := folder / "other").mkdir()
    stick = make_stick(other, scene, (package, package), (backup,))
    async with virtual_pc(image, other / "pc", stick, ports(scene)) as pc:
        await pc.boot()
        steps = documented("### To another PC").replace("/backup/journal-…", f"{STICK}/backup/journal")
        first = install_commands("station.deb").replace("systemctl enable --now reflash", "")
        await pc.run(f"{first}\n{steps}", seconds=1800)
        await _ready(pc)
        told = json.loads(await pc.run(f"{REFLASH} orders show {ORDER} --json"))
        assert set(told["results"]["passed"]) == {str(hub.chf) for hub in scene.hubs}
        await pc.shut_down()
