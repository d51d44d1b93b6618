"""The port that pages are served at, had before anybody is told of it."""

from __future__ import annotations

import errno
import socket
from typing import Final

_WHY: Final = {
    errno.EADDRINUSE: "another program has it: stop that one (ss -ltnp names it), or choose another port",
    errno.EACCES: "this user may not have it: choose a port above 1023",
    errno.EADDRNOTAVAIL: "this computer has no such address: correct it",
}


class PortUnavailable(Exception):
    """It cannot be had. One line: which, why, what to do next."""


def take_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens at this port of this address: who comes before it is served waits.

    Raises PortUnavailable.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As asyncio's own servers have it: what is left of connections to a server that was stopped keeps nobody out.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind((host, port))
        taken.listen()
    except OSError as error:
        taken.close()
        why = _WHY.get(error.errno or 0, str(error.strerror or error))
        raise PortUnavailable(f"port {port} of {host}: {why}") from error
    return taken
