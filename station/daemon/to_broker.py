"""The way to the broker while a station works: begun anew with other settings, and told what each slot shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import attrgetter
from typing import Final

import structlog

from station.bench.view import BenchView, BrokerView
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.messages.slot_state import LEFT_OUT, slot_state
from station.publishing.publisher import Publisher
from station.publishing.retained import RetainedStates
from station.publishing.settings import MqttSettings
from station.publishing.status import Connection, PublisherStatus
from station.records.journal import Journal

_GATHER_SECONDS: Final = 0.25
"""A slot that changes is told of at once, unless one was so shortly before. What a hub passes through in between nobody misses,
and the event loop has other work while 24 begin together."""

_told: Final = attrgetter(*(name for name in SlotView.model_fields if name not in LEFT_OUT))
"""What of a view is retained: compared at each percent, which is much faster than to write it out."""

_log = structlog.stdlib.get_logger()


class ToBroker:
    """Publishes results and slots' states for as long as `publish` runs."""

    def __init__(
        self,
        journal: Journal,
        view: BenchView,
        settings: Callable[[], MqttSettings],
        settings_changed: asyncio.Event,
        on_status: Callable[[PublisherStatus], None],
    ) -> None:
        self._journal = journal
        self._view = view
        self._settings = settings
        self._settings_changed = settings_changed
        self._on_status = on_status
        self._retained = self._keep_retained()
        self._connected = False

    async def publish(self) -> None:
        """Publish until cancelled, beginning anew whenever a reload changed the broker's settings."""
        while True:
            self._settings_changed.clear()
            publisher = Publisher(self._journal, self._settings(), self._retained, self._broker_changed)
            publishing = asyncio.ensure_future(publisher.run())
            changed = asyncio.ensure_future(self._settings_changed.wait())
            try:
                await asyncio.wait((publishing, changed), return_when=asyncio.FIRST_COMPLETED)
                if publishing.done():
                    publishing.result()
            finally:
                publishing.cancel()
                changed.cancel()
                await asyncio.gather(publishing, changed, return_exceptions=True)

    async def all_sent(self) -> None:
        """Return once the broker has acknowledged every result and, if it is there, what each slot shows at last."""
        changed = asyncio.Event()
        unsubscribe = self._journal.subscribe(lambda _: changed.set())
        try:
            while await self._journal.outbox_size():
                await changed.wait()
                changed.clear()
        finally:
            unsubscribe()
        if self._connected:
            await self._retained.all_sent()

    def _keep_retained(self) -> RetainedStates:
        """Keep each slot's state retained at the broker; progress within a stage is for the screen alone."""
        retained = RetainedStates(_GATHER_SECONDS)
        told: dict[SlotName, object] = {}

        def retain(view: SlotView) -> None:
            if told.get(view.place) != (now := _told(view)):
                told[view.place] = now
                retained.set(self._journal.topics.slot_state(view.place), slot_state(view))

        for view in self._view.slots():
            retain(view)
        self._view.listen(retain)
        return retained

    def _broker_changed(self, status: PublisherStatus) -> None:
        self._connected = status.connection is Connection.CONNECTED
        _log.info("broker", state=status.connection, line=status.line)
        self._view.set_broker(BrokerView(status.connection, status.line))
        self._on_status(status)
