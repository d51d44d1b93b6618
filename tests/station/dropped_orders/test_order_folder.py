"""The folder that takes orders, with real files: never half, never twice, and nothing in it does harm."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benches import brokers
from benches.desk_client import desk_of_orders
from benches.looking import until
from benches.mounts import where_it_may_mount
from benches.processes import run
from benches.station_bench import Bench, at_broker, order_csv
from benches.station_daemon import events_of, running_daemon
from station.desk.act import Entrance
from station.desk.dropped_orders import OrdersAtDesk
from station.desk.rights import Role
from station.domain.actor import Actor
from station.domain.reason import Reason
from station.dropped_orders.folder import DropFolder
from station.dropped_orders.settings import OrderFolderSettings
from station.dropped_orders.verdicts import DroppedFile, NotNow, Refused, Taken, TakeOrder, Verdict
from station.dropped_orders.watching import OrderFolder
from station.orders.csv_import import MAX_FILE_SIZE, parse_order
from station.orders.errors import OrderFileRefused
from station.records.facts.orders import OrderImported
from station.records.journal import Journal

STILL = 0.05


class Imported:
    """Reads what is dropped as the desk does, and remembers it."""

    def __init__(self) -> None:
        self.files: list[tuple[str, int]] = []

    async def take(self, dropped: DroppedFile) -> Verdict:
        content = os.pread(dropped.file.fileno(), dropped.size + 1, 0)
        try:
            order = parse_order(content, dropped.source)
        except OrderFileRefused as error:
            return Refused((str(error),))
        self.files.append((dropped.source, len(order.lines)))
        return Taken(order.number)


class Folder:
    """A folder that takes orders, and what its keeper said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str | None] = []
        self.make()

    def make(self) -> None:
        for name in ("taken", "refused", ".taking"):  # the last is the station's to make, if need be
            (self.path / name).mkdir(parents=True)

    def drop(self, name: str | bytes, content: bytes) -> None:
        """Put a file there as it should be: all at once."""
        under_way = self.path / ".under-way"
        under_way.write_bytes(content)
        under_way.rename(self.path / os.fsdecode(name))

    def names(self, within: str) -> set[bytes]:
        return {os.fsencode(each.name) for each in (self.path / within).iterdir()}

    @asynccontextmanager
    async def kept(self, take: TakeOrder, unended_times: float = 2) -> AsyncIterator[None]:
        settings = OrderFolderSettings(path=self.path, still_seconds=STILL, look_seconds=0.1)
        keeping = OrderFolder(settings, MAX_FILE_SIZE, take, self.said.append, unended_times=unended_times)
        keeper = asyncio.create_task(keeping.run())
        try:
            yield
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def until_in(self, within: str, *names: bytes | str) -> None:
        await until(lambda: {os.fsencode(name) for name in names} <= self.names(within))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "orders")


@pytest.fixture
def orders(bench: Bench) -> Iterator[bytes]:
    """Orders of two hubs each, WO-1 and on."""
    return (order_csv(bench.hub(), bench.hub(), order=f"WO-{number}") for number in range(1, 9))


@pytest.mark.parametrize("from_another_host", [False, True])
async def test_a_file_that_is_still_written_waits_and_others_do_not(
    folder: Folder, orders: Iterator[bytes], tmp_path: Path, from_another_host: bool
) -> None:
    slow, whole = next(orders), next(orders)
    # Of what is written by another folder's name this one is told nothing, as of what another host writes.
    written = tmp_path / "elsewhere.csv" if from_another_host else folder.path / "slow.csv"
    # Where something is told, even a pause between two lines deceives nobody.
    cut = len(slow) - 5 if from_another_host else slow.rindex(b"\n", 0, -1) + 1
    imported = Imported()

    async with folder.kept(imported.take, unended_times=1e6 if from_another_host else 2):
        folder.drop("sooner.csv", whole)
        await folder.until_in("taken", "sooner.csv")
        with written.open("wb", buffering=0) as file:
            if from_another_host:
                os.link(written, folder.path / "slow.csv")
            file.write(slow[:cut])
            for name in ("later.csv", "last.csv"):  # long enough for whoever would take what lies still
                folder.drop(name, whole)
                await folder.until_in("taken", name)
            assert (folder.path / "slow.csv").exists()
            file.write(slow[cut:])
        await folder.until_in("taken", "slow.csv")
    assert imported.files[-1] == ("slow.csv", 2)
    assert not folder.names("refused")
    assert (folder.path / "taken" / "slow.csv").read_bytes() == slow
    assert folder.said[-1] is None


