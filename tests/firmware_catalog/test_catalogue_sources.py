"""Where a catalogue comes from: real HTTP servers on the loopback, well-behaved and not."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)

from benches.signed_catalogues import SignedCatalogue
from firmware_catalog.trust.errors import CatalogUnreachable
from firmware_catalog.trust.fetchers import FolderFetcher, HttpFetcher, fetcher_for


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def http_server(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def misbehaving_server(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Serve one connection by `talk`, which may go on until the event is set."""
    done = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            connection.recv(65536)
            talk(connection, done)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


@pytest.fixture
def server_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that this process takes for one of the system's authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "catalogue")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def drip(head: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def talk(connection: socket.socket, done: threading.Event) -> None:
        connection.sendall(head)
        while not done.wait(0.02):
            connection.sendall(b"a")

    return talk


def test_a_catalogue_comes_over_http(tmp_path: Path, imgtool_image) -> None:
    catalogue = SignedCatalogue(tmp_path / "catalogue", imgtool_image).found()
    release = catalogue.add("0.1.0")
    catalogue.publish()
    with http_server(tmp_path) as url:
        station = catalogue.station(f"{url}/catalogue/")
        assert station.refresh().load(release).version == release.version
    with pytest.raises(CatalogUnreachable, match=r"127\.0\.0\.1"):
        station.refresh()
    assert station.current().latest(release.model) == release


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body without length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="chunk size"),
    ],
)
def test_who_sends_too_slowly_is_cut_off(head: bytes) -> None:
    with misbehaving_server(drip(head)) as url:
        fetcher = HttpFetcher(url, patience=0.3, least_rate=100_000)
        with pytest.raises(SlowRetrievalError, match=r"file was not there after 0\.31 s"):
            fetcher.download_bytes("file", 1000)


def test_silence_is_not_waited_out() -> None:
    silence = misbehaving_server(lambda _, done: done.wait())
    with silence as url, pytest.raises(SlowRetrievalError, match=r"nothing came for 0\.2 s"):
        HttpFetcher(url, patience=0.2, least_rate=1).download_bytes("file", 1000)


@pytest.mark.parametrize("length", [b"Content-Length: 1001\r\n", b""])
def test_more_than_there_may_be_is_not_read(length: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + bytes(100_000)
    server = misbehaving_server(lambda connection, _: connection.sendall(answer))
    with server as url, pytest.raises(DownloadLengthMismatchError, match="more than 1000 bytes"):
        HttpFetcher(url).download_bytes("file", 1000)


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_an_answer_cut_short_is_an_error(answer: bytes) -> None:
    with misbehaving_server(lambda connection, _: connection.sendall(answer)) as url:
        fetcher = HttpFetcher(url)
        if answer.endswith(b"abc"):
            assert fetcher.download_bytes("file", 100) == b"abc"  # its hash will tell
            return
        with pytest.raises(DownloadError, match="file: "):
            fetcher.download_bytes("file", 100)


@pytest.mark.parametrize(
    "status", [b"404 Not Found", b"302 Found\r\nLocation: http://127.0.0.1:1/", b"500 Oops"]
)
def test_other_answers_are_told_by_their_status(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    server = misbehaving_server(lambda connection, _: connection.sendall(answer))
    with server as url, pytest.raises(DownloadHTTPError) as caught:
        HttpFetcher(url).download_bytes("file", 100)
    assert caught.value.status_code == int(status[:3])


@pytest.mark.parametrize("url", ["ftp://host/x", "http:///x", "http://host:99999/", "file:///etc"])
def test_what_is_no_http_address_is_refused(url: str) -> None:
    with pytest.raises(CatalogUnreachable):
        fetcher_for(url)


def test_both_sources_give_the_same(tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (tmp_path / "file").write_bytes(content)
    with http_server(tmp_path) as url:
        for fetcher in (fetcher_for(str(tmp_path)), fetcher_for(url)):
            assert fetcher.download_bytes("file", len(content)) == content
            assert b"".join(fetcher.fetch("file")) == content
            with pytest.raises(DownloadHTTPError):
                fetcher.download_bytes("other", 1)
            with pytest.raises(DownloadLengthMismatchError):
                fetcher.download_bytes("file", len(content) - 1)


def test_a_folder_gives_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(DownloadError):
            FolderFetcher(tmp_path).download_bytes(name, 10)


def test_https_is_checked_against_the_systems_authorities(
    tmp_path: Path, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with http_server(tmp_path, server_tls) as url:
        assert HttpFetcher(url).download_bytes("file", 100) == b"content"
        monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
        monkeypatch.setenv("SSL_CERT_DIR", os.devnull)
        with pytest.raises(DownloadError, match="certificate verify failed"):
            HttpFetcher(url).download_bytes("file", 100)


def test_who_shakes_hands_too_slowly_is_cut_off() -> None:
    # The head of a long TLS record, then a byte now and then.
    with misbehaving_server(drip(bytes.fromhex("1603034000"))) as url:
        fetcher = HttpFetcher(url.replace("http:", "https:"), patience=0.3, least_rate=100_000)
        with pytest.raises(SlowRetrievalError, match=r"nothing came for|was not there after"):
            fetcher.download_bytes("file", 1000)
