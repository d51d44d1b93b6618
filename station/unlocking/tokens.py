"""Unlock tokens that were issued beforehand, for a station without a signing key: one answer for one hub, once.

The file is CSV with the columns `chf` (the hub's Device ID), `nonce` (hex; empty for a token that was issued for
whatever the hub asks) and `signature` (128 hex digits: r and s). A token with a nonce is given only to that very
challenge. What a maker's own unlock command takes as an answer is not published; a token is handed over as it is.

A token is used up before it is given: a file named by its SHA-256 appears, durably, in the folder of used tokens.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from drivers.errors import HubAction, UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from drivers.threads import apart
from firmware_catalog.identity import Eui64
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.unlocking.key_file import UnlockKeyError

_COLUMNS: Final = ["chf", "nonce", "signature"]
_SIGNATURE_SIZE: Final = 64
_MAX_FILE_SIZE: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Token:
    nonce: bytes
    signature: bytes


class TokenFileAuthority:
    """An `UnlockAuthority` that gives out pre-issued tokens. A changed file is read again at the next use."""

    def __init__(self, file: Path, used: Path) -> None:
        """`used` is the folder that remembers the tokens used up; it must outlive the file."""
        self._file = file
        self._used = used
        self._read: tuple[tuple[int, ...], dict[Eui64, list[_Token]]] | None = None
        self._taking = threading.Lock()
        self.name = file.name
        """Names the file in the journal, never its content."""

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return the next unused token of the hub. Raises UnlockAuthorityFailed when there is none."""
        return await apart("unlock tokens", partial(self._take, challenge))

    async def check(self) -> None:
        """Read the file and reach the folder, so that a fault shows before a hub waits. Raises UnlockKeyError."""
        await apart("unlock tokens", self._check)

    def _check(self) -> None:
        # Who looks makes nothing: the first token does.
        place = next((each for each in (self._used, *self._used.parents) if each.exists()), Path("/"))
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            raise UnlockKeyError(
                f"{self._used} cannot be written: {place} does not let it; used tokens must be remembered there"
            )
        with self._taking:
            self._tokens()

    def _take(self, challenge: UnlockChallenge) -> bytes:
        with self._taking:
            try:
                of_hub = self._tokens().get(challenge.device_id, [])
                fitting = [token for token in of_hub if token.nonce in {b"", challenge.nonce}]
                for token in fitting:
                    if self._use_up(challenge.device_id, token):
                        return token.signature
            except UnlockKeyError as error:
                raise _failed(str(error)) from error
            except OSError as error:
                raise _failed(
                    f"{self._used} cannot be written: {error.strerror}", "no token is given without it"
                ) from error
        if fitting:
            what = "has been used"
        elif of_hub:
            what = "is for another challenge"
        else:
            what = "does not exist"
        raise _failed(
            f"the unlock token of {challenge.device_id} {what}", f"have one issued and put into {self._file}"
        )

    def _use_up(self, chf: Eui64, token: _Token) -> bool:
        """Mark the token as used, for good. False when it was used before."""
        digest = hashlib.sha256(chf.to_bytes() + token.nonce + token.signature).hexdigest()
        self._used.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(self._used / digest, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        folder = os.open(self._used, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def _tokens(self) -> dict[Eui64, list[_Token]]:
        """Return the file's tokens. Raises UnlockKeyError."""
        try:
            status = self._file.stat()
            # The last of these moves when the mode or the owner does.
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_ctime_ns)
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, _parse(self._file, read_secret(self._file, _MAX_FILE_SIZE))
        except SecretExposed as error:
            raise UnlockKeyError(f"token file {error}") from error
        except OSError as error:
            raise UnlockKeyError(
                f"token file {self._file}: {error.strerror}; set unlock.token_file to the file's place"
            ) from error
        return self._read[1]


def _parse(path: Path, data: bytes) -> dict[Eui64, list[_Token]]:
    """Read the whole file or raise UnlockKeyError, which names a line and never shows what stands there."""
    tokens: dict[Eui64, list[_Token]] = {}
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [cell.strip().lower() for cell in next(rows, [])]
        if header != _COLUMNS:
            raise UnlockKeyError(f"token file {path} needs the columns {', '.join(_COLUMNS)}, in this order")
        for row in rows:
            if not row:
                continue
            try:
                chf, nonce, signature = (cell.strip() for cell in row)
                token = _Token(bytes.fromhex(nonce), bytes.fromhex(signature))
                if len(token.signature) != _SIGNATURE_SIZE:
                    raise ValueError("wrong length")  # noqa: TRY301 -- worded below with the other faults
                tokens.setdefault(Eui64.parse(chf), []).append(token)
            except ValueError:
                raise UnlockKeyError(
                    f"token file {path} line {rows.line_num} is no token (Device ID, nonce in hex, "
                    f"signature of {2 * _SIGNATURE_SIZE} hex digits); have the file issued again"
                ) from None
    except (csv.Error, UnicodeDecodeError):
        raise UnlockKeyError(f"token file {path} is no CSV in UTF-8; have the file issued again") from None
    return tokens


def _failed(happened: str, advice: str | None = None) -> UnlockAuthorityFailed:
    return UnlockAuthorityFailed(happened, action=HubAction.UNLOCK, state_known=True, advice=advice)
