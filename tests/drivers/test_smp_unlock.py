"""Which challenge is answered when the hub was asked for more than one."""

from __future__ import annotations

from benches.smp_peer import IDENTITY, UNLOCK, Request, peer_and_client
from drivers.hub import UnlockChallenge
from drivers.hub_answers import IdentityAnswer
from drivers.smp.device import McubootDevice
from drivers.smp.driver import SmpHubDriver

HUB = {
    "chf": bytes(range(8)),
    "gpf": bytes(range(8, 16)),
    "manufacturer": "10A8",
    "model": "00000011",
    "hw": "1.0",
    "variant": "SBCH",
    "fw": 0x01020100,
    "locked": True,
    "boots": 1,
}
MEANT = IdentityAnswer(**HUB).identity().device


class Signer:
    def __init__(self) -> None:
        self.nonces: list[bytes] = []

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        self.nonces.append(challenge.nonce)
        return bytes(64)


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
        assert signer.nonces == [b"good" * 4]
