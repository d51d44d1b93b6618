"""Labels as files, for whatever prints them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from drivers.threads import Worker
from station.printing.places import NotBegun

_ANSWER_SECONDS: Final = 30.0
"""How long the folder's host may take for one step."""


class LabelFolder:
    """A `station.printing.places.LabelPlace`: a file that is there, under its own name, counts as printed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(
        self,
        name: str,
        label: bytes,
        begin: Callable[[], Awaitable[object]],
        say: Callable[[str], None],  # noqa: ARG002 - a file needs nothing done about it
    ) -> None:
        """Write one file, which is there whole or not at all. See `LabelPlace`."""
        file = self._folder / f"{name}.zpl"
        written = self._folder / f".{name}.new"
        worker = Worker("label folder")
        try:
            await worker.run(partial(written.write_bytes, label), _ANSWER_SECONDS)
            await begin()
            await worker.run(partial(written.rename, file), _ANSWER_SECONDS)
        except TimeoutError as error:
            raise NotBegun("its host does not answer; see to the share") from error
        except OSError as error:
            raise NotBegun(f"{error.strerror}; make or mount it, the station's user's to write") from error
        finally:
            await worker.close(1.0)
