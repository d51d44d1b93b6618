"""One connection to the MQTT broker, opened and closed without leaving anything behind."""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401 - `socket` loads it with the first name it looks up, which takes descriptors
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from drivers.descriptors import shortage_in
from drivers.threads import apart
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.certificates.names import stations_named
from station.messages.topics import Topics
from station.publishing.broker_answer import SaysNothing, what_answers
from station.publishing.mqtt_client import MqttClient
from station.publishing.settings import MqttSettings
from station.records.writer import uninterrupted

_UNLIMITED: Final = 0
"""Our own batches bound what is in flight; a queue in the client would only hide the order."""

_MAX_SECRET_SIZE: Final = 64 * 1024
_SERVER_UNAVAILABLE: Final = "[code:136]"
_WRONG_CLIENT_ID: Final = "[code:133]"
"""How the client library words the return codes 3 and 2 of a CONNACK (MQTT 3.1.1, 3.2.2.3): by those of MQTT 5."""

_CONNECTING_SECONDS: Final = (5.0, 30.0)
"""How long TCP may take, at least and at most: in the library's thread, it cannot be cut short."""

_STILL_THERE: Final = {socket.TCP_KEEPIDLE: 20, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 4}
"""Seconds, seconds and questions after which the other computer is not there any more (tcp(7)): a handshake may take long."""

_LOOKING_SECONDS: Final = 10.0
"""How long it is looked what answers there, at most."""

_LEAVING_SECONDS: Final = 5.0

_NEVER_WARN: Final = 1 << 20
"""The client library warns of many pending calls, which are on purpose here."""


class BrokerRefuses(Exception):
    """The broker will not have this station, or its credentials cannot be read: a person has to act."""


class _Socket(ssl.SSLSocket):
    """Closes itself when the handshake fails, which the client library leaves to the garbage collector.

    The handshake is the library's thread's; `_Context.cut_short` ends it. Keeps why the broker ends the connection: in TLS 1.3 it judges our certificate after the handshake, and the
    library drops what it says.
    """

    context: _Context

    def do_handshake(self, block: bool = False) -> None:
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _STILL_THERE.items():
                self.setsockopt(socket.IPPROTO_TCP, option, value)
            self.settimeout(self.context.handshake_seconds)
            self.context.begin(self)
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
        finally:
            self.context.shaking = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.context.alert = error
            raise


class _Context(ssl.SSLContext):
    """What both sides of one connection are judged by."""

    sslsocket_class = _Socket
    alert: ssl.SSLError | None = None
    """Why the broker ended the connection."""
    handshake_seconds = 0.0
    shaking: _Socket | None = None
    _is_cut_short = False

    def begin(self, sock: _Socket) -> None:
        """Note, in the library's thread, whose handshake begins. Raises OSError when it may not any more."""
        self.shaking = sock
        if self._is_cut_short:
            raise ConnectionAbortedError("cut short")

    def cut_short(self) -> None:
        """End the handshake, or have it end as it begins."""
        self._is_cut_short = True
        if (sock := self.shaking) is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS itself is the other thread's


@asynccontextmanager
async def connected(
    settings: MqttSettings, client_id: str, will: aiomqtt.Will, whose: Topics | None = None
) -> AsyncIterator[MqttClient]:
    """Connect for the length of the block, with no certificate of another station than `whose`. Raises BrokerRefuses, or MqttError for what may pass by itself.

    TCP cannot be cut short, only abandoned after that: a cancelled one would leave its thread and its socket behind. TLS
    and the broker's answer have `timeout_seconds` each, and end with who waits for them.
    """
    password, tls = await apart("mqtt credentials", partial(_credentials, settings, whose))
    client = MqttClient(
        settings.host,
        settings.port,
        username=settings.username,
        password=password,
        tls_context=tls,
        identifier=client_id,
        keepalive=settings.keepalive_seconds,
        timeout=settings.timeout_seconds,
        max_inflight_messages=_UNLIMITED,
        will=will,
    )
    client.pending_calls_threshold = _NEVER_WARN
    least, most = _CONNECTING_SECONDS
    client._client.connect_timeout = max(least, min(most, settings.timeout_seconds))  # noqa: SLF001 - there is no public way
    # An end that comes while it still enters, the library forgets: it would take the client for connected.
    end = client._disconnected  # noqa: SLF001 - there is no public way
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await _entered(entering, client, tls, client_id)
        _still_there(end)
    except aiomqtt.MqttError as error:
        why = None if tls is not None else await _other_reason(settings)
        if why is None:
            raise
        raise BrokerRefuses(why) from error
    else:
        yield client
    finally:
        client.timeout = min(client.timeout, _LEAVING_SECONDS)
        if entering.exception() is None:
            # The library hands on, as it is, whatever the broker's bytes made it stumble over.
            with suppress(Exception):
                await client.__aexit__(None, None, None)
        # The library keeps the socket of a broker that never answered, and its housekeeping task, for good.
        client._client.disconnect()  # noqa: SLF001 - there is no public way
        if client._misc_task is not None:  # noqa: SLF001 - the same
            await asyncio.wait({client._misc_task}, timeout=_LEAVING_SECONDS)  # noqa: SLF001 - the same
        for ended in (end, client._disconnected):  # noqa: SLF001 - the same
            if ended.done() and not ended.cancelled():
                ended.exception()  # seen, so that it is not reported as forgotten


