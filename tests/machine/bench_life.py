"""The life of a bench PC from bare Debian, by the documented steps: installed, at work, killed, cut off, upgraded, taken back, moved."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaos_books import Books, Findings
from chaos_consumer import Consumer
from deb_variants import older, package_version
from debian_image import DebianImage, folder_from_disk, make_disk
from debian_root import installed
from virtual_pc import PORT_NAMES, STICK, VirtualPc, virtual_pc

from benches.station_config import write_config
from firmware_catalog.identity import Eui64
from station.demo.rigs import Rigs, start_rigs
from station.demo.scene import BAUD, ORDER, Scene, make_scene
from station.demo.transport import Transport
from station.domain.outcome import Outcome
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


def make_stick(folder: Path, scene: Scene, packages: Mapping[str, Path], more: Sequence[Path] = ()) -> Path:
    """Write what somebody brings to the bench onto a stick."""
    content = folder / "stick"
    content.mkdir()
    for name, package in packages.items():
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
    return f"set -e\n{_steps().replace('./reflash-station_*.deb', f'{STICK}/{package}')}"


def configure_commands() -> str:
    """Return what follows of them where the package is installed already."""
    first, _, rest = _steps().partition("\n")
    assert first.startswith("dpkg -i ")
    return f"set -e\n{rest}"


def _steps() -> str:
    mine = (
        # An emulated processor starts in minutes what a bench PC starts in seconds.
        "mkdir -p /etc/systemd/system/reflash.service.d\n"
        "printf '[Service]\\nTimeoutStartSec=900\\nWatchdogSec=600\\nTimeoutStopSec=300\\n'"
        " >/etc/systemd/system/reflash.service.d/emulated.conf\nsystemctl daemon-reload\n"
        f"cp {STICK}/station.toml /etc/reflash/station.toml\n"
        f"cp {STICK}/root.json /etc/reflash/catalogue-root.json\ncp {STICK}/unlock.pem /etc/reflash/"
    )
    steps = documented("### From the package")
    assert "editor /etc/reflash/station.toml" in steps
    return steps.replace("editor /etc/reflash/station.toml", mine)


@dataclass
class Measured:
    """What the steps of a life took, in seconds of an emulated processor."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done in the block."""
        begun = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - begun, 1)


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
                    # Whoever has a hub in his hand notes it, also while the power goes.
                    await asyncio.shield(self._obey(json.loads(line)))

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


