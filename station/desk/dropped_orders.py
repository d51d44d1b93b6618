"""Orders from the folder that takes them, at the desk: imported as if a person had, and answered for the folder."""

from __future__ import annotations

from typing import Protocol

from station.desk.order_files import FileChanged
from station.desk.order_requests import ImportOrder, OrderTaken
from station.desk.refusals import Conflict, Invalid
from station.desk.refusals import Refused as RefusedAtDesk
from station.domain.counted import counted
from station.dropped_orders.verdicts import DroppedFile, NotNow, Refused, Taken, Verdict


class AskToImport(Protocol):
    """Brings the request to the desk, with the file."""

    async def __call__(self, request: ImportOrder, /, *, file: int) -> OrderTaken:
        """Return the answer. Raises Refused."""
        ...


class OrdersAtDesk:
    """Has dropped files imported."""

    def __init__(self, ask: AskToImport) -> None:
        self._ask = ask

    async def take(self, dropped: DroppedFile) -> Verdict:
        """Import a file, unless it was: then nothing changes."""
        request = ImportOrder(source=dropped.source, size=dropped.size, sha256=dropped.sha256)
        try:
            taken = await self._ask(request, file=dropped.file.fileno())
        except Invalid as refused:
            problems = refused.facts.get("problems")
            listed = problems if isinstance(problems, list) and len(problems) > 1 else []
            return Refused((str(refused), *map(str, listed)))
        except FileChanged as changed:
            return NotNow(str(changed))
        except Conflict as refused:  # kept until it fits, it would be an order at a time that nobody chose
            return Refused((str(refused),))
        except RefusedAtDesk as refused:
            return NotNow(str(refused))
        return Taken(
            f"{taken.order}: {counted(taken.hubs, taken.family)}" + ("" if taken.new else ", imported before")
        )
