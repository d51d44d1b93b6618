from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from benches.soft_hsm import KEY, TOKEN, SoftHsm
from drivers.errors import UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from station.domain.slot_name import SlotName
from station.unlocking.authority import unlock_authority
from station.unlocking.key_file import UnlockKeyError
from station.unlocking.pin import PinGuard, PinRefused, PinUnavailable
from station.unlocking.rate import RateLimited, SharedOut
from station.unlocking.settings import PinSettings, UnlockRate, UnlockSettings


class CountingAuthority:
    name = "counting"

    def __init__(self) -> None:
        self.asked: list[UnlockChallenge] = []

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        self.asked.append(challenge)
        return bytes(64)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "unlock.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


def signed_by(settings: UnlockSettings, folder: Path, challenge: UnlockChallenge, *, production: bool) -> str:
    async def run() -> str:
        async with unlock_authority(settings, folder, production=production) as authority:
            assert len(await authority.sign(challenge)) == 64
            return authority.name

    return asyncio.run(run())


def test_a_key_file_is_for_the_bench_only(key_file: Path, challenge: UnlockChallenge) -> None:
    settings = UnlockSettings(key_file=key_file)
    assert signed_by(settings, key_file.parent, challenge, production=False) == "unlock.pem"
    with pytest.raises(UnlockKeyError, match="not for production"):
        signed_by(settings, key_file.parent, challenge, production=True)


def test_tokens_are_for_production_too(tmp_path: Path, challenge: UnlockChallenge) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f"chf,nonce,signature\n{challenge.device_id},,{'11' * 64}\n")
    file.chmod(0o600)
    settings = UnlockSettings(token_file=file)
    assert signed_by(settings, tmp_path / "state", challenge, production=True) == "tokens.csv"
    with pytest.raises(UnlockAuthorityFailed, match="has been used"):
        signed_by(settings, tmp_path / "state", challenge, production=True)


def test_an_hsm_is_for_production_too(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    soft_hsm.make_key()
    settings = UnlockSettings(hsm=soft_hsm.settings())
    assert signed_by(settings, soft_hsm.folder, challenge, production=True) == f"{TOKEN}/{KEY}"


def test_exactly_one_authority_is_named(key_file: Path) -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        UnlockSettings()
    with pytest.raises(ValidationError, match="exactly one"):
        UnlockSettings(key_file=key_file, token_file=key_file)
    with pytest.raises(ValidationError, match="either file or variable"):
        PinSettings()


def test_more_signatures_than_the_rate_are_refused_at_once(challenge: UnlockChallenge) -> None:
    now = 100.0
    behind = CountingAuthority()
    limited = RateLimited(behind, UnlockRate(signatures=3, seconds=10), clock=lambda: now)

    async def ask(times: int) -> None:
        for _ in range(times):
            await limited.sign(challenge)

    asyncio.run(ask(3))
    with pytest.raises(UnlockAuthorityFailed, match="3 unlock signatures were asked for within 10 s"):
        asyncio.run(ask(1))
    now = 109.9
    with pytest.raises(UnlockAuthorityFailed):
        asyncio.run(ask(1))
    now = 110.0
    asyncio.run(ask(3))
    assert len(behind.asked) == 6
    assert limited.name == "counting"


def test_a_slot_that_asks_again_and_again_uses_up_its_own_share_alone(challenge: UnlockChallenge) -> None:
    places = [SlotName(jig="jig1", slot=slot) for slot in (1, 2, 3, 4, 5, 6, 7, 8)]
    rate = UnlockRate(signatures=16, seconds=1e6)
    behind = CountingAuthority()
    shares = SharedOut(RateLimited(behind, rate), rate, places)

    async def ask(*of: SlotName) -> None:
        for place in of:
            await shares.at(place).sign(challenge)

    for flapping in places[:2]:
        asyncio.run(ask(*[flapping] * 4))
        for _ in range(20):
            with pytest.raises(
                UnlockAuthorityFailed, match=f"all that {flapping} may have; look at its adapter"
            ):
                asyncio.run(ask(flapping))
    asyncio.run(ask(*places[2:]))
    assert len(behind.asked) == 14
    assert shares.at(places[0]).name == "counting"
    scarce = SharedOut(behind, UnlockRate(signatures=1, seconds=1), places)
    asyncio.run(scarce.at(places[0]).sign(challenge))
    SharedOut(behind, rate, [])  # of a bench that has no slots yet


def test_a_pin_that_was_being_tried_when_the_power_went_is_not_tried_again(tmp_path: Path) -> None:
    guard = PinGuard(tmp_path / "note", "token")
    trying = guard.trying("1234", "PIN file p")
    trying.__enter__()  # and never left
    with (
        pytest.raises(PinUnavailable, match=f"remove {tmp_path / 'note'}"),
        guard.trying("1234", "PIN file p"),
    ):
        pytest.fail("tried again")
    with guard.trying("5678", "PIN file p"):
        pass
    with guard.trying("1234", "PIN file p"):
        pass
    del trying


def test_only_a_refusal_keeps_a_pin_from_being_tried_again(tmp_path: Path) -> None:
    guard = PinGuard(tmp_path / "note", "token")
    with pytest.raises(OSError, match="unplugged"), guard.trying("1234", "here"):
        raise OSError("unplugged")
    with pytest.raises(PinRefused), guard.trying("1234", "here"):
        raise PinRefused("wrong")
    assert b"1234" not in (tmp_path / "note").read_bytes()
    with pytest.raises(PinUnavailable), guard.trying("1234", "here"):
        pytest.fail("tried again")
    with PinGuard(tmp_path / "note", "another token").trying("1234", "here"):
        pass


def test_without_a_place_to_note_it_no_pin_is_tried(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    guard = PinGuard(tmp_path / "file" / "note", "token")
    with pytest.raises(PinUnavailable, match="not tried without it"), guard.trying("1234", "here"):
        pytest.fail("tried")
