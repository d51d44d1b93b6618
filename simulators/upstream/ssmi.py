"""Reads and answers files of hubs and versions on the Self-Service Management Interface. **Provisional**: its forms are unpublished.

The rule that is known: hubs whose status is not `Pending` are refused, row by row.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from typing import Final

from simulators.upstream.smi import Refusal

_HEADINGS: Final = ["chf_id", "gpf_id", "firmware_version"]
_FORMS: Final = (*[r"([0-9A-F]{2}-){7}[0-9A-F]{2}"] * 2, r"[0-9A-F]{8}")


def read_upload(body: bytes, upload_id: str, count: str) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """Return the rows that can be read, and why not of the CHFs of the others. Raises Refusal for a file that is none.

    An id is the file's SHA-256, and after a `-` whatever tells it from another file of the same content.
    """
    if hashlib.sha256(body).hexdigest() != upload_id.partition("-")[0]:
        raise Refusal("CHECKSUM", "the file is not the one that its id names")
    try:
        rows = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refusal("MALFORMED", str(error)) from error
    if not rows or rows[0] != _HEADINGS:
        raise Refusal("MALFORMED", f"the first line is not {','.join(_HEADINGS)}")
    if count != str(len(rows) - 1):
        raise Refusal("ROW_COUNT", f"the file has {len(rows) - 1} rows, {count[:20]!r} were announced")
    good: list[tuple[str, str, str]] = []
    wrong: dict[str, str] = {}
    for row in rows[1:]:
        if len(row) != len(_HEADINGS) or not all(map(re.fullmatch, _FORMS, row)):
            wrong[row[0] if row else ""] = "MALFORMED_ROW"
        else:
            good.append((row[0], row[1], row[2]))
    return good, wrong


def answer_text(refused: Mapping[str, str]) -> bytes:
    """Return the table of what became of each CHF, by why not; empty for one that was taken."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["chf_id", "result", "reason"])
    writer.writerows([chf, "refused" if why else "accepted", why] for chf, why in refused.items())
    return text.getvalue().encode()
