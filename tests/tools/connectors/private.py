"""Private servers with TLS, passwords and few connections: what the shared servers of a machine do not have."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.connectors.base import Address, Dialect
from tools.embedded import lifeline, places_of
from tools.embedded.places import Places
from tools.embedded.postgres import programs
from tools.settings import Settings

SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
HBA = """\
local all app trust
hostssl all only_tls 127.0.0.1/32 trust
host all app 127.0.0.1/32 trust
host all nobody_there 127.0.0.1/32 trust
host all reader 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Private:
    """A running server: `localhost` is the name in its certificate."""

    dialect: Dialect
    port: int
    plain_port: int
    """The same server without TLS."""
    ca: str
    other_ca: str
    user: str

    def address(self, **changes: object) -> Address:
        """An address of the server's administrator, changed as asked."""
        database = "postgres" if self.dialect == "postgres" else "mysql"
        plain = {
            "dialect": self.dialect,
            "host": "localhost",
            "port": self.port,
            "database": database,
            "username": self.user,
        }
        return Address.model_validate({**plain, **changes})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(name, key, name, key, ca=True), key


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _certificates(folder: Path, account: tuple[int, int] | None) -> tuple[str, str]:
    """Write server.crt and server.key; gives the authority that signed them, and another one."""
    (authority, authority_key), (other, _) = _authority("Test authority"), _authority("Another authority")
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "server.crt").write_text(_pem(_certificate("localhost", key, "Test authority", authority_key, ca=False)))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "server.key").chmod(0o600)
    if account is not None:
        for file in ("server.crt", "server.key"):
            os.chown(folder / file, *account)
    return _pem(authority), _pem(other)


@contextmanager
def private_postgres(settings: Settings) -> Iterator[Private]:
    """A PostgreSQL with passwords by SCRAM and few connections, and TLS by a relay: the embedded build has none."""
    places = places_of(settings)
    folder = places.home / "private-postgres"
    places.owned(folder)
    binaries, cluster, port = programs(places), folder / "cluster", free_port()
    _run([str(binaries / "initdb"), "-D", str(cluster), "-U", "app", "--auth=trust", "--locale=C"], folder, places)
    ca, other = _certificates(folder, places.ids)
    (cluster / "pg_hba.conf").write_text(HBA)
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "max_connections": "5",
        "superuser_reserved_connections": "1",
        "reserved_connections": "0",
        "max_wal_senders": "0",
        "dynamic_shared_memory_type": "sysv",
        "shared_buffers": "16MB",
    }
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(cluster), "-p", str(port), *flags]
    with _server(command, signal.SIGINT, folder, places):
        _wait_for(lambda: "ready" in (cluster / "postmaster.pid").read_text(), folder)
        with tls_relay(port, folder / "server.crt", folder / "server.key") as secured:
            yield Private("postgres", secured, port, ca, other, "app")


@contextmanager
def private_mariadb(settings: Settings) -> Iterator[Private]:
    """A MariaDB with TLS."""
    places = places_of(settings)
    folder = places.home / "private-mariadb"
    places.owned(folder)
    data, sock, port = folder / "data", folder / "my.sock", free_port()
    path = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    install, server = shutil.which("mariadb-install-db", path=path), shutil.which("mariadbd", path=path)
    assert install and server, "the tests need MariaDB's programs: apt-get install mariadb-server"
    common = ["--no-defaults", f"--datadir={data}", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"]
    _run([install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"], folder, places)
    ca, other = _certificates(folder, places.ids)
    tls = [f"--ssl-cert={folder}/server.crt", f"--ssl-key={folder}/server.key"]
    here = [f"--socket={sock}", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid"]
    with _server([server, *common, *tls, *here, "--max-connections=10"], signal.SIGTERM, folder, places):
        _wait_for(sock.exists, folder)
        yield Private("mysql", port, port, ca, other, "root")


@contextmanager
def tls_relay(target: int, certificate: Path, key: Path) -> Iterator[int]:
    """Offer TLS the way PostgreSQL does in front of a server that has none; gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(8)
        there, back = await asyncio.open_connection("127.0.0.1", target)
        if first == SSL_REQUEST:
            writer.write(b"S")
            await writer.start_tls(context)
        else:
            back.write(first)
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def _run(command: Sequence[str], folder: Path, places: Places) -> None:
    uid, gid = places.ids or (None, None)
    done = subprocess.run(
        command, cwd=folder, user=uid, group=gid, extra_groups=[] if uid else None, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-2000:]


@contextmanager
def _server(command: Sequence[str], stop: int, folder: Path, places: Places) -> Iterator[None]:
    with (folder / "log").open("wb") as output:
        process = lifeline.spawn(command, death_signal=stop, output=output, cwd=folder, account=places.ids)
    try:
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        finally:
            process.kill()
            lifeline.reaped(process.pid)


def _wait_for(ready: object, folder: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if ready():  # type: ignore[operator]
                return
        except FileNotFoundError:
            pass
        assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
        time.sleep(0.05)
