"""The row `screen`: from a fact's commit to the frame that shows it, and what the screen's process costs.

24 slots each change once a second: the fact is appended, then shown, as a slot does it. Three browsers watch; in every other
round a crowd of streams beside them, some of which never read. The controls are the appends of the same rounds, and the
rounds without the crowd. Before them one slot changes while everything else stands still, as on an idle machine, and the page is
opened again and again: it is usable once every tile has its word and nothing lies over the bench.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, cast

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.busy_slots import SLOTS
from benchmarks.journal import SITE, STATION, ended, opened_attempt
from benchmarks.processes import cpu_seconds, memory_mib, peak_memory_mib
from benchmarks.report import Figures
from benchmarks.simulator import BenchmarkFailed
from firmware_catalog.identity import Eui64
from station.bench.controller import Controller
from station.bench.duty import Duty
from station.bench.view import BenchView
from station.control.server import serve_control
from station.desk.act import Entrance
from station.desk.bench_desk import BenchDesk
from station.desk.desk import Desk
from station.desk.rights import Role
from station.domain.outcome import Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.records.facts.attempts import StageStarted
from station.records.journal import Journal
from station.throughput.lag import percentile

SCREEN_REPEATS: Final = 3
SCREEN_SECONDS: Final = 10.0
"""Of each round."""
BROWSERS: Final = 3
_CROWD: Final = 50 - BROWSERS
_SILENT: Final = 10
"""Of the crowd: they ask for a stream and never read."""
_BETWEEN_CHANGES: Final = 1.0
_PING_SECONDS: Final = 0.01
_SWITCHES: Final = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
_WATCH: Final = """
  window.seen = [];
  new MutationObserver(changes => {
    for (const change of changes) {
      const field = change.target.closest?.('.hub') ?? change.target.parentElement?.closest('.hub');
      if (field) { const hub = field.textContent; requestAnimationFrame(() => seen.push([hub, Date.now() / 1000])); }
    }
  }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true });
"""


_USABLE: Final = f"""
  const isUsable = () => {{
    const words = [...document.querySelectorAll('.tile .word')];
    return words.length === {SLOTS} && words.every(word => word.textContent) && document.querySelector('.veil')?.hidden;
  }};
  const look = () => {{ if (isUsable()) window.usableAfter = performance.now() / 1000; else requestAnimationFrame(look); }};
  look();
"""
"""Notes, in a page that is being opened, how many seconds after it was asked for it is of use."""
_OPENINGS: Final = 5


class _Bench:
    """24 slots whose changes are appended and shown."""

    def __init__(self, journal: Journal, view: BenchView, attempts: Sequence[int]) -> None:
        self._journal = journal
        self._attempts = attempts
        self._view = view
        self._hub = 0
        self.committed: dict[str, float] = {}
        """When each hub's fact was durable, by what a tile shows of its id."""
        self.appends: list[float] = []

    async def work(self, seconds: float) -> None:
        """Let every slot change again and again, each in its own moment of the second."""
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for number, place in enumerate(_places()):
                group.create_task(self._slot(number, place, until))

    async def one_slot(self, seconds: float) -> None:
        """Let one slot change, and all others stand still."""
        await self._slot(0, _places()[0], time.monotonic() + seconds)

    async def _slot(self, number: int, place: SlotName, until: float) -> None:
        attempt = self._attempts[number]
        await asyncio.sleep(_BETWEEN_CHANGES * number / SLOTS)
        while time.monotonic() < until:
            self._hub += 1
            hub = Eui64(0x8873_8400_0000_0000 + self._hub)
            begun = time.monotonic()
            await self._journal.append(
                StageStarted(attempt=attempt, stage=Stage.FLASH), ended(attempt=attempt, stage=Stage.FLASH)
            )
            self.appends.append(time.monotonic() - begun)
            self.committed[f"…{str(hub)[-8:]}"] = time.time()
            self._view.show(
                SlotView(
                    place=place,
                    phase=SlotPhase.WORKING,
                    reason=Reason.WORKING,
                    chf=hub,
                    stage=Stage.FLASH,
                    percent=0,
                )
            )
            await asyncio.sleep(_BETWEEN_CHANGES)


