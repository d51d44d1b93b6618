"""What the system test stands on: two makers' hubs in simulated rigs, a station, an inventory, a broker, and what is upstream."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from securesystemslib.signer import CryptoSigner

from benches import brokers
from benches.processes import PATIENCE_SECONDS, run, running, wait_for
from benches.station_config import write_config
from benches.upstream import Upstream
from firmware_catalog.new_release import Statement
from firmware_catalog.trust.founding import OWNER_ROLES, delegate, found_catalog
from firmware_catalog.trust.publishing import refresh_catalog
from firmware_catalog.trust.releasing import add_signed_release
from firmware_catalog.trust.signing import RoleKeys
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key, save_private_key, save_public_key

PROGRAM = (sys.executable, "-c", "from station.program import main; main()")
OLD, NEW = ("1.2.256", "01020100"), ("1.2.303", "0102012F")
ORDER = "SIT-1"
PARTY = "SIT PARTY"
BY = ("--by", "System test")


@dataclass(frozen=True)
class Maker:
    """A maker of hubs, on a jig of its own."""

    name: str
    oui: str
    manufacturer: str
    model: str
    jig: int


@dataclass(frozen=True)
class Hub:
    """One single-band hub."""

    maker: Maker
    slot: int
    region: str

    @property
    def chf(self) -> str:
        return f"{self.maker.oui}-00-00-00-00-{self.slot:02X}"

    @property
    def gpf(self) -> str:
        return f"{self.maker.oui}-01-00-00-00-{self.slot:02X}"


MAKERS = (
    Maker("Toshiba", "88-73-84", "10A8", "00000011", 1),
    Maker("Wistron NeWeb", "00-0B-6B", "10C7", "00000022", 2),
)
"""Those whose OUIs are known; what they call themselves and their models is made up."""
FILE_REGION, NOTIFIED_REGION = "North", "Central"
"""Whose hubs are told of by file (Option B), and whose by pre-notification (Option A)."""
HUBS = tuple(
    Hub(maker, slot, region) for maker in MAKERS for slot, region in ((1, FILE_REGION), (2, NOTIFIED_REGION))
)


class SystemUnderTest:
    """All of it, at work. Close it in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self.there = Upstream(self._folder("upstream"))
        self.config = folder / "inventory.toml"
        self.station_config = folder / "station.toml"

    def _folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        return path

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        broker = self._stack.enter_context(brokers.mosquitto(self.folder))
        self.there.start()
        self._stack.callback(self.there.kill)
        jigs = self._rigs()
        write_config(
            self.station_config,
            {
                "site": "sit",
                "station": "bench-1",
                "mode": "bench",
                "state_directory": str(self._folder("state")),
                "catalogue": {
                    "place": str(self.folder / "catalogue"),
                    "root": str(self.folder / "root.json"),
                },
                "unlock": {"key_file": str(self.folder / "unlock.pem")},
                "mqtt": {"host": "127.0.0.1", "port": broker.port},
                "people": {"line_clearance": "off"},
                "jigs": jigs,
            },
        )
        release = "{{manufacturer = {0.manufacturer!r}, model = {0.model!r}, firmware_version = '{1}'}}"
        releases = ", ".join(release.format(maker, NEW[1]) for maker in MAKERS)
        self.config.write_text(
            "\n".join(
                [
                    f'database = "sqlite:///{self.folder}/inventory.db"',
                    'log.format = "json"',
                    f"mqtt.port = {broker.port}",
                    "stations = [{site = 'sit', station = 'bench-1'}]",
                    f"ssmi = {{folder = '{self.folder}', upload = {self.there.https('ssmi', 'dcc-logistics')}}}",
                    f"requests = {{orders_folder = '{self.folder}', releases = [{releases}]}}",
                    "[[upstream.routes]]",
                    "csp = 'notified'",
                    f"regions = ['{NOTIFIED_REGION}']",
                    f"n3 = {self.there.https('n3', 'csp')}",
                    "[[upstream.routes]]",
                    "csp = 'by-file'",
                    f"regions = ['{FILE_REGION}']",
                    "",
                ]
            )
        )

    def _rigs(self) -> list[dict[str, Any]]:
        """Found a catalogue of both makers, and run a rig of each; return the jigs as a station's configuration has them."""
        owner = CryptoSigner.generate_ecdsa()
        catalogue = self.folder / "catalogue"
        root = found_catalog(catalogue, dict.fromkeys(OWNER_ROLES, RoleKeys((owner.public_key,))), [owner])
        (self.folder / "root.json").write_bytes(root.read_bytes())
        unlock = generate_key()
        save_private_key(unlock, self.folder / "unlock.pem")
        save_public_key(unlock.public_key(), self.folder / "unlock.pub")
        jigs = []
        for maker in MAKERS:
            signer, key = CryptoSigner.generate_ecdsa(), generate_key()
            delegate(
                catalogue, maker.manufacturer, RoleKeys((signer.public_key,)), [key.public_key()], [owner]
            )
            folder = self._folder(f"rig{maker.jig}")
            for (version, _), name in ((OLD, "old.bin"), (NEW, "new.bin")):
                spec = FirmwareSpec(version, maker.manufacturer, maker.model, 64 * 1024, 7)
                (folder / name).write_bytes(make_firmware(spec, key))
            add_signed_release(catalogue, folder / "new.bin", Statement(), [signer])
            save_public_key(key.public_key(), folder / "maker.pub")
            jigs.append(self._rig(maker, folder))
        refresh_catalog(catalogue, [owner])
        return jigs

    def _rig(self, maker: Maker, folder: Path) -> dict[str, Any]:
        entries = [
            {
                "chf": hub.chf,
                "gpf": hub.gpf,
                "manufacturer": maker.manufacturer,
                "model": maker.model,
                "variant": "SBCH",
                "firmware": "old.bin",
                "jig": maker.jig,
                "slot": hub.slot,
            }
            for hub in HUBS
            if hub.maker is maker
        ]
        (folder / "hubs.json").write_text(json.dumps(entries))
        command = (sys.executable, "-m", "simulators", "rig", "--dir", folder, "--first-jig", maker.jig)
        options = (
            "--jigs",
            1,
            "--slots",
            2,
            "--hubs",
            folder / "hubs.json",
            "--speed",
            10,
            "--until-stdin-closes",
        )
        keys = ("--maker-key", folder / "maker.pub", "--unlock-key", self.folder / "unlock.pub")
        process = self._stack.enter_context(
            running((*command, *options, *keys), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        ready = json.loads(process.stdout.readline())
        return {
            "name": f"jig{maker.jig}",
            "driver": "smp",
            "driver_settings": {"baud": 921_600},
            "slots": {place.rpartition("slot")[2]: port for place, port in ready["slots"].items()},
            "recognition_seconds": 1.0,
        }

    def rig_control(self, hub: Hub) -> str:
        """Return where the rig is asked in which a hub is."""
        return str(self.folder / f"rig{hub.maker.jig}" / "control.sock")

    def work(self, name: str, *command: str, config: Path) -> None:
        """Have a program at work from now on, until all is closed."""
        log = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen([*PROGRAM, *command, "--config", str(config)], stdout=log, stderr=log)

        def stop() -> None:
            process.terminate()
            wait_for(process)

        self._stack.callback(stop)

    def inventory(self, *arguments: object, code: int = 0) -> str:
        """Type a command of the inventory, which has to end so."""
        return self._typed(("inventory", *arguments, "--config", self.config), code)

    def station(self, *arguments: object, code: int = 0) -> str:
        """Type a command of the station, which has to end so."""
        return self._typed((*arguments, "--config", self.station_config), code)

    @staticmethod
    def _typed(arguments: Sequence[object], code: int) -> str:
        done = run([*PROGRAM, *arguments], capture_output=True, text=True)
        assert done.returncode == code, f"{arguments}: {done.returncode}: {done.stdout}{done.stderr}"
        said: str = done.stdout if code == 0 else done.stdout + done.stderr
        return said

    def until(self, *arguments: object, ask: str, says: str) -> str:
        """Type a command again and again until it says something."""
        deadline = time.monotonic() + 3 * PATIENCE_SECONDS
        while True:
            config = self.config if ask == "inventory" else self.station_config
            words = ("inventory", *arguments) if ask == "inventory" else arguments
            done = run([*PROGRAM, *words, "--config", config], capture_output=True, text=True)
            if says in done.stdout:
                found: str = done.stdout
                return found
            assert time.monotonic() < deadline, f"{arguments}: {done.stdout}{done.stderr}"
