"""What the screen shows of a daemon that is there and answers nothing."""

from __future__ import annotations

import http.client
import json
import queue
import threading
from contextlib import closing
from pathlib import Path

from benches.screen_process import browser, running_screen, until_ready
from benches.station_bench import Bench
from benches.station_daemon import running_daemon


async def test_a_daemon_that_hangs_is_away_until_it_answers(bench: Bench, tmp_path: Path) -> None:
    desk, heard = tmp_path / "desk.sock", queue.SimpleQueue[str | None]()
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, desk_socket=str(desk))

    def listen(stream: http.client.HTTPResponse) -> None:
        for line in stream:
            if line.startswith(b'data: {"away"'):
                heard.put(json.loads(line[6:])["away"])

    async with (
        running_daemon(settings),
        running_screen(desk) as address,
        browser(address) as page,
    ):
        await until_ready(page)
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        with closing(connection):
            connection.request("GET", "/stream")
            with closing(connection.getresponse()) as stream:
                listening = threading.Thread(target=listen, args=(stream,))
                listening.start()
                # Waited for on the daemon's own loop, which does nothing else meanwhile.
                assert heard.get(timeout=60) is None
                assert "has not answered" in (heard.get(timeout=60) or "")
                await until_ready(page)
                assert heard.get(timeout=60) is None
                connection.sock.shutdown(2)
                listening.join()
