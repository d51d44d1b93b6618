"""`reflash pki`, judged by OpenSSL, at the broker's shipped configuration, and by a daemon whose certificate changes under it."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography import x509

from benches import brokers
from benches.processes import run
from benches.station_bench import Bench, give_order, journal_of
from benches.station_daemon import running_daemon
from inventory.intake.broker import _tls as credentials_of
from inventory.intake.broker import listening
from inventory.intake.settings import MqttSettings as InventorysBroker
from station.certificates.issuing import make_authority, renew
from station.domain.config_error import ConfigError
from station.messages.topics import Topics
from station.publishing.broker import BrokerRefuses as StationRefused
from station.publishing.broker import connected
from station.publishing.settings import MqttSettings as StationsBroker
from station.publishing.status import Connection

KINDS = {
    "station": ("bench-1", "--site", "site-1"),
    "consumer": ("inventory",),
    "broker": ("broker.example", "--also", "127.0.0.1"),
    "screen": ("bench-1.example", "--also", "192.0.2.4", "--also", "2001:db8::4"),
    "inventory": ("inventory.example",),
}


def openssl(*words: object) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    done = run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_each_is_what_it_is_for_and_nothing_else(tmp_path: Path, reflash: Any) -> None:
    authority = tmp_path / "authority"
    made = reflash("pki", "authority", authority, "--site", "site-1")
    assert "an authority that the site has already is better" in made.out
    assert authority.stat().st_mode & 0o777 == 0o700
    for kind, (name, *more) in KINDS.items():
        said = reflash("pki", "issue", authority, kind, name, *more, "--into", tmp_path / kind)
        assert said.code == 0, said
        file, key = tmp_path / kind / f"{name}.pem", tmp_path / kind / f"{name}.key"
        assert (file.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o644, 0o600)
        judge = ("verify", "-x509_strict", "-CAfile", authority / "authority.pem")
        is_server = kind not in {"station", "consumer"}
        for purpose, right in (("sslserver", is_server), ("sslclient", not is_server)):
            assert (": OK" in openssl(*judge, "-purpose", purpose, file)) is right, (kind, purpose)
        assert ": OK" not in openssl(*judge, "-purpose", "crlsign", file)
        if is_server:
            assert ": OK" in openssl(*judge, "-verify_hostname", name, file)
            assert "hostname mismatch" in openssl(*judge, "-verify_hostname", "elsewhere.example", file)
        text = openssl("x509", "-in", file, "-noout", "-subject", "-ext", "keyUsage,subjectAltName")
        assert f"CN = {name}" in text
        assert "O = site-1" in text
        before = file.read_bytes(), key.read_bytes()
        again = reflash("pki", "issue", authority, kind, name, *more, "--into", tmp_path / kind)
        assert "is there already: nothing is written over" in again.refused
        assert before == (file.read_bytes(), key.read_bytes())
    assert "IP Address:192.0.2.4" in openssl(
        "x509", "-in", tmp_path / "screen" / "bench-1.example.pem", "-noout", "-ext", "subjectAltName"
    )
    assert "is there already" in reflash("pki", "authority", authority, "--site", "site-1").refused

    old, new = tmp_path / "station" / "bench-1.pem", tmp_path / "new.pem"
    assert reflash("pki", "renew", authority, old, new, "--days", "30").code == 0
    one, other = (x509.load_pem_x509_certificate(each.read_bytes()) for each in (old, new))
    assert (one.public_key(), one.subject) == (other.public_key(), other.subject)
    assert one.serial_number != other.serial_number
    assert other.not_valid_after_utc < one.not_valid_after_utc


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("station", "bench-1"), "give --site"),
        (("station", "bench 1", "--site", "s"), "is no name for a certificate"),
        (("consumer", "../inventory"), "is no name for a certificate"),
        (("consumer", "inventory", "--also", "more"), "leave out --also"),
        (("screen", "*.example"), "neither a host's name nor an address"),
        (("screen", "a" * 70), "neither a host's name nor an address"),
        (("king", "x"), "no kind of certificate"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_made(
    tmp_path: Path, reflash: Any, words: tuple[str, ...], says: str
) -> None:
    make_authority(tmp_path / "authority", "site-1", datetime.now(UTC))
    before = sorted(tmp_path.rglob("*"))
    assert says in reflash("pki", "issue", tmp_path / "authority", *words, "--into", tmp_path).refused
    assert sorted(tmp_path.rglob("*")) == before


def test_an_authority_signs_nothing_beyond_its_own_end_and_nobody_elses(tmp_path: Path, reflash: Any) -> None:
    now = datetime.now(UTC)
    make_authority(tmp_path / "one", "site-1", now, days=10)
    make_authority(tmp_path / "other", "site-2", now)
    issue = ("pki", "issue", tmp_path / "one", "consumer", "inventory", "--into", tmp_path)
    assert f"good until {now + timedelta(days=10):%Y-%m-%d}" in reflash(*issue).out
    with pytest.raises(ConfigError, match="was not issued by"):
        renew(tmp_path / "other", tmp_path / "inventory.pem", tmp_path / "new.pem", now)
    with pytest.raises(ConfigError, match="the authority ended"):
        renew(tmp_path / "one", tmp_path / "inventory.pem", tmp_path / "new.pem", now + timedelta(days=11))
    (tmp_path / "one" / "authority.key").chmod(0o644)
    refused = reflash("pki", "issue", tmp_path / "one", "consumer", "other", "--into", tmp_path)
    assert "can be read by other users" in refused.refused
    assert not (tmp_path / "new.pem").exists()


def test_every_certificate_of_a_lost_key_is_taken_back_and_no_other(tmp_path: Path, reflash: Any) -> None:
    site, other = tmp_path / "site", tmp_path / "other"
    assert reflash("pki", "authority", site, "--site", "site-1").code == 0
    assert reflash("pki", "authority", other, "--site", "site-2").code == 0

    def issued(station: str, into: str, authority: Path = site) -> Path:
        made = ("station", station, "--site", "site-1", "--into", tmp_path / into)
        assert reflash("pki", "issue", authority, *made).code == 0
        return tmp_path / into / f"{station}.pem"

    def is_good(file: Path) -> bool:
        judge = ("verify", "-x509_strict", "-crl_check", "-CAfile", site / "authority.pem")
        said = openssl(*judge, "-CRLfile", site / "revoked.pem", file)
        assert (": OK" in said) is not ("certificate revoked" in said), said
        return ": OK" in said

    lost, bystander = issued("bench-1", "first"), issued("bench-2", "first")
    renewed = tmp_path / "renewed.pem"
    assert reflash("pki", "renew", site, lost, renewed).code == 0
    assert [is_good(each) for each in (lost, renewed, bystander)] == [True, True, True], "by an empty list"
    lost.unlink()  # with the PC that it lay on
    said = reflash("pki", "revoke", site, "bench-1")
    assert said.out.count("taken back: reflash://site-1/bench-1, until ") == 2
    assert "revoked.pem has 2 certificates now" in said.out
    assert [is_good(each) for each in (renewed, bystander)] == [False, True]
    number = re.compile(r"CRL Number: *\n? *(\d+)")
    (before,) = number.findall(openssl("crl", "-in", site / "revoked.pem", "-noout", "-text"))
    list_before = (site / "revoked.pem").read_bytes()
    assert "was taken back before" in reflash("pki", "revoke", site, "bench-1").refused

    again, second = issued("bench-1", "second"), issued("bench-2", "second")
    assert "nothing was issued to bench-9" in reflash("pki", "revoke", site, "bench-9").refused
    foreign = issued("bench-1", "foreign", other)
    assert "was not issued by this authority" in reflash("pki", "revoke", site, foreign).refused
    several = reflash("pki", "revoke", site, "bench-2").refused
    assert several.count(str(site / "issued" / "bench-2-")) == 2, several
    assert (site / "revoked.pem").read_bytes() == list_before, "what is refused changes nothing"
    assert is_good(again), "its new key goes on"
    assert reflash("pki", "revoke", site, bystander).code == 0
    assert [is_good(each) for each in (again, second, bystander)] == [True, True, False]
    text = openssl("crl", "-in", site / "revoked.pem", "-noout", "-text")
    assert number.findall(text) == [str(int(before) + 1)]
    ends = openssl("x509", "-in", site / "authority.pem", "-noout", "-enddate").partition("=")[2].strip()
    assert f"Next Update: {ends}" in text, "a list that ends before its authority stops everybody"


async def test_a_broker_lets_nobody_in_with_what_was_taken_back_and_the_others_go_on(
    tmp_path: Path, reflash: Callable[..., Any]
) -> None:
    site = tmp_path / "site"

    async def pki(*words: object) -> None:
        said = await asyncio.to_thread(reflash, "pki", *words)
        assert said.code == 0, said

    await pki("authority", site, "--site", "site-1")
    await pki("issue", site, "broker", "localhost", "--also", "127.0.0.1", "--into", tmp_path)
    for station in ("bench-1", "bench-2"):
        await pki("issue", site, "station", station, "--site", "site-1", "--into", tmp_path)
    await pki("issue", site, "consumer", "inventory", "--into", tmp_path)
    (acl := tmp_path / "acl").touch(mode=0o600)
    acl.write_bytes((brokers.SHIPPED / "reflash.acl").read_bytes())
    shipped = brokers.shipped_with_tls(
        {
            "/etc/mosquitto/reflash/authority.pem": site / "authority.pem",
            "/etc/mosquitto/reflash/broker.pem": tmp_path / "localhost.pem",
            "/etc/mosquitto/reflash/broker.key": tmp_path / "localhost.key",
            "# crlfile /etc/mosquitto/reflash/revoked.pem": Path(f"crlfile {site / 'revoked.pem'}"),
            "/etc/mosquitto/reflash.acl": acl,
        }
    )
    left_out = ("#", "listener", "allow_anonymous")
    lines = [line for line in shipped.splitlines() if line and not line.startswith(left_out)]

    def credentials(name: str) -> dict[str, Any]:
        return {
            "port": broker.port,
            "timeout_seconds": 30.0,
            "ca_file": site / "authority.pem",
            "revoked_file": site / "revoked.pem",
            "certificate_file": tmp_path / f"{name}.pem",
            "key_file": tmp_path / f"{name}.key",
        }

    def as_station(name: str) -> AbstractAsyncContextManager[aiomqtt.Client]:
        topics = Topics("site-1", name)
        will = aiomqtt.Will(topics.station_status, b"gone")
        return connected(StationsBroker(**credentials(name)), name, will, topics)

    def as_inventory() -> AbstractAsyncContextManager[aiomqtt.Client]:
        return listening(InventorysBroker(**credentials("inventory")), ["reflash/v1/#"])

    with brokers.mosquitto(
        tmp_path, anonymous=False, lines=(*lines, f"persistence_location {tmp_path}/")
    ) as broker:
        async with asyncio.timeout(120):
            async with as_station("bench-1"), as_station("bench-2"), as_inventory():
                pass
            await pki("revoke", site, "bench-1")
            broker.kill()
            broker.start()
            with pytest.raises(StationRefused, match="certificate revoked"):
                async with as_station("bench-1"):
                    pass
            async with as_station("bench-2") as other, as_inventory() as consumer:
                await other.publish(Topics("site-1", "bench-2").station_status, b"here", qos=1)
                assert (await anext(aiter(consumer.messages))).payload == b"here"
            # A broker whose own key is lost: whoever has the list does not take it for the site's.
            await pki("revoke", site, "localhost")
            with pytest.raises(StationRefused, match="certificate revoked"):
                async with as_station("bench-2"):
                    pass
            tls = credentials_of(InventorysBroker(**credentials("inventory")))
            assert tls is not None
            with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
                # The library leaves what fails so to the garbage collector.
                tls.wrap_socket(
                    socket.create_connection(("127.0.0.1", broker.port)), server_hostname="127.0.0.1"
                )


async def test_a_station_takes_its_new_certificate_without_a_restart_and_no_other_stations(
    bench: Bench, tmp_path: Path, reflash: Callable[..., Any]
) -> None:
    site = tmp_path / "site"
    for words in (
        ("authority", site, "--site", "site"),
        ("issue", site, "broker", "localhost", "--also", "127.0.0.1", "--into", site),
        ("issue", site, "station", "bench", "--site", "site", "--into", site),
        ("issue", site, "station", "bench", "--site", "elsewhere", "--into", site / "elsewhere"),
    ):
        assert (await asyncio.to_thread(reflash, "pki", *words)).code == 0
    rights = (
        (brokers.SHIPPED / "reflash.acl").read_text().replace("bench-1", "bench").replace("site-1", "site")
    )
    access = tmp_path / "acl"
    access.touch(mode=0o600)
    access.write_text(rights)
    shipped = brokers.shipped_with_tls(
        {
            "/etc/mosquitto/reflash/authority.pem": site / "authority.pem",
            "/etc/mosquitto/reflash/broker.pem": site / "localhost.pem",
            "/etc/mosquitto/reflash/broker.key": site / "localhost.key",
            "/etc/mosquitto/reflash.acl": access,
        }
    )
    lines = [
        line
        for line in shipped.splitlines()
        if line and not line.startswith(("#", "listener", "allow_anonymous"))
    ]
    own, key = tmp_path / "station.pem", tmp_path / "station.key"

    def put(folder: Path) -> None:
        shutil.copy(folder / "bench.key", key)
        shutil.copy(folder / "bench.pem", own)

    put(site / "elsewhere")
    with brokers.mosquitto(tmp_path, lines=(*lines, f"persistence_location {tmp_path}/")) as broker:
        settings = bench.station_settings(
            tmp_path / "state",
            {"jig1": [1]},
            mqtt={
                "port": broker.port,
                "ca_file": site / "authority.pem",
                "certificate_file": own,
                "key_file": key,
            },
        )
        await give_order(settings, bench.hub())
        async with running_daemon(settings) as station:
            view = station.daemon.view
            changed = view.changes
            async with asyncio.timeout(60):
                await changed.until(lambda: view.broker.state == Connection.REFUSED)
            assert "is the certificate of elsewhere/bench, this is site/bench" in view.broker.line
            put(site)
            await station.daemon.reload(settings)
            async with asyncio.timeout(60):
                await changed.until(lambda: view.broker.state == Connection.CONNECTED)
            put(site / "elsewhere")
            with pytest.raises(
                ConfigError, match=r"is the certificate of elsewhere/bench.*nothing was taken over"
            ):
                await station.daemon.reload(settings)
            key.chmod(0o644)
            with pytest.raises(ConfigError, match="can be read by other users"):
                await station.daemon.reload(settings)
            assert view.broker.state == Connection.CONNECTED, "it goes on with what it has"
            key.chmod(0o600)
            put(site)
        async with journal_of(settings) as journal:
            assert await journal.outbox_size() == 0
