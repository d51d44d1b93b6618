"""A work order's file that came with a request: read once, and found good."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import JsonValue

from drivers.threads import apart
from firmware_catalog.files import read_open_file
from station.desk.act import Act
from station.desk.order_requests import ComesWithFile
from station.desk.refusals import Conflict, Invalid
from station.orders.csv_import import MAX_FILE_SIZE, OrderFile, parse_order
from station.orders.errors import OrderFileRefused


class FileChanged(Conflict):
    """The file is not the one that was asked for any more: somebody writes to it."""


@contextmanager
def let_go_of_lines() -> Iterator[None]:
    """Have the garbage collector look again, at the end, at what `read_order` made."""
    try:
        yield
    finally:
        gc.unfreeze()


async def read_order(request: ComesWithFile, act: Act) -> OrderFile:
    """Read the file. Raises Invalid, Conflict. Within `let_go_of_lines`."""
    if act.file is None:
        raise Invalid("the order's file did not come along; import it again")
    came = os.dup(act.file)  # another thread's to read and to close

    def read() -> OrderFile:
        with open(came, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
            content = read_open_file(file.fileno(), MAX_FILE_SIZE)
        if (len(content), hashlib.sha256(content).hexdigest()) != (request.size, request.sha256):
            raise FileChanged(f"{request.source}: changed while it was read; import it once it is whole")
        with left_alone():
            return parse_order(content, request.source, request.number)

    try:
        return await apart("order file", read)
    except OrderFileRefused as error:
        problems: list[JsonValue] = [str(problem) for problem in error.problems]
        raise Invalid(str(error), source=error.source, problems=problems, count=error.count) from error
    except OSError as error:
        raise Invalid(f"{request.source}: {error.strerror}; name the order's CSV file") from error


@contextmanager
def left_alone() -> Iterator[None]:
    """Have the garbage collector leave alone what is made inside, until `gc.unfreeze`.

    An order of 100,000 hubs is a million objects. The collector would look at all of them, again and again while they
    become more, and everything stands still while it does; none of them is garbage.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
