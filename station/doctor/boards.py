"""Whether each jig's I/O board is there, is the right one, and does no harm when the station dies."""

from __future__ import annotations

from pathlib import Path

from drivers.jig_board.checks import SETTLE_SECONDS, TRIES, watchdog_acts_on_coils
from drivers.jig_board.connection import connected
from drivers.jig_board.errors import CheckRefused, JigBoardError
from drivers.jig_board.settings import JigBoardSettings
from drivers.threads import apart
from station.doctor.report import Finding, fault, ok, warning
from station.places.power import why_stopped


def board_seconds(settings: JigBoardSettings) -> float:
    """Return how long `check_board` may take."""
    return SETTLE_SECONDS + 1.5 * settings.watchdog_seconds + 10.0


async def check_board(jig: str, settings: JigBoardSettings, journal_folder: Path) -> list[Finding]:
    """Talk to a board, and let its watchdog run out on an empty slot, unless the jig is stopped."""
    where = f"{jig} board"
    try:
        async with connected(jig, settings, tries=TRIES) as connection:
            identity = connection.identity
            measured = await connection.registers.measurements()
            stopped = (await connection.registers.inputs()).emergency_stop
    except JigBoardError as error:
        return [fault(where, error.what)]
    findings = [
        ok(
            where,
            f"answers at {settings.port}, serial number {identity.serial_number},"
            f" supply {measured.supply_millivolts / 1e3:.1f} V",
        )
    ]
    if settings.serial_number is None:
        findings.append(
            warning(
                where,
                "any board is accepted, so exchanged cables would not be noticed",
                f"set serial_number = {identity.serial_number} in [jigs.board]",
            )
        )
    if stopped:
        advice = "make the jig safe, release the stop, and check again"
        return [*findings, warning(where, "the emergency stop is pressed", advice)]
    if (why := await apart("doctor", lambda: why_stopped(jig, journal_folder))) is not None:
        return [*findings, warning(where, f"its watchdog was not checked: {why}")]
    return [*findings, await _watchdog(where, jig, settings)]


async def _watchdog(where: str, jig: str, settings: JigBoardSettings) -> Finding:
    try:
        cuts_power = await watchdog_acts_on_coils(jig, settings)
    except CheckRefused as refusal:
        return warning(where, f"its watchdog was not checked: {refusal.what}")
    except JigBoardError as error:
        return fault(where, error.what)
    if cuts_power:
        return fault(
            where,
            "its watchdog cuts the slots' power: a station that dies would take it from hubs that are being written",
            "confine the watchdog to the lamps, as docs/jig-board.md says",
        )
    return ok(where, "its watchdog leaves the slots' power alone")
