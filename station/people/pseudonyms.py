"""That only pseudonyms come where nothing is ever forgotten: into the journal, and with it to every consumer."""

from __future__ import annotations

from station.domain.actor import NO_PSEUDONYM, is_pseudonym
from station.domain.config_error import ConfigError
from station.people.operators import Operators, OperatorsUnreadable, UnknownPseudonym
from station.settings import StationSettings


def check_pseudonym(settings: StationSettings | None, where: str, pseudonym: str | None) -> None:
    """Raise ConfigError, in one line that begins with `where` it was given, for what may be a person's name.

    Away from production one word is believed to be a pseudonym; in production it has to be one that is known.
    """
    if pseudonym is None:
        return
    if not is_pseudonym(pseudonym):
        raise ConfigError(f"{where}: {NO_PSEUDONYM}")
    if settings is None or settings.mode != "production":
        return
    try:
        Operators(settings.operators_file).require(pseudonym)
    except (UnknownPseudonym, OperatorsUnreadable) as error:
        raise ConfigError(f"{where}: {error}") from error
    except OSError as error:
        raise ConfigError(
            f"{where}: {settings.operators_file}: {error.strerror}; run this as the station's user"
        ) from error
