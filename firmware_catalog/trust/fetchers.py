"""Where metadata and images come from: a folder (a disk, a USB stick), or HTTP. Paths are relative to the catalogue."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface

from firmware_catalog.image import MAX_IMAGE_SIZE
from firmware_catalog.trust.errors import CatalogUnreachable

_CHUNK: Final = 64 * 1024
_NOT_FOUND: Final = 404
_FOUND: Final = 200


class FolderFetcher(FetcherInterface):
    """Reads a catalogue that lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._folder / url
        # Without O_NONBLOCK, opening a named pipe would wait for its other end.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise DownloadError(f"{url} is no regular file")
                yield from iter(partial(file.read, _CHUNK), b"")
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{url} does not exist", _NOT_FOUND) from error
        except OSError as error:
            raise DownloadError(f"{url}: {error.strerror}") from error


class HttpFetcher(FetcherInterface):
    """Reads a catalogue by HTTP or HTTPS. Follows no redirection and uses no proxy; each request has a deadline.

    A file of n bytes at most has `patience` seconds and n / `least_rate` more, from connecting to its last byte.
    """

    def __init__(self, url: str, *, patience: float = 10.0, least_rate: int = 16 * 1024) -> None:
        """`patience` in seconds, `least_rate` in bytes a second. Raises CatalogUnreachable for what is no URL."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CatalogUnreachable(f"{url} is no HTTP address", "state http:// or https:// and a host")
        try:
            port = parts.port
        except ValueError as error:
            raise CatalogUnreachable(f"{url} has no usable port", "correct the address") from error
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = port or (443 if self._tls else 80)
        self._path = parts.path.rstrip("/")
        self._patience = patience
        self._least_rate = least_rate

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """Yield a temporary file with the content of `url`.

        Raises DownloadLengthMismatchError for more than `max_length` bytes, SlowRetrievalError when the deadline
        passes, DownloadHTTPError for an answer other than 200, DownloadError for everything else.
        """
        with tempfile.TemporaryFile() as file:
            self._receive(url, max_length, file)
            file.seek(0)
            yield file

    def _fetch(self, url: str) -> Iterator[bytes]:
        with self.download_file(url, MAX_IMAGE_SIZE) as file:
            yield from iter(partial(file.read, _CHUNK), b"")

    def _receive(self, url: str, max_length: int, file: IO[bytes]) -> None:
        seconds = self._patience + max_length / self._least_rate
        overdue = threading.Event()
        try:
            with self._connect() as connection, _watched(connection, seconds, overdue):
                self._exchange(connection, url, max_length, file)
            if overdue.is_set():  # what came until then may look whole
                raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            if overdue.is_set():
                raise SlowRetrievalError(f"{url} was not there after {seconds:g} s") from error
            if isinstance(error, TimeoutError):
                raise SlowRetrievalError(f"{url}: nothing came for {self._patience:g} s") from error
            raise DownloadError(f"{url}: {str(error) or type(error).__name__}") from error

    def _connect(self) -> socket.socket:
        """Connect, and leave TLS to shake hands under the watchdog's eye."""
        connection = socket.create_connection((self._host, self._port), timeout=self._patience)
        if self._tls is None:
            return connection
        return self._tls.wrap_socket(connection, server_hostname=self._host, do_handshake_on_connect=False)

    def _exchange(self, connection: socket.socket, url: str, max_length: int, file: IO[bytes]) -> None:
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
        request = http.client.HTTPConnection(self._host, self._port)
        request.sock = connection
        request.request("GET", f"{self._path}/{url}")
        with request.getresponse() as response:
            if response.status != _FOUND:
                raise DownloadHTTPError(f"{url} is answered with {response.status}", response.status)
            received = 0
            while chunk := response.read1(_CHUNK):
                received += len(chunk)
                if received > max_length:
                    raise DownloadLengthMismatchError(f"{url} has more than {max_length} bytes")
                file.write(chunk)


@contextmanager
def _watched(connection: socket.socket, seconds: float, overdue: threading.Event) -> Iterator[None]:
    """Cut the connection off after so many seconds: silence alone would end by its timeout, a byte now and then not."""

    def cut_off() -> None:
        overdue.set()
        with suppress(OSError):
            # The plain socket's way, which no TLS layer holds up.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    watchdog = threading.Timer(seconds, cut_off)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        watchdog.join()


class StoredTimestampFetcher(FetcherInterface):
    """Offers a kept timestamp and nothing else: for reading again what was accepted before."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """`files` are the kept ones by name."""
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.rpartition("/")[2]
        if name != "timestamp.json" or name not in self._files:
            raise DownloadHTTPError(f"{name} is not kept", _NOT_FOUND)
        yield self._files[name]


def fetcher_for(place: str) -> FetcherInterface:
    """Return what reads a catalogue at a URL or in a folder. Raises CatalogUnreachable for a URL of another kind."""
    if "://" in place:
        return HttpFetcher(place)
    return FolderFetcher(Path(place))
