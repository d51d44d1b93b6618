"""Keys that sign the catalogue: in PEM files, or in an HSM by way of PKCS#11. And signing with as many as are due."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.signer import CryptoSigner, HSMSigner, Key, Signer, SSlibKey
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Role, Root, Targets

from firmware_catalog.files import read_regular_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from firmware_catalog.trust.errors import SignaturesMissing, SigningKeyError

_MAX_KEY_FILE_SIZE: Final = 16 * 1024
_HSM_SCHEME: Final = "hsm"


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """The keys of one role, and how many of them have to sign."""

    keys: tuple[Key, ...]
    threshold: int = 1

    def __post_init__(self) -> None:
        if len({key.keyid for key in self.keys}) != len(self.keys):
            raise SigningKeyError("a key is named twice for the same role", "name different keys")
        if not 1 <= self.threshold <= len(self.keys):
            raise SigningKeyError(
                f"{self.threshold} signatures of {len(self.keys)} keys cannot be had",
                "name more keys or ask for fewer",
            )

    @property
    def role(self) -> Role:
        """As TUF's metadata states it."""
        return Role([key.keyid for key in self.keys], self.threshold)


def create_key_file(path: Path) -> CryptoSigner:
    """Make an ECDSA P-256 key and write it to a new PEM file, mode 0600, its public half beside it as `.pub.pem`.

    Raises SigningKeyError, also when there is a file already.
    """
    signer = CryptoSigner.generate_ecdsa()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, not a path
            file.write(signer.private_bytes)
            file.flush()
            os.fsync(file.fileno())
        public_path_of(path).write_text(signer.public_key.keyval["public"], encoding="ascii")
    except OSError as error:
        raise SigningKeyError(
            f"{path} cannot be written: {error.strerror}", "keys are never written over"
        ) from error
    return signer


def public_path_of(path: Path) -> Path:
    """Return where the public half of a key file lies."""
    return path.with_name(f"{path.name.removesuffix('.pem')}.pub.pem")


def load_signer(key: str, pin: Callable[[], str]) -> Signer:
    """Return what signs with a key: the path of a PEM file, or `hsm:KEYID?label=TOKEN` for one in an HSM.

    The HSM's PKCS#11 module is named by the environment variable PYKCS11LIB, as securesystemslib has it; `pin` is
    asked when the HSM needs it. Raises SigningKeyError.
    """
    if key.startswith(f"{_HSM_SCHEME}:"):
        return _hsm_signer(key, pin)
    path = Path(key)
    try:
        private = load_pem_private_key(read_secret(path, _MAX_KEY_FILE_SIZE), password=None)
        return CryptoSigner(private)
    except SecretExposed as error:
        raise SigningKeyError(f"signing key {error}") from error
    except OSError as error:
        raise SigningKeyError(
            f"signing key {path} cannot be read: {error.strerror}", "name the key's file"
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"signing key {path} is no unencrypted private key in PEM") from error


def load_public_key(path: Path) -> Key:
    """Read a public key in PEM (a `.pub.pem` of `create_key_file`). Raises SigningKeyError."""
    try:
        return SSlibKey.from_crypto(load_pem_public_key(read_regular_file(path, _MAX_KEY_FILE_SIZE)))
    except OSError as error:
        raise SigningKeyError(
            f"public key {path} cannot be read: {error.strerror}", "name the key's file"
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"{path} is no public key in PEM") from error


def suffices(role: Role, signers: Iterable[Signer]) -> bool:
    """Whether these are enough of the role's keys."""
    return len({signer.public_key.keyid for signer in signers} & set(role.keyids)) >= role.threshold


def is_signed(role: str, authority: Root | Targets, metadata: Metadata[Any]) -> bool:
    """Whether enough of the keys that `authority` gives a role have signed its metadata."""
    result = authority.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return result.verified


def sign(metadata: Metadata[Any], what: str, role: Role, signers: Iterable[Signer]) -> None:
    """Sign with each of the role's keys that is at hand; `what` names the metadata in errors.

    Raises SignaturesMissing when they are too few, SigningKeyError when one does not sign. The first that does not
    ends it: no PIN is tried again.
    """
    signers = tuple(signers)
    if not suffices(role, signers):
        at_hand = len({signer.public_key.keyid for signer in signers} & set(role.keyids))
        raise SignaturesMissing(
            f"{what} needs {role.threshold} of its {len(role.keyids)} keys to sign, {at_hand} at hand",
            "name the keys' files or HSM keys",
        )
    for signer in signers:
        if signer.public_key.keyid in role.keyids:
            try:
                metadata.sign(signer, append=True)
            except UnsignedMetadataError as error:
                cause = error.__cause__
                name = type(cause).__name__
                if name.startswith("Pin"):  # python-pkcs11's names, whose errors have no words
                    raise SigningKeyError(
                        f"a key of {what} does not sign: its HSM refuses the PIN ({name})",
                        "give the right one; nothing was changed",
                    ) from error
                raise SigningKeyError(
                    f"a key of {what} does not sign: {str(cause) or name}", "nothing was changed"
                ) from error


def _hsm_signer(key: str, pin: Callable[[], str]) -> Signer:
    try:
        parts = urlsplit(key)
        label = dict(parse_qsl(parts.query)).get("label")
        uri, public = HSMSigner.import_(int(parts.path) if parts.path else None, label, lambda _: pin())
        return HSMSigner.from_priv_key_uri(uri, public, lambda _: pin())
    except (ValueError, SecureSystemsError, RuntimeError) as error:
        # python-pkcs11's errors are RuntimeErrors, most without words.
        raise SigningKeyError(
            f"HSM key {key} cannot be used: {str(error) or type(error).__name__}",
            "check PYKCS11LIB, the token's label and the key's id",
        ) from error