async def test_whatever_is_dropped_is_taken_or_refused_with_its_reasons(
    folder: Folder, orders: Iterator[bytes], tmp_path: Path
) -> None:
    path, imported = folder.path, Imported()
    (tmp_path / "secret").write_bytes(next(orders))
    (path / "link.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(path / "pipe.csv")
    (path / "folder.csv").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path / "socket.csv"))
    with (path / "huge.csv").open("wb") as huge:
        huge.truncate(MAX_FILE_SIZE + 1)
    folders = {b"taken", b"refused", b".taking"}
    left_alone = (".hidden.csv", "~$WO.xlsx", "WO.csv.part", "WO.csv.TMP", "WO.csv~")
    for name in left_alone:
        (path / name).write_bytes(b"x")
    odd = (b"a\nb.csv", b"\xff\xfe.csv", b"-rf", b"x" * 251 + b".csv")
    for name in odd:
        folder.drop(name, next(orders))
    folder.drop("none.csv", b"")
    folder.drop("words.txt", b"Dear station,\n")
    folder.drop("cut.csv", next(orders)[:-3])
    folder.drop("book.xlsx", b"PK\x03\x04\x14\0\x06\0\xc7")
    (path / ".taking").rmdir()
    # What lies in `refused` already is neither followed nor overwritten.
    (path / "refused" / "words.txt.reasons.txt").symlink_to(tmp_path / "victim")

    async with folder.kept(imported.take):
        await until(lambda: folder.names(".") == folders | set(map(os.fsencode, left_alone)))
        await until(lambda: not folder.names(".taking"))
    assert folder.names("taken") == {*odd[:3], b"x" * 200}
    assert [source for source, _ in imported.files] == [
        "a\ufffdb.csv",
        "\ufffd\ufffd.csv",
        "-rf",
        odd[3].decode(),
    ]
    assert not (tmp_path / "victim").exists()
    reasons = {
        "link.csv": "it is a symbolic link; drop",
        "pipe.csv": "it is a named pipe; drop",
        "folder.csv": "it is a folder; drop",
        "socket.csv": "it is a socket; drop",
        "huge.csv": f"it has more than {MAX_FILE_SIZE} bytes",
        "none.csv": "none.csv: a problem on line 1: the file is empty",
        "words-2.txt": "words.txt: 2 problems, the first on line 1: no column chf_id",
        "cut.csv": "its last line has no end, so that it may be cut off; end it with a line break",
        "book.xlsx": "book.xlsx: a problem on line 1: byte 0xc7 is not UTF-8: save the file as CSV in UTF-8",
    }
    refused = path / "refused"
    for name, why in reasons.items():
        assert (refused / f"{name}.reasons.txt").read_text().startswith(why), name
    assert len(folder.names("refused")) == 2 * len(reasons) + 1


