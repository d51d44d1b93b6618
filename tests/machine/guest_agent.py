"""Runs on the virtual bench PC: does what the host asks over a virtio port. Debian's own Python and nothing else."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

PORT = "/dev/virtio-ports/agent"


def answer(request: dict) -> dict:
    try:
        done = subprocess.run(
            request["run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request["seconds"],
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return {"code": None, "out": (error.stdout or b"").decode(errors="replace")}
    return {"code": done.returncode, "out": done.stdout.decode(errors="replace")}


def main() -> None:
    lock = threading.Lock()
    with Path(PORT).open("r+b", buffering=0) as port:

        def handle(request: dict) -> None:
            reply = json.dumps({"id": request["id"], **answer(request)}).encode() + b"\n"
            with lock:
                while reply:
                    reply = reply[port.write(reply) :]

        unread = b""
        while piece := port.read(65536):
            *lines, unread = (unread + piece).split(b"\n")
            for line in lines:
                threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()


if __name__ == "__main__":
    main()
