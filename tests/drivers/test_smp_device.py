"""Answers that a well-made hub never gives, and devices that are no hubs: over a scripted peer."""

from __future__ import annotations

import asyncio

import pytest

from benches.hub_samples import HUB, MEANT, NEW, OLD, Signer, image_of
from benches.smp_peer import (
    BOOT_LOADER,
    ERASE,
    IDENTITY,
    QUICK,
    RESET,
    STATE,
    UNLOCK,
    Request,
    met,
    peer_and_client,
    unsupported,
)
from drivers.errors import (
    ApplicationUnknown,
    ChallengeVoid,
    HubDidNotReturn,
    HubInSerialRecovery,
    HubLockedOut,
    HubRefused,
    ImageMismatch,
    LinkLost,
    NoAnswer,
    UnlockRefused,
)
from drivers.smp.device import McubootDevice
from drivers.smp.driver import SmpHubDriver
from drivers.smp.errors import NoApplicationGroup, SmpRefused

IMAGE = image_of(b"not looked at here")


class Device:
    """A device with two slots, a boot loader that swaps, and no hub commands."""

    def __init__(self, peer) -> None:
        self.running = {"slot": 0, "version": "0.2.1", "hash": OLD, "active": True, "confirmed": True}
        self.other: dict | None = {"slot": 1, "version": "0.2.303", "hash": NEW}
        self.boots = 0
        peer.scripts |= {
            BOOT_LOADER: lambda _: {"bootloader": "MCUboot"},
            STATE: self.state,
            RESET: self.reset,
            ERASE: self.erase,
        }

    def state(self, request: Request) -> dict:
        if request.writes:
            if request.fields["confirm"]:
                self.running["confirmed"] = True
            elif self.other is not None:
                self.other["pending"] = True
        return {"images": [slot for slot in (self.running, self.other) if slot is not None]}

    def reset(self, _: Request) -> dict:
        self.boots += 1
        if self.other is not None and self.other.pop("pending", False):
            swapped = self.other | {"slot": 0, "active": True, "confirmed": False}
            self.other = self.running | {"slot": 1, "active": False, "confirmed": False}
            self.running = swapped
        return {"rc": 0}

    def erase(self, _: Request) -> dict:
        self.other = None
        return {}


async def test_a_plain_device_is_activated_verified_and_confirmed():
    async with peer_and_client() as (peer, client):
        plain, device = Device(peer), await met(client)
        with pytest.raises(ImageMismatch, match=r"runs 0\.2\.1 \(0{16}\)"):
            await device.verify(IMAGE)
        state = await device.activate(IMAGE)
        assert state.running is not None
        assert state.running.image_hash == NEW
        assert (await device.confirm(IMAGE)).running.confirmed
        writes = [request.fields for request in peer.asked(STATE) if request.writes]
        assert writes == [{"hash": NEW, "confirm": False}, {"hash": NEW, "confirm": True}]
        await device.confirm(IMAGE)
        await device.activate(IMAGE)
        assert [request.fields for request in peer.asked(STATE) if request.writes] == writes, "no need"
        assert plain.boots == 1, "what runs already is not booted again"


class TrappedAfterBoot(Device):
    """Its boot ends, so many times, in a boot loader that lists and confirms images and has no other questions."""

    def __init__(self, peer, times: int) -> None:
        super().__init__(peer)
        self._scripts, self._times = peer.scripts, times
        self._scripts[BOOT_LOADER] = self._tell
        self.trapped = False

    def _tell(self, _: Request) -> dict:
        return {"rc": 8} if self.trapped else {"bootloader": "MCUboot"}

    def reset(self, request: Request) -> dict:
        self.trapped = self.boots < self._times
        return super().reset(request)


def _confirmed(peer) -> list[dict]:
    return [request.fields for request in peer.asked(STATE) if request.fields.get("confirm")]


@pytest.mark.parametrize("tells_what_runs", [True, False])
async def test_a_plain_device_trapped_in_its_boot_loader_is_booted_once_more_and_told_no_confirm(
    tells_what_runs,
):
    async with peer_and_client() as (peer, client):
        plain, device = TrappedAfterBoot(peer, times=9), await met(client)
        if not tells_what_runs:
            whole = plain.state
            peer.scripts[STATE] = lambda request: {
                "images": [
                    {key: value for key, value in slot.items() if not plain.trapped or key != "active"}
                    for slot in whole(request)["images"]
                ]
            }
        kind = ApplicationUnknown if tells_what_runs else HubInSerialRecovery
        for act in (device.activate, device.verify, device.confirm):
            with pytest.raises(kind):
                await act(IMAGE)
        assert plain.boots == 2
        assert _confirmed(peer) == []


