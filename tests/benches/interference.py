"""A driver to a real simulated hub, between whose calls something happens to the hub, or to what it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from benches.station_bench import Bench, StockHub
from drivers.errors import HubAction, HubRefused, LinkLost
from drivers.hub import ExpectedDevice, HubDriver, HubIdentity, UnlockChallenge
from station.domain.slot_name import SlotName
from station.unlocking.key_file import KeyFileAuthority

METHODS = frozenset(
    {"identify", "state", "unlock", "flash", "activate", "verify", "confirm", "reboot", "erase"}
)


class Interfered:
    """Has `before` done before each call, which is told the method and how many calls there were before."""

    def __init__(self, driver: HubDriver, before: Callable[[str, int], Awaitable[None]]) -> None:
        self.driver = driver
        self.before = before
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.driver, name)
        if name not in METHODS:
            return found

        async def call(*arguments: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            await self.before(name, number)
            return await found(*arguments)

        return call


class Renamed:
    """Passes a real hub off as one that says other things of itself."""

    def __init__(self, driver: HubDriver, **says: Any) -> None:
        self.driver = driver
        self.says = says
        self.real: HubIdentity | None = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.driver, name)
        if name not in METHODS | {"wait_for_hub"}:
            return found

        async def call(*arguments: Any) -> Any:
            if arguments and isinstance(arguments[0], ExpectedDevice):
                assert self.real is not None
                arguments = (self.real.device, *arguments[1:])
            answer = await found(*arguments)
            if isinstance(answer, HubIdentity):
                self.real = answer
                return replace(answer, **self.says)
            return answer

        return call


def refused(what: str) -> HubRefused:
    return HubRefused(f"the hub refused to {what}", action=HubAction.STATE, state_known=True)


def link_lost() -> LinkLost:
    return LinkLost("the adapter is gone", action=HubAction.CONFIRM, state_known=False)


@dataclass(frozen=True)
class ExchangesHubs:
    """An unlock authority that is so slow that meanwhile another hub comes to sit in the slot."""

    bench: Bench
    place: SlotName
    other: StockHub
    name: str = "slow"

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        await self.bench.unseat(self.place)
        await self.bench.seat(self.other, self.place)
        return await KeyFileAuthority.load(self.bench.unlock_key).sign(challenge)
