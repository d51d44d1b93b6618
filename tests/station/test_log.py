"""The log: one fact a line, its slot on each, and never a reason to stop working."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest
import structlog

from benches.processes import running
from station.log import configure_logging


def test_machines_get_json_with_the_slot_on_every_line() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    log = structlog.stdlib.get_logger()
    with structlog.contextvars.bound_contextvars(jig="jig1", slot=2, chf="88-73-84-00-00-00-00-01"):
        log.info("hub recognised", firmware="01020100")
        log.debug("not this")
        logging.getLogger("library").warning("%s of another library", "a word")
    try:
        int("bug")
    except ValueError:
        log.exception("slot latched")
    first, second, third = map(json.loads, stream.getvalue().splitlines())
    assert {"event": "hub recognised", "level": "info", "firmware": "01020100"}.items() <= first.items()
    for line in (first, second):
        assert {"jig": "jig1", "slot": 2, "chf": "88-73-84-00-00-00-00-01"}.items() <= line.items()
        assert line["timestamp"].endswith("Z")
    assert (second["event"], second["level"]) == ("a word of another library", "warning")
    assert "ValueError: invalid literal" in third["exception"]


def test_people_get_text() -> None:
    stream = io.StringIO()
    configure_logging("console", "warning", stream)
    structlog.stdlib.get_logger().warning("port lost", port="/dev/ttyUSB0")
    structlog.stdlib.get_logger().info("not this")
    (line,) = stream.getvalue().splitlines()
    assert "port lost" in line
    assert "port=/dev/ttyUSB0" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_traceback_shows_no_values(format_: str) -> None:
    stream = io.StringIO()
    configure_logging(format_, "info", stream)
    password = "correct " + "horse"
    for log in (structlog.stdlib.get_logger(), logging.getLogger("library")):
        try:
            int("bug" * len(password[:1]))
        except ValueError:
            log.exception("slot latched")
    assert stream.getvalue().count("ValueError") == 2
    assert password not in stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    stream.close()
    structlog.stdlib.get_logger().info("into a closed stream")
    # And into a pipe whose reader is gone.
    program = (
        "import structlog, sys; from station.log import configure_logging; configure_logging('json', 'info');"
        "sys.stdin.read(); [structlog.stdlib.get_logger().error('lost') for _ in range(9)]; print('went on')"
    )
    with running(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        process.stdin.close()
        assert process.stdout.read() == "went on\n"
