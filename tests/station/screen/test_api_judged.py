"""The API before judges that nobody here wrote: its description is valid, and no request makes the screen fail."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

import pytest

from benches.screen_process import browser, running_screen, until_ready
from benches.station_bench import Bench, give_order
from benches.station_daemon import running_daemon
from station.domain.actor import PersonRole
from station.people.operators import Operators
from station.screen.api.operations import ROOT

pytestmark = [pytest.mark.judges, pytest.mark.timeout(300)]

JUDGES = Path(sys.prefix) / "judges" / "bin"
PIN = "135797"
EXAMPLES = 5
"""Of each operation, of each kind of data."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


async def said(folder: Path, *command: object) -> tuple[int, str]:
    """Run one of the judges where it may leave what it likes."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "200", "HOME": "/nonexistent"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(240):
            output, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode()


async def test_its_description_is_valid_and_nothing_makes_it_fail(bench: Bench, tmp_path: Path) -> None:
    desk = tmp_path / "desk.sock"
    settings = bench.station_settings(
        tmp_path / "state", {"jig1": [1, 2]}, desk_socket=str(desk), people={"line_clearance": "off"}
    )
    settings.state_directory.mkdir()
    operators = Operators(settings.operators_file)
    sue = operators.pseudonym_of("Sue Example", PersonRole.SUPERVISOR)
    operators.set_pin(sue, PIN)
    await give_order(settings, bench.hub())
    supervisor = base64.b64encode(f"{sue}:{PIN}".encode()).decode()
    async with (
        running_daemon(settings),
        running_screen(desk) as address,
        browser(address) as page,
    ):
        await until_ready(page)
        described = tmp_path / "openapi.json"
        described.write_text((await page.get(f"{ROOT}/openapi.json")).text)
        code, output = await said(tmp_path, JUDGES / "openapi-spec-validator", "--schema", "3.1", described)
        assert code == 0, output
        code, output = await said(
            tmp_path,
            *(JUDGES / "schemathesis", "run", described, "--url", f"{address}{ROOT}"),
            *("--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--phases", "examples,fuzzing"),
            *("--exclude-path", "/watch"),  # it does not end
            *("--header", f"Authorization: Basic {supervisor}", "--header", f"Origin: {address}"),
            *("--generation-deterministic", "--generation-with-security-parameters", "false"),
            *("--no-color", "--workers", 1, "--max-time", 150),
        )
        assert code == 0, output
        assert (await page.get("/readyz")).status_code == 200