async def screen_row(repeats: int, seconds: float) -> Figures:
    """Measure in rounds of so many seconds, each twice: with the crowd and without. Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name, ExitStack() as opened:
        folder = Path(name)
        async with (
            Journal.open(folder / "journal", site=SITE, station=STATION) as journal,
            _served(journal, folder / "desk.sock") as bench,
            running_screen(folder / "desk.sock") as (process, port),
        ):
            browsers = [
                await asyncio.to_thread(opened.enter_context, open_browser(port)) for _ in range(BROWSERS)
            ]
            await bench.work(2.0)  # everything has been loaded
            usable = [await asyncio.to_thread(_opened, browsers[0], port) for _ in range(_OPENINGS)]
            await asyncio.to_thread(browsers[0].execute_script, _WATCH)
            idle, alone, crowded = _Round(), _Round(), _Round()
            for _ in range(repeats):
                await idle.run(bench.one_slot, bench, browsers, process, seconds)
                await alone.run(bench.work, bench, browsers, process, seconds)
                with _crowd(port):
                    await crowded.run(bench.work, bench, browsers, process, seconds)
            stall = await _stall(port)
            return {
                "row": "screen",
                "slots": SLOTS,
                "browsers": BROWSERS,
                "changes": len(bench.committed),
                "frames": len(alone.frames) + len(crowded.frames),
                "append_p95_ms": round(1e3 * percentile(bench.appends, 0.95), 2),
                "page_usable_s": round(percentile(usable, 0.95), 2),
                "idle_frames": len(idle.frames),
                "frame_p95_ms_idle": round(1e3 * percentile(idle.frames, 0.95), 1),
                "frame_p95_ms": round(1e3 * percentile(alone.frames, 0.95), 1),
                "frame_p95_ms_in_crowd": round(1e3 * percentile(crowded.frames, 0.95), 1),
                "crowd": _CROWD + BROWSERS,
                "crowd_that_never_reads": _SILENT,
                "page_opening_stall_ms": round(1e3 * stall[0], 1),
                "ping_p95_ms": round(1e3 * stall[1], 1),
                "cores": round(alone.cpu / (repeats * seconds), 3),
                "cores_in_crowd": round(crowded.cpu / (repeats * seconds), 3),
                "memory_mib": round(memory_mib(process), 1),
                "peak_memory_mib": round(peak_memory_mib(process), 1),
                "valid": True,
                "void_because": [],
            }


class _Round:
    """What was seen in rounds of one kind."""

    def __init__(self) -> None:
        self.frames: list[float] = []
        """Seconds from a commit to the frame, of each browser."""
        self.cpu = 0.0

    async def run(
        self,
        work: Callable[[float], Awaitable[None]],
        bench: _Bench,
        browsers: list[Chrome],
        process: int,
        seconds: float,
    ) -> None:
        """Have the bench work so long, and look at what the browsers saw of it."""
        for browser in browsers:
            await asyncio.to_thread(browser.execute_script, "window.seen = []")
        used = cpu_seconds(process)
        await work(seconds)
        self.cpu += cpu_seconds(process) - used
        await asyncio.sleep(1.0)  # the last changes' frames
        for browser in browsers:
            seen: Any = await asyncio.to_thread(browser.execute_script, "return window.seen")
            self.frames += [at - bench.committed[hub] for hub, at in seen if hub in bench.committed]


@asynccontextmanager
async def _served(journal: Journal, desk_socket: Path) -> AsyncIterator[_Bench]:
    """Serve a desk that can be looked at, over a bench without jigs."""
    view = BenchView(iter(_places()))
    nobody = cast("Controller", None)  # looking asks the view alone
    bench_desk = BenchDesk(nobody, {}, view, Duty(), None, "en", lambda _: None)
    desk = Desk(journal, _anybody, bench_desk.handlers(), bench_desk.followers())
    entrance = Entrance(Role.TECHNICIAN, "desk", operator=lambda: None)
    async with serve_control(desk_socket, desk, entrance):
        attempts = [(await journal.append(opened_attempt(slot)))[0].sequence for slot in range(SLOTS)]
        yield _Bench(journal, view, attempts)
        view.end()


@asynccontextmanager
async def running_screen(desk_socket: Path) -> AsyncIterator[tuple[int, int]]:
    """Run the screen; yield its process and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    arguments = ("screen", "--without-login", "--desk", str(desk_socket), "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from station.program import main; main()", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while not _answers(port):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.1)
        yield process.pid, port
    finally:
        process.terminate()
        await process.wait()


@contextmanager
def open_browser(port: int) -> Iterator[Chrome]:
    """Show the bench in a browser of its own. Raises BenchmarkFailed where none is installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise BenchmarkFailed("chromium and chromium-driver are not installed: make system-packages")
    options = Options()
    options.binary_location = chromium
    for switch in _SWITCHES:
        options.add_argument(switch)
    browser = Chrome(options=options, service=Service(driver))
    try:
        browser.get(f"http://127.0.0.1:{port}/")
        browser.execute_script(_WATCH)
        yield browser
    finally:
        browser.quit()


def _opened(browser: Chrome, port: int) -> float:
    """Open the bench's page; return after how many seconds it was of use."""
    noting = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _USABLE})
    browser.get(f"http://127.0.0.1:{port}/")
    found = WebDriverWait(browser, 60).until(lambda each: each.execute_script("return window.usableAfter"))
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", noting)
    return float(found)


@contextmanager
def _crowd(port: int) -> Iterator[None]:
    """Have many follow: those who read do so in threads of their own processor time, the others never."""
    with ExitStack() as followers:
        asked = f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        for number in range(_CROWD):
            follower = followers.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number < _SILENT:
                follower.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            follower.sendall(asked)
            if number >= _SILENT:
                reading = asyncio.get_running_loop()
                follower.setblocking(False)
                reading.add_reader(follower, _drain, follower)
                followers.callback(reading.remove_reader, follower)
        yield


def _drain(follower: socket.socket) -> None:
    try:
        follower.recv(1 << 16)
    except BlockingIOError:
        return


async def _stall(port: int) -> tuple[float, float]:
    """Return how long the screen answers nobody while a page is opened, at worst, and its usual answer's time."""
    usual = [await asyncio.to_thread(_ping, port) for _ in range(100)]
    worst: list[float] = []
    for _ in range(10):
        opening = asyncio.create_task(asyncio.to_thread(_get, port, "/"))
        pings = []
        while not opening.done():
            pings.append(await asyncio.to_thread(_ping, port))
            await asyncio.sleep(_PING_SECONDS)
        await opening
        worst.append(max(pings))
    return percentile(worst, 0.5), percentile(usual, 0.95)


def _ping(port: int) -> float:
    begun = time.monotonic()
    _get(port, "/healthz")
    return time.monotonic() - begun


def _get(port: int, path: str) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        answer.read()


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def _places() -> tuple[SlotName, ...]:
    return tuple(SlotName(jig=f"jig{1 + number // 8}", slot=1 + number % 8) for number in range(SLOTS))


async def _anybody(_: str) -> None:
    """Let everybody be named."""
