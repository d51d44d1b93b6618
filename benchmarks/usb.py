"""The row `usb`: the station's driver for USB and, in the same run, its peer, on one workload."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.clients import STATION
from benchmarks.image import ImageFile, make_image
from benchmarks.pair import Pair
from benchmarks.report import Figures
from benchmarks.usb_bench import UsbBench, start_usb_bench
from benchmarks.usb_bus import Download
from benchmarks.usb_workload import UsbTask, UsbWorkload
from benchmarks.watch import TICKS, Run, start_measured, watch
from simulators.keys import generate_key, save_private_key


@dataclass(frozen=True, kw_only=True)
class UsbPair(Pair[Run]):
    """Both clients on one workload."""

    workload: UsbWorkload

    @property
    def share_of_limit(self) -> float:
        """Of what bus and hub allow."""
        return self._share(self.ours)

    @property
    def faults(self) -> list[str]:
        """Why the row is void, if it is."""
        cheated = [run.client for run in self.measured if self._share(run) > 1]
        return super().faults + [f"a bus was faster than USB under {client}" for client in cheated]

    def figures(self) -> Figures:
        """Return the row."""
        limit, ours, faults = self._limit, self.ours, self.faults
        cpu_seconds = ours.findings.cpu_seconds + ours.simulators_cpu_seconds
        return {
            "row": "usb",
            **self.workload.figures(),
            "image_bytes": ours.image_bytes,
            "share_of_limit": round(self.share_of_limit, 4),
            "kib_s_a_slot": self.kib_s_a_slot,
            "bus_busy": round(limit.bus_seconds / ours.findings.all_seconds, 4),
            "cores_at_limit": round(cpu_seconds / limit.seconds, 2),
            **self.cost_figures(),
            **self.peer_figures(),
            "valid": not faults,
            "void_because": faults,
        }

    @property
    def _limit(self) -> Download:
        return self.workload.download(self.ours.image_bytes)

    def _share(self, run: Run) -> float:
        return self._limit.seconds / run.findings.all_seconds


async def usb_row(workload: UsbWorkload, peer: str | None, repeats: int) -> Figures:
    """Measure the workload, and right before the peer on the same hubs, `repeats` times over.

    The repeat in which other programs used the least of the machine makes the row; the shares of the limit in all
    of them stand in it too.
    """
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        maker, unlock_key = generate_key(), folder / "unlock.pem"
        save_private_key(maker, folder / "maker.pem")
        save_private_key(generate_key(), unlock_key)
        image = make_image(workload.image_kib, folder, maker)
        pairs = []
        async with start_usb_bench(workload, folder / "maker.pem", unlock_key) as bench:
            for _ in range(repeats):
                theirs = await _measure(peer, workload, image, unlock_key, bench) if peer else None
                ours = await _measure(STATION, workload, image, unlock_key, bench)
                pairs.append(UsbPair(workload=workload, ours=ours, peer=theirs))
    row = min(pairs, key=lambda pair: pair.other_cpu).figures()
    return row | {"share_of_each_repeat": [round(pair.share_of_limit, 4) for pair in pairs]}


async def _measure(
    client: str, workload: UsbWorkload, image: ImageFile, unlock_key: Path, bench: UsbBench
) -> Run:
    """Have one client upload the image to every hub at once."""
    tick_seconds = workload.download(image.size).seconds / TICKS
    task = UsbTask(client, bench.places, bench.port, str(image.path), str(unlock_key), tick_seconds)
    async with start_measured("benchmarks.usb_uploader", client, asdict(task)) as begin:
        return await watch(client, begin, [bench.simulator], image.size, tick_seconds)
