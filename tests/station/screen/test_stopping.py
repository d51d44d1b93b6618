"""What signals do to a screen: a stop lets go of who follows; SIGHUP takes a renewed certificate, and lets go of nobody."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benches.brokers import free_port
from benches.looking import until
from benches.processes import run, running, wait_for
from benches.screen_process import until_served
from station.certificates.issuing import Profile, issue, make_authority, renew

PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")


async def test_a_stop_with_open_streams_is_in_good_order(tmp_path: Path) -> None:
    port = free_port()
    command = (*PROGRAM, "screen", "--desk", tmp_path / "desk.sock", "--port", port, "--without-login")
    with (tmp_path / "said").open("w+") as said:
        with running(command, stderr=subprocess.STDOUT, stdout=said) as process:
            await until_served(process, port)
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as browser:
                browser.request("GET", "/stream")
                stream = browser.getresponse()
                assert stream.readline().startswith(b"event: hello")
                taken = run(command, capture_output=True, text=True, check=False)
                assert (taken.returncode, taken.stdout) == (1, ""), "no address is told that others serve"
                assert taken.stderr == (
                    f"reflash: port {port} of 127.0.0.1: another program has it: stop that one (ss -ltnp names it), or "
                    "choose another port\n"
                )
                process.send_signal(signal.SIGTERM)
                while stream.readline():
                    pass
                wait_for(process)
        said.seek(0)
        assert "Traceback" not in said.read()


async def test_a_renewed_certificate_is_taken_while_a_page_stays_open_and_one_for_another_name_is_not(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    site = tmp_path / "site"
    make_authority(site, "site", now)
    named = {"name": "localhost", "also": ("127.0.0.1",), "now": now}
    issue(site, tmp_path, Profile.SCREEN, **named)
    elsewhere = issue(site, tmp_path / "elsewhere", Profile.SCREEN, "elsewhere.example", now=now)
    file, key = tmp_path / "localhost.pem", tmp_path / "localhost.key"
    renewed = renew(site, file, tmp_path / "renewed.pem", now, days=30).certificate.read_bytes()
    trusted = ssl.create_default_context(cafile=str(site / "authority.pem"))
    port, said = free_port(), tmp_path / "said"

    def shown() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"").encode()

    command = (*PROGRAM, "screen", "--desk", tmp_path / "desk.sock", "--port", port)
    given = ("--certificate", file, "--key", key)
    with said.open("w") as out, running((*command, *given), stderr=subprocess.STDOUT, stdout=out) as process:
        await until_served(process, port)
        first = await asyncio.to_thread(shown)
        assert first.split() == file.read_bytes().split()
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost") as page,
        ):
            file.write_bytes(renewed)
            process.send_signal(signal.SIGHUP)
            await until(lambda: "certificate renewed" in said.read_text())
            assert (await asyncio.to_thread(shown)).split() == renewed.split()
            former = key.read_bytes()
            file.write_bytes(elsewhere.certificate.read_bytes())
            assert elsewhere.key is not None
            key.write_bytes(elsewhere.key.read_bytes())
            process.send_signal(signal.SIGHUP)
            await until(lambda: "certificate not renewed" in said.read_text())
            assert "browsers come to localhost, 127.0.0.1: have one made for all names" in said.read_text()
            assert (await asyncio.to_thread(shown)).split() == renewed.split()
            file.write_bytes(renewed)
            key.write_bytes(former)
            page.sendall(f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
            assert (await asyncio.to_thread(page.recv, 12)) == b"HTTP/1.1 200"
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(wait_for, process)