async def test_an_order_is_imported_once_whatever_comes_again_and_whenever_the_station_dies(
    folder: Folder, orders: Iterator[bytes], tmp_path: Path
) -> None:
    first, second, other = next(orders), next(orders), next(orders).replace(b"WO-3", b"WO-1")
    heard: list[Any] = []

    async with Journal.open(tmp_path / "journal", site="s", station="b") as journal:
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        entrance = Entrance(Role.FOLDER, "order folder", operator=lambda: None)
        desk = OrdersAtDesk(partial(desk_of_orders(journal, "jig1").answer, entrance=entrance))
        dead = asyncio.Event()

        async def die_after(dropped: DroppedFile) -> Verdict:
            await desk.take(dropped)
            dead.set()
            return await asyncio.get_running_loop().create_future()

        folder.drop("WO-1.csv", first)
        async with folder.kept(die_after):
            await dead.wait()
        assert folder.names(".taking") == {b"WO-1.csv"}
        folder.drop("WO-1.csv", other)
        async with folder.kept(desk.take):
            await folder.until_in("taken", "WO-1.csv")
            await folder.until_in("refused", "WO-1.csv")
            folder.drop("again.csv", first)
            folder.drop("WO-1.csv", first)
            folder.drop("WO-2.csv", second)
            await folder.until_in("taken", "again.csv", "WO-1-2.csv", "WO-2.csv")
            folder.drop("twice.csv", first.replace(b"WO-1", b"WO-9"))
            await folder.until_in("refused", "twice.csv")
    (imported, *others) = [event for event in heard if isinstance(event, OrderImported)]
    assert (imported.order, [event.order for event in others]) == ("WO-1", ["WO-2"])
    assert imported.actor == Actor(pseudonym=None, where="order folder")
    assert "open order WO-1 lists" in (folder.path / "refused" / "twice.csv.reasons.txt").read_text()
    assert "other content" in (folder.path / "refused" / "WO-1.csv.reasons.txt").read_text()
    assert (folder.path / "taken" / "WO-1.csv").read_bytes() == first


async def test_the_folder_gone_and_back_and_a_station_that_cannot_now(
    folder: Folder, orders: Iterator[bytes], tmp_path: Path
) -> None:
    imported, away = Imported(), tmp_path / "away"
    able = False

    async def take(dropped: DroppedFile) -> Verdict:
        return await imported.take(dropped) if able else NotNow("the disk is full; make room")

    async with folder.kept(take):
        folder.drop("WO-1.csv", next(orders))
        await folder.until_in(".taking", "WO-1.csv")
        await until(lambda: folder.said[-1:] != [None])
        assert folder.said[-1] == (f"order folder {folder.path}: WO-1.csv waits: the disk is full; make room")
        able = True
        await folder.until_in("taken", "WO-1.csv")
        # Another takes its place; then a share is mounted over an empty folder.
        for name, mount in (("WO-2.csv", folder.make), ("WO-3.csv", partial(away.rename, folder.path))):
            folder.path.rename(tmp_path / "gone" if mount == folder.make else away)
            folder.path.mkdir()
            await until(lambda: "make or mount it" in (folder.said[-1] or ""))
            assert not folder.names("."), "nothing is made in what is no share"
            folder.path.rmdir()
            mount()
            await until(lambda: folder.said[-1] is None)
            folder.drop(name, next(orders))
            await folder.until_in("taken", name)
    assert [source for source, _ in imported.files] == ["WO-1.csv", "WO-2.csv", "WO-3.csv"]


def test_what_changed_since_it_was_seen_is_not_moved_aside(folder: Folder) -> None:
    dropping = DropFolder(folder.path, 100)
    folder.drop("WO-1.csv", b"half\n")
    seen = dropping.look()["WO-1.csv"]
    with (folder.path / "WO-1.csv").open("ab") as file:
        file.write(b"the rest\n")
    dropping.claim("WO-1.csv", seen)
    assert dropping.claimed() == ()
    dropping.claim("WO-1.csv", dropping.look()["WO-1.csv"])
    folder.drop("WO-1.csv", b"another\n")
    dropping.claim("WO-1.csv", dropping.look()["WO-1.csv"])
    assert (folder.path / "WO-1.csv").read_bytes() == b"another\n", "it waits for the first of its name"
    dropped = dropping.open_claimed("WO-1.csv")
    assert isinstance(dropped, DroppedFile)
    with dropped.file:
        assert dropped.file.read() == b"half\nthe rest\n"


