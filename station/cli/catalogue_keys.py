"""The keys that the commands of a signed catalogue are given, and how long what they sign is good for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from station.cli.common import UsageError
from station.unlocking.settings import PinSettings

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from firmware_catalog.trust.draft import Lifetimes
    from firmware_catalog.trust.signing import RoleKeys

PIN_VARIABLE: Final = "REFLASH_HSM_PIN"
PUBLIC_SUFFIX: Final = ".pub.pem"

KEY_FORMS: Final = "a PEM file, or hsm:KEYID?label=TOKEN with PYKCS11LIB naming the PKCS#11 library"

SigningKeysOption = Annotated[
    list[str] | None, typer.Option("--key", help=f"A key that signs: {KEY_FORMS}; repeat.")
]
PinFileOption = Annotated[
    Path | None, typer.Option(help=f"File with the HSM's PIN, mode 0600; else the variable {PIN_VARIABLE}.")
]
MakeKeysOption = Annotated[bool, typer.Option("--make-keys", help="Make the key files that do not exist.")]
DaysOption = Annotated[
    list[str] | None,
    typer.Option(
        help="ROLE=DAYS that its metadata is good for: root, targets, manufacturer, snapshot, timestamp; repeat."
    ),
]


class KeyRing:
    """The keys named on one command line; private ones are at hand to sign with."""

    def __init__(self, pin_file: Path | None, *, make: bool = False) -> None:
        self._pin_file = pin_file
        self._make = make
        self.signers: list[Signer] = []

    def add(self, names: Sequence[str] | None) -> None:
        """Take keys up that sign. Raises SigningKeyError or UsageError."""
        self.signers += [self._signer(name) for name in names or ()]

    def role(self, names: Sequence[str], threshold: int) -> RoleKeys:
        """Take a role's keys up; of those named by a `.pub.pem` file the public half alone. Raises SigningKeyError."""
        from firmware_catalog.trust.signing import RoleKeys, load_public_key  # noqa: PLC0415 - python-tuf

        keys = []
        for name in names:
            if name.endswith(PUBLIC_SUFFIX):
                keys.append(load_public_key(Path(name)))
            else:
                signer = self._signer(name)
                self.signers.append(signer)
                keys.append(signer.public_key)
        return RoleKeys(tuple(keys), threshold)

    def _signer(self, name: str) -> Signer:
        from firmware_catalog.trust.signing import create_key_file, load_signer  # noqa: PLC0415 - the same

        if self._make and not name.startswith("hsm:") and not Path(name).exists():
            return create_key_file(Path(name))
        return load_signer(name, _pin_reader(self._pin_file))


def lifetimes(days: Sequence[str] | None) -> Lifetimes:
    """Read `ROLE=DAYS`. Raises UsageError."""
    from firmware_catalog.trust.draft import Lifetimes  # noqa: PLC0415 - the same

    terms: dict[str, timedelta] = {}
    for text in days or ():
        role, _, count = text.partition("=")
        if role not in Lifetimes.model_fields or not count.isdecimal() or not 0 < int(count) <= 36_500:
            raise UsageError(
                f"{text} is no ROLE=DAYS; name one of {', '.join(Lifetimes.model_fields)} and a number of days"
            )
        terms[role] = timedelta(days=int(count))
    return Lifetimes.model_validate(terms)


def _pin_reader(pin_file: Path | None) -> Callable[[], str]:
    settings = PinSettings(file=pin_file) if pin_file else PinSettings(variable=PIN_VARIABLE)

    def read() -> str:
        from station.unlocking.pin import PinUnavailable, read_pin  # noqa: PLC0415 - only an HSM asks

        try:
            return read_pin(settings)
        except PinUnavailable as error:
            raise UsageError(str(error)) from error

    return read