async def live(image: DebianImage, package: Path, folder: Path, *, hubs: int, seed: int) -> Measured:
    """Live it once. Raises AssertionError or GuestFailed with what is not as it has to be."""
    chance = random.Random(seed)
    measured = Measured()
    before = older(package, folder / "before.deb")
    async with bench(folder, hubs, seed) as table:
        stick = make_stick(folder, table.scene, {"before.deb": before, "station.deb": package})
        async with virtual_pc(image, folder / "first", stick, ports(table.scene)) as pc:
            with measured.step("boot"):
                await pc.boot()
            await _install(pc, measured)
            with measured.step("half the order, with a kill"):
                await pc.run(f"{REFLASH} orders import {STICK}/{ORDER}.csv --jig jig1")
                await table.seat_again()
                await table.work(pc, 2)
                await pc.run("systemctl kill --signal=KILL reflash")
                await table.work(pc, hubs // 2)
            await _cut_while_upgrading(pc, table, hubs, chance, measured)
            await _upgrade(pc, measured)
            with measured.step("the rest of the order"):
                await table.work(pc, hubs)
            with measured.step("verified, backed up and fetched"):
                received = await close_the_day(pc)
            with measured.step("taken back"):
                await _take_back(pc, package_version(before))
            with measured.step("purged and switched off"):
                await _purge(pc)
                await pc.shut_down()
        backup = folder_from_disk(folder / "first" / "disk", "/srv/backup", folder)
        found = held_against_each_other(table, await table.rigs.hubs(), backup / "journal", received)
        assert found.lines == (), found.lines
        assert (found.outcomes[Outcome.PASSED], len(table.done)) == (hubs, hubs)
        with measured.step("moved to another PC"):
            await _move(image, package, folder, table.scene, backup)
    return measured


async def _install(pc: VirtualPc, measured: Measured) -> None:
    with measured.step("installed, configured, examined and started"):
        said = await pc.run(install_commands("before.deb"), seconds=900)
        assert " 0 faults" in said, said
        await ready(pc)
    measured.seconds["start to READY"] = await _between(pc, "InactiveExit", "ActiveEnter")
    await inventory_leaves(pc)


async def _between(pc: VirtualPc, first: str, then: str) -> float:
    """Return the seconds between two of the moments that systemd keeps of the station."""
    shown = await pc.run(f"systemctl show reflash -p {first}TimestampMonotonic -p {then}TimestampMonotonic")
    moments = {name: int(value) / 1e6 for name, value in re.findall(r"(\w+)TimestampMonotonic=(\d+)", shown)}
    return round(moments[then] - moments[first], 1)


async def inventory_leaves(pc: VirtualPc) -> None:
    """Have the broker keep what comes for an inventory that is away."""
    await pc.run(f"mosquitto_sub -E -c -i inventory -q 1 -t '{TOPICS.every_result}'")


async def ready(pc: VirtualPc) -> None:
    await pc.run("until systemctl --quiet is-active reflash; do sleep 1; done", seconds=600)


async def _cut_while_upgrading(
    pc: VirtualPc, table: Bench, hubs: int, chance: random.Random, measured: Measured
) -> None:
    """Take the power away while the new version is unpacked and the shift goes on, and switch the PC on again."""
    working = asyncio.create_task(table.work(pc, hubs))
    upgrading = asyncio.create_task(pc.try_out(f"dpkg -i {STICK}/station.deb", seconds=900))
    await asyncio.sleep(chance.uniform(5, 60))  # any instant: none is waited for
    for each in (working, upgrading):
        each.cancel()
    await asyncio.gather(working, upgrading, return_exceptions=True)
    await pc.cut_power()
    with measured.step("boot after a power cut"):
        await pc.boot()
    with measured.step("then until READY"):
        # Whichever version it is, nobody has to do anything for it.
        await ready(pc)


async def _upgrade(pc: VirtualPc, measured: Measured) -> None:
    """Install the new version in the middle of the shift, by the command that was cut off."""
    with measured.step("upgraded"):
        steps = documented("### Cut off in the middle").replace(
            "./reflash-station_*.deb", f"{STICK}/station.deb"
        )
        await pc.run(f"set -e\n{steps}", seconds=900)
        await ready(pc)
    measured.seconds["upgrade without a station"] = await _between(pc, "InactiveEnter", "ActiveEnter")


async def _purge(pc: VirtualPc) -> None:
    await pc.run("dpkg --purge reflash-station")
    left = await pc.run(
        "ls -d /opt/reflash /etc/reflash/* /usr/bin/reflash /var/lib/reflash 2>/dev/null || true"
    )
    assert "/etc/reflash/station.toml" in left.split(), left
    assert not {"/opt/reflash", "/usr/bin/reflash"} & set(left.split()), left
    assert "/var/lib/reflash" in left.split(), left


async def close_the_day(pc: VirtualPc) -> Consumer:
    """See that all is told and whole, take a backup, and fetch what an inventory has waiting."""
    await pc.run(
        f"until {REFLASH} journal outbox --json | grep -q '\"waiting\": 0'; do sleep 1; done", seconds=600
    )
    await pc.run(f"{REFLASH} journal verify", seconds=600)
    nightly = await pc.run(documented("## Backups"), seconds=1200)
    assert "/var/backups/reflash/bench-1-" in nightly, nightly
    await pc.run("install -d -o reflash -g reflash /srv/backup")
    await pc.run(f"{REFLASH} journal backup /srv/backup/journal", seconds=600)
    await pc.run("cp -r /var/backups/reflash/bench-1-* /srv/backup/whole")
    received = Consumer(0, TOPICS.every_result)
    await _fetch(pc, received)
    there = received.station_sequences()
    for number in sorted(set(range(1, max(there))) - there):
        # A broker may acknowledge and lose its power before it has written anything down: the inventory asks.
        await pc.run(f"{REFLASH} journal republish {number} {number}", seconds=600)
        await _fetch(pc, received)
    return received


async def _fetch(pc: VirtualPc, received: Consumer) -> None:
    waiting = await pc.try_out(f"mosquitto_sub -c -i inventory -q 1 -t '{TOPICS.every_result}' -W 10")
    for line in waiting.out.splitlines():
        if line.startswith("{"):
            received.take(line.encode())


async def _take_back(pc: VirtualPc, version: str) -> None:
    """Go back to the version before, by the documented steps; without them it is refused."""
    refused = await pc.try_out(f"dpkg -i {STICK}/before.deb", seconds=900)
    assert refused.code != 0
    assert "put the journal away first (reflash journal set-aside)" in refused.out, refused.out
    assert (await pc.try_out("systemctl is-active reflash")).out.strip() == "active", "as it was"
    steps = documented("### Going back").replace("./reflash-station_BEFORE.deb", f"{STICK}/before.deb")
    await pc.run("set -e\n" + steps.replace("/backup/journal-…", "/srv/backup/journal"), seconds=1200)
    await ready(pc)
    installed = await pc.run("dpkg-query -W -f '${Version}' reflash-station")
    assert installed == version
    assert re.search(rf"{ORDER}\b", await pc.run(f"{REFLASH} orders list"))


def held_against_each_other(
    table: Bench, inside: Sequence[dict[str, Any]], journal: Path, received: Consumer
) -> Findings:
    """Return in what hubs, journal and consumer do not agree."""
    books = Books(journal)
    books.against_consumer(received)
    found = books.findings
    found.lost += [
        f"hub {hub} left as passed and did not by the journal" for hub in table.done - books.passed
    ]
    held = {Eui64.parse(hub["chf"]): hub for hub in inside}
    for hub in table.scene.hubs:
        there = held[hub.chf]
        if not there["bootable"]:
            found.unbootable.append(f"hub {hub.chf} would not boot")
        if str(hub.chf) in books.passed and there["firmware"] != "0102012F":
            found.contradictory.append(f"hub {hub.chf} passed and runs {there['firmware']}")
        if str(hub.chf) not in books.seen and there["firmware"] == "0102012F":
            found.lost.append(f"hub {hub.chf} was changed and the journal does not know it")
    return found


async def _move(image: DebianImage, package: Path, folder: Path, scene: Scene, backup: Path) -> None:
    """Carry on, on another PC, with what was backed up."""
    (other := folder / "other").mkdir()
    stick = make_stick(other, scene, {}, (backup,))
    async with virtual_pc(installed(image, package, other), other / "pc", stick, ports(scene)) as pc:
        await pc.boot()
        steps = documented("### To another PC").replace("/backup/bench-1-…", f"{STICK}/backup/whole")
        first = configure_commands().replace("systemctl enable --now reflash", "")
        await pc.run(f"{first}\n{steps}", seconds=1800)
        await ready(pc)
        told = json.loads(await pc.run(f"{REFLASH} orders show {ORDER} --json"))
        assert set(told["results"]["passed"]) == {str(hub.chf) for hub in scene.hubs}
        await pc.shut_down()
