"""An image that comes slowly, from a real HTTP server, keeps nobody waiting but those who need it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benches.signed_catalogues import SignedCatalogue
from firmware_catalog.shared_work import SharedWork

SECONDS = 30


class Source(ThreadingHTTPServer):
    """Serves a folder, of which it holds some files back until it is told to let them go."""

    def __init__(self, folder: Path) -> None:
        self.held = "nothing"
        self.asked: Counter[str] = Counter()
        self.is_asked = threading.Event()
        self.let_go = threading.Event()
        super().__init__(("127.0.0.1", 0), partial(Holding, directory=str(folder)))


class Holding(SimpleHTTPRequestHandler):
    server: Source

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked[self.path.rpartition("/")[2]] += 1
        if self.server.held in self.path:
            self.server.is_asked.set()
            self.server.let_go.wait(SECONDS)
        super().do_GET()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    with Source(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.let_go.set()
        server.shutdown()
        thread.join()


def test_an_image_is_fetched_once_and_keeps_no_other_waiting(
    tmp_path: Path, imgtool_image: Any, source: Source
) -> None:
    catalogue = SignedCatalogue(tmp_path / "catalogue", imgtool_image).found()
    slow, quick = catalogue.add("0.1.0"), catalogue.add("0.2.0")
    catalogue.publish()
    served = catalogue.station(f"http://127.0.0.1:{source.server_port}/catalogue/").refresh()
    source.held = slow.image.sha256
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(served.load, slow) for _ in range(2)] + [pool.submit(served.verify)]
        assert source.is_asked.wait(SECONDS)
        assert pool.submit(served.load, quick).result(SECONDS).version == quick.version
        assert not any(each.done() for each in waiting)
        source.let_go.set()
        first, second, problems = (each.result(SECONDS) for each in waiting)
    assert first is second
    assert problems == ()
    fetched = [name for name in source.asked if slow.image.sha256 in name]
    assert [source.asked[name] for name in fetched] == [1]


class Image:
    """Something to be asked for, which notices each look-up."""

    def __init__(self) -> None:
        self.looked_up = threading.Event()

    def __hash__(self) -> int:
        self.looked_up.set()
        return 1


def test_who_waits_for_work_has_its_failure_too_and_who_comes_later_has_it_done_anew() -> None:
    shared = SharedWork[str]()
    image, begun, go_on = Image(), threading.Event(), threading.Event()
    times = []

    def fail() -> str:
        times.append(1)
        begun.set()
        assert go_on.wait(SECONDS)
        raise OSError("the source hung up")

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(shared.do, image, fail)
        assert begun.wait(SECONDS)
        image.looked_up.clear()
        second = pool.submit(shared.do, image, fail)
        assert image.looked_up.wait(SECONDS)
        assert pool.submit(shared.do, "another", lambda: "at once").result(SECONDS) == "at once"
        go_on.set()
        for each in (first, second):
            with pytest.raises(OSError, match="hung up"):
                each.result(SECONDS)
    assert len(times) == 1
    assert shared.do(image, lambda: "anew") == "anew"
