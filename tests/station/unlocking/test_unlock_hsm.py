from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benches.soft_hsm import KEY, MODULE, PIN, TOKEN, SoftHsm
from drivers.errors import UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from station.unlocking.hsm import HsmAuthority
from station.unlocking.settings import HsmSettings, PinSettings


@asynccontextmanager
async def authority(settings: HsmSettings, folder: Path) -> AsyncIterator[HsmAuthority]:
    opened = HsmAuthority(settings, folder / "unlock-pin-tried")
    try:
        yield opened
    finally:
        await opened.close()


def sign_once(settings: HsmSettings, folder: Path, challenge: UnlockChallenge) -> bytes:
    async def run() -> bytes:
        async with authority(settings, folder) as opened:
            return await opened.sign(challenge)

    return asyncio.run(run())


def verify(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> None:
    assert len(signature) == 64
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


@contextmanager
def logins_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Count the tries that reach the module: the PINs of `C_Login`."""
    tried: list[str] = []
    get_token = pkcs11.lib(str(MODULE)).__class__.get_token

    class Counted:
        def __init__(self, token: pkcs11.Token) -> None:
            self.token = token

        def open(self, user_pin: str) -> pkcs11.Session:
            tried.append(user_pin)
            return self.token.open(user_pin=user_pin)

    class Library:
        def __init__(self, so: str) -> None:
            self.library = pkcs11._loaded[so]

        def reinitialize(self) -> None:
            self.library.reinitialize()

        def get_token(self, **which: str) -> Counted:
            return Counted(get_token(self.library, **which))

    with monkeypatch.context() as patched:
        patched.setattr(pkcs11, "lib", Library)
        yield tried


def test_a_signature_is_the_keys_over_the_challenge(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    key = soft_hsm.make_key()
    verify(key, sign_once(soft_hsm.settings(), soft_hsm.folder, challenge), challenge.to_be_signed())


def test_it_is_named_by_token_and_key(soft_hsm: SoftHsm) -> None:
    assert HsmAuthority(soft_hsm.settings(), soft_hsm.folder / "note").name == f"{TOKEN}/{KEY}"


def test_the_pin_may_come_from_the_environment(
    soft_hsm: SoftHsm, challenge: UnlockChallenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft_hsm.make_key()
    settings = soft_hsm.settings(pin=PinSettings(variable="UNLOCK_PIN"))
    with pytest.raises(UnlockAuthorityFailed, match="environment variable UNLOCK_PIN is empty"):
        sign_once(settings, soft_hsm.folder, challenge)
    monkeypatch.setenv("UNLOCK_PIN", PIN)
    sign_once(settings, soft_hsm.folder, challenge)


async def test_a_lost_session_is_opened_anew(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    key = soft_hsm.make_key()

    async with authority(soft_hsm.settings(), soft_hsm.folder) as opened:
        await opened.sign(challenge)
        # Whoever finalizes the module takes every session with it, as unplugging does.
        pkcs11.lib(str(MODULE)).finalize()
        verify(key, await opened.sign(challenge), challenge.to_be_signed())


async def test_an_hsm_that_comes_back_is_used_again(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    key = soft_hsm.make_key()
    tokens, away = soft_hsm.folder / "tokens", soft_hsm.folder / "away"

    async with authority(soft_hsm.settings(), soft_hsm.folder) as opened:
        await opened.check()
        tokens.rename(away)
        tokens.mkdir()
        pkcs11.lib(str(MODULE)).finalize()
        for _ in range(2):
            with pytest.raises(UnlockAuthorityFailed, match=f"no token {TOKEN}: plug the HSM in"):
                await opened.sign(challenge)
        tokens.rmdir()
        away.rename(tokens)
        verify(key, await opened.sign(challenge), challenge.to_be_signed())


def test_a_wrong_pin_is_tried_once_however_often_the_station_starts(
    soft_hsm: SoftHsm, challenge: UnlockChallenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = soft_hsm.make_key()
    soft_hsm.write_pin("wrong-pin")
    settings = soft_hsm.settings()
    with logins_counted(monkeypatch) as tried:
        with pytest.raises(UnlockAuthorityFailed, match=r"refused the PIN in PIN file .*PinIncorrect"):
            sign_once(settings, soft_hsm.folder, challenge)
        for _ in range(3):
            with pytest.raises(UnlockAuthorityFailed, match="tried before and not accepted"):
                sign_once(settings, soft_hsm.folder, challenge)
        assert tried == ["wrong-pin"]
        soft_hsm.write_pin(PIN)
        verify(key, sign_once(settings, soft_hsm.folder, challenge), challenge.to_be_signed())
        sign_once(settings, soft_hsm.folder, challenge)
        assert tried == ["wrong-pin", PIN, PIN]


def test_twenty_four_hubs_with_a_wrong_pin_cost_one_try(
    soft_hsm: SoftHsm, challenge: UnlockChallenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft_hsm.make_key()
    soft_hsm.write_pin("wrong-pin")

    async def run() -> list[object]:
        async with authority(soft_hsm.settings(), soft_hsm.folder) as opened:
            return await asyncio.gather(*(opened.sign(challenge) for _ in range(24)), return_exceptions=True)

    with logins_counted(monkeypatch) as tried:
        results = asyncio.run(run())
    assert {type(result) for result in results} == {UnlockAuthorityFailed}
    assert tried == ["wrong-pin"]


def test_no_word_of_a_pin_or_key_gets_out(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    soft_hsm.make_key()
    soft_hsm.write_pin("sesame-wrong")
    with pytest.raises(UnlockAuthorityFailed) as caught:
        sign_once(soft_hsm.settings(), soft_hsm.folder, challenge)
    told = [repr(error) + str(error) for error in _chain(caught.value)]
    assert "sesame" not in "".join(told)
    assert b"sesame" not in (soft_hsm.folder / "unlock-pin-tried").read_bytes()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"module": Path("/nowhere/module.so")}, "PKCS#11 module /nowhere/module.so cannot be used"),
        ({"module": Path("/bin/true")}, "PKCS#11 module /bin/true cannot be used"),
        ({"token": "another"}, "no token another: plug the HSM in"),
        ({"key": "another"}, f"token {TOKEN} has no EC private keys another"),
        ({"pin": PinSettings(file=Path("/nowhere/pin"))}, "cannot be read: No such file"),
    ],
)
async def test_a_fault_is_one_clear_line(
    soft_hsm: SoftHsm, challenge: UnlockChallenge, change: dict, says: str
) -> None:
    soft_hsm.make_key()

    async with authority(soft_hsm.settings(**change), soft_hsm.folder) as opened:
        for act in (opened.check(), opened.sign(challenge)):
            with pytest.raises(UnlockAuthorityFailed, match=says) as caught:
                await act
            assert "\n" not in str(caught.value)
            assert caught.value.state_known
            assert caught.value.action == "unlock"


def test_keys_that_do_not_fit_are_told(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    soft_hsm.make_key("twice")
    soft_hsm.make_key("twice")
    soft_hsm.make_key("large", "secp384r1")
    with pytest.raises(UnlockAuthorityFailed, match="has 2 EC private keys twice"):
        sign_once(soft_hsm.settings(key="twice"), soft_hsm.folder, challenge)
    with pytest.raises(UnlockAuthorityFailed, match="no ECDSA P-256 key"):
        sign_once(soft_hsm.settings(key="large"), soft_hsm.folder, challenge)


def test_pin_files_are_for_their_owner_only(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    soft_hsm.pin_file.chmod(0o640)
    with pytest.raises(UnlockAuthorityFailed, match="chmod 600"):
        sign_once(soft_hsm.settings(), soft_hsm.folder, challenge)
    soft_hsm.pin_file.write_bytes(b"\xff\xfe")
    soft_hsm.pin_file.chmod(0o600)
    with pytest.raises(UnlockAuthorityFailed, match="holds no text"):
        sign_once(soft_hsm.settings(), soft_hsm.folder, challenge)


async def test_a_slow_hsm_is_not_waited_for_and_signs_for_nobody_who_left(
    soft_hsm: SoftHsm, challenge: UnlockChallenge
) -> None:
    soft_hsm.make_key()
    go, signed = threading.Event(), []

    opened = HsmAuthority(soft_hsm.settings(seconds=10), soft_hsm.folder / "note")
    await opened.check()
    opened._seconds = 0.2
    sign = opened._session.sign

    def slowly(message: bytes) -> bytes:
        go.wait(60)
        signed.append(message)
        return sign(message)

    opened._session.sign = slowly
    others = [replace(challenge, nonce=bytes([each]) * 24) for each in range(3)]
    waiting = [asyncio.create_task(opened.sign(each)) for each in others]
    for task in waiting:
        with pytest.raises(UnlockAuthorityFailed, match=r"did not answer within 0\.2 s"):
            await task
    go.set()
    await opened.close()
    assert signed == [others[0].to_be_signed()]


def test_signing_for_many_hubs_costs_little_more_than_the_signatures(
    soft_hsm: SoftHsm, challenge: UnlockChallenge
) -> None:
    soft_hsm.make_key()
    hubs = 24

    def sign_without_a_loop(opened: HsmAuthority) -> None:
        for _ in range(hubs):
            opened._session.sign(challenge.to_be_signed())

    async def run() -> tuple[float, float]:
        async with authority(soft_hsm.settings(), soft_hsm.folder) as opened:
            await opened.check()
            loops, controls = [], []
            for _ in range(5):
                began = time.process_time()
                async with asyncio.TaskGroup() as group:
                    for _ in range(hubs):
                        group.create_task(opened.sign(challenge))
                signed = time.process_time()
                sign_without_a_loop(opened)
                loops.append(signed - began)
                controls.append(time.process_time() - signed)
            return min(loops), min(controls)

    seconds, control = asyncio.run(run())
    assert seconds < 5 * control


async def test_the_loop_turns_while_the_hsm_signs(soft_hsm: SoftHsm, challenge: UnlockChallenge) -> None:
    soft_hsm.make_key()

    async with authority(soft_hsm.settings(), soft_hsm.folder) as opened:
        await opened.check()
        loop, sign = asyncio.get_running_loop(), opened._session.sign

        def once_the_loop_has_turned(message: bytes) -> bytes:
            turned = threading.Event()
            loop.call_soon_threadsafe(turned.set)
            assert turned.wait(60), "the loop was held"
            return sign(message)

        opened._session.sign = once_the_loop_has_turned
        await asyncio.gather(*(opened.sign(challenge) for _ in range(3)))


async def test_closing_is_for_any_state(soft_hsm: SoftHsm) -> None:
    never_used = HsmAuthority(soft_hsm.settings(), soft_hsm.folder / "note")
    await never_used.close()
