"""The screen's process: `reflash screen` has looked at what it was told and becomes this, without all that other commands need."""

from __future__ import annotations

import socket
import sys

from station.log import configure_logging
from station.screen.app import serve
from station.screen.served import Served

if __name__ == "__main__":
    served = Served.model_validate_json(sys.argv[1])
    configure_logging("console", "info")
    with socket.socket(fileno=served.socket) as taken:
        serve(served.desk, served.reports, served.address, taken, sign_on=served.sign_on)
