"""What stations tell, made up: events as `station.messages` has them, and a small station that numbers what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from inventory.intake.intake import Heard
from station.domain.outcome import Outcome, Stage
from station.domain.slot_name import SlotName
from station.messages.form import MessageForm
from station.messages.order_fact import ORDER_FACT, ORDER_TOPIC, OrderFact
from station.messages.packing_fact import PACKING_FACT, PACKING_TOPIC, PackingFact
from station.messages.result import RESULT, RESULT_OF_DEVICE, Result, ResultOfDevice
from station.messages.topics import Topics

SITE, STATION = "north-site", "bench-1"
TOPICS = Topics(SITE, STATION)
SOURCE = TOPICS.source
BEGIN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def chf_of(hub: int) -> str:
    return f"88-73-84-00-00-{hub >> 16 & 255:02X}-{hub >> 8 & 255:02X}-{hub & 255:02X}"


def gpf_of(hub: int) -> str:
    return f"88-73-84-01-00-{hub >> 16 & 255:02X}-{hub >> 8 & 255:02X}-{hub & 255:02X}"


def stands(hub: int, place: str | None, carton: str | None = None, *, order: str = "WO-1") -> dict[str, Any]:
    return {
        "hub": chf_of(hub),
        "gpf": gpf_of(hub),
        "place": place,
        "carton": carton,
        "work_order": order,
    }


def carton_of(carton: str, hubs: int, *, order: str = "WO-1", **others: Any) -> dict[str, Any]:
    holds = {
        "owner": "PARTY",
        "manufacturer": "10A8",
        "model": "00000011",
        "han_variant": "DBCH",
        "firmware": "0002012F",
    }
    return {
        "carton": carton,
        "work_order": order,
        "state": "closed",
        "hubs": hubs,
        "capacity": 16,
        "holds": holds if hubs else None,
        "pallet": None,
        "sscc": None,
        **others,
    }


def pallet_of(pallet: str, cartons: int, *, order: str = "WO-1", **others: Any) -> dict[str, Any]:
    return {
        "pallet": pallet,
        "work_order": order,
        "state": "closed",
        "cartons": cartons,
        "capacity": 56,
        "sscc": None,
        **others,
    }


class Said(Heard):
    """A message and its topic, as the inventory hears it."""

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.payload)
        return found


@dataclass
class SayingStation:
    """Numbers what it says, as a station does."""

    site: str = SITE
    station: str = STATION
    journal: str = "0b8f8b52-6f0c-4f0a-9d5e-000000000001"
    results: int = 0
    order_facts: int = 0
    packing_facts: int = 0
    row: int = 100
    attempts: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def topics(self) -> Topics:
        return Topics(self.site, self.station)

    def result(
        self,
        hub: int,
        *,
        order: str = "WO-1",
        version: int = 2,
        outcome: Outcome = Outcome.PASSED,
        read_back: str | None = "0002012F",
        **others: Any,
    ) -> Said:
        self.results += 1
        self.row += 1
        attempt = self.attempts[order, hub] = self.attempts.get((order, hub), 0) + 1
        finished = BEGIN + timedelta(seconds=self.row)
        data: dict[str, Any] = {
            "station_sequence": self.results,
            "work_order": order,
            "scanned_id": gpf_of(hub),
            "scanned_role": "GPF",
            "jig": "jig1",
            "slot": 1 + hub % 8,
            "attempt": attempt,
            "manufacturer": "10A8",
            "model": "00000011",
            "hardware_version": "1",
            "firmware_recorded": "0001012F",
            "firmware_before": "0001012F",
            "firmware_target": "0002012F",
            "firmware_read_back": read_back,
            "image_sha256": "ab" * 32,
            "outcome": outcome,
            "stage": Stage.CHECK,
            "message": "passed",
            "started": finished - timedelta(minutes=5),
            "finished": finished,
            "utc_synchronised": True,
            "seconds": {"flash": 200.0, "check": 1.5},
            "operator": "op-1a2b3c4d",
            "station_version": "0.1.0",
            "chain_head": self._head(),
            "gpf": gpf_of(hub),
            "code": None,
            "disposition": None,
        }
        if version == 1:
            of_1 = Result.model_validate({**data, "chf": chf_of(hub), **others})
            return self._say(RESULT, of_1, self._topic(of_1), finished, of_1.chf)
        of_2 = ResultOfDevice.model_validate(
            {
                **data,
                "device": chf_of(hub),
                "region": "Central",
                "han_variant": "DBCH",
                "owner": "PARTY",
                "status_recorded": "Pending",
                "device_type": "CHF",
                "chts_version": "CHTS V1.4",
                **others,
            }
        )
        return self._say(RESULT_OF_DEVICE, of_2, self._topic(of_2), finished, of_2.device)

    def order_fact(self, order: str, what: str, **others: Any) -> Said:
        self.order_facts += 1
        self.row += 1
        data = {"hubs": None, "file_sha256": None, "jig": None, "reason": None, "actor": None, **others}
        fact = OrderFact.model_validate(
            {
                "station_sequence": self.order_facts,
                "work_order": order,
                "what": what,
                "chain_head": self._head(),
                **data,
            }
        )
        return self._say(ORDER_FACT, fact, self.topics.of_station(ORDER_TOPIC), BEGIN, order)

    def packing(self, what: str, **others: Any) -> Said:
        """Say a fact of packing: `hub`, `cartons`, `pallets` as `stands`, `carton` and `pallet` have them."""
        self.packing_facts += 1
        self.row += 1
        data = {"hub": None, "cartons": (), "pallets": (), "recalled": (), "reason": None, "actor": None}
        fact = PackingFact.model_validate(
            {
                "station_sequence": self.packing_facts,
                "what": what,
                "chain_head": self._head(),
                **data,
                **others,
            }
        )
        subject = fact.hub.hub if fact.hub else (*fact.cartons, *fact.pallets, None)[0]
        code = getattr(subject, "carton", getattr(subject, "pallet", subject))
        told = BEGIN + timedelta(seconds=self.row)
        return self._say(PACKING_FACT, fact, self.topics.of_station(PACKING_TOPIC), told, code)

    def packed(
        self, hubs: Sequence[int], carton: str, pallet: str | None = None, *, order: str = "WO-1"
    ) -> list[Said]:
        """Say what a bench says until these hubs lie in a closed carton, on a closed pallet if there is one."""
        said = [
            self.packing(
                "hub_placed",
                hub=stands(hub, "carton", carton, order=order),
                cartons=(carton_of(carton, number, order=order, state="open"),),
            )
            for number, hub in enumerate(hubs, 1)
        ]
        said.append(self.packing("carton_closed", cartons=(carton_of(carton, len(hubs), order=order),)))
        if pallet is not None:
            said.append(
                self.packing(
                    "carton_put_on_pallet",
                    cartons=(carton_of(carton, len(hubs), order=order, pallet=pallet),),
                    pallets=(pallet_of(pallet, 1, order=order),),
                )
            )
        return said

    def _head(self) -> str:
        return hashlib.sha256(f"{self.journal}:{self.row}".encode()).hexdigest()

    def _topic(self, of: Result | ResultOfDevice) -> str:
        return self.topics.result(SlotName(jig=of.jig, slot=of.slot))

    def _say(
        self, form: MessageForm[Any], data: BaseModel, topic: str, time: datetime, subject: object | None
    ) -> Said:
        envelope = form.wrap(
            data,
            event_id=f"{self.journal}:{self.row}",
            source=self.topics.source,
            time=time,
            subject=None if subject is None else str(subject),
        )
        return Said(topic, json.dumps(envelope).encode())
