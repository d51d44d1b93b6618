"""What became of a scan, in a sentence. Pure."""

from __future__ import annotations

from station.domain.scan_said import ScanSaid
from station.texts.texts import Texts


def scan_line(texts: Texts, said: ScanSaid) -> str:
    """Say it in one line, led by the slot or jig that it is about."""
    given = {name: value for name, value in said if value is not None}
    what = texts.of(said.family).say("scan", said.code, **given)
    where = said.place or said.jig
    return what if where is None else texts.say("line", "one_part", place=where, what=what)
