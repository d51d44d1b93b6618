"""Whether hubs can be unlocked."""

from __future__ import annotations

from drivers.errors import UnlockAuthorityFailed
from station.doctor.report import Finding, fault, ok
from station.settings import StationSettings
from station.unlocking.authority import check_unlock_authority
from station.unlocking.key_file import UnlockKeyError


async def check_unlock(settings: StationSettings) -> Finding:
    """Load the key or the tokens, or log in to the HSM, as the daemon does. Signs nothing."""
    production = settings.mode == "production"
    try:
        name = await check_unlock_authority(settings.unlock, settings.state_directory, production=production)
    except (UnlockKeyError, UnlockAuthorityFailed) as error:
        return fault("unlock key", str(error))
    return ok("unlock key", f"{name} can be used")
