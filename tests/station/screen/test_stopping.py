"""A stop lets go of who follows: a stream has no end of its own."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path

from benches.processes import running, wait_for

PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")


def test_a_stop_with_open_streams_is_in_good_order(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (*PROGRAM, "screen", "--desk", tmp_path / "desk.sock", "--port", port, "--without-login")
    with (tmp_path / "said").open("w+") as said:
        with running(command, stderr=subprocess.STDOUT, stdout=said) as process:
            while True:  # it tells of nothing that it serves now
                with socket.socket() as asked:
                    if asked.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as browser:
                browser.request("GET", "/stream")
                stream = browser.getresponse()
                assert stream.readline().startswith(b"event: hello")
                process.send_signal(signal.SIGTERM)
                while stream.readline():
                    pass
                wait_for(process)
        said.seek(0)
        assert "Traceback" not in said.read()
