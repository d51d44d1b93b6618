"""The Smart Metering Inventory: devices with their statuses, owners and versions, in a file that outlives the process.

Each effect and the answer to it are one transaction, under the id that it came by: the same again is answered alike, and has no
effect of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PENDING: Final = "Pending"
STATUSES: Final = (
    *("Pending", "Whitelisted", "InstalledNotCommissioned", "Commissioned", "Decommissioned"),
    *("Withdrawn", "Suspended", "Recovery", "Recovered"),
)
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS devices (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, manufacturer TEXT NOT NULL, model TEXT NOT NULL, firmware TEXT NOT NULL,
    chts_version TEXT NOT NULL, region TEXT NOT NULL, han_variant TEXT NOT NULL, associated TEXT NOT NULL,
    owner TEXT, status TEXT NOT NULL, rig TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS updates (
    number INTEGER PRIMARY KEY, chf TEXT NOT NULL, before TEXT, firmware TEXT NOT NULL, way TEXT NOT NULL, id TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, reference TEXT NOT NULL, fault TEXT) STRICT;
CREATE TABLE IF NOT EXISTS alerts (
    number INTEGER PRIMARY KEY, code TEXT NOT NULL, chf TEXT NOT NULL, held TEXT NOT NULL, said TEXT
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A hub as a pre-notification describes it."""

    chf: str
    gpf: str
    manufacturer: str
    model: str
    chts_version: str
    firmware: str
    region: str
    han_variant: str