def in_words(loss: BaseException) -> str:
    """Return what the library says of a loss, without numbers, and without what it was doing itself."""
    said = re.sub(r"\[(Errno|code)[ :]-?\d+\] ", "", str(loss))
    return said.replace("Disconnected during message iteration", "the broker hung up")


def _still_there(end: asyncio.Future[None]) -> None:
    if end.done():
        raise aiomqtt.MqttError("the broker hung up at once") from end.exception()


async def _other_reason(settings: MqttSettings) -> str | None:
    try:
        return await what_answers(
            settings.host, settings.port, min(_LOOKING_SECONDS, settings.timeout_seconds)
        )
    except SaysNothing as silence:
        raise aiomqtt.MqttError(
            "it takes the connection and then says nothing (timed out); look in its log, a disk that is full stops some"
        ) from silence


async def _entered(
    entering: asyncio.Future[MqttClient], client: MqttClient, tls: _Context | None, client_id: str
) -> None:
    try:
        await _until_entered(entering, client, tls)
    except MqttConnectError as error:
        if _SERVER_UNAVAILABLE in str(error):
            raise aiomqtt.MqttError("the broker says that it cannot serve just now") from error
        if _WRONG_CLIENT_ID in str(error):
            raise BrokerRefuses(
                f"does not take the client id {client_id}; set mqtt.client_id to one that it does"
            ) from error
        raise BrokerRefuses(
            f"refuses this station ({in_words(error)}); check mqtt.username, mqtt.password_file and its access list"
        ) from error
    except aiomqtt.MqttError as error:
        # The library keeps only the words of what went wrong below it, and hides the rest.
        ours = error if isinstance(error.__context__, ssl.SSLError) else None
        if tls is not None and (why := ours or tls.alert) is not None:
            raise BrokerRefuses(
                f"and this station do not trust each other ({why}); "
                "check mqtt.ca_file, both certificates, their dates and whether they were taken back, and this computer's clock"
            ) from error
        raise


async def _until_entered(
    entering: asyncio.Future[MqttClient], client: MqttClient, tls: _Context | None
) -> None:
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        client.abandon()
        if tls is not None:
            tls.cut_short()
        with suppress(Exception):
            await uninterrupted(entering)
        raise


def check_credentials(settings: MqttSettings, whose: Topics) -> None:
    """Read what is needed to connect, as the next connection will. Blocks. Raises BrokerRefuses."""
    with suppress(aiomqtt.MqttError):  # for want of descriptors, which passes
        _credentials(settings, whose)


def _credentials(settings: MqttSettings, whose: Topics | None) -> tuple[str | None, _Context | None]:
    """Read what is needed to connect, anew each time: files may be replaced while the station runs."""
    try:
        password = None
        if settings.password_file is not None:
            secret = read_secret(settings.password_file, _MAX_SECRET_SIZE).decode("utf-8")
            password = secret.partition("\n")[0].rstrip("\r")
        tls = None
        if settings.ca_file is not None:
            tls = _Context(ssl.PROTOCOL_TLS_CLIENT)  # checks the broker's certificate and its name
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
            tls.handshake_seconds = settings.timeout_seconds
            tls.load_verify_locations(settings.ca_file)
            if settings.revoked_file is not None:
                tls.load_verify_locations(settings.revoked_file)
                tls.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
            if settings.certificate_file is not None and settings.key_file is not None:
                read_secret(settings.key_file, _MAX_SECRET_SIZE)
                tls.load_cert_chain(settings.certificate_file, settings.key_file)
                if whose is not None:
                    _require_ours(settings.certificate_file, whose)
    except SecretExposed as error:
        raise BrokerRefuses(f"cannot be asked, {error}") from error
    except OSError as error:
        if shortage_in(error) is not None:
            raise aiomqtt.MqttError(str(error)) from error  # it passes
        named = error.filename or "ca_file, revoked_file, certificate_file or key_file"
        raise BrokerRefuses(
            f"cannot be asked, {named}: {error.strerror or error}; correct the mqtt settings"
        ) from error
    except UnicodeDecodeError as error:
        raise BrokerRefuses(f"cannot be asked, {settings.password_file} holds no UTF-8 text") from error
    except ValueError as error:
        raise BrokerRefuses(
            f"cannot be asked, {settings.certificate_file} is no certificate that can be read: have a new one made"
        ) from error
    return password, tls


def _require_ours(certificate_file: Path, whose: Topics) -> None:
    """Raise BrokerRefuses for a certificate that says it is another station's: its results would leave under that name."""
    named = stations_named(certificate_file)
    if named and f"{whose.site}/{whose.station}" not in named:
        raise BrokerRefuses(
            f"cannot be asked, {certificate_file} is the certificate of {', '.join(named)}, this is "
            f"{whose.site}/{whose.station}: put this station's own there"
        )
