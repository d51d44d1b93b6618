"""A real PKCS#11 module in software: SoftHSM 2 with a token made for the test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from benches.processes import run
from station.unlocking.settings import HsmSettings, PinSettings

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711-reflash"
TOKEN = "unlock-token"
KEY = "unlock-key"


def finalize() -> None:
    """Forget every token. Not unloaded: python-pkcs11's objects may be collected later and call into the module."""
    pkcs11.lib(str(MODULE)).finalize()


@dataclass
class SoftHsm:
    """One initialised token. The environment variable SOFTHSM2_CONF must name `configuration`."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    def settings(self, **change: object) -> HsmSettings:
        """Return what reaches its key. It has time: a busy machine is no slow HSM."""
        pin = PinSettings(file=self.pin_file)
        facts = {"module": MODULE, "token": TOKEN, "key": KEY, "pin": pin, "seconds": 20}
        return HsmSettings(**facts | change)

    def write_pin(self, pin: str) -> None:
        self.pin_file.write_text(f"{pin}\n")
        self.pin_file.chmod(0o600)

    def make_token(self) -> None:
        (self.folder / "tokens").mkdir()
        self.configuration.write_text(
            f"directories.tokendir = {self.folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self._run("--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "12345678")
        self.write_pin(PIN)

    def import_key(self, pem: Path, label: str = KEY) -> None:
        """Put a private key into the token that was made elsewhere (PKCS#8)."""
        self._run("--import", pem, "--token", TOKEN, "--label", label, "--id", "01", "--pin", PIN)

    def _run(self, *arguments: str | Path) -> None:
        run(
            ["softhsm2-util", *arguments],
            check=True,
            capture_output=True,
            env={"SOFTHSM2_CONF": str(self.configuration), "PATH": "/usr/bin:/bin"},
        )

    def make_key(
        self, label: str = KEY, curve: str = "secp256r1", key_id: bytes = b"\1"
    ) -> ec.EllipticCurvePublicKey:
        library = pkcs11.lib(str(MODULE))
        library.reinitialize()
        with library.get_token(token_label=TOKEN).open(rw=True, user_pin=PIN) as session:
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)},
                local=True,
            )
            public, _ = parameters.generate_keypair(store=True, label=label, id=key_id)
            key = load_der_public_key(encode_ec_public_key(public))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key
