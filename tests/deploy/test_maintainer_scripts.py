"""The package's scripts, run by a shell with programs that write down how they were called: what stopped has to start again."""

from __future__ import annotations

import os
from pathlib import Path

from benches.processes import run

SCRIPTS = Path(__file__).parents[2] / "deploy" / "debian"
CALLED = ("systemd-sysusers", "systemd-tmpfiles", "systemctl", "udevadm", "deb-systemd-invoke", "journalctl")


def test_what_ran_before_an_upgrade_runs_again_though_a_folder_cannot_be_made(tmp_path: Path) -> None:
    for folder in ("bin", "opt/reflash", "run/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    for name in CALLED:
        program = tmp_path / "bin" / name
        fails = "exit 73" if name == "systemd-tmpfiles" else "exit 0"  # as it ends where an owner is not safe
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/called\n{fails}\n')
        program.chmod(0o755)
    running = tmp_path / "run" / "reflash-station.running"
    running.write_text("reflash.service\nreflash-screen.service\n")
    text = (SCRIPTS / "postinst").read_text().replace("@VERSION@", "2.0-1")
    for place in ("/opt", "/run"):
        text = text.replace(f" {place}/", f" {tmp_path}{place}/").replace(
            f"={place}/", f"={tmp_path}{place}/"
        )
    script = tmp_path / "postinst"
    script.write_text(text)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run(["sh", script, "configure", "1.0-1"], capture_output=True, text=True, env={"PATH": path})
    called = (tmp_path / "called").read_text().splitlines()
    assert "deb-systemd-invoke start reflash.service reflash-screen.service" in called
    assert not running.exists()
    assert done.returncode == 1
    assert "mend that, then: dpkg --configure -a" in done.stderr
    assert (tmp_path / "opt/reflash/venv").readlink() == Path("2.0-1")
