from __future__ import annotations

import subprocess
import sys

FIRST = """
import sys
from drivers.inotify import INotify, flags
begun = []
sys.addaudithook(lambda event, _: begun.append(event) if event == "subprocess.Popen" else None)
with INotify() as inotify:
    inotify.add_watch("/", flags.CREATE)
assert not begun, "the event loop would wait for a process"
"""


def test_the_first_one_starts_no_process() -> None:
    subprocess.run([sys.executable, "-c", FIRST], check=True, timeout=60)
