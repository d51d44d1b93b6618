"""`reflash flash`: one device by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from drivers.errors import DriverError
from drivers.hub import FlashProgress
from drivers.topology import USB_PREFIX, same_place
from firmware_catalog.files import read_named_file
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage, ImageFormatError
from firmware_catalog.mcuboot import load_image
from station.attempt.parts import Permission
from station.by_hand.release import hand_release
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    require_stations_user,
    run_to_its_end,
)
from station.domain.outcome import Outcome
from station.people.pseudonyms import check_pseudonym
from station.records.errors import JournalInUse
from station.records.facts.attempts import AttemptClosed
from station.records.journal import Journal
from station.settings import StationSettings
from station.settings_file import load_settings
from station.unlocking.authority import unlock_authority
from station.unlocking.counted_answers import BY_HAND_FOLDER, CountedAnswers
from station.unlocking.parts import NamedAuthority
from station.unlocking.settings import UnlockSettings
from station.version import station_version

_OWN_STATE = Path("~/.local/state/reflash")


def flash(
    image: Annotated[
        Path,
        typer.Option(help="An MCUboot image; by USB also one of another kind, with a DFU suffix or not."),
    ],
    port: Annotated[str | None, typer.Option(help="The serial port, such as /dev/ttyUSB0.")] = None,
    usb: Annotated[str | None, typer.Option(help="The USB place, such as 1-2.3: bus and ports.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    baud: Annotated[int, typer.Option(help="Of the serial port.")] = 115200,
    framing: Annotated[
        str, typer.Option(help="How the device writes packets on the serial port: console or raw.")
    ] = "console",
    usbip: Annotated[
        str | None, typer.Option(help="HOST:PORT of the USB/IP server that has the USB place.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", help="Of an image that does not state its own, 8 hex digits."),
    ] = None,
    unlock_key: Annotated[
        Path | None, typer.Option(help="Key for a locked hub; the configured one unless given.")
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(help="Journal folder; `by-hand` in the configured state directory unless given."),
    ] = None,
    supervisor: Annotated[
        str | None,
        typer.Option(
            help="Who answers for it, by pseudonym (reflash operators add); needed on a configured port in production."
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Why it is done by hand; needed likewise. Kept for good, so without names."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Flash one device, outside every work order, at a serial port or at a USB place. It is journalled all the same.

    Example: reflash flash --port /dev/ttyUSB0 --image hub-0002012F.bin
    """
    # The protocols' libraries take their time to import, and no other command needs them.
    from drivers.smp.settings import SmpSettings  # noqa: PLC0415
    from station.by_hand.devices import (  # noqa: PLC0415
        HandDevice,
        Refused,
        open_serial_device,
        open_usb_device,
        said_by_hand,
    )
    from station.by_hand.flashing import HandFlash, flash_by_hand  # noqa: PLC0415
    from station.cli import usb_target  # noqa: PLC0415

    if (port is None) == (usb is None):
        raise UsageError("give either --port or --usb")
    if usb is None and (usbip or version):
        raise UsageError("--usbip and --version go with --usb")
    settings = load_settings(config) if config != DEFAULT_CONFIG or config.exists() else None
    check_pseudonym(settings, "--supervisor", supervisor)
    open_device: Callable[[], Awaitable[HandDevice]]
    if usb is not None:
        place = usb_target.parse_usb_place(usb)
        _guard(settings, usb, lambda one: usb_target.is_this_place(one, place), supervisor, reason)
        reach = usb_target.usb_settings(settings, place, usbip)
        with _faults_of(image):
            firmware, suffix = usb_target.read_any_image(image, version)
        open_device = partial(open_usb_device, place, reach, suffix)
    elif port is not None:
        try:
            line = SmpSettings.model_validate({"baud": baud, "framing": framing})
        except ValidationError as error:
            raise UsageError(_wrong_line(baud, framing, error)) from error
        if not port.startswith(USB_PREFIX):
            port = str(Path(port).absolute())
        here = same_place(port)
        _guard(settings, port, lambda one: same_place(one) == here, supervisor, reason)
        with _faults_of(image):
            firmware = load_image(read_named_file(image, MAX_IMAGE_SIZE))
        open_device = partial(open_serial_device, port, line)
    if settings is not None:
        require_stations_user(settings)
    state = settings.state_directory if settings else _OWN_STATE.expanduser()
    folder = _journal_folder(settings, state, journal)
    others = {state / BY_HAND_FOLDER} | ({settings.journal_folder} if settings else set())
    request = HandFlash(
        image=firmware,
        supervisor=supervisor,
        reason=reason,
        station_version=station_version(),
    )

    async def work() -> AttemptClosed:
        site, station = (settings.site, settings.station) if settings else ("no-site", "by-hand")
        async with (
            _authority(settings, unlock_key, state) as authority,
            _permission(settings, image, firmware) as permission,
            _journal(folder, site=site, station=station) as records,
            CountedAnswers(records, others - {folder}) as answers,
        ):
            device = await open_device()
            try:
                with _progress_bar(as_json=as_json) as show:
                    task = show.add_task(image.name, total=len(firmware))

                    def progress(now: FlashProgress) -> None:
                        show.update(task, completed=now.sent)

                    return await flash_by_hand(
                        request, device, records, authority, answers, permission, progress
                    )
            finally:
                await device.close()

    try:
        result = run_to_its_end(work())
    except Refused as error:
        raise UsageError(str(error)) from error
    except DriverError as error:
        raise WorkFailed(said_by_hand(error)) from error
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        runs = result.firmware_read_back
        # Of one that failed, and was not read back, nobody asked.
        untold = "; it does not say what it runs" if result.outcome is Outcome.PASSED else ""
        typer.echo(result.message + (f"; it runs {runs}" if runs else untold))
    if result.outcome is not Outcome.PASSED:
        raise typer.Exit(1)


