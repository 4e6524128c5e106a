"""TLS to PostgreSQL: what POSTGRES_SSLMODE asks for is what is done."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fix_postgres import SystemKind, reachable_folder, system_programs

from ingest.database import connect
from ingest.errors import DatabaseUnavailable
from logging_module.config import LoggingConfig

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None or system_programs() is None,
    reason="openssl and a system PostgreSQL are not installed",
)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path, name: str) -> Path:
    """A certificate that signs itself, for localhost."""
    made = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / f"{name}.key"), "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def tls_server() -> Iterator[tuple[LoggingConfig, Path]]:
    """A server that speaks TLS on a port of the loopback; its configuration and its certificate."""
    programs = system_programs()
    assert programs is not None
    folder = reachable_folder()
    server = SystemKind(folder, programs, port=unused_port())
    try:
        certificate(folder, "server")
        certificate(folder, "other")
        for name in ("server.pem", "server.key"):
            path = shutil.copy(folder / name, server.cluster / name)
            status = server.cluster.stat()
            os.chown(path, status.st_uid, status.st_gid)
            os.chmod(path, 0o600)
        with (server.cluster / "postgresql.conf").open("a") as settings:
            settings.write("ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n")
        server.listen_on = "localhost"
        server.restart("fast")
        yield (
            LoggingConfig(
                postgres_host="localhost", postgres_port=server.port, postgres_user="radio", postgres_db="postgres"
            ),
            folder,
        )
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def is_encrypted(config: LoggingConfig) -> bool:
    with closing(connect(config, application_name="test")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        row = cursor.fetchone()
    assert row is not None
    return bool(row[0])


def test_the_mode_is_passed_on(tls_server: tuple[LoggingConfig, Path]) -> None:
    config, folder = tls_server
    trusted = {"postgres_sslmode": "verify-full", "postgres_sslrootcert": str(folder / "server.pem")}
    assert not is_encrypted(config.model_copy(update={"postgres_sslmode": "disable"}))
    assert is_encrypted(config.model_copy(update={"postgres_sslmode": "require"}))
    assert is_encrypted(config.model_copy(update=trusted))


def test_who_is_not_trusted_is_refused_in_our_words(tls_server: tuple[LoggingConfig, Path]) -> None:
    config, folder = tls_server
    for more, words in (
        ({"postgres_sslrootcert": str(folder / "other.pem")}, "is not signed by whom POSTGRES_SSLROOTCERT says"),
        ({"postgres_sslrootcert": str(folder / "missing.pem")}, "POSTGRES_SSLROOTCERT cannot be read"),
        ({"postgres_sslrootcert": str(folder / "server.pem"), "postgres_host": "127.0.0.1"}, "for another host name"),
    ):
        with pytest.raises(DatabaseUnavailable, match=words):
            is_encrypted(config.model_copy(update={"postgres_sslmode": "verify-full", **more}))
