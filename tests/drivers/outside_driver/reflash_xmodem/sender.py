"""The sending side of XMODEM-1K with CRC."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Iterator

from drivers.errors import HubAction, NoAnswer, UploadRejected
from drivers.hub import FlashProgress, ProgressListener
from firmware_catalog.image import FirmwareImage
from reflash_xmodem.console import Console

STX, EOT, ACK, NAK, CAN, READY = 0x02, 0x04, 0x06, 0x15, 0x18, ord("C")
FILL = b"\x1a"
BLOCK = 1024


def blocks(data: bytes) -> Iterator[bytes]:
    """Return the image as it goes over the line."""
    for count, start in enumerate(range(0, len(data), BLOCK), 1):
        body = data[start : start + BLOCK].ljust(BLOCK, FILL)
        number = count & 0xFF
        yield bytes((STX, number, 0xFF - number)) + body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


async def send(console: Console, image: FirmwareImage, on_progress: ProgressListener) -> None:
    """Have the loader take the image into its spare bank. Whatever breaks it off, the loader is told.

    Raises NoAnswer, HubRefused, UploadRejected, MalformedAnswer, LinkLost and LinkStalled.
    """
    size = len(image)
    try:
        await console.ask(
            f"take {size} {image.image_hash.hex()} {image.version_text}",
            HubAction.FLASH,
            seconds=console.settings.erase_seconds,
            writes=True,
        )
        with console.listening(HubAction.FLASH, writes=True):
            await _answer(console, {READY})
            for count, block in enumerate(blocks(image.data), 1):
                await _put(console, block)
                on_progress(FlashProgress(min(count * BLOCK, size), size))
            await _put(console, bytes((EOT,)))
    except BaseException:
        console.link.write(bytes((CAN,)) * 3)
        raise


async def _put(console: Console, what: bytes) -> None:
    """Send a block, or the end, until the loader takes it."""
    attempts = console.settings.attempts
    for _ in range(attempts):
        console.link.write(what)
        if await _answer(console, {ACK, NAK}) == ACK:
            return
    raise NoAnswer(
        f"the hub at {console.place} did not take a block of its image {attempts} times: seat it anew",
        action=HubAction.FLASH,
        state_known=False,
    )


async def _answer(console: Console, wanted: set[int]) -> int | None:
    """Return the first of the wanted bytes; None when none comes in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + console.settings.answer_seconds + console.link.unsent_seconds
    while (left := deadline - loop.time()) > 0:
        for byte in await console.heard(left):
            if byte == CAN:
                raise UploadRejected(
                    f"the hub at {console.place} broke the transfer off: check the image",
                    action=HubAction.FLASH,
                    state_known=False,
                )
            if byte in wanted:
                return byte
    return None