def _wrong_line(baud: int, framing: str, error: ValidationError) -> str:
    """Say which of the options does not describe a serial line."""
    first = error.errors()[0]
    if first["loc"] == ("framing",):
        return f"--framing {framing}: it is console or raw, as the device was built"
    return f"--baud {baud}: {first['msg']}; name the port's line rate"


@asynccontextmanager
async def _journal(folder: Path, *, site: str, station: str) -> AsyncIterator[Journal]:
    """Open the journal of what is flashed by hand. Raises WorkFailed while another device is."""
    try:
        async with Journal.open(folder, site=site, station=station) as journal:
            yield journal
    except JournalInUse as error:
        who = "" if error.pid is None else f" (process {error.pid})"
        raise WorkFailed(
            f"another device is being flashed by hand{who}: wait until that is done, never stop it, and try again"
        ) from error


@asynccontextmanager
async def _authority(
    settings: StationSettings | None, key_file: Path | None, state: Path
) -> AsyncIterator[NamedAuthority]:
    """Yield who signs for a locked hub: the key named here, else what is configured, else nobody."""
    if key_file is not None:
        unlock = UnlockSettings(key_file=key_file)
    elif settings is not None:
        unlock = settings.unlock
    else:
        from station.by_hand.flashing import NoAuthority  # noqa: PLC0415 - the same

        yield NoAuthority()
        return
    production = settings is not None and settings.mode == "production"
    async with unlock_authority(unlock, state, production=production) as authority:
        yield authority


def _guard(
    settings: StationSettings | None,
    where: str,
    is_there: Callable[[str], bool],
    supervisor: str | None,
    reason: str | None,
) -> None:
    if settings is None or settings.mode != "production":
        return
    for place, configured in settings.places():
        if is_there(configured) and not (supervisor and reason):
            raise UsageError(
                f"{where} is {place} of a station in production: name who answers with --supervisor and --reason"
            )


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Word what is wrong with an image's file."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name the image's file") from error
    except ImageFormatError as error:
        raise UsageError(f"{path}: {error}") from error


def _journal_folder(settings: StationSettings | None, state: Path, named: Path | None) -> Path:
    """Return where the journal is. Raises UsageError for one in which the daemon would miss unlock answers."""
    if named is None:
        return state / BY_HAND_FOLDER
    if settings is not None and settings.mode == "production":
        raise UsageError(
            f"--journal {named}: in production the station counts unlock answers in {state / BY_HAND_FOLDER}; leave it out"
        )
    return named.absolute()


@asynccontextmanager
async def _permission(
    settings: StationSettings | None, path: Path, image: FirmwareImage
) -> AsyncIterator[Permission]:
    """Yield what the image may be given to: in production what the catalogue releases, as the daemon goes by it.

    Refuses there, also by hand, what it releases for no model. Raises UsageError, ConfigError or CatalogError.
    """
    if settings is None or settings.mode != "production":
        from station.by_hand.flashing import NoOrder  # noqa: PLC0415 - the same

        yield NoOrder()
        return
    async with hand_release(settings, image) as release:
        if not release.is_released():
            raise UsageError(
                f"{path} is no released image, and in production nothing else is flashed; "
                "have its maker and the catalogue's owner release it"
            )
        yield release


def _progress_bar(*, as_json: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=as_json or not console.is_terminal,
    )
