"""Whether hubs can be unlocked."""

from __future__ import annotations

from drivers.errors import UnlockAuthorityFailed
from station.doctor.report import Finding, Verdict, fault, ok
from station.doctor.secrets import check_secrets
from station.settings import StationSettings
from station.unlocking.authority import check_unlock_authority
from station.unlocking.key_file import UnlockKeyError


async def check_unlock(settings: StationSettings) -> list[Finding]:
    """Load the key or the tokens, or log in to the HSM, as the daemon does. Signs nothing.

    Nothing is said of what `check_secrets` says already.
    """
    production = settings.mode == "production"
    try:
        name = await check_unlock_authority(settings.unlock, settings.state_directory, production=production)
    except (UnlockKeyError, UnlockAuthorityFailed) as error:
        secrets = check_secrets(settings)
        known = any(each.verdict is Verdict.FAULT and each.where.startswith("unlock.") for each in secrets)
        return [] if known else [fault("unlock key", str(error))]
    return [ok("unlock key", f"{name} can be used")]
