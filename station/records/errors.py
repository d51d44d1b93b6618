"""What can go wrong with the journal. Each message is one line: what, where, what to do next."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from drivers.descriptors import shortage, shortage_in
from station.records.access import AS_ITS_USER, why_not_writable

_LEAST_ROOM: Final = 1 << 20
"""With less free space than this (bytes), a failed write is taken to be for want of room."""

_FILES: Final = 4
"""What SQLite holds for one connection: database, log and its index; and for a large change a temporary file."""

_HUBS_NAMED: Final = 3
"""So many of an order's hubs are named in one line; of the others it says how many there are."""

_HOW_TO_GO_ON: Final = (
    "Nothing was changed: set the folder aside as it is (reflash journal set-aside), then restore the last "
    "backup (reflash journal restore) or start an empty journal"
)

_LOOK_AT_THE_DISK: Final = "check that its disk is mounted, writable and sound (reflash doctor)"


class JournalError(Exception):
    """The journal cannot do what it was asked."""


class JournalInUse(JournalError):
    """Another process holds the journal. `pid` is its process id, or None if it could not be read."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"journal {folder} is held by {holder}: stop that one first")
        self.pid = pid


class AnotherStation(JournalError):
    """The journal belongs to another station: its results would leave under the wrong name."""


class JournalNewer(JournalError):
    """The journal was written by a newer program. Reading it with this one could misread it."""

    def __init__(self, path: Path, what: str, found: int, known: int) -> None:
        super().__init__(
            f"journal {path} has {what} {found}, this program knows up to {known}: "
            "run the newer reflash-station again, or restore a backup made before the upgrade"
        )


class JournalOutdated(JournalError):
    """The journal's tables are an older program's, and nobody has brought them up to date yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"journal {path} is an older program's, or is being brought up to date just now: start the station, and ask "
            "again when it is ready (systemctl status reflash shows how far it is)"
        )


class UpgradeInterrupted(JournalError):
    """The journal was being brought up to date when this process was asked to stop. The next start goes on from there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"journal {folder} is not yet brought up to date: start the station again, it goes on from there"
        )


class JournalCorrupt(JournalError):
    """The journal is not what was written. `row` is the first sequence known to be wrong, where there is one."""

    def __init__(self, path: Path, what: str, row: int | None = None) -> None:
        super().__init__(f"journal {path}: {what}. {_HOW_TO_GO_ON}")
        self.row = row


class JournalCutShort(JournalCorrupt):
    """The journal ends before a row that the world outside has already been told of."""


class PublishedHeadUnreadable(JournalError):
    """The note beside the journal of what has been published is no such note. Says nothing of the journal itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is no record of a published head; the journal beside it is another file: start the station, which "
            "makes the record anew from the results that were acknowledged"
        )


class SegmentMissing(JournalError):
    """A segment file is needed and not in the folder: an older one, or any at all."""

    def __init__(self, folder: Path, name: str) -> None:
        what = f"journal segment {name} is not in {folder}: copy it back from a backup"
        if not any(folder.glob("*.sqlite")):
            what = f"no journal, no {name}, in {folder}: start the station, or correct state_directory if one should be there"
        super().__init__(what)


class EventRefused(JournalError):
    """The event contradicts what the journal already holds. Neither it nor its companions were written."""


class NotAsExpected(EventRefused):
    """Whoever decided took something for given that is so no more. `facts` say what is."""

    def __init__(self, what: str, **facts: str | int | None) -> None:
        super().__init__(f"{what}: look again, then decide anew")
        self.facts = facts


class OrderIsClosed(EventRefused):
    """The order was closed before the attempt could be opened. Nothing is wrong with slot or hub.

    Whoever conducts the visit asks again which order the jig works on (`Journal.jig_order`), and begins anew with that
    answer: the hub has not been touched.
    """

    def __init__(self, order: str, reason: str) -> None:
        super().__init__(f"order {order} is closed: {reason}")
        self.order = order


