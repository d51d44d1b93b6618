"""One command of an SMP client library that nobody here wrote, run by the judges' own Python.

    python foreign_client.py {mcumgr-toolkit,mcumgr-client} PORT BAUD COMMAND [ARGUMENT]

Prints what the library returns as JSON, or `{"error": its words}`. The libraries are used as their documentation shows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


class Toolkit:
    """mcumgr-toolkit."""

    def __init__(self, port: str, baud: int) -> None:
        from mcumgr_toolkit import MCUmgrClient  # noqa: PLC0415 - each is loaded where it is used

        self._client = MCUmgrClient.serial(port, baud, 5000)
        self._client.use_auto_frame_size()

    def echo(self, text: str) -> Any:
        return self._client.os_echo(text)

    def parameters(self) -> Any:
        told = self._client.os_mcumgr_parameters()
        return [told.buf_size, told.buf_count]

    def boot_loader(self) -> Any:
        return self._client.os_bootloader_info()["name"]

    def list(self) -> Any:
        flags = ("slot", "version", "bootable", "pending", "confirmed", "active", "permanent")
        return [
            {flag: getattr(image, flag) for flag in flags} | {"hash": bytes.fromhex(_hex(image.hash)).hex()}
            for image in self._client.image_get_state()
        ]

    def upload(self, path: str) -> None:
        self._client.image_upload(Path(path).read_bytes())

    def update(self, path: str) -> None:
        """Do all but the confirmation in one go."""
        self._client.firmware_update(Path(path).read_bytes())

    def test(self, image_hash: str) -> None:
        self._client.image_set_state(bytes.fromhex(image_hash), confirm=False)

    def confirm(self) -> None:
        self._client.image_set_state(confirm=True)

    def erase(self) -> None:
        self._client.image_erase()

    def reset(self) -> None:
        self._client.os_system_reset()


class Wrapper:
    """mcumgr-client, a library of Rust, by mcumgr-client-wrapper: no echo, and a confirmation names the image."""

    def __init__(self, port: str, baud: int) -> None:
        from mcumgr_client import SerialSession  # noqa: PLC0415 - the same

        # It does not ask how large a packet may be: 512 bytes unless told.
        self._session = SerialSession(device=port, baudrate=baud, initial_timeout_s=10, mtu=256)

    def list(self) -> Any:
        return [image | {"hash": bytes(image["hash"]).hex()} for image in self._session.list()]

    def upload(self, path: str) -> None:
        self._session.upload(path)

    def test(self, image_hash: str) -> None:
        self._session.test(list(bytes.fromhex(image_hash)))

    def confirm(self) -> None:
        active = next(image for image in self._session.list() if image["active"])
        self._session.test(list(active["hash"]), True)

    def erase(self) -> None:
        self._session.erase()

    def reset(self) -> None:
        self._session.reset()


def _hex(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def main(library: str, port: str, baud: str, command: str, *arguments: str) -> None:
    client = {"mcumgr-toolkit": Toolkit, "mcumgr-client": Wrapper}[library](port, int(baud))
    try:
        answer = getattr(client, command)(*arguments)
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