class Refusal(Exception):
    """Something is refused for good."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Smi:
    """One inventory, in one file."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def register(self, hubs: Iterable[Mapping[str, Any]]) -> None:
        """Take in hubs that are not known yet, each by both its ids."""
        with self._whole():
            for hub in hubs:
                self._insert({"status": PENDING, "owner": None, **hub})

    def _insert(self, hub: Mapping[str, Any]) -> None:
        for device, kind, other in ((hub["chf"], "CHF", hub["gpf"]), (hub["gpf"], "GPF", hub["chf"])):
            self._database.execute(
                "INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
                (
                    *(device, kind, hub["manufacturer"], hub["model"], hub["firmware"], hub["chts_version"]),
                    *(hub["region"], hub["han_variant"], other, hub["owner"], hub["status"]),
                ),
            )

    def note_call(self, reference: str, fault: str | None) -> None:
        """Note that somebody called, by the reference of the call, and what was done to it."""
        self._database.execute("INSERT INTO calls (reference, fault) VALUES (?, ?)", (reference, fault))

    def count_calls(self) -> int:
        """Return how many calls there were."""
        number: int = self._database.execute("SELECT count(*) FROM calls").fetchone()[0]
        return number

    def answered(self, answer_id: str, digest: str) -> dict[str, Any] | None:
        """Return what was answered to this id before. Raises Refusal where something else came under it."""
        row = self._database.execute(
            "SELECT digest, answer FROM answers WHERE id = ?", (answer_id,)
        ).fetchone()
        if row is None:
            return None
        if row["digest"] != digest:
            raise Refusal("ID_REUSED", "something else came under this id")
        found: dict[str, Any] = json.loads(row["answer"])
        return found

    def _keep(self, answer_id: str, digest: str, answer: Mapping[str, Any]) -> None:
        self._database.execute(
            "INSERT INTO answers VALUES (?, ?, ?)", (answer_id, digest, json.dumps(answer))
        )

    def pre_notify(self, notification_id: str, digest: str, record: Record) -> dict[str, Any]:
        """Take a whole record, of a hub that is new or `Pending`; return the answer, which the same id has ever after."""
        with self._whole():
            if (before := self.answered(notification_id, digest)) is not None:
                return before
            try:
                self._take(notification_id, record)
            except Refusal as refusal:
                answer = {"result": "Refused", "code": refusal.code, "detail": refusal.detail}
            else:
                answer = {"result": "Accepted"}
            self._keep(notification_id, digest, answer)
            return answer

    def _take(self, notification_id: str, record: Record) -> None:
        chf, gpf = self.device(record.chf), self.device(record.gpf)
        values = {name: getattr(record, name) for name in Record.__slots__}
        if chf is None and gpf is None:
            self._insert({**values, "owner": None, "status": PENDING})
        else:
            if chf is None or gpf is None or chf["associated"] != record.gpf or chf["type"] != "CHF":
                raise Refusal("ASSOCIATION", f"{record.chf} and {record.gpf} are not one hub here")
            if chf["status"] != PENDING:
                raise Refusal("NOT_PENDING", f"{record.chf} is {chf['status']}")
            for name in ("manufacturer", "model"):
                if chf[name] != values[name]:
                    raise Refusal("DIFFERENT_DEVICE", f"{record.chf} has {name} {chf[name]}")
            self._database.execute(
                "UPDATE devices SET firmware = :firmware, chts_version = :chts_version, region = :region, "
                "han_variant = :han_variant WHERE id IN (:chf, :gpf)",
                values,
            )
        self._note_update(
            record.chf, chf["firmware"] if chf else None, record.firmware, "N3", notification_id
        )

    def _note_update(self, chf: str, before: str | None, firmware: str, way: str, reference: str) -> None:
        self._database.execute(
            "INSERT INTO updates (chf, before, firmware, way, id) VALUES (?, ?, ?, ?, ?)",
            (chf, before, firmware, way, reference),
        )

    def upload(self, upload_id: str, rows: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
        """Take versions by CHF and GPF, each row for itself; return the answer of each CHF."""
        with self._whole():
            if (before := self.answered(upload_id, upload_id)) is not None:
                return before
            answer: dict[str, str] = {}
            for chf, gpf, firmware in rows:
                answer[chf] = "TWICE" if chf in answer else self._update(chf, gpf, firmware, upload_id)
            self._keep(upload_id, upload_id, answer)
            return dict(answer)

    def _update(self, chf: str, gpf: str, firmware: str, upload_id: str) -> str:
        """Update one hub, and return why not; empty if it was."""
        hub = self.device(chf)
        if hub is None or hub["type"] != "CHF":
            return "UNKNOWN_DEVICE"
        if hub["associated"] != gpf:
            return "ASSOCIATION"
        if hub["status"] != PENDING:
            return f"NOT_PENDING: {hub['status']}"
        self._database.execute("UPDATE devices SET firmware = ? WHERE id IN (?, ?)", (firmware, chf, gpf))
        self._note_update(chf, hub["firmware"], firmware, "SSMI", upload_id)
        return ""

    def device(self, device: str) -> dict[str, Any] | None:
        """Return a device; None for one that is not known."""
        row = self._database.execute("SELECT * FROM devices WHERE id = ?", (device,)).fetchone()
        return None if row is None else dict(row)

    def set_status(self, chf: str, status: str, rig: str | None = None) -> None:
        """Have both devices of a hub be in a status, from a birth on with the rig in which it is."""
        self._database.execute(
            "UPDATE devices SET status = ?, rig = coalesce(?, rig) WHERE id = ? OR associated = ?",
            (status, rig, chf, chf),
        )

    def set_owner(self, chf: str, owner: str) -> None:
        """Register both devices of a hub to a party."""
        self._database.execute(
            "UPDATE devices SET owner = ? WHERE id = ? OR associated = ?", (owner, chf, chf)
        )

    def raise_alert(self, chf: str, held: str, said: str | None) -> None:
        """Keep a FirmwareVersionMismatch: what is held, and what the hub said."""
        self._database.execute(
            "INSERT INTO alerts (code, chf, held, said) VALUES ('FirmwareVersionMismatch', ?, ?, ?)",
            (chf, held, said),
        )

    def rows_of(self, table: str) -> list[dict[str, Any]]:
        """Return a table: `devices`, `updates`, `calls` or `alerts`."""
        if table not in {"devices", "updates", "calls", "alerts"}:
            raise ValueError(table)
        return [dict(row) for row in self._database.execute(f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608 - one of four
