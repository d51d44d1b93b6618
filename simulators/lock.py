"""The hub's lock: a challenge, one signed answer, and a back-off for those who guess.

Provisional stand-in for the makers' unpublished command. The answer is a raw ECDSA P-256/SHA-256 signature
(r then s, 64 bytes) over the deterministic CBOR array
`["reflash-unlock-v1", chf, nonce, manufacturer, model]`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_DOMAIN = "reflash-unlock-v1"
_NONCE_BYTES = 24


class WrongAnswer(Exception):
    """The signature is not the authority's for this hub and this nonce. It has been counted."""


class NoChallenge(Exception):
    """There is no unanswered challenge, or it was left too long."""


class LockedOut(Exception):
    """After too many wrong answers nothing is accepted for a while."""


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How patient the lock is."""

    nonce_seconds: float = 10.0
    wrong_answers_allowed: int = 3
    back_off_seconds: float = 60.0


class Lock:
    """Open or closed. Wrong answers are remembered through a loss of power."""

    def __init__(
        self,
        authority: ec.EllipticCurvePublicKey,
        policy: LockPolicy | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_open = False
        self.wrong_answers = 0
        self._authority = authority
        self._policy = policy or LockPolicy()
        self._random = random.Random(seed)
        self._clock = clock
        self._nonce: bytes | None = None
        self._nonce_until = 0.0
        self._locked_out_until = 0.0

    def close(self) -> None:
        """Lock, as at every boot, and forget the challenge. A back-off begins anew."""
        self.is_open = False
        self._nonce = None
        if self.wrong_answers >= self._policy.wrong_answers_allowed:
            self._locked_out_until = self._clock() + self._policy.back_off_seconds

    def challenge(self) -> bytes:
        """Return a fresh nonce; the one before is void. Raises LockedOut."""
        self._check_patience()
        self._nonce = self._random.randbytes(_NONCE_BYTES)
        self._nonce_until = self._clock() + self._policy.nonce_seconds
        return self._nonce

    def answer(self, signature: bytes, chf: bytes, manufacturer: str, model: str) -> None:
        """Open the lock. Raises WrongAnswer, NoChallenge or LockedOut; the nonce is used up either way."""
        self._check_patience()
        nonce, self._nonce = self._nonce, None
        if nonce is None or self._clock() > self._nonce_until:
            raise NoChallenge
        signed = cbor2.dumps([_DOMAIN, chf, nonce, manufacturer, model], canonical=True)
        if not self._is_signed(signature, signed):
            self.refuse()
        self.is_open = True
        self.wrong_answers = 0

    def refuse(self) -> None:
        """Count a wrong answer, and raise WrongAnswer."""
        self.wrong_answers += 1
        if self.wrong_answers >= self._policy.wrong_answers_allowed:
            self._locked_out_until = self._clock() + self._policy.back_off_seconds
        raise WrongAnswer

    def _check_patience(self) -> None:
        if self._clock() < self._locked_out_until:
            raise LockedOut

    def _is_signed(self, signature: bytes, signed: bytes) -> bool:
        if len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            self._authority.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
