"""What comes in and goes out beside hubs: orders by a folder, labels by a printer, where the configuration names them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from station.bench.view import BenchView
from station.daemon.supervision import Part
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.dropped_orders import OrdersAtDesk
from station.desk.rights import Role
from station.domain.reason import Reason
from station.domain.statement import Statement
from station.dropped_orders.watching import OrderFolder
from station.orders.csv_import import MAX_FILE_SIZE
from station.printing.content import label_of
from station.printing.label_folder import LabelFolder
from station.printing.network_printer import NetworkPrinter
from station.printing.places import LabelPlace
from station.printing.queue import LabelQueue
from station.printing.settings import LabelSettings
from station.records.journal import Journal
from station.settings import StationSettings


def in_and_out(settings: StationSettings, desk: Desk, journal: Journal, view: BenchView) -> Iterator[Part]:
    """Yield what there is of both."""
    if settings.order_folder is not None:
        entrance = Entrance(Role.FOLDER, "order folder", operator=lambda: None)
        orders = OrdersAtDesk(partial(desk.answer, entrance=entrance))
        show_folder = partial(_show, view, Reason.ORDERS_NOT_TAKEN)
        yield "order folder", OrderFolder(settings.order_folder, MAX_FILE_SIZE, orders.take, show_folder).run
    if (found := _label_place(settings.labels)) is not None:
        place, name = found
        show, content = partial(_show, view, Reason.LABELS_NOT_PRINTED), partial(label_of, journal)
        yield "label printer", LabelQueue(journal, content, place, settings.labels.media, show, name=name).run


def _show(view: BenchView, reason: Reason, line: str | None) -> None:
    view.set_fault(reason.value, None if line is None else Statement.of(reason, detail=line))


def _label_place(settings: LabelSettings) -> tuple[LabelPlace, str] | None:
    if settings.printer is not None:
        return NetworkPrinter(settings.printer), f"label printer {settings.printer.host}"
    if settings.folder is not None:
        return LabelFolder(settings.folder), f"label folder {settings.folder}"
    return None