async def test_a_plain_device_that_leaves_its_boot_loader_goes_on():
    async with peer_and_client() as (peer, client):
        plain, device = TrappedAfterBoot(peer, times=1), await met(client)
        assert (await device.activate(IMAGE)).running.image_hash == NEW
        assert (await device.confirm(IMAGE)).running.confirmed
        assert (plain.boots, len(_confirmed(peer))) == (2, 1)


async def test_a_plain_device_that_stays_away_is_told():
    async with peer_and_client(QUICK.model_copy(update={"return_seconds": 0.3})) as (peer, client):
        Device(peer)

        def die(_):
            peer.scripts.update({STATE: lambda _: None})

        peer.scripts[RESET] = die
        with pytest.raises(HubDidNotReturn):
            await (await met(client)).activate(IMAGE)


async def test_an_order_to_boot_that_was_lost_is_given_again():
    async with peer_and_client() as (peer, client):
        plain = Device(peer)

        def overhear(_):
            peer.scripts[RESET] = plain.reset

        peer.scripts[RESET] = overhear
        assert (await (await met(client)).activate(IMAGE)).running.image_hash == NEW
        assert plain.boots == 1


async def test_a_repeated_mark_that_is_refused_for_being_done_is_done():
    async with peer_and_client() as (peer, client):
        plain = Device(peer)
        refusals = []

        def take_but_say_nothing_then_refuse(request):
            if not request.writes:
                return (
                    plain.state(request)
                    if refusals
                    else {"images": [plain.running, {**plain.other, "pending": False}]}
                )
            plain.other["pending"] = True
            if len([r for r in peer.asked(STATE) if r.writes]) == 1:
                return None
            refusals.append(request)
            return {"rc": 6}

        peer.scripts[STATE] = take_but_say_nothing_then_refuse
        await (await met(client)).activate(IMAGE)
        assert len(refusals) == 1


async def test_whatever_fails_after_a_write_leaves_the_state_unknown():
    async with peer_and_client() as (peer, client):
        plain = Device(peer)

        def die_of_a_write(request):
            if not request.writes:
                return plain.state(request)
            peer.port.close()
            return None

        peer.scripts[STATE] = die_of_a_write
        with pytest.raises(LinkLost) as caught:
            await (await met(client)).activate(IMAGE)
        assert not caught.value.state_known


async def test_a_device_found_in_its_boot_loader_after_a_boot_is_not_as_it_was():
    async with peer_and_client() as (peer, client):
        device = Device(peer)
        peer.scripts[IDENTITY] = lambda _: HUB
        driver = SmpHubDriver(McubootDevice(client))

        def boot(_):
            peer.scripts |= {IDENTITY: unsupported, BOOT_LOADER: unsupported}
            device.running.pop("active")
            return {}

        peer.scripts[RESET] = boot
        with pytest.raises(HubInSerialRecovery) as caught:
            await driver.reboot(MEANT)
        assert not caught.value.state_known


async def test_a_device_that_says_done_and_does_nothing_is_not_believed():
    async with peer_and_client() as (peer, client):
        plain = Device(peer)
        peer.scripts[STATE] = lambda _: {"images": [plain.running, plain.other]}
        with pytest.raises(HubRefused, match="did not do it") as caught:
            await (await met(client)).activate(IMAGE)
        assert not caught.value.state_known


async def test_a_refused_mark_is_quoted():
    async with peer_and_client() as (peer, client):
        plain = Device(peer)
        peer.scripts[STATE] = lambda request: {"rc": 6} if request.writes else plain.state(request)
        with pytest.raises(SmpRefused) as caught:
            await (await met(client)).activate(IMAGE)
        assert caught.value.device_code == "rc 6"
        assert plain.boots == 0


async def test_a_device_that_names_no_running_image_is_no_match():
    async with peer_and_client() as (peer, client):
        Device(peer)
        peer.scripts[STATE] = lambda _: {"images": []}
        with pytest.raises(ImageMismatch, match="runs no image that it names"):
            await (await met(client)).verify(IMAGE)


