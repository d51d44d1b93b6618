"""Labels of cartons and pallets."""

from __future__ import annotations

from station.desk.packing_requests import Code
from station.desk.request import Answer, Command


class LabelDue(Answer):
    """A label waits to be printed."""

    code: str
    line: str
    """What was done, for people."""


class PrintLabel(Command[LabelDue]):
    """Print the label of a closed carton or pallet once more."""

    code: Code
