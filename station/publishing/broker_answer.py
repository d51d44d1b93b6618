"""What answers where an MQTT broker should: the client library says of all of it that the time was over."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Final

_MOST: Final = 64
_CONNACK: Final = b"\x20\x02"
_WRONG_PROTOCOL: Final = 1
"""Return codes of a CONNACK (MQTT 3.1.1, 3.2.2.3)."""
_WRONG_NAME: Final = 2
_TLS_ALERT: Final = b"\x15\x03"


class SaysNothing(Exception):
    """The connection is taken, and nothing is said on it: a broker that stands still, perhaps, which passes."""


async def what_answers(host: str, port: int, seconds: float) -> str | None:
    """Come as a stranger would and return, in a few words, why this is no broker to talk to; None if that is not seen.

    `seconds` is how long connecting and its answer may take each. Raises SaysNothing.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return None
    try:
        writer.write(_connect_packet())
        try:
            async with asyncio.timeout(seconds):
                answer = await reader.read(_MOST)
        except TimeoutError:
            raise SaysNothing from None
        except OSError:
            answer = b""
        return _judge(answer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _judge(answer: bytes) -> str | None:
    if not answer:
        return "hangs up without a word; where it wants TLS, set mqtt.ca_file, else look whether mqtt.port is its port"
    if answer.startswith(_TLS_ALERT):
        return "wants TLS; set mqtt.ca_file"
    if answer.startswith(_CONNACK) and len(answer) > 3:
        return {
            _WRONG_PROTOCOL: "does not speak MQTT 3.1.1; use one that does",
            _WRONG_NAME: "wants client ids of another form; set mqtt.client_id",
        }.get(answer[3])
    kind = "a web server" if answer.startswith(b"HTTP/") else "something else"
    return f"is no MQTT broker but {kind}; correct mqtt.host and mqtt.port"


def _connect_packet() -> bytes:
    """Return a CONNECT of a clean session under a name that nobody has (MQTT 3.1.1, 3.1)."""
    name = f"reflash-{secrets.token_hex(6)}".encode()
    variable = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    return b"\x10" + bytes([len(variable)]) + variable