class OrderNotHere(EventRefused):
    """The jig was given another order, or none, before the attempt could be opened. To be met as `OrderIsClosed` is."""

    def __init__(self, order: str, jig: str) -> None:
        super().__init__(f"{jig} does not work on order {order} any more")
        self.order = order


class HubsOnOpenOrders(EventRefused):
    """An order may not list a hub that another open order lists: one re-flash of it would count for both."""

    def __init__(self, order: str, listed: Mapping[str, Sequence[object]]) -> None:
        """`listed` are the hubs that each open order lists too."""
        where = "; ".join(f"{other} lists {_some(hubs)}" for other, hubs in listed.items())
        what = f"order {order} was not taken in: open order {where}"
        super().__init__(f"{what}; close that one first, or leave those hubs out")


class GoldenHubsOnOrder(EventRefused):
    """An order may not list a golden hub: that one stays at the bench, and nobody's work is done on it."""

    def __init__(self, order: str, hubs: Sequence[object]) -> None:
        what = f"order {order} was not taken in: {_some(hubs)} is kept at this bench as a golden hub"
        super().__init__(f"{what}; leave it out, or retire it first (reflash golden retire)")


class IsGoldenHub(EventRefused):
    """No attempt is made on a golden hub."""

    def __init__(self, hub: object) -> None:
        super().__init__(f"{hub} is a golden hub, and belongs to no order")


class PartysHub(EventRefused):
    """A hub that an order listed stays at the bench only for a reason that whoever decides so gives."""

    def __init__(self, hub: object, orders: Sequence[str]) -> None:
        super().__init__(
            f"{hub} is a hub of order {', '.join(orders)}, which is closed: it belongs to a party; if that left it to "
            "you, say so (--reason)"
        )


def _some(hubs: Sequence[object]) -> str:
    named = ", ".join(str(hub) for hub in hubs[:_HUBS_NAMED])
    more = len(hubs) - _HUBS_NAMED
    return f"{named} and {more} more of its hubs" if more > 0 else named


class AttemptHasResult(EventRefused):
    """The attempt was closed meanwhile: its order was closed as incomplete while its hub was away.

    Met when a hub is taken up (`AttemptResumed`), nothing has been sent to the hub yet: say that its order was closed
    meanwhile, have it put aside, and go on with the slot. Nothing else but a closing ends an attempt, and none can be
    closed by another while it is live, so that later in a visit this is a fault of the station's own.
    """

    def __init__(self, attempt: int) -> None:
        super().__init__(f"attempt {attempt} already has its result")
        self.attempt = attempt


class HubsInWork(EventRefused):
    """An order cannot be closed, nor its jig be given to another, while hubs of it are being worked on."""

    def __init__(self, what: str, places: Sequence[object]) -> None:
        where = ", ".join(str(place) for place in places)
        hub, its = (
            ("a hub is", "its result") if len(places) == 1 else (f"{len(places)} hubs are", "their results")
        )
        super().__init__(f"{what}: {hub} being worked on in {where}; wait for {its} first")


class OrderHasOpenAttempts(EventRefused):
    """An order cannot be closed while an attempt made for it is open. Whoever closes it ends those in the same append."""

    def __init__(self, order: str, places: Sequence[object]) -> None:
        where = ", ".join(str(place) for place in places)
        super().__init__(
            f"order {order} is not complete: a hub begun in {where} has no result; find it, or close it as incomplete"
        )


class PlaceRefused(EventRefused):
    """A hub was brought to a place that does not take it. `belongs` is where it must go, None for a slot or the place it is in."""

    def __init__(self, line: str, belongs: str | None = None) -> None:
        super().__init__(line)
        self.belongs = belongs


class PackageRefused(EventRefused):
    """A carton or pallet does not take what was brought to it, or is not what whoever decided took it for."""


class JournalFailed(JournalError):
    """The journal could not be read or written. What was not acknowledged counts as not written."""


