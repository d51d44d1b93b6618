"""Signing unlock challenges with a private key from a file. The key never leaves this module's object."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from drivers.hub import UnlockChallenge
from drivers.threads import apart
from firmware_catalog.secret_files import SecretExposed, read_secret

_MAX_KEY_FILE_SIZE: Final = 64 * 1024


class UnlockKeyError(Exception):
    """The key file cannot be used; the message says why and what to do."""


class KeyFileAuthority:
    """An `UnlockAuthority` whose ECDSA P-256 key lies in a PEM file."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, name: str) -> None:
        self._key = key
        self.name = name
        """Names the key in the journal: the file's name, never its content."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an unencrypted PEM private key (PKCS#8 or SEC 1).

        Raises UnlockKeyError when the file is absent, readable by others, or no P-256 key.
        """
        try:
            pem = read_secret(path, _MAX_KEY_FILE_SIZE)
        except SecretExposed as error:
            raise UnlockKeyError(f"unlock key {error}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise UnlockKeyError(
                f"unlock key {path}: {reason}; set unlock.key_file to the key's place"
            ) from error
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnlockKeyError(f"unlock key {path} is no unencrypted PEM private key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise UnlockKeyError(f"unlock key {path} is no ECDSA P-256 key")
        return cls(key, path.name)

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return r and s, 32 bytes each, over the challenge."""
        return await apart("unlock key", partial(self._sign, challenge.to_be_signed()))

    def _sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
