"""The unlock authority that a test has."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from drivers.hub import UnlockChallenge


class KeyAuthority:
    """Signs with a key, which can be exchanged for a wrong one; counts how often."""

    name = "test"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self.key = key
        self.signed = 0

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        self.signed += 1
        r, s = decode_dss_signature(self.key.sign(challenge.to_be_signed(), ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