class JournalInDoubt(JournalError):
    """The disk failed at such a moment that nobody knows what it kept. The journal takes nothing more.

    No append is called refused by this: it may be there, or not, when the journal is opened again.
    """

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"journal {path}: the disk failed ({error}), and what it kept of the last facts is not known; the station "
            f"stops: {_LOOK_AT_THE_DISK}, then start it, and it goes on from what was kept"
        )


class JournalHeldUp(JournalFailed):
    """The journal lacks something for now. Nothing was written; it works again once that is there."""

    def __init__(self, what: str, *, at_work: str = "", asked: str = "") -> None:
        super().__init__(what + at_work)
        self.to_who_asked = what + asked
        """The line for who asked for one thing: a station at work goes on by itself, that was not done and is asked for again."""


class NoDescriptors(JournalHeldUp):
    """The journal needs one more file, and this process can open none."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(f"journal {folder}: {what}")


class JournalLocked(JournalHeldUp):
    """Another program holds a lock on the journal's database."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"journal {path} is locked by another program: close whatever has it open (fuser {path})",
            at_work="; work goes on by itself then",
            asked=", then do this again",
        )


class JournalFull(JournalHeldUp):
    """No room is left on the journal's disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"no room for the journal {folder}: free some disk space",
            at_work=", work goes on by itself then",
            asked=", then do this again",
        )


NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT}
LOCKED: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""Our statements are constant: where one makes no sense to SQLite, the tables are not those we made."""
MAY_BE_SHORT: Final = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
"""SQLite does not say why it cannot open a file: it may be for want of descriptors."""
_CANNOT_WRITE: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}

UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""How sqlite3 reports a file that is not as it should be; its words may quote a broken schema, which is no text."""


def may_have_been_kept(error: sqlite3.Error) -> bool:
    """Whether a commit that failed so may all the same be on the disk: written, and then not known to be safe.

    One that found no room, or could not be written, lacks the frame that makes it whole.
    """
    return not (
        getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_BUSY}
        or getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    )


def journal_error(error: sqlite3.Error | UnicodeDecodeError | OSError, path: Path) -> JournalError:
    """Say in the journal's own terms what SQLite or the system reports for this file or folder."""
    if isinstance(error, UnicodeDecodeError):
        return JournalCorrupt(path, "its schema is no text")
    folder = path if os.path.isdir(path) else path.parent  # noqa: PTH112 - Path's own raises where it may not look
    if isinstance(error, OSError):
        if error.errno in NO_ROOM:
            return JournalFull(folder)
        if (
            error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}
            and (why := why_not_writable(path)) is not None
        ):
            return JournalFailed(f"journal {path}: {why}")
        if error.errno in {errno.EACCES, errno.EPERM}:
            return JournalFailed(f"journal {path}: {error.strerror}; {AS_ITS_USER}")
        if (what := shortage_in(error)) is not None:
            return NoDescriptors(folder, what)
        return JournalFailed(f"journal {path}: {error.strerror}; {_LOOK_AT_THE_DISK}")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code; the rest is detail
    if code == sqlite3.SQLITE_FULL:
        return JournalFull(folder)
    if code in LOCKED:
        return JournalLocked(path)
    if code in DAMAGED:
        return JournalCorrupt(path, f"SQLite says {error}")
    # A quota, or the shared-memory file that cannot grow, shows as an input/output error.
    if code == sqlite3.SQLITE_IOERR and shutil.disk_usage(folder).free < _LEAST_ROOM:
        return JournalFull(folder)
    # SQLite does not say whose a file is: the disk would be blamed.
    if code in _CANNOT_WRITE and (why := why_not_writable(path)) is not None:
        return JournalFailed(f"journal {path}: {why}")
    if code in MAY_BE_SHORT and (what := shortage(_FILES)) is not None:
        return NoDescriptors(folder, what)
    return JournalFailed(f"journal {path}: {error}; {_LOOK_AT_THE_DISK}")
