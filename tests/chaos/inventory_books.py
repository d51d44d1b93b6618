"""Holds what stations said, the inventory's database and the simulated upstream's own file against each other."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from benches.told_results import Said, chf_of, gpf_of
from inventory.database.engine import Database
from inventory.database.tables import asset_records, messages
from inventory.database.upstream_tables import pre_notification_tries, pre_notifications

OLD = "0001012F"
"""What all hubs ran before, and what is held of those that had no success."""
COUNTS = ("lost", "doubled", "wrong", "unrecorded")
"""What must be none: a message or a hub that got lost, one that had its effect twice, a version that is not the hub's last word, an
act of which no record stands."""


@dataclass
class Ending:
    """What the hubs said, in order, and which of them are to be told of."""

    versions: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    succeeded: set[int] = field(default_factory=set)

    def held(self, hub: int) -> str:
        """Return what has to be held of a hub in the end."""
        return self.versions[hub][-1] if hub in self.succeeded else OLD


class Books:
    """One comparison, made when nothing runs any more but the database."""

    def __init__(
        self, smi: Path, database: Database, said: Mapping[tuple[str, str, int], Said], ending: Ending
    ) -> None:
        self._smi = smi
        self._database = database
        self._said = said
        self._ending = ending
        self.lost: list[str] = []
        self.doubled: list[str] = []
        self.wrong: list[str] = []
        self.unrecorded: list[str] = []
        self.updates = self.calls = 0

    @property
    def lines(self) -> list[str]:
        """Everything that does not agree, each line with its kind."""
        return [f"{kind}: {line}" for kind in COUNTS for line in getattr(self, kind)]

    def compare(self, hubs: int) -> None:
        """Compare all."""
        with closing(sqlite3.connect(self._smi)) as smi:
            held = dict(smi.execute("SELECT id, firmware FROM devices"))
            updates = smi.execute("SELECT chf, firmware, id FROM updates ORDER BY number").fetchall()
            calls = [reference for (reference,) in smi.execute("SELECT reference FROM calls")]
        self.updates, self.calls = len(updates), len(calls)
        self._compare_messages()
        self._compare_acts(updates, calls)
        for hub in range(1, hubs + 1):
            wanted = self._ending.held(hub)
            for device in (chf_of(hub), gpf_of(hub)):
                if held[device] == OLD != wanted:
                    self.lost.append(f"{device} is held as it was, it said {wanted}")
                elif held[device] != wanted:
                    self.wrong.append(f"{device} is held with {held[device]}, {wanted} is right")
        self._compare_updates(hubs, updates)

    def _compare_messages(self) -> None:
        with self._database.read() as connection:
            known = {
                (source, kind, number)
                for source, kind, number in connection.execute(
                    select(messages.c.source, messages.c.kind, messages.c.number)
                )
            }
            records = connection.scalar(select(func.count()).select_from(asset_records)) or 0
        self.lost += [f"message {each} was not taken in" for each in self._said.keys() - known]
        wanted = 2 * sum(len(versions) for versions in self._ending.versions.values())
        if records > wanted:
            self.doubled.append(f"{records} asset records, {wanted} are right")
        elif records < wanted:
            self.lost.append(f"{records} asset records, {wanted} are right")

    def _compare_acts(self, updates: list[tuple[str, str, str]], calls: list[str]) -> None:
        with self._database.read() as connection:
            sent = {
                number: (name, state)
                for number, name, state in connection.execute(
                    select(
                        pre_notifications.c.id, pre_notifications.c.notification_id, pre_notifications.c.state
                    )
                )
            }
            tries = {
                f"{sent[notification][0]}/{number}"
                for notification, number in connection.execute(
                    select(pre_notification_tries.c.notification, pre_notification_tries.c.number)
                )
            }
        accepted = {name for name, state in sent.values() if state == "accepted"}
        took_effect = {name for _, _, name in updates}
        self.unrecorded += [f"call {each} has no try" for each in set(calls) - tries]
        self.unrecorded += [f"update {each} was accepted of nobody" for each in took_effect - accepted]
        self.unrecorded += [f"{each} is put down as accepted and was not" for each in accepted - took_effect]

    def _compare_updates(self, hubs: int, updates: list[tuple[str, str, str]]) -> None:
        of_hub: defaultdict[str, list[str]] = defaultdict(list)
        for chf, firmware, _ in updates:
            of_hub[chf].append(firmware)
        for hub in range(1, hubs + 1):
            versions = of_hub.pop(chf_of(hub), [])
            twice = [version for version, times in Counter(versions).items() if times > 1]
            self.doubled += [f"hub {chf_of(hub)} was updated to {each} twice" for each in twice]
            told = [each for each in self._ending.versions[hub] if each in versions]
            if not twice and (versions != told or (versions and hub not in self._ending.succeeded)):
                self.wrong.append(f"hub {chf_of(hub)} was updated to {versions}, it said {told}")
        self.wrong += [f"{chf} is none of ours" for chf in of_hub]
