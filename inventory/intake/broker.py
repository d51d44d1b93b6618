"""One connection to the broker, under a session that the broker keeps: what is not acknowledged comes again."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from inventory.errors import InventoryError
from inventory.intake.settings import MqttSettings
from inventory.secret_files import others_may_read

_GRANTED: Final = 1
"""QoS with which the broker has to let us subscribe (MQTT 3.1.1, 3.9.3)."""
_UNAVAILABLE: Final = "[code:136]"
_WRONG_CLIENT_ID: Final = "[code:133]"
"""How the client library words the return codes 3 and 2 of a CONNACK (MQTT 3.1.1, 3.2.2.3): by those of MQTT 5."""
_NUMBER: Final = re.compile(r"^\[(Errno|code)[ :]-?\d+\] ")


class BrokerRefuses(InventoryError):
    """The broker will not have us, or what is needed to be let in cannot be read: a person has to act."""


def in_words(error: Exception) -> str:
    """Return what the library says of a loss, without numbers: they say nothing to people."""
    return _NUMBER.sub("", str(error))


def advice(error: Exception) -> str:
    """Return what to do where there is no connection, as far as the loss tells its cause."""
    said = str(error)
    if isinstance(error, MqttConnectError):
        if _UNAVAILABLE in said:
            return "it says that it cannot serve just now, look in its log"
        if _WRONG_CLIENT_ID in said:
            return "it does not take client_id under [mqtt], set one that it does"
        return "it refuses us, correct username and password_file under [mqtt], or its access list"
    if "timed out" in said:
        # A web server, a hang-up, and a broker that wants TLS or another MQTT look like this to the library.
        return (
            "nothing there answers in time as an MQTT 3.1.1 broker, look whether it stands still and whether "
            "host, port and ca_file under [mqtt] are right"
        )
    return "start it, or correct host and port under [mqtt]"


class Client(aiomqtt.Client):
    """Leaves nothing behind when it is left, and acknowledges by hand.

    aiomqtt has no word for acknowledging; paho-mqtt, which it is made of, has (`manual_ack_set`, `ack`).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what aiomqtt's own takes."""
        super().__init__(*arguments, **options)
        self._client.manual_ack_set(on=True)

    def acknowledge(self, taken: Sequence[aiomqtt.Message]) -> None:
        """Tell the broker that these need not come again."""
        for message in taken:
            self._client.ack(message.mid, message.qos)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Leave, and wait until the library's own task has ended."""
        try:
            await super().__aexit__(kind, error, at)
        finally:
            if self._misc_task is not None:
                await asyncio.wait({self._misc_task})


@asynccontextmanager
async def listening(settings: MqttSettings, topics: Sequence[str]) -> AsyncIterator[Client]:
    """Be connected and subscribed to `topics` for the length of the block.

    Raises BrokerRefuses, or aiomqtt.MqttError for what may pass by itself. Reads secrets anew each time.
    """
    client = Client(
        settings.host,
        settings.port,
        username=settings.username,
        password=_password(settings),
        tls_context=_tls(settings),
        identifier=settings.client_id,
        clean_session=False,
        keepalive=settings.keepalive_seconds,
        timeout=settings.timeout_seconds,
    )
    async with client:
        if topics:
            granted = await client.subscribe([(topic, _GRANTED) for topic in topics])
            for topic, given in zip(topics, granted, strict=True):
                if given != _GRANTED:
                    raise BrokerRefuses(f"does not let us subscribe to {topic}; correct its access list")
        yield client


def _password(settings: MqttSettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        _require_secret(settings.password_file)
        return settings.password_file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerRefuses(f"cannot be asked, {settings.password_file}: {error}") from error


def _tls(settings: MqttSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.revoked_file is not None:
            context.load_verify_locations(settings.revoked_file)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        if settings.certificate_file is not None and settings.key_file is not None:
            _require_secret(settings.key_file)
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise BrokerRefuses(
            f"cannot be asked, {error.filename or 'ca_file, revoked_file, certificate_file or key_file'}: {error.strerror or error}"
        ) from error
    return context


def _require_secret(path: Path) -> None:
    if others_may_read(path):
        raise BrokerRefuses(f"cannot be asked, others may read {path}; run: chmod 600 {path}")
