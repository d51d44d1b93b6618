"""Whether the list of operators can be read, and whether anybody can sign on where somebody has to."""

from __future__ import annotations

from station.doctor.report import Finding, fault, ok
from station.people.operators import Operators, OperatorsUnreadable
from station.settings import StationSettings


def check_people(settings: StationSettings) -> list[Finding]:
    """Ask who has a badge or a PIN. Says nothing where nobody has to sign on and the list is sound."""
    file = settings.operators_file
    try:
        people = Operators(file).people().values()
    except OperatorsUnreadable as error:
        return [fault("people", str(error))]
    except OSError as error:
        return [fault("people", f"{file}: {error.strerror}", "run this as the station's user")]
    if settings.people.sign_on == "off":
        return []
    badges = settings.people.badge_prefix is not None
    able = [person for person in people if person.pin is not None or (badges and person.badge is not None)]
    if not able:
        return [
            fault(
                "people",
                "somebody has to sign on before a hub is begun with, and nobody can",
                "give people a PIN or a badge: reflash operators pin, reflash operators badge",
            )
        ]
    return [ok("people", f"{len(able)} can sign on")]
