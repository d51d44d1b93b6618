"""The port of a screen, or of the inventory's pages."""

from __future__ import annotations

import socket

import pytest

from station.web.port import PortUnavailable, take_port


def test_whoever_comes_as_soon_as_the_address_is_told_waits_and_is_not_refused() -> None:
    with take_port("127.0.0.1", 0) as taken:
        host, port = taken.getsockname()
        with socket.create_connection((host, port)):
            connection, _ = taken.accept()
            connection.close()
        with pytest.raises(PortUnavailable, match="another program has it"):
            take_port(host, port)
