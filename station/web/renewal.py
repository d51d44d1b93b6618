"""A certificate that was renewed in its files, taken by those who come from now on; nobody who is there is let go."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl

import structlog
import uvicorn

from station.domain.config_error import ConfigError
from station.web.address import Certificate

_log = structlog.stdlib.get_logger()


class RenewingServer(uvicorn.Server):
    """Looks at SIGHUP what stands in its certificate's files."""

    def __init__(self, config: uvicorn.Config, certificate: Certificate | None) -> None:
        """`certificate` is the one that `config` has; None where it serves this computer alone, without TLS."""
        super().__init__(config)
        self._certificate = certificate

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._renew)
        await super().startup(sockets)

    def _renew(self) -> None:
        """Blocks for as long as two small files take: nobody else's connection is begun meanwhile."""
        if self._certificate is None or self.config.ssl is None:
            return
        try:
            renew(self.config.ssl, self._certificate)
        except ConfigError as error:
            _log.error("certificate not renewed; the former is served on", reason=str(error))
        else:
            _log.info("certificate renewed")


def renew(context: ssl.SSLContext, served: Certificate) -> None:
    """Serve what stands in the files now, if it may be served in place of what is served, and go on as before if not.

    Blocks. Raises ConfigError, in one line, for what would be refused at a start, and for one that names not all that this
    server is called: whoever comes by such a name would be turned away.
    """
    from station.web.certificate import certificate_of  # noqa: PLC0415 - takes memory, of which a server has little

    renewed = certificate_of(served.file, served.key_file)
    if missing := [name for name in served.names if name not in renewed.names]:
        raise ConfigError(
            f"certificate {served.file} is for {', '.join(renewed.names)} now, and browsers come to {', '.join(missing)}: "
            "have one made for all names"
        )
    try:
        # A context that stumbles over the second file has changed by the first.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(served.file, served.key_file)
        context.load_cert_chain(served.file, served.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"certificate {served.file}: {error.strerror or error}") from error
