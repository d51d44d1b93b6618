"""Keeps a connection to an MQTT broker for as long as the station lives, and says how it stands with it.

The client library does not come back by itself after a loss, so that the loop around it is ours.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from typing import Final

import aiomqtt

from drivers.descriptors import shortage
from station.publishing import status as words
from station.publishing.broker import BrokerRefuses, connected, in_words
from station.publishing.habits import Habits
from station.publishing.patience import Patience
from station.publishing.pauses import pause_after
from station.publishing.retained import RetainedStates
from station.publishing.session import Session
from station.publishing.settings import MqttSettings
from station.publishing.status import OFFLINE, ONLINE, Connection, PublisherStatus
from station.records.chain import RecordedEvent
from station.records.errors import JournalHeldUp
from station.records.facts.outbox import MessagesRepublished
from station.records.journal import Journal
from station.records.outgoing import TOLD

_LONGEST_KEEPALIVE_S: Final = 65535.0
"""MQTT 3.1.1, 3.1.2.10."""
_MUCH: Final = 2
_STEADY_S: Final = 10.0
"""A connection that was good for so long is not taken away by another of our name."""
_DEARER: Final = 10
"""What makes the broker hang up is tried again so much later than what it drops: it takes the connection with it."""


class Publisher:
    """Publishes for one journal. `run` it for as long as the station lives."""

    def __init__(
        self,
        journal: Journal,
        settings: MqttSettings,
        retained: RetainedStates,
        on_status: Callable[[PublisherStatus], None],
    ) -> None:
        """Prepare; `on_status` is called on the event loop whenever the status changes."""
        self._journal = journal
        self._settings = settings
        self._broker = f"MQTT broker {settings.host}:{settings.port}"
        self._retained = retained
        self._on_status = on_status
        self._status: PublisherStatus | None = None
        self._failures = 0
        self._habits = Habits(Patience(settings.timeout_seconds))
        self._more = asyncio.Event()
        self._session: Session | None = None
        """What goes over the newest connection; None when that did not come about."""
        retained.set(journal.topics.station_status, ONLINE)

    async def run(self) -> None:
        """Publish until cancelled, through every loss of the broker. Raises JournalFailed alone."""
        unsubscribe = self._journal.subscribe(self._hear)
        try:
            await self._journal.tell_results_in(self._settings.result_version)
            while True:
                status = await self._publish_once()
                pause = pause_after(max(self._failures, self._habits.endings.doublings))
                self._failures += 1
                self._tell(status)
                # Spread out, lest every station of a site come back at the same moment.
                await asyncio.sleep(pause * secrets.SystemRandom().uniform(0.5, 1.0))
        finally:
            unsubscribe()

    async def _publish_once(self) -> PublisherStatus:
        """Publish for as long as one connection lasts; return what is to be said of its end."""
        topics, settings, patience = self._journal.topics, self._patient_settings(), self._habits.patience
        self._session = None
        client_id = settings.client_id or f"reflash-{topics.site}-{topics.station}"
        will = aiomqtt.Will(topics.station_status, OFFLINE, qos=1, retain=True)
        broker = self._broker
        status = PublisherStatus(Connection.WAITING, f"{broker}: the connection ended; trying again")
        try:
            begun = time.monotonic()
            async with connected(settings, client_id, will, topics) as client:
                patience.answered(time.monotonic() - begun)
                if settings.keepalive_seconds > _MUCH * self._keepalive():
                    # So long it would not be missed if it died: it answers again, and faster than was feared.
                    self._failures = 0
                    return PublisherStatus(Connection.WAITING, f"{broker}: it answers again; connecting anew")
                self._session = Session(
                    client,
                    self._journal,
                    self._retained,
                    self._habits,
                    more=self._more,
                    took=self._took,
                    went_round=self._went_round,
                )
                await self._session.run()
        except* aiomqtt.MqttError as loss:
            why = shortage() or in_words(_first(loss))
            if waited := "timed out" in why:
                patience.too_late(settings.timeout_seconds)
                limit = words.too_late(
                    settings.timeout_seconds, self._settings.timeout_seconds, patience.answer
                )
                why = f"{why}; {limit}"
            line = f"{broker}: {why}; results wait on disk and leave once it answers"
            status = self._hung_up(client_id, settings.timeout_seconds, waited=waited) or PublisherStatus(
                Connection.WAITING, line
            )
        except* BrokerRefuses as refusal:
            # The reason, where losses are what follows from it.
            status = self._refused(str(_first(refusal)))
        except* JournalHeldUp as lack:
            status = PublisherStatus(Connection.WAITING, str(_first(lack)))
        return status

    def _patient_settings(self) -> MqttSettings:
        """Let the broker have the time that it needs, also for a sign of life."""
        return self._settings.model_copy(
            update={
                "timeout_seconds": self._habits.patience.answer,
                "keepalive_seconds": self._keepalive(),
            }
        )

    def _keepalive(self) -> int:
        seconds = min(_LONGEST_KEEPALIVE_S, self._habits.patience.sign_of_life)
        return max(self._settings.keepalive_seconds, math.ceil(seconds))

    def _took(self) -> None:
        """Take in that the broker takes messages: whatever comes then, it is no failure in a row with those before."""
        self._failures = 0

    def _went_round(self, undelivered: str | None) -> None:
        """Say how it stands after all that waits has been tried."""
        if undelivered is None:
            # Not before what was waiting is seen to be delivered: else it would be said and taken back for ever.
            self._failures = 0
        self._tell(
            self._refusal()
            or (None if undelivered is None else self._refused(undelivered))
            or PublisherStatus(Connection.CONNECTED, f"{self._broker}: {words.connected(self._unsound())}")
        )

    def _unsound(self) -> str | None:
        return None if self._session is None else self._session.unsound

    def _hung_up(self, client_id: str, timeout: float, *, waited: bool) -> PublisherStatus | None:
        """Say why the connection broke, where that is known."""
        hang_ups, session = self._habits.hang_ups, self._session
        was_sending = hang_ups.under_way
        if not waited and hang_ups.broke():  # else it was this side that ended it
            # What it was is left out from now on, so that there is no need to be slow.
            self._failures = 0
            if self._habits.again_at is None:
                self._habits.again_at = time.monotonic() + _DEARER * pause_after(hang_ups.rounds)
            return self._refusal()
        if (unsound := self._unsound()) is not None:
            return self._refused(words.unsound(unsound))
        taken = 0 if session is None else session.taken
        all_left = session is not None and session.emptied_at is not None
        if not waited and self._habits.endings.took(taken, all_left=all_left):
            return self._refused(words.ends_early(taken))
        return None if was_sending else self._name_is_taken(client_id, timeout, waited=waited)

    def _name_is_taken(self, client_id: str, timeout: float, *, waited: bool) -> PublisherStatus | None:
        """Say so when the broker ends one good connection after the other: each name may be there once.

        Some brokers let the second of a name wait for as long as it has patience, before they take it (NATS).
        """
        emptied_at = None if self._session is None else self._session.emptied_at
        if emptied_at is None and (waited or self._session is not None):
            return None
        good_for = None if emptied_at is None else time.monotonic() - emptied_at
        if not self._habits.endings.lived(good_for, max(_STEADY_S, 2 * timeout)):
            return None
        return self._refused(words.name_is_taken(client_id))

    def _refusal(self) -> PublisherStatus | None:
        """Say at what the broker hangs up while it takes all else; None if nothing is known of the kind."""
        refused = self._habits.hang_ups.first_refused
        return None if refused is None else self._refused(words.hangs_up(refused))

    def _refused(self, why: str) -> PublisherStatus:
        return PublisherStatus(Connection.REFUSED, f"{self._broker} {why}")

    def _hear(self, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, (*TOLD, MessagesRepublished)):
            self._more.set()

    def _tell(self, status: PublisherStatus) -> None:
        if status != self._status:
            self._status = status
            self._on_status(status)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group of groups."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
