"""Files are read whole, or not at all."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from firmware_catalog.files import read_named_file, read_regular_file


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "order.csv"
    path.write_bytes(b"x" * (1 << 20))
    stop = threading.Event()

    def go_on_writing() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"x")

    def read_until_refused() -> None:
        while True:  # the writer needs its turn
            read_regular_file(path, 1 << 30)

    writing = threading.Thread(target=go_on_writing)
    writing.start()
    try:
        with pytest.raises(OSError, match="changed while it was read") as refused:
            read_until_refused()
    finally:
        stop.set()
        writing.join()
    assert refused.value.errno == errno.EBUSY
    assert len(read_regular_file(path, 1 << 30)) == path.stat().st_size


def test_a_link_that_a_person_names_is_followed_and_one_that_leads_nowhere_is_an_error(
    tmp_path: Path,
) -> None:
    path, link, loop = tmp_path / "file", tmp_path / "link", tmp_path / "loop"
    path.write_bytes(b"content")
    link.symlink_to(path)
    loop.symlink_to(loop)
    assert read_named_file(link, 100) == b"content"
    for wrong in (lambda: read_regular_file(link, 100), lambda: read_named_file(loop, 100)):
        with pytest.raises(OSError, match="symbolic links"):
            wrong()
