"""Runs in the guest as its first process: does what the host's tests ask, and plays the USB cables.

USB/IP has no bus reset, so the kernel's virtual host controller resets a port without telling the device. Here each
such reset, read from the kernel's log, becomes what it is on USB/IP: the device is detached, and attached again at
the same port.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
RESET = re.compile(r"usb (\d+)-(\d+): reset \S+ USB device number \d+ using vhci_hcd")
EMPTY = 4
"""VDEV_ST_NULL of the kernel's vhci driver: nothing is attached to the port."""


def states() -> dict[int, int]:
    """The state of each of the controller's ports."""
    lines = (VHCI / "status").read_text().splitlines()[1:]
    return {int(fields[1]): int(fields[2]) for fields in (line.split() for line in lines)}


class Cables:
    """Keeps devices of the host's USB/IP server attached, each to its own port of the guest's controller."""

    def __init__(self) -> None:
        self.host, self.server_port = "", 0
        self.wanted: dict[int, str] = {}
        threading.Thread(target=self.keep_attached, daemon=True).start()
        threading.Thread(target=self.heed_resets, daemon=True).start()

    def keep_attached(self) -> None:
        while True:
            for port, bus_id in list(self.wanted.items()):
                with contextlib.suppress(OSError):
                    if states().get(port) == EMPTY:
                        self.attach(port, bus_id)
            time.sleep(0.05)

    def attach(self, port: int, bus_id: str) -> None:
        connection = socket.create_connection((self.host, self.server_port), timeout=5)
        connection.settimeout(None)
        with connection:
            connection.sendall(struct.pack(">HHI32s", 0x0111, 0x8003, 0, bus_id.encode()))
            answer = b""
            while len(answer) < 8 + 312:
                piece = connection.recv(8 + 312 - len(answer))
                if not piece:
                    return
                answer += piece
            bus, address, speed = struct.unpack_from(">III", answer, 8 + 256 + 32)
            line = f"{port} {connection.fileno()} {bus << 16 | address} {speed}"
            (VHCI / "attach").write_text(line)

    def heed_resets(self) -> None:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(log, 0, os.SEEK_END)
        while True:
            select.select([log], [], [])
            try:
                found = RESET.search(os.read(log, 8192).decode(errors="replace"))
            except OSError:
                continue
            if found:
                with contextlib.suppress(OSError):
                    (VHCI / "detach").write_text(str(int(found[2]) - 1))


def answer(request: dict, cables: Cables) -> dict:
    if "server" in request:
        cables.host, cables.server_port = request["server"]
        return {}
    if "attach" in request:
        cables.wanted = {int(port): bus_id for port, bus_id in request["attach"].items()}
        return {}
    if "detach" in request:
        cables.wanted.pop(request["detach"], None)
        with contextlib.suppress(OSError):
            (VHCI / "detach").write_text(str(request["detach"]))
        return {}
    if "states" in request:
        return {"states": states()}
    try:
        done = subprocess.run(
            request["run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request["seconds"],
            check=False,
            env={**os.environ, **request.get("env", {})},
        )
    except subprocess.TimeoutExpired as error:
        return {"code": None, "out": (error.stdout or b"").decode(errors="replace")}
    return {"code": done.returncode, "out": done.stdout.decode(errors="replace")}


def serve(connection: socket.socket) -> None:
    cables = Cables()
    lock = threading.Lock()

    def handle(request: dict) -> None:
        reply = {"id": request["id"], **answer(request, cables)}
        with lock:
            connection.sendall(json.dumps(reply).encode() + b"\n")

    for line in connection.makefile("rb"):
        threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    subprocess.run(["modprobe", "vhci-hcd"], check=True)
    if os.getpid() == 1:
        subprocess.run(["/lib/systemd/systemd-udevd", "--daemon"], check=True)
    host, port = sys.argv[1].split(":")
    serve(socket.create_connection((host, int(port))))


if __name__ == "__main__":
    try:
        main()
    finally:
        os.system("/bin/busybox poweroff -f")
