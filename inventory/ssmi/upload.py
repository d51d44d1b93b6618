"""Uploads a file to the SSMI as DCC Logistics does, and matches what is answered of each row. **Provisional**: the SSMI's interface is unpublished.

Ours takes the table as it was written (POST, `text/csv`, its SHA-256 and its number here as `X-Upload-ID`, its row count as `X-Rows`), and
answers 200 with a table of ids, `accepted` or `refused`, and reasons. The same file under the same id is taken once, and answered alike
each time, so that an upload of which nothing is known is made again as it was. The same table is another file once it was answered.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from inventory.database.tables import hubs, ssmi_files
from inventory.database.upstream_tables import ssmi_rows, ssmi_uploads
from inventory.errors import InventoryError, WrongInput
from inventory.ssmi.file import by_file, prefix_of
from inventory.ssmi.settings import SsmiSettings
from inventory.upstream.https import MAX_ANSWER, HttpsSettings, in_words, tls_of
from inventory.upstream.settings import UpstreamSettings
from inventory.upstream.update import update_of
from station.domain.printable import printable

ANSWERS: Final = ("accepted", "refused")


class NotUploaded(InventoryError):
    """The SSMI has not taken the file, or nobody knows whether it has; says what to do next."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload that was put down and is to be made."""

    id: int
    file: int
    work_order: str
    sha256: str
    table: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What the SSMI said of one hub."""

    accepted: bool
    reason: str


def begin(
    connection: Connection,
    table: bytes,
    sha256: str,
    name: str,
    ways: UpstreamSettings | None,
    *,
    by: str,
    now: datetime,
) -> Upload:
    """Put down that somebody uploads a file. The caller writes alone.

    Raises WrongInput for one that is not as it was written here, or that says of a hub what would not be written by now; NotYet where
    nothing may be told of its order now.
    """
    files = connection.execute(
        select(ssmi_files.c.id, ssmi_files.c.work_order, ssmi_files.c.rows)
        .where(ssmi_files.c.sha256 == sha256)
        .order_by(ssmi_files.c.id.desc())
    ).all()
    if not files:
        raise WrongInput(f"{name} is not as it was written here; write it anew: reflash inventory ssmi write")
    # A hub that was on two orders may have made the same table of both: whose answers these are, the name says.
    orders = sorted({each.work_order for each in files})
    file = next(
        (each for each in files if len(orders) == 1 or name.startswith(prefix_of(each.work_order))), None
    )
    if file is None:
        raise WrongInput(
            f"{name} may be the file of {' or of '.join(orders)}; give it the name back under which it was written"
        )
    row = ssmi_rows.c
    if file.rows and connection.execute(select(row.device).where(row.file == file.id)).first() is None:
        raise WrongInput(
            f"{name} is of an earlier version of this program, which noted no rows; write it anew: "
            f"reflash inventory ssmi write {file.work_order}"
        )
    _require_still(connection, file, name, ways)
    number = connection.scalar(
        insert(ssmi_uploads).values(file=file.id, uploaded_by=by, begun=now).returning(ssmi_uploads.c.id)
    )
    if number is None:
        raise AssertionError("an insert returns its id")
    return Upload(number, file.id, file.work_order, sha256, table, file.rows)


def _require_still(
    connection: Connection, file: Row[int, str, int], name: str, ways: UpstreamSettings | None
) -> None:
    """Raise WrongInput unless no hub says otherwise by now, and all that was not answered would be written again."""
    row = ssmi_rows.c
    update = update_of(connection, file.work_order, ways)
    told = {each.chf for each in update.told if by_file(ways, each.region)}
    held = {each.chf: each.reason for each in update.held}
    rows = (
        select(row.device, row.firmware, hubs.c.firmware.label("said"), row.state)
        .join(hubs, hubs.c.device == row.device)
        .where(row.file == file.id)
        .order_by(row.device)
    )
    for device, firmware, said, state in connection.execute(rows):
        if said != firmware:
            otherwise = f"which says {said}"
        elif state != "written" or device in told:
            continue
        elif device in held:
            otherwise = f"which is held ({held[device]})"
        elif device in update.known:
            otherwise = "which the inventory holds"
        else:
            otherwise = "of which nothing may be told by file"
        raise WrongInput(
            f"{name} says {firmware} of {device}, {otherwise} by now; write it anew: "
            f"reflash inventory ssmi write {file.work_order}"
        )


def send(upload: Upload, settings: SsmiSettings, https: HttpsSettings, now: datetime) -> dict[str, RowAnswer]:
    """Upload a file, and return what was answered of each CHF, as far as it was. Raises NotUploaded and NoCredentials."""
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "X-Upload-ID": f"{upload.sha256}-{upload.file}",
        "X-Rows": str(upload.rows),
        "X-Request-ID": f"{upload.sha256}/{upload.id}",
    }
    body = b""
    try:
        with (
            httpx.Client(verify=tls_of(https, now), timeout=https.timeout_seconds, trust_env=False) as client,
            client.stream("POST", https.url, content=upload.table, headers=headers) as response,
        ):
            for part in response.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER:
                    raise NotUploaded("the SSMI's answer has no end: it is not known what it took")
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotUploaded(f"the SSMI was not reached, nothing was sent: {in_words(error)}") from error
    except httpx.HTTPError as error:
        if not body:
            raise NotUploaded(
                f"it is not known whether the SSMI took it ({in_words(error)}); upload the same file again"
            ) from error
        # What was answered until then holds; the rest is answered when the same is uploaded again.
        return _matched(body[: body.rfind(b"\n") + 1], settings)
    if response.status_code in {429, 503}:
        raise NotUploaded(f"the SSMI answered {response.status_code} and took nothing; upload it again later")
    if response.status_code in {400, 401, 403, 413, 422}:
        said = printable(body[:200].decode(errors="replace"))
        raise NotUploaded(f"the SSMI refused the file as a whole with {response.status_code}: {said}")
    if response.status_code != 200:
        raise NotUploaded(
            f"the SSMI answered {response.status_code}: it is not known whether it took it; upload the same file again"
        )
    return _matched(body, settings)


def _matched(body: bytes, settings: SsmiSettings) -> dict[str, RowAnswer]:
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotUploaded(
            f"the SSMI's answer cannot be read ({error}); upload the same file again"
        ) from error
    found: dict[str, RowAnswer] = {}
    for row in rows:
        device, result = row.get(settings.chf_id), row.get(settings.result)
        if device is None or result not in ANSWERS:
            raise NotUploaded("the SSMI's answer cannot be read; see [ssmi] chf_id, result and reason")
        found[device] = RowAnswer(result == "accepted", printable(row.get(settings.reason) or "")[:300])
    return found


def end(
    connection: Connection, upload: Upload, answers: Mapping[str, RowAnswer], now: datetime
) -> Sequence[str]:
    """Put down what was answered of each row; return the hubs of which nothing was. What is not in the file is left."""
    row = ssmi_rows.c
    devices = set(connection.scalars(select(row.device).where(row.file == upload.file)))
    values = [
        {
            "of": device,
            "now_state": "accepted" if answer.accepted else "refused",
            "when": now,
            "why": answer.reason or None,
        }
        for device, answer in answers.items()
        if device in devices
    ]
    if values:
        # What was answered before stands, and what a person has dealt with.
        connection.execute(
            update(ssmi_rows)
            .where(row.file == upload.file, row.device == bindparam("of"), row.state == "written")
            .values(state=bindparam("now_state"), answered=bindparam("when"), answer=bindparam("why")),
            values,
        )
    silent = sorted(devices - answers.keys())
    ended(connection, upload, "answered" if not silent else "half_answered", None, now)
    return silent


def ended(connection: Connection, upload: Upload, outcome: str, detail: str | None, now: datetime) -> None:
    """Put down how an upload ended."""
    connection.execute(
        update(ssmi_uploads)
        .where(ssmi_uploads.c.id == upload.id)
        .values(ended=now, outcome=outcome, detail=detail)
    )