FULL = """
import subprocess
import sys
from pathlib import Path
from station.dropped_orders.folder import DropFolder

path = Path(sys.argv[1])
for name in ("taken", "refused"):
    (path / name).mkdir()
dropped = path / "words.csv"
dropped.write_bytes(b"words")
folder = DropFolder(path, 100)
seen = folder.look()["words.csv"]
(path / "ballast").touch()


def told(step, *about):
    try:
        step(*about)
    except OSError as error:
        print(error.strerror)
    else:
        print("done")


mount = ["mount", "-o", "remount,ro", str(path)]
subprocess.run(mount, check=True)
told(folder.claim, "words.csv", seen)
subprocess.run([each.replace(",ro", ",rw") for each in mount], check=True)
told(folder.claim, "words.csv", seen)
told(folder.put_away, "words.csv", ["no order"])
assert folder.claimed() == ("words.csv",)
(path / "ballast").unlink()
told(folder.put_away, "words.csv", ["no order"])
assert (path / "refused" / "words.csv.reasons.txt").read_text() == "no order\\n"
"""


def test_a_disk_that_takes_nothing_keeps_the_file_where_it_is(tmp_path: Path) -> None:
    # Room for the folder itself, three in it, the order, and one more.
    script = f'mount -t tmpfs -o nr_inodes=6 tmpfs {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}'
    assert where_it_may_mount(script, FULL) == [
        "Read-only file system",
        "done",
        "No space left on device",
        "done",
    ]


NOBODY = """
import os
import sys
from pathlib import Path
from station.dropped_orders.folder import DropFolder

folder = DropFolder(Path(sys.argv[1]), 100)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
for name, seen in sorted(folder.look().items()):
    try:
        folder.claim(name, seen)
        print(folder.open_claimed(name).reasons[0])
    except OSError as error:
        print(name, error.strerror)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="run it as root: who may do all shows what somebody may not")
def test_what_the_stations_user_may_not_read_is_refused_and_what_it_may_not_move_stays() -> None:
    # Whoever is nobody has to come through the folders above, which are this user's alone.
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        Path(top).chmod(0o755)
        theirs = Folder(Path(top) / "orders")
        theirs.drop("a.csv", b"order\n")
        (theirs.path / "a.csv").chmod(0o600)
        (theirs.path / "folder.csv").mkdir()
        for each in (theirs.path, *theirs.path.iterdir()):
            if each.name not in {"a.csv", "folder.csv"}:
                each.chmod(0o777)
        done = run(
            [sys.executable, "-c", NOBODY, theirs.path],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
    assert done.stdout.splitlines() == [
        "it cannot be read: Permission denied; let the station's user read it",
        "folder.csv Permission denied",
    ]


async def test_a_daemon_takes_what_is_dropped(
    bench: Bench, shared_broker: brokers.Mosquitto, folder: Folder, tmp_path: Path
) -> None:
    settings = bench.station_settings(
        tmp_path / "state",
        {"jig1": [1]},
        **at_broker(shared_broker.port),
        operator="op-7",
        order_folder={"path": str(folder.path), "still_seconds": STILL},
    )

    async with running_daemon(settings) as daemon:
        folder.drop("WO-1.csv", order_csv(bench.hub()))
        await folder.until_in("taken", "WO-1.csv")
        folder.path.rename(tmp_path / "away")
        view = daemon.daemon.view
        await until(view.faults)
        (told,) = view.faults()
        assert told.reason is Reason.ORDERS_NOT_TAKEN
        assert told.details.detail == (
            f"order folder {folder.path}: No such file or directory; make or mount it, with folders `taken` and "
            "`refused` in it, all of them the station's user's to write"
        )
        (tmp_path / "away").rename(folder.path)
    (imported,) = events_of(settings, OrderImported)
    assert imported.actor == Actor(pseudonym=None, where="order folder")
