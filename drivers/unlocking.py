"""What drivers of hubs with the open stand-in's lock have in common: what is signed, and what a refusal means.

docs/hub-protocol.md describes challenge and answer.
"""

from __future__ import annotations

from typing import Final

from drivers.errors import (
    AnotherHub,
    ChallengeVoid,
    HubAction,
    HubLockedOut,
    HubRefused,
    UnlockAuthorityFailed,
    UnlockRefused,
)
from drivers.hub import DeviceIdentity, ExpectedDevice, UnlockAuthority, UnlockChallenge
from drivers.hub_answers import ChallengeAnswer, DeviceCode

_SIGNATURE_BYTES: Final = 64


async def sign(
    hub: ExpectedDevice, challenge: ChallengeAnswer, authority: UnlockAuthority, place: str
) -> bytes:
    """Have the challenge signed that was got from the hub that is meant.

    Raises AnotherHub, having nothing signed, for a challenge of another hub; UnlockAuthorityFailed for a signature of
    another length than 64 bytes; and what the authority raises.
    """
    seen = challenge.device_id
    if seen != hub.device_id:
        raise AnotherHub(
            f"the challenge at {place} is of hub {seen}, not of {hub.device_id}",
            action=HubAction.UNLOCK,
            state_known=True,
            advice="find the first hub",
        )
    signature = await authority.sign(UnlockChallenge(hub.device_id, challenge.nonce, hub.model))
    if len(signature) != _SIGNATURE_BYTES:
        raise UnlockAuthorityFailed(
            f"the unlock authority gave {len(signature)} bytes for {hub.device_id}, {_SIGNATURE_BYTES} are needed",
            action=HubAction.UNLOCK,
            state_known=True,
        )
    return signature


def require_same_boot(asked: DeviceIdentity, now: DeviceIdentity, place: str) -> None:
    """Raise ChallengeVoid if the hub has booted since it was asked for its challenge, which no boot outlives."""
    if asked.boots != now.boots:
        raise ChallengeVoid(
            f"the hub {now.device_id} at {place} booted while its challenge was signed",
            action=HubAction.UNLOCK,
            state_known=True,
            advice="try again",
        )


def challenge_refusal(hub: ExpectedDevice, place: str, refused: HubRefused, code: DeviceCode) -> HubRefused:
    """Return what it means that a hub gave no challenge. It counts no wrong answer by that."""
    if not code.says_locked_out:
        return refused
    return _locked_out(hub, place, refused)


def answer_refusal(
    hub: ExpectedDevice, place: str, refused: HubRefused, code: DeviceCode | None
) -> HubRefused:
    """Return what it means that a hub refused an answer. A code that nobody knows counts as a wrong answer."""
    if code is not None and code.says_locked_out:
        return _locked_out(hub, place, refused)
    if code is not None and code.says_no_challenge:
        return ChallengeVoid(
            f"the hub {hub.device_id} at {place} got its unlock signature too late",
            action=HubAction.UNLOCK,
            state_known=True,
            device_code=refused.device_code,
            advice="try again, and check the authority's speed",
        )
    return UnlockRefused(
        f"the hub {hub.device_id} at {place} did not accept the unlock signature",
        action=HubAction.UNLOCK,
        state_known=True,
        device_code=refused.device_code,
        advice="check the unlock key",
    )


def _locked_out(hub: ExpectedDevice, place: str, refused: HubRefused) -> HubLockedOut:
    return HubLockedOut(
        f"the hub {hub.device_id} at {place} takes no answers to challenges for now",
        action=HubAction.UNLOCK,
        state_known=True,
        device_code=refused.device_code,
        advice="leave it powered and wait",
    )
