"""`reflash demo --serve`: the bench stays in the browser until somebody presses Ctrl+C."""

from __future__ import annotations

import signal
import subprocess
import urllib.request

import pytest
from page import PROGRAM

from benches.processes import running, wait_for

pytestmark = pytest.mark.browser


def test_the_demonstration_is_shown_until_somebody_ends_it() -> None:
    command = (*PROGRAM, "demo", "--serve", "--jigs", 1, "--hubs", 2, "--mix-ups", 0)
    with running(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as demo:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "is served until you press Ctrl+C" in line:
                break
        address = lines[-1].split()[0]
        assert lines[-2].endswith("2 packed, 0 misplaced\n"), lines
        for path in ("", "orders", "shift?of=day"):
            with urllib.request.urlopen(f"{address}{path}", timeout=30) as page:
                assert page.status == 200
        demo.send_signal(signal.SIGINT)
        assert wait_for(demo) == 0
        assert "Traceback" not in demo.stdout.read()
