"""The system test of the Preliminary Impact Assessment, 7.2.2, and Option A beside it. Writes docs/system-test.md.

For each maker a single-band hub is pre-notified by the CSP, re-flashed on a simulated rig, put into the file, uploaded to the SSMI,
born, asked what it runs (Service Request 11.2), and compared. What has to be refused is. The exit code is 0 only if every row is as
it should be.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sit_bench import BY, FILE_REGION, HUBS, NEW, OLD, ORDER, PARTY, Hub, SystemUnderTest

from inventory.moments import system_clock
from inventory.settings import load_settings
from inventory.upstream.document import Documents
from inventory.upstream.https import HttpsSettings, tls_of
from inventory.upstream.update import Told

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "system-test.md"
BY_FILE = tuple(hub for hub in HUBS if hub.region == FILE_REGION)
NOTIFIED = tuple(hub for hub in HUBS if hub not in BY_FILE)


@dataclass
class Report:
    """What was to be, and what was."""

    rows: list[tuple[str, str, str, str, bool]] = field(default_factory=list)

    def row(self, option: str, step: str, wanted: str, found: str) -> None:
        """Note a row; it is as it should be where both are the same."""
        self.rows.append((option, step, wanted, found, wanted == found))
        print(f"{'pass' if wanted == found else 'FAIL'}  {option}  {step}: {found}", flush=True)

    @property
    def passed(self) -> bool:
        return all(row[-1] for row in self.rows)


class SystemTest:
    """One run."""

    def __init__(self, system: SystemUnderTest) -> None:
        self._system = system
        self._there = system.there
        self.report = Report()
        settings = load_settings(system.config)
        assert settings.upstream is not None
        assert settings.ssmi is not None
        assert settings.ssmi.upload is not None
        n3 = settings.upstream.routes[0].n3
        assert n3 is not None
        self._n3, self._ssmi = n3, settings.ssmi.upload
        self._documents = Documents(n3)

    def run(self) -> None:
        """Do it all."""
        self._pre_notify()
        self._re_flash()
        self._by_file()
        self._by_notification()
        self._install()
        self._show_that_a_mismatch_is_seen()

    def _held(self, hub: Hub) -> str:
        chf, gpf = (self._there.ask("device", id=each)["device"] for each in (hub.chf, hub.gpf))
        assert chf["firmware"] == gpf["firmware"]
        return f"{chf['firmware']}, {chf['status']}"

    def _pre_notify(self) -> None:
        """The CSP registers each hub with what it runs, as it does when hubs are made."""
        for number, hub in enumerate(HUBS):
            record = Told(
                *(hub.chf, hub.gpf, OLD[1], 0, hub.maker.manufacturer, hub.maker.model),
                *(hub.region, "SBCH", "CHTS V1.4"),
            )
            name = f"00000000-0000-0000-0000-{number:012x}"
            answer = self._post(self._n3, self._documents.write(record, name).encode())
            assert answer.status_code == 200, answer.text
            option = "B" if hub in BY_FILE else "A"
            self.report.row(
                option, f"{hub.maker.name} hub pre-notified by the CSP", f"{OLD[1]}, Pending", self._held(hub)
            )

    def _re_flash(self) -> None:
        system = self._system
        # Who owns a hub is not in a pre-notification: it is registered to its party when it is delivered.
        system.there.ask("own", chfs=[hub.chf for hub in HUBS], owner=PARTY)
        system.there.ask("extract", path=str(system.folder / "smi.csv"))
        lines = ["template,chf_id,gpf_id,installation_end_date"]
        (system.folder / "list.csv").write_text(
            "\n".join([*lines, *(f"reflash-request-1,{hub.chf},{hub.gpf}," for hub in HUBS)])
        )
        system.inventory("database", "upgrade")
        taken = system.inventory(
            *("requests", "import", system.folder / "list.csv", "--party", PARTY),
            *("--extract", system.folder / "smi.csv", "--json", *BY),
        )
        numbers = ("--work-order", ORDER, "--purchase-order", "SIT-PO")
        system.inventory("requests", "authorise", json.loads(taken)["request"], *numbers, *BY)
        system.work("inventory", "inventory", "run", config=system.config)
        system.work("station", "run", config=system.station_config)
        self._import_order()
        system.until("orders", "show", ORDER, ask="station", says=f"{len(HUBS)} of {len(HUBS)} done")
        system.station(
            "orders", "close", ORDER, "--reason", "system test", "--incomplete", "--by", "op-5157e57e"
        )
        for hub in HUBS:
            shown = json.loads(
                system.until("hubs", "show", hub.chf, "--json", ask="inventory", says='"outcome": "passed"')
            )
            entry = next(each for each in shown["history"] if each["role"] == "CHF")
            self.report.row(
                "B" if hub in BY_FILE else "A",
                f"{hub.maker.name} hub re-flashed on a simulated rig, and read back",
                f"passed, {NEW[1]}",
                f"{entry['outcome']}, {entry['firmware']}",
            )

    def _import_order(self) -> None:
        jigs = [option for hub in BY_FILE for option in ("--jig", f"jig{hub.maker.jig}")]
        # Until the station runs there is nobody to take it.
        self._system.until(
            *("orders", "import", self._system.folder / f"{ORDER}.csv", *jigs, "--by", "op-5157e57e"),
            ask="station",
            says=f"order {ORDER} imported",
        )

    def _by_file(self) -> None:
        system, first = self._system, BY_FILE[0]
        system.until("ssmi", "write", ORDER, *BY, ask="inventory", says="has 2 hubs")
        (file,) = system.folder.glob(f"{ORDER}-ssmi-*.csv")
        notice = json.loads(file.with_suffix(".json").read_text())
        table = file.read_text()
        self.report.row(
            "B",
            "file for the SSMI, with row count and SHA-256",
            f"2 rows, {hashlib.sha256(table.encode()).hexdigest()}",
            f"{notice['rows']} rows, {notice['sha256']}",
        )
        self._refused_files(table)
        rows = {
            "a hub that is not known": f"{first.chf[:-2]}77,{first.gpf},{NEW[1]}",
            "another hub's GPF": f"{first.chf},{BY_FILE[1].gpf},{NEW[1]}",
            "a version that is none": f"{first.chf},{first.gpf},{NEW[0]}",
        }
        for what, row in rows.items():
            self._refused_row(what, row, first)
        self._there.ask("status", chf=first.chf, status="InstalledNotCommissioned")
        self._refused_row(
            "a hub that is not Pending",
            f"{first.chf},{first.gpf},{NEW[1]}",
            first,
            "InstalledNotCommissioned",
        )
        self._there.ask("status", chf=first.chf, status="Pending")
        changed = system.folder / "changed.csv"
        changed.write_text(table.replace(NEW[1], "0102013F"))
        said = system.inventory("ssmi", "upload", changed, *BY, code=2)
        self.report.row(
            "B",
            "refused: a file that was changed by hand, before it is sent",
            "2, is not as it was written here",
            "2, " + ("is not as it was written here" if "is not as it was written here" in said else said),
        )
        said = system.inventory("ssmi", "upload", file, *BY)
        self.report.row(
            "B",
            "uploaded by DCC Logistics",
            "2 accepted, 0 refused, 0 not answered",
            said.strip().partition(": ")[2],
        )
        for hub in BY_FILE:
            self.report.row(
                "B",
                f"the inventory holds the {hub.maker.name} hub with",
                f"{NEW[1]}, Pending",
                self._held(hub),
            )

    def _refused_files(self, table: str) -> None:
        first = BY_FILE[0]
        spoilt = {
            "a file whose SHA-256 is another's": (table, "0" * 64, None),
            "a file with a row too few": (table, None, "3"),
            "a file with another heading": (table.replace("firmware_version", "version"), None, None),
        }
        for what, (text, sha256, rows) in spoilt.items():
            answer = self._upload(text, sha256, rows)
            self.report.row("B", f"refused as a whole: {what}", "422", str(answer.status_code))
        answer = self._upload(table, None, None, self._n3)
        self.report.row("B", "refused: a caller that is not DCC Logistics", "403", str(answer.status_code))
        self.report.row("B", "and nothing is changed by those", f"{OLD[1]}, Pending", self._held(first))

    def _refused_row(self, what: str, row: str, hub: Hub, status: str = "Pending") -> None:
        answer = self._upload(f"chf_id,gpf_id,firmware_version\n{row}\n", None, None)
        self.report.row(
            "B",
            f"refused by its row: {what}",
            f"200, refused; {OLD[1]}, {status}",
            f"{answer.status_code}, {answer.text.splitlines()[1].split(',')[1]}; {self._held(hub)}",
        )

    def _upload(
        self, table: str, sha256: str | None, rows: str | None, caller: HttpsSettings | None = None
    ) -> httpx.Response:
        body = table.encode()
        headers = {
            "X-Upload-ID": sha256 or hashlib.sha256(body).hexdigest(),
            "X-Rows": rows or str(table.count("\n") - 1),
        }
        return self._post(caller or self._ssmi, body, headers, url=self._ssmi.url)

    def _by_notification(self) -> None:
        self._system.until("upstream", "status", ask="inventory", says="accepted")
        for hub in NOTIFIED:
            self._system.until("upstream", "show", hub.chf, ask="inventory", says="  accepted")
            self.report.row(
                "A",
                f"the inventory holds the {hub.maker.name} hub with",
                f"{NEW[1]}, Pending",
                self._held(hub),
            )
        hub = NOTIFIED[0]
        record = Told(
            *(hub.chf, hub.gpf, "0102013F", 0, hub.maker.manufacturer, hub.maker.model),
            *(hub.region, "SBCH", "CHTS V1.4"),
        )
        good = self._documents.write(record, "00000000-0000-0000-0000-0000000000ff")
        names = ("SMETSCHTSVersion", "FirmwareVersion", "AssociatedGPFDeviceID", "Region", "HANVariant")
        for name in names:
            lines = [line for line in good.splitlines() if f"<{name}>" not in line]
            answer = self._post(self._n3, "\n".join(lines).encode())
            self.report.row(
                "A", f"refused: a pre-notification without {name}", "422", str(answer.status_code)
            )
        self._there.ask("status", chf=hub.chf, status="Suspended")
        answer = self._post(self._n3, good.encode())
        self.report.row("A", "refused: a hub that is not Pending", "422", str(answer.status_code))
        self._there.ask("status", chf=hub.chf, status="Pending")
        self.report.row("A", "and nothing is changed by those", f"{NEW[1]}, Pending", self._held(hub))

    def _install(self) -> None:
        for hub in HUBS:
            option = "B" if hub in BY_FILE else "A"
            self._there.ask("birth", chf=hub.chf, rig=self._system.rig_control(hub))
            self.report.row(option, f"{hub.maker.name} hub born", f"{NEW[1]}, Commissioned", self._held(hub))
            read = self._there.ask("read_firmware_version", chf=hub.chf)
            self.report.row(
                option,
                f"Service Request 11.2 to the {hub.maker.name} hub, compared",
                f"{NEW[1]} and {NEW[1]}, no alert",
                f"{read['hub']} and {read['held']}, {'an' if read['alert'] else 'no'} alert",
            )

    def _show_that_a_mismatch_is_seen(self) -> None:
        """A test that cannot fail shows nothing: the inventory is made to hold what a hub does not run."""
        hub = BY_FILE[0]
        self._there.ask("status", chf=hub.chf, status="Pending")
        answer = self._upload(f"chf_id,gpf_id,firmware_version\n{hub.chf},{hub.gpf},0102013F\n", None, None)
        assert "accepted" in answer.text
        read = self._there.ask("read_firmware_version", chf=hub.chf)
        alerts = ", ".join(f"{each['code']} of {each['chf']}" for each in self._there.rows("alerts"))
        self.report.row(
            "B",
            "control: a version that the hub does not run is told on purpose",
            f"alert, FirmwareVersionMismatch of {hub.chf}",
            f"{'alert' if read['alert'] else 'no alert'}, {alerts}",
        )

    def _post(
        self,
        settings: HttpsSettings,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        url: str | None = None,
    ) -> httpx.Response:
        tls = tls_of(settings, system_clock())
        with httpx.Client(verify=tls, trust_env=False, timeout=60) as client:
            return client.post(url or settings.url, content=body, headers=headers)


def page(report: Report, commit: str) -> str:
    """Return the report as a document."""
    lines = [
        "# System test",
        "",
        "Written by `make sit`; not by hand. The Preliminary Impact Assessment of MP155 asks in 7.2.2 for this test of Option B: for each maker one",
        "single-band hub (SBCH) is pre-notified by the CSP, re-flashed, put into a file for the SSMI, the Smart Metering Inventory",
        "updated, with limited negative tests of the upload; then the CSP births each hub, and Service Request 11.2 confirms what runs on it. No",
        "4G hubs. The rows of Option A are ours, beside it.",
        "",
        "Rigs, hubs and the whole upstream are simulated, by code that shares none with the inventory; station, inventory and broker are the",
        "real programs. The forms of N3 and the SSMI are **provisional**, since the real ones are unpublished: what this shows is the order of",
        "acts, who may do them, and that what is held is what a hub says; not that the real interfaces look like ours.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}: {sum(row[-1] for row in report.rows)} of {len(report.rows)} rows as they should be.",
        "",
        "| option | row | should be | was | |",
        "|---|---|---|---|---|",
        *(
            f"| {option} | {step} | {wanted} | {found} | {'pass' if good else '**FAIL**'} |"
            for option, step, wanted, found, good in sorted(report.rows, key=lambda row: row[0] == "A")
        ),
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="where the report goes")
    options = parser.parse_args(arguments)
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    with tempfile.TemporaryDirectory(prefix="sit-") as folder, SystemUnderTest(Path(folder)) as system:
        test = SystemTest(system)
        test.run()
    options.page.write_text(page(test.report, commit), encoding="utf-8")
    return int(not test.report.passed)


if __name__ == "__main__":
    sys.exit(main())