async def test_a_plain_device_is_no_hub_but_can_be_flashed_by_hand():
    async with peer_and_client() as (peer, client):
        Device(peer)
        driver = SmpHubDriver(McubootDevice(client))
        for ask in (driver.identify, driver.wait_for_hub):
            with pytest.raises(NoApplicationGroup, match="group 64"):
                await ask()
        assert (await (await met(client)).activate(IMAGE)).running is not None


OS_INFO, TASKS, GROUPS = (0, 7), (0, 2), (10, 1)


async def test_a_boot_loader_that_refuses_the_hub_commands_and_runs_nothing_is_recognised():
    async with peer_and_client() as (peer, client):
        plain = Device(peer)
        plain.running = {
            "slot": 0,
            "version": "0.2.1",
            "hash": OLD,
        }  # as boot_serial.c lists it, without flags
        peer.scripts |= {IDENTITY: unsupported, BOOT_LOADER: unsupported}
        driver = SmpHubDriver(McubootDevice(client))
        for ask in (driver.identify, driver.wait_for_hub):
            with pytest.raises(HubInSerialRecovery):
                await ask()


@pytest.mark.parametrize("told", [OS_INFO, TASKS, GROUPS])
async def test_an_application_without_boot_loader_info_is_known_by_what_else_it_tells(told):
    async with peer_and_client() as (peer, client):
        Device(peer)
        peer.scripts |= {
            IDENTITY: unsupported,
            BOOT_LOADER: unsupported,
            told: lambda _: {"output": "Zephyr"},
        }
        with pytest.raises(NoApplicationGroup):
            await SmpHubDriver(McubootDevice(client)).identify()


@pytest.mark.parametrize("code", [7, 11, None], ids=["too large", "denied", "ignored"])
async def test_an_application_that_holds_back_one_thing_is_known_by_the_next(code):
    def held_back(_: Request) -> dict | None:
        return None if code is None else {"rc": code}

    async with peer_and_client() as (peer, client):
        Device(peer)
        peer.scripts |= {
            IDENTITY: unsupported,
            BOOT_LOADER: held_back,
            TASKS: held_back,
            GROUPS: lambda _: {"groups": [0, 1, 10]},
        }
        with pytest.raises(NoApplicationGroup):
            await SmpHubDriver(McubootDevice(client)).identify()


async def test_a_device_that_holds_back_everything_for_want_of_room_says_so_itself():
    async with peer_and_client() as (peer, client):
        Device(peer)
        peer.scripts |= {IDENTITY: unsupported, BOOT_LOADER: unsupported, TASKS: lambda _: {"rc": 7}}
        with pytest.raises(ApplicationUnknown, match=r"boot loader, .*too large for its packet buffers"):
            await SmpHubDriver(McubootDevice(client)).identify()


async def test_a_device_that_runs_another_image_than_the_first_is_not_called_one_in_its_boot_loader():
    async with peer_and_client() as (peer, client):
        images = [
            {"image": 0, "slot": 0, "version": "0.2.1", "hash": OLD, "confirmed": True},
            {"image": 1, "slot": 0, "version": "0.2.1", "hash": NEW, "confirmed": True, "active": True},
        ]
        peer.scripts |= {IDENTITY: unsupported, BOOT_LOADER: unsupported, STATE: lambda _: {"images": images}}
        with pytest.raises(ApplicationUnknown):
            await SmpHubDriver(McubootDevice(client)).identify()


@pytest.mark.parametrize("unknown", [unsupported, lambda _: None], ids=["refuses", "ignores"])
async def test_what_may_be_an_application_or_its_boot_loader_is_neither_confirmed_nor_sent_to_rework(unknown):
    async with peer_and_client() as (peer, client):
        plain = Device(peer)
        peer.scripts |= {IDENTITY: unknown, BOOT_LOADER: unknown}
        with pytest.raises(ApplicationUnknown, match="too little"):
            await SmpHubDriver(McubootDevice(client)).identify()
        if unknown is unsupported:
            device = await met(client)
            with pytest.raises(ApplicationUnknown):
                await device.flash(IMAGE, lambda _: None)
        assert not any(request.writes for request in peer.requests)
        assert plain.boots == 0


async def test_nobody_there_is_no_answer():
    async with peer_and_client() as (peer, client):
        peer.scripts |= {IDENTITY: lambda _: None, STATE: lambda _: None}
        with pytest.raises(NoAnswer):
            await SmpHubDriver(McubootDevice(client)).identify()


