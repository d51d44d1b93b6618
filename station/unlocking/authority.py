"""Opens the authority that a station's configuration names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.threads import apart
from station.unlocking.key_file import KeyFileAuthority, UnlockKeyError
from station.unlocking.parts import NamedAuthority
from station.unlocking.rate import RateLimited
from station.unlocking.settings import HsmSettings, UnlockSettings
from station.unlocking.tokens import TokenFileAuthority

if TYPE_CHECKING:
    from station.unlocking.hsm import HsmAuthority


@asynccontextmanager
async def unlock_authority(
    settings: UnlockSettings, state_directory: Path, *, production: bool
) -> AsyncIterator[NamedAuthority]:
    """Yield the authority behind its rate limit; log out of an HSM afterwards.

    An HSM is not asked for anything before the first hub is: it may be plugged in later. Raises UnlockKeyError for
    what a person has to put right first.
    """
    if settings.hsm is not None:
        async with _hsm(settings.hsm, state_directory) as authority:
            yield RateLimited(authority, settings.rate)
    elif settings.token_file is not None:
        tokens = TokenFileAuthority(settings.token_file, state_directory / "used-unlock-tokens")
        await tokens.check()
        yield RateLimited(tokens, settings.rate)
    elif settings.key_file is not None:
        if production:
            raise UnlockKeyError(
                "unlock.key_file is not for production: whoever copies the file can unlock every hub; "
                "set unlock.hsm or unlock.token_file"
            )
        key = await apart("unlock key", partial(KeyFileAuthority.load, settings.key_file))
        yield RateLimited(key, settings.rate)


async def check_unlock_authority(settings: UnlockSettings, state_directory: Path, *, production: bool) -> str:
    """Go as far as a signature takes, without one: load the key or the tokens, log in to the HSM. Return its name.

    Raises UnlockKeyError or UnlockAuthorityFailed.
    """
    if settings.hsm is not None:
        async with _hsm(settings.hsm, state_directory) as hsm:
            await hsm.check()
            return hsm.name
    async with unlock_authority(settings, state_directory, production=production) as authority:
        return authority.name


@asynccontextmanager
async def _hsm(settings: HsmSettings, state_directory: Path) -> AsyncIterator[HsmAuthority]:
    try:
        # Only a station with an HSM has python-pkcs11.
        from station.unlocking.hsm import HsmAuthority  # noqa: PLC0415
    except ImportError as error:
        raise UnlockKeyError(
            "unlock.hsm needs python-pkcs11, which is not installed; run: pip install 'reflash-station[hsm]'"
        ) from error
    authority = HsmAuthority(settings, state_directory / "unlock-pin-tried")
    try:
        yield authority
    finally:
        await authority.close()
