"""Ctrl+C at `reflash benchmark` is a wish: what is being measured is let end."""

from __future__ import annotations

import os
import signal

import pytest

from benches.looking import until
from station.cli.benchmark import Ending


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_whoever_asks_to_end_is_told_what_becomes_of_the_golden_hubs(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = Ending()
    with ending.heeded():
        assert ending.goes_on()
        os.kill(os.getpid(), number)
        await until(lambda: not ending.goes_on())
    assert ending.asked_by is number
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("reflash: ends once what is being measured is done, so that golden hubs are left")
