"""Signing unlock challenges with a key that never leaves its hardware security module, by way of PKCS#11."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar, cast

import pkcs11
from pkcs11.exceptions import (
    MultipleTokensReturned,
    NoSuchToken,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
)

from drivers.errors import HubAction, UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from drivers.threads import Worker
from station.unlocking.pin import PinGuard, PinRefused, PinUnavailable, read_pin
from station.unlocking.settings import HsmSettings

Result = TypeVar("Result")

_SIGNATURE_SIZE: Final = 64
_PIN_ERRORS: Final = (PinIncorrect, PinInvalid, PinLenRange, PinExpired, PinLocked)
_CLOSING_SECONDS: Final = 5.0


class HsmAuthority:
    """An `UnlockAuthority` whose key lies in a PKCS#11 token. One thread, one session, one signature at a time."""

    def __init__(self, settings: HsmSettings, note: Path) -> None:
        """Prepare; touch nothing yet. `note` is where a PIN that was not accepted is remembered (`PinGuard`)."""
        self._session = HsmSession(settings, note)
        self._seconds = settings.seconds
        self._worker = Worker("unlock HSM")
        self.name = f"{settings.token}/{settings.key}"
        """Names the key in the journal: token and key label."""

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return r and s, 32 bytes each, over the challenge.

        Raises UnlockAuthorityFailed. A lost session is opened anew, once; a PIN that was refused is not tried again.
        """
        message = challenge.to_be_signed()
        return await self._in_time(lambda: self._session.sign(message))

    async def check(self) -> None:
        """Open a session and find the key, so that a fault shows before a hub waits. Raises UnlockAuthorityFailed."""
        await self._in_time(self._session.open)

    async def close(self) -> None:
        """Log out. Never raises."""
        with suppress(UnlockAuthorityFailed):
            await self._in_time(self._session.close)
        await self._worker.close(_CLOSING_SECONDS)

    async def _in_time(self, work: Callable[[], Result]) -> Result:
        try:
            return await self._worker.run(work, self._seconds)
        except TimeoutError as error:
            raise _failed(
                f"the HSM with key {self.name} did not answer within {self._seconds:g} s",
                "check the HSM, then try again",
            ) from error


class HsmSession:
    """The blocking side. One thread at a time."""

    def __init__(self, settings: HsmSettings, note: Path) -> None:
        self._settings = settings
        self._where = f"key {settings.key} of token {settings.token}"
        self._guard = PinGuard(note, f"{settings.module}\0{settings.token}")
        self._open: tuple[pkcs11.Session, pkcs11.SignMixin] | None = None

    def sign(self, message: bytes) -> bytes:
        """Return the raw ECDSA signature over SHA-256 of the message. Raises UnlockAuthorityFailed."""
        digest = hashlib.sha256(message).digest()
        had_session = self._open is not None
        try:
            signature = self._signed(digest)
        except PKCS11Error as error:
            self.close()
            if not had_session:
                raise _failed(f"{self._where} does not sign: {_words(error)}", "check the HSM") from error
            try:
                signature = self._signed(digest)
            except PKCS11Error as again:
                self.close()
                raise _failed(
                    f"{self._where} does not sign: {_words(again)}, also in a new session", "check the HSM"
                ) from again
        if len(signature) != _SIGNATURE_SIZE:
            raise _failed(
                f"{self._where} is no ECDSA P-256 key", "set unlock.hsm.key to the unlock key's label"
            )
        return signature

    def open(self) -> None:
        """Log in and find the key, unless that was done. Raises UnlockAuthorityFailed."""
        try:
            self._key()
        except PKCS11Error as error:
            self.close()
            raise _failed(f"{self._where} cannot be used: {_words(error)}", "check the HSM") from error

    def close(self) -> None:
        """Log out and forget the session, whatever state it is in."""
        if self._open is not None:
            session, self._open = self._open[0], None
            with suppress(PKCS11Error):
                session.close()

    def _signed(self, digest: bytes) -> bytes:
        return self._key().sign(digest, mechanism=pkcs11.Mechanism.ECDSA)

    def _key(self) -> pkcs11.SignMixin:
        if self._open is None:
            session = self._log_in(self._token())
            # A search that is read to its end: one left half way would hold on to the session.
            keys = list(
                session.get_objects(
                    {
                        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
                        pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
                        pkcs11.Attribute.LABEL: self._settings.key,
                    }
                )
            )
            if len(keys) != 1:
                session.close()
                raise _failed(
                    f"token {self._settings.token} has {len(keys) or 'no'} EC private keys {self._settings.key}",
                    "set unlock.hsm.key to the label of the one unlock key",
                )
            self._open = session, cast("pkcs11.SignMixin", keys[0])  # what a private EC key is
        return self._open[1]

    def _token(self) -> pkcs11.Token:
        module, label = self._settings.module, self._settings.token
        try:
            library = pkcs11.lib(str(module))
            # A module that was taken away and put back is only seen again by a library that starts anew.
            library.reinitialize()
            return library.get_token(token_label=label)
        except (NoSuchToken, MultipleTokensReturned) as error:
            count = "no" if isinstance(error, NoSuchToken) else "more than one"
            raise _failed(
                f"{module} shows {count} token {label}",
                "plug the HSM in, or set unlock.hsm.token to its label",
            ) from error
        except (PKCS11Error, OSError, RuntimeError) as error:
            raise _failed(
                f"PKCS#11 module {module} cannot be used: {_words(error)}",
                "set unlock.hsm.module to its library",
            ) from error

    def _log_in(self, token: pkcs11.Token) -> pkcs11.Session:
        pins = self._settings.pin
        try:
            pin = read_pin(pins)
            with self._guard.trying(pin, str(pins)):
                try:
                    return token.open(user_pin=pin)
                except _PIN_ERRORS as error:
                    raise PinRefused(_words(error)) from error
        except PinUnavailable as error:
            raise _failed(str(error)) from error
        except PinRefused as error:
            raise _failed(
                f"token {self._settings.token} refused the PIN in {pins} ({error})",
                "put the right one there, it is not tried again",
            ) from error


def _failed(happened: str, advice: str | None = None) -> UnlockAuthorityFailed:
    return UnlockAuthorityFailed(happened, action=HubAction.UNLOCK, state_known=True, advice=advice)


def _words(error: Exception) -> str:
    """Most of python-pkcs11's errors have no words but their name."""
    return str(error) or type(error).__name__
