"""The SMP driver, and plain devices, when hubs are exchanged between two answers: a scripted peer is each of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from benches.hub_samples import HUB, MEANT, NEW, OLD, Signer, image_of
from benches.smp_peer import (
    BOOT_LOADER,
    ERASE,
    IDENTITY,
    PARAMETERS,
    QUICK,
    RESET,
    STATE,
    UNLOCK,
    UPLOAD,
    Peer,
    Request,
    met,
    peer_and_client,
)
from drivers.errors import AnotherHub, ChallengeVoid, NoAnswer
from drivers.hub import HubIdentity
from drivers.hub_answers import IdentityAnswer
from drivers.smp.device import McubootDevice
from drivers.smp.driver import SmpHubDriver
from drivers.smp.settings import SmpSettings
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion

IMAGE = image_of(bytes(8_000))
OTHERS = {
    "ids": HUB | {"chf": b"another!", "gpf": b"otherGPF"},
    "gpf": HUB | {"gpf": b"otherGPF"},
    "model": HUB | {"model": "00000012"},
}


class Seat:
    """A seat, and the hub in it: what it answers can be exchanged for what another one would."""

    def __init__(self, peer: Peer, hub: dict = HUB) -> None:
        self.hub = hub
        self.running = {"slot": 0, "version": "0.2.1", "hash": OLD, "active": True, "confirmed": True}
        self.other: dict | None = {"slot": 1, "version": "0.2.303", "hash": NEW}
        self.peer = peer
        peer.scripts |= {
            IDENTITY: lambda _: self.hub,
            PARAMETERS: lambda _: {"buf_size": 1024, "buf_count": 4},
            BOOT_LOADER: lambda _: {"bootloader": "MCUboot"},
            STATE: self.state,
            UNLOCK: self.unlock,
        }

    def state(self, _: Request) -> dict:
        return {"images": [slot for slot in (self.running, self.other) if slot is not None]}

    def unlock(self, request: Request) -> dict:
        return {} if request.writes else {"chf": self.hub["chf"], "nonce": bytes(16)}

    @property
    def writes(self) -> list[tuple[int, int]]:
        """What it was told that changes it."""
        return [request.command for request in self.peer.requests if request.writes]


def driver_of(client) -> SmpHubDriver:
    return SmpHubDriver(McubootDevice(client))


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_another_hub_is_told_nothing(other):
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer, other), driver_of(client)
        for call in (
            driver.unlock(MEANT, Signer()),
            driver.flash(MEANT, IMAGE, lambda _: None),
            driver.activate(MEANT, IMAGE),
            driver.verify(MEANT, IMAGE),
            driver.confirm(MEANT, IMAGE),
            driver.reboot(MEANT),
            driver.erase(MEANT),
        ):
            with pytest.raises(AnotherHub) as caught:
                await call
            assert caught.value.state_known
            assert len(str(caught.value)) <= 160
        assert seat.writes == []


async def test_the_challenge_of_another_hub_is_not_signed():
    async with peer_and_client() as (peer, client):
        seat, signer = Seat(peer), Signer()
        peer.scripts[UNLOCK] = lambda _: {"chf": b"another!", "nonce": bytes(16)}
        with pytest.raises(AnotherHub, match="find the first hub"):
            await driver_of(client).unlock(MEANT, signer)
        assert signer.signed == []
        assert seat.writes == []


async def test_a_late_challenge_that_a_later_one_made_void_is_not_signed():
    async with peer_and_client() as (peer, client):
        challenges: list[Request] = []
        peer.scripts[IDENTITY] = lambda _: HUB

        def unlock(request: Request):
            if request.writes:
                return {}
            challenges.append(request)
            if len(challenges) == 1:
                return None  # under way for longer than the driver waits
            return [
                challenges[0].answer({"chf": HUB["chf"], "nonce": b"void" * 4}),
                challenges[1].answer({"chf": HUB["chf"], "nonce": b"good" * 4}),
            ]

        peer.scripts[UNLOCK] = unlock
        signer = Signer()
        await SmpHubDriver(McubootDevice(client)).unlock(MEANT, signer)
        assert [challenge.nonce for challenge in signer.signed] == [b"good" * 4]


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_a_hub_that_comes_while_one_is_signed_for_gets_no_answer(other):
    async with peer_and_client() as (peer, client):
        seat = Seat(peer)
        signer = Signer(lambda: setattr(seat, "hub", other))
        with pytest.raises(AnotherHub):
            await driver_of(client).unlock(MEANT, signer)
        assert len(signer.signed) == 1
        assert seat.writes == []


async def test_a_hub_that_booted_while_its_challenge_was_signed_gets_no_answer_either():
    async with peer_and_client() as (peer, client):
        seat = Seat(peer)
        with pytest.raises(ChallengeVoid) as caught:
            await driver_of(client).unlock(MEANT, Signer(lambda: setattr(seat, "hub", HUB | {"boots": 8})))
        assert caught.value.state_known
        assert seat.writes == []


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("forgets", [True, False])
async def test_an_upload_is_not_begun_anew_on_another_hub(other, forgets):
    """The other one answers with offset 0, as one that knows of no upload; or the chunks get lost as hands pull."""
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer, HUB | {"locked": False}), driver_of(client)
        heard_by_the_other = []

        def upload(request):
            if seat.hub is other:
                heard_by_the_other.append(request.fields["off"])
                return {"off": 0}
            if request.fields["off"] > 3_000:
                seat.hub = other
                return {"off": 0} if forgets else None
            return {"off": request.fields["off"] + len(request.fields["data"])}

        peer.scripts[UPLOAD] = upload
        with pytest.raises(AnotherHub) as caught:
            await driver.flash(MEANT, IMAGE, lambda _: None)
        assert not caught.value.state_known
        assert 0 not in heard_by_the_other, "what was under way cannot be called back, but nothing is begun"


async def test_a_hub_that_comes_while_the_room_for_its_list_is_asked_for_gets_no_upload():
    async with peer_and_client() as (peer, client):
        seat = Seat(peer, HUB | {"locked": False})

        def state(request: Request) -> dict:
            seat.hub = OTHERS["ids"] | {"locked": False}
            return seat.state(request)

        peer.scripts |= {PARAMETERS: lambda _: {"buf_size": 300, "buf_count": 4}, STATE: state}
        with pytest.raises(AnotherHub):
            await driver_of(client).flash(MEANT, IMAGE, lambda _: None)
        assert seat.writes == []


async def test_an_upload_without_setbacks_asks_nothing_between_its_chunks():
    async with peer_and_client() as (peer, client):
        Seat(peer, HUB | {"locked": False})
        peer.scripts[UPLOAD] = lambda request: {"off": request.fields["off"] + len(request.fields["data"])}
        await driver_of(client).flash(MEANT, IMAGE, lambda _: None)
        commands = [request.command for request in peer.requests]
        first, last = commands.index(UPLOAD), len(commands) - 1 - commands[::-1].index(UPLOAD)
        assert set(commands[first : last + 1]) == {UPLOAD}


@pytest.mark.parametrize(("command", "method"), [(STATE, "activate"), (ERASE, "erase")])
async def test_what_was_not_heard_is_not_said_again_to_another_hub(command, method):
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer), driver_of(client)

        def pulled(request):
            if not request.writes:
                return seat.state(request)
            seat.hub = OTHERS["ids"]
            return None

        peer.scripts[command] = pulled
        arguments = (MEANT, IMAGE) if method == "activate" else (MEANT,)
        with pytest.raises(AnotherHub) as caught:
            await getattr(driver, method)(*arguments)
        assert not caught.value.state_known
        assert seat.writes == [command]


async def test_another_hub_is_not_booted_because_the_first_did_not_hear_it():
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer), driver_of(client)

        def pulled(_):
            seat.hub = OTHERS["gpf"]

        peer.scripts[RESET] = pulled
        with pytest.raises(AnotherHub):
            await driver.reboot(MEANT)
        assert seat.writes == [RESET]


async def test_what_runs_on_the_next_hub_is_not_believed_of_the_first():
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer), driver_of(client)

        def pulled(_):
            seat.hub = OTHERS["ids"]
            return {"images": [seat.running | {"version": "0.2.303", "hash": NEW}]}

        for call in (driver.activate, driver.verify, driver.confirm):
            seat.hub, peer.scripts[STATE] = HUB, pulled
            with pytest.raises(AnotherHub):
                await call(MEANT, IMAGE)
        assert seat.writes == []


async def test_a_state_is_asked_for_again_when_the_hub_boots_beside_it():
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer), driver_of(client)

        def boots_once(request):
            if seat.hub["boots"] == HUB["boots"]:
                seat.hub = HUB | {"boots": 8}
                return {"images": [seat.running | {"version": "0.2.303", "hash": NEW}]}
            return seat.state(request)

        peer.scripts[STATE] = boots_once
        with pytest.raises(Exception, match=r"runs 0\.2\.1 "):
            await driver.verify(MEANT, IMAGE)
        assert len(peer.asked(STATE)) == 2


async def test_a_hub_that_boots_at_each_question_is_not_asked_without_end():
    async with peer_and_client() as (peer, client):
        seat = Seat(peer)

        def boot(request):
            seat.hub = HUB | {"boots": seat.hub["boots"] + 1}
            return seat.state(request)

        peer.scripts[STATE] = boot
        with pytest.raises(NoAnswer, match="boots again and again"):
            await driver_of(client).verify(MEANT, IMAGE)


async def test_an_identity_that_was_long_in_coming_is_asked_for_again():
    async with peer_and_client() as (peer, client):
        seat, driver = Seat(peer), driver_of(client)
        answers = iter([None, HUB, OTHERS["ids"]])
        peer.scripts[IDENTITY] = lambda _: next(answers)
        with pytest.raises(AnotherHub):
            await driver.reboot(MEANT)
        assert seat.writes == []


@pytest.mark.parametrize(
    "change",
    [
        {BOOT_LOADER: lambda _: {"bootloader": "other"}},
        {PARAMETERS: lambda _: {"buf_size": 512, "buf_count": 4}},
        {
            STATE: lambda _: {
                "images": [{"slot": 0, "version": "0.3.0", "hash": b"\x22" * 32, "active": True}]
            }
        },
    ],
    ids=["boot loader", "buffers", "images"],
)
@pytest.mark.parametrize("stage", ["flash", "activate", "verify", "confirm"])
async def test_a_plain_device_that_tells_something_else_is_another(change, stage):
    async with peer_and_client() as (peer, client):
        seat, plain = Seat(peer), await met(client)
        peer.scripts |= change
        arguments = (IMAGE, lambda _: None) if stage == "flash" else (IMAGE,)
        with pytest.raises(AnotherHub, match="begin anew"):
            await getattr(plain, stage)(*arguments)
        assert seat.writes == []


async def test_an_upload_to_a_plain_device_does_not_go_on_with_another():
    async with peer_and_client(QUICK) as (peer, client):
        seat, plain = Seat(peer), await met(client)
        heard = []

        def upload(request):
            heard.append(request.fields["off"])
            if request.fields["off"] > 3_000:
                seat.running = seat.running | {"hash": b"\x22" * 32}
                return None
            return {"off": request.fields["off"] + len(request.fields["data"])}

        peer.scripts[UPLOAD] = upload
        with pytest.raises(AnotherHub) as caught:
            await plain.flash(IMAGE, lambda _: None)
        assert not caught.value.state_known
        exchanged = next(index for index, offset in enumerate(heard) if offset > 3_000)
        assert 0 not in heard[exchanged:]


def test_an_expected_device_is_both_ids_and_the_model():
    hub = IdentityAnswer(**HUB).identity()
    for same in (replace(hub, boots=9), replace(hub, locked=False), replace(hub, hardware_version="2")):
        hub.device.require(same, place="here", action="flash")
    for fields in OTHERS.values():
        with pytest.raises(AnotherHub):
            hub.device.require(IdentityAnswer(**fields).identity(), place="here", action="flash")


async def test_a_hub_with_half_of_the_identity_ends_the_wait_for_a_removal() -> None:
    me = HubIdentity(
        Eui64(1), Eui64(2), DeviceModel("0B6B", "1"), "1", "DBCH", FirmwareVersion(1), locked=True, boots=3
    )

    class Answering(SmpHubDriver):
        async def _ask_identity(self, *_: object, **__: object) -> HubIdentity:
            return replace(me, gpf=Eui64(9))

    device: Any = SimpleNamespace(client=SimpleNamespace(settings=SmpSettings()), place="here")

    await Answering(device).wait_for_removal(me)
