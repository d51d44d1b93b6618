"""Somebody at the inventory's commands, with an extract and lists of hubs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benches.told_results import chf_of, gpf_of
from inventory.requests.request_file import COLUMNS, TEMPLATE

EXTRACT = ("CHF", "GPF", "Make", "Model", "Version", "Status", "Owner", "Region", "HAN", "CHTS", "Taken")
CONFIG = """
database = "{url}"
[[stations]]
site = "north-site"
station = "bench-1"
[ssmi]
folder = "{folder}"
firmware_version = "Version"
[requests]
orders_folder = "{folder}"
releases = [{{manufacturer = "10A8", model = "00000011", firmware_version = "0002012F"}}]
limits = [
    {{regions = ["Central", "South"], hubs_a_month = 40, hubs_in_store = 30, refuse = true}},
    {{regions = ["North"], hubs_a_month = 1}},
]
[requests.extract_columns]
chf_id = "CHF"
gpf_id = "GPF"
manufacturer = "Make"
model = "Model"
firmware_version = "Version"
device_status = "Status"
owner = "Owner"
region = "Region"
han_variant = "HAN"
chts_version = "CHTS"
extract_taken = "Taken"
"""


def text_of(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def held(hub: int, **others: str) -> tuple[str, ...]:
    fields = {
        "make": "10A8",
        "model": "00000011",
        "version": "0001012F",
        "status": "Pending",
        "owner": "PARTY",
    }
    fields |= {"region": "Central", "han": "DBCH", "chts": "CHTS V1.4", "taken": "2025-11-01T08:00Z"} | others
    return (chf_of(hub), gpf_of(hub), *fields.values())


def asked(hub: int, until: str = "") -> tuple[str, ...]:
    return (TEMPLATE, chf_of(hub), gpf_of(hub), until)


class Desk:
    """Types commands at one inventory."""

    def __init__(self, folder: Path, url: str, inventory: Callable[..., tuple[int, str]]) -> None:
        self.folder = folder
        (folder / "orders").mkdir()
        self.config = folder / "inventory.toml"
        self.config.write_text(CONFIG.format(url=url, folder=folder / "orders"))
        self._inventory = inventory

    def __call__(self, *arguments: object, code: int = 0, group: str = "requests") -> str:
        ended, said = self._inventory(group, *arguments, "--config", self.config)
        assert ended == code, said
        return said

    def take(self, lines: Iterable[Sequence[str]], extract: Iterable[Sequence[str]], **more: Any) -> str:
        (self.folder / "list.csv").write_bytes(text_of([COLUMNS, *lines]))
        (self.folder / "smi.csv").write_bytes(text_of([EXTRACT, *extract]))
        files = (self.folder / "list.csv", "--extract", self.folder / "smi.csv")
        return self("import", *files, "--party", "PARTY", "--by", "A. Person", **more)

    def authorised(self, hubs: Iterable[int], order: str = "WO-1") -> None:
        """Have a request for these hubs, the next one, authorised as this order."""
        hubs = list(hubs)
        request = self.take([asked(hub) for hub in hubs], [held(hub) for hub in hubs]).partition(":")[0]
        self("authorise", request, "--work-order", order, "--purchase-order", "PO-7", "--by", "A. Person")

    def file(self, name: str, rows: Iterable[Sequence[str]]) -> Path:
        path = self.folder / name
        path.write_bytes(text_of(rows))
        return path
