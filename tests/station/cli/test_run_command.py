"""`reflash run` as a process of its own: served by the other commands, killed, stopped, and started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benches import brokers
from benches.processes import last_words, running
from benches.station_bench import Bench, StockHub, order_csv, slot, version

REFLASH = Path(sys.executable).with_name("reflash")
PLACE = slot(1)


class DaemonProcess:
    """A running `reflash run`, and its log."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [REFLASH, "run", "--config", config], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        self.lines: list[dict[str, Any]] = []

    def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """Read the log up to a line that says this."""
        assert self.process.stderr is not None
        for text in self.process.stderr:
            line = json.loads(text)
            self.lines.append(line)
            if line["event"] == event and fields.items() <= line.items():
                return line
        raise AssertionError(f"the daemon ended without saying {event!r}: {self.lines[-3:]}")

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        _, rest = last_words(self.process)
        self.lines += [json.loads(line) for line in rest.splitlines()]
        return self.process.returncode


@contextmanager
def daemon(config: Path) -> Iterator[DaemonProcess]:
    running = DaemonProcess(config)
    try:
        yield running
    finally:
        running.process.kill()
        print(*running.lines, *last_words(running.process), sep="\n")  # shown where the test fails


def seat(bench: Bench, hub: StockHub) -> None:
    bench.do_now("seat", chf=str(hub.chf), jig=PLACE.jig, slot=PLACE.slot)


def test_a_day_at_the_bench(bench: Bench, config: Path, tmp_path: Path, reflash: Any) -> None:
    hub, missing = bench.hub(), bench.hub()
    order = tmp_path / "WO-1.csv"
    order.write_bytes(order_csv(hub, missing))
    at = ("--config", config)
    unmade = reflash("orders", "list", *at)
    assert (unmade.code, unmade.complaint.partition(": ")[2]) == (
        1,
        "start the station, or correct state_directory if one should be there",
    )
    reports = tmp_path / "state" / "reports"
    reports.parent.mkdir(exist_ok=True)
    reports.write_text("in the way")
    with daemon(config) as station:
        station.until("broker", state="connected")
        # What needs the journal goes through the daemon that holds it.
        said = reflash("orders", "import", order, "--jig", "jig1", *at)
        assert said.out == "order WO-1 imported: 2 hubs, on jig1\n"
        again = reflash("orders", "import", order, *at)
        assert again.out == "order WO-1 was imported before, nothing changed: 2 hubs\n"
        second = reflash("run", *at)
        assert second.code == 1
        assert second.err.splitlines()[-1].endswith(
            f"is held by process {station.process.pid}: stop that one first"
        )

        seat(bench, hub)
        result = station.until("result")
        assert (result["jig"], result["slot"], result["chf"]) == ("jig1", 1, str(hub.chf))
        assert result["outcome"] == "passed"
        said = [line for line in station.lines if line.get("part") == "reports"]
        blocked = said[0] if said else station.until("part of the station failed", part="reports")
        assert blocked["reason"].startswith(f"{reports / 'reports.sqlite'}: File exists; "), (
            "and that is all that comes of it"
        )
        reports.unlink()
        fared = reflash("report", "hubs", *at, "--json").json
        assert (fared["passed"], fared["first_pass_yield"], fared["behind"]) == (1, 1.0, 0)
        (listed,) = reflash("orders", "list", *at, "--json").json
        assert (listed["hubs"], listed["passed"], listed["waiting"]) == (2, 1, 1)
        shown = reflash("orders", "show", "WO-1", *at, "--json").json
        assert (shown["complete"], shown["never_seen"]) == (False, [str(missing.chf)])
        assert "not complete" in reflash("orders", "close", "WO-1", "--reason", "done", *at).failed
        assert station.end(signal.SIGTERM) == 0

    assert reflash("journal", "verify", *at).out.startswith("whole: ")
    assert reflash("journal", "rebuild", *at).out.startswith("the tables are what ")
    assert reflash("journal", "outbox", *at).out == "the broker has taken every message\n"
    life = reflash("journal", "show", str(hub.gpf).lower(), *at).out
    assert "attempt closed: jig1 slot 1: passed; take it out, it is done" in life
    assert reflash("orders", "close", "WO-1", "--reason", "done", "--incomplete", *at).code == 0
    closed = reflash("orders", "assign", "WO-1", "--jig", "jig1", *at)
    assert (closed.code, "closed (done)" in closed.complaint) == (2, True)


def test_killed_while_it_writes_a_hub_it_goes_on_with_it_and_gives_one_result(
    bench: Bench, config: Path, tmp_path: Path, shared_broker: brokers.Mosquitto, reflash: Any
) -> None:
    hub = bench.hub()
    order = tmp_path / "WO-1.csv"
    order.write_bytes(order_csv(hub))
    at = ("--config", config)
    assert reflash("orders", "import", order, "--jig", "jig1", *at).code == 0
    # A hub that answers late, and to what is asked again too, is still being written when the daemon dies.
    late = {"name": "delay_reply", "on": "upload", "times": 10_000, "seconds": 1}
    bench.do_now("fault", fault={**late, "jig": 1, "slot": 1})
    with daemon(config) as station, slot_states(config, shared_broker.port) as states:
        station.until("broker", state="connected")
        next(states)  # the one that is retained: from now on all are heard
        seat(bench, hub)
        assert any(state["stage"] == "flash" for state in states)
        assert station.end(signal.SIGKILL) == -signal.SIGKILL
    bench.do_now("disarm")
    with daemon(config) as station:
        before = station.until("attempt open since before")
        assert before["chf"] == str(hub.chf)
        assert station.until("result")["outcome"] == "passed"
        assert station.end(signal.SIGINT) == 0
    assert bench.do_now("hub", chf=str(hub.chf))["firmware"] == str(version("new"))
    events = [json.loads(line) for line in reflash("journal", "export", *at).out.splitlines()]
    kinds = [event["event"]["kind"] for event in events]
    assert kinds.count("attempt_opened") == kinds.count("attempt_closed") == 1
    assert kinds.count("attempt_resumed") == 1
    assert kinds.count("station_started") == 2
    assert kinds.count("station_stopped") == 1
    assert reflash("journal", "verify", *at).code == 0


@contextmanager
def slot_states(config: Path, port: int) -> Iterator[Iterator[dict[str, Any]]]:
    """Hear what the slot of jig1 shows, as the broker passes it on."""
    name = tomllib.loads(config.read_text())["station"]
    topic = f"reflash/v1/site/{name}/jig/jig1/slot/1/state"
    command = [brokers.installed("mosquitto_sub", "mosquitto-clients"), "-p", str(port), "-t", topic]
    with running(command, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        yield (json.loads(line) for line in listening.stdout)
        listening.terminate()