async def test_a_seat_that_takes_no_bytes_is_an_empty_one():
    async with peer_and_client() as (peer, client):
        peer.port.stop_listening()
        client.link.write(bytes(60_000))
        waiting = asyncio.create_task(SmpHubDriver(McubootDevice(client)).wait_for_hub())
        await asyncio.wait([waiting], timeout=2 * QUICK.stall_seconds)
        assert not waiting.done()
        peer.scripts[IDENTITY] = lambda _: HUB
        peer.resume()
        assert (await waiting).boots == 7


async def test_a_hub_that_comes_up_between_two_questions_is_a_hub():
    async with peer_and_client() as (peer, client):
        Device(peer)
        answers = iter([None, HUB])
        peer.scripts[IDENTITY] = lambda _: next(answers)
        hub = await SmpHubDriver(McubootDevice(client)).wait_for_hub()
        assert hub.boots == 7


async def test_an_identity_that_is_refused_is_quoted():
    async with peer_and_client() as (peer, client):
        peer.scripts[IDENTITY] = lambda _: {"rc": 1}
        driver = SmpHubDriver(McubootDevice(client))
        for ask in (driver.identify, driver.wait_for_hub):
            with pytest.raises(SmpRefused, match=r"\(rc 1\)"):
                await ask()


async def test_something_that_answers_nonsense_has_not_left():
    patient = QUICK.model_copy(update={"removal_seconds": 2.0})  # what nobody heard in time is no answer
    async with peer_and_client(patient) as (peer, client):
        peer.scripts |= {IDENTITY: lambda _: {"chf": 1}, STATE: lambda _: {"rc": 1}}
        leaving = asyncio.create_task(SmpHubDriver(McubootDevice(client)).wait_for_removal(None))
        await peer.until_asked(IDENTITY, 6)
        assert not leaving.done()
        peer.scripts[IDENTITY] = lambda _: None
        await peer.until_asked(STATE, 3)
        assert not leaving.done()
        peer.scripts[STATE] = lambda _: None
        await leaving


@pytest.mark.parametrize(
    ("answer", "kind", "what"),
    [
        ({"err": {"group": 64, "rc": 2}}, UnlockRefused, "check the unlock key"),
        ({"rc": 11}, UnlockRefused, "check the unlock key"),
        ({"rc": 1}, UnlockRefused, "check the unlock key"),
        ({"err": {"group": 64, "rc": 3}}, ChallengeVoid, "too late"),
        ({"rc": 6}, ChallengeVoid, "too late"),
        ({"err": {"group": 64, "rc": 4}}, HubLockedOut, "leave it powered"),
        ({"rc": 10}, HubLockedOut, "leave it powered"),
    ],
)
async def test_what_a_refused_unlock_means(answer, kind, what):
    async with peer_and_client() as (peer, client):
        peer.scripts[IDENTITY] = lambda _: HUB
        peer.scripts[UNLOCK] = lambda request: (
            answer if request.writes else {"chf": HUB["chf"], "nonce": bytes(16)}
        )
        with pytest.raises(HubRefused, match=what) as caught:
            await SmpHubDriver(McubootDevice(client)).unlock(MEANT, Signer())
        assert type(caught.value) is kind
        assert len([request for request in peer.asked(UNLOCK) if request.writes]) == 1


@pytest.mark.parametrize(("answer", "kind"), [({"rc": 10}, HubLockedOut), ({"rc": 8}, SmpRefused)])
async def test_what_a_refused_challenge_means(answer, kind):
    async with peer_and_client() as (peer, client):
        peer.scripts |= {IDENTITY: lambda _: HUB, UNLOCK: lambda _: answer}
        with pytest.raises(kind):
            await SmpHubDriver(McubootDevice(client)).unlock(MEANT, Signer())
        assert not any(request.writes for request in peer.requests)


async def test_an_unlock_whose_answer_is_lost_is_never_sent_twice():
    async with peer_and_client() as (peer, client):
        peer.scripts[IDENTITY] = lambda _: HUB
        peer.scripts[UNLOCK] = lambda request: (
            None if request.writes else {"chf": HUB["chf"], "nonce": bytes(16)}
        )
        with pytest.raises(NoAnswer) as caught:
            await SmpHubDriver(McubootDevice(client)).unlock(MEANT, Signer())
        assert not caught.value.state_known
        assert len([request for request in peer.asked(UNLOCK) if request.writes]) == 1
