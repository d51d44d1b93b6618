"""`reflash status`: what the bench is and how it is, on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

from station.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, run_to_its_end
from station.cli.scanning import DeskOption, find_desk
from station.domain.counted import counted
from station.support.stations_user import as_owner_of

if TYPE_CHECKING:
    from station.doctor.overview import Overview

EXIT_CODES: Final = {"ok": 0, "fault": 1, "warning": 3}
"""By the worst that is found; 2 is wrong use."""
_HOW: Final = {
    "none": "no daemon runs; this is what its files say",
    "silent": "its daemon does not answer; this is what its files say",
}


def status(
    config: ConfigOption = DEFAULT_CONFIG, desk: DeskOption = None, as_json: JsonOption = False
) -> None:
    """Say what the bench is and how it is, from its daemon where one runs, else from its files.

    Slots, what waits for a person, results that wait to leave, broker, catalogue's term, clock, disk, certificates, backup.
    Exits 0 if all is well, 3 if something should be seen to, 1 if something must be.

    Example: reflash status --json
    """
    from station.doctor.overview import look_over  # noqa: PLC0415 - the other commands need none of it

    at = find_desk(config, desk)
    # Root opens the journal as the station's user: what root makes beside it the station could not use.
    with as_owner_of(at.place if at.settings is None else at.settings.state_directory):
        seen = run_to_its_end(look_over(at.place, at.settings))
    if as_json:
        print_json(seen.as_json())
    else:
        for line in _page(seen):
            typer.echo(line)
    if code := EXIT_CODES[seen.worst]:
        raise typer.Exit(code)


def _page(seen: Overview) -> Iterator[str]:
    from station.doctor.overview import WORST_FIRST  # noqa: PLC0415 - as above

    health = seen.health
    how = _HOW.get(seen.daemon, f"works, for {_in_words(seen.uptime_seconds or 0)}")
    yield f"{health.station} at {health.site}, reflash-station {health.version}: {how}"
    if (journal := health.journal) is not None:
        yield f"{counted(journal.open_orders, 'open order')}, {counted(journal.open_attempts, 'hub')} in work"
    yield from _jigs(seen)
    slots = set() if seen.status is None else {str(slot.place) for slot in seen.status.slots}
    for verdict in WORST_FIRST:
        for finding in seen.findings:
            # Slots that are well stand in their jig's line.
            if finding.verdict is verdict and (verdict != "ok" or finding.where not in slots):
                yield f"{verdict:<8} {finding}"


def _jigs(seen: Overview) -> Iterator[str]:
    """Each jig on a line: how many of its slots ask for what."""
    if seen.status is None:
        return
    for jig in dict.fromkeys(slot.place.jig for slot in seen.status.slots):
        slots = [slot for slot in seen.status.slots if slot.place.jig == jig]
        order = next((slot.jig_order for slot in slots if slot.jig_order is not None), None)
        words = Counter(slot.to_do.value.upper() for slot in slots)
        told = ", ".join(f"{count} {word}" for word, count in words.most_common())
        how_far = "" if order is None else f"; order {order.order}, {order.done} of {order.hubs} done"
        yield f"{jig}: {counted(len(slots), 'slot')}: {told}{how_far}"


def _in_words(seconds: float) -> str:
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{counted(days, 'day')} {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
