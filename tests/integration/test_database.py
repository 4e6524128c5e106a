"""Connecting and what errors mean: each failure ends in one of our errors, with a sentence, and without any secret."""

import shutil
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from fix_postgres import EMBEDDED_SETTINGS, Database, Server, both_servers, reachable_folder
from psycopg2 import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ingest import database as databases
from ingest import embedded, schema
from ingest.database import connect, engine, is_retryable, translate
from ingest.errors import DatabaseError, DatabaseUnavailable, SchemaMissing
from logging_module.config import LoggingConfig

PASSWORD = "p@ss:w/o?rd%20 'ä\"\\ hunter2"
HOSTILE = "rtmp://a.rtmp.youtube.com/live2/abcd-efgh-hunter2 \x1b[31m @everyone"


def changed(config: LoggingConfig, **values: object) -> LoggingConfig:
    return LoggingConfig(**{**dict(config), **values})


def refused(config: LoggingConfig) -> DatabaseError:
    """The error of a connect that must fail; whatever it prints, no password is in it."""
    with pytest.raises(DatabaseError) as caught:
        connect(config, application_name="test")
    printed = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in printed
    assert "hunter2" not in repr(caught.value)
    return caught.value


# ------------------------------------------------------------------------------------------------ connecting


@both_servers
def test_the_session_is_as_the_daemon_needs_it(database: Database) -> None:
    with closing(connect(database.config, application_name="radiolog ingest")) as connection:
        shown = []
        with connection.cursor() as cursor:
            for name in (
                "TimeZone", "client_encoding", "lock_timeout", "idle_in_transaction_session_timeout",
                "application_name", "search_path", "synchronous_commit",
            ):  # fmt: skip
                cursor.execute(sql.SQL("SHOW {}").format(sql.Identifier(name)))
                row = cursor.fetchone()
                assert row is not None
                shown.append(row[0])
        assert not connection.autocommit
    assert shown == ["UTC", "UTF8", "5s", "15s", "radiolog ingest", '"$user", public', "on"]


def test_autocommit_on_request(database: Database) -> None:
    with closing(connect(database.config, application_name="t", autocommit=True)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO stations (name) VALUES ('x')")
        assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
    assert database.rows("SELECT name FROM stations") == [("x",)]


@both_servers
def test_the_configurations_url_connects(database: Database) -> None:
    made = engine(changed(database.config, db_pool_size=2, db_max_overflow=1))
    try:
        with made.connect() as connection:
            assert connection.execute(text("SELECT current_database()")).scalar() == database.name
            assert connection.execute(text("SHOW TimeZone")).scalar() == "UTC"
        assert made.pool.status().startswith("Pool size: 2")
    finally:
        made.dispose()


def test_an_engines_errors_hold_no_parameters(database: Database) -> None:
    made = engine(database.config)
    try:
        with made.connect() as connection, pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT :said::no_such_type"), {"said": HOSTILE})
        assert "hunter2" not in str(caught.value)
    finally:
        made.dispose()


def test_without_a_host_the_embedded_server_is_started_and_gets_the_schema() -> None:
    folder = reachable_folder()
    config = LoggingConfig(data_dir=folder / "data", postgres_db="not_this_one", postgres_password=PASSWORD)
    try:
        with closing(schema.ready_connection(config, "test")) as connection:
            assert connection.info.dbname == "radio_db"
            assert schema.differences(connection) == []
        with closing(schema.ready_connection(config, "test")) as connection:
            schema.require(connection)
        made = engine(config)
        with made.connect() as through_url:
            assert through_url.execute(text("SELECT count(*) FROM play_history")).scalar() == 0
        made.dispose()
    finally:
        embedded.stop_server(config.data_dir, "immediate")
        shutil.rmtree(folder)


# ------------------------------------------------------------------------------------------------ a server with passwords


@pytest.fixture(scope="module")
def guarded() -> Iterator[LoggingConfig]:
    """A server that asks everybody but its owner for a password, and the right configuration for it."""
    folder = reachable_folder()
    rules = folder / "access.conf"
    rules.write_text("local all radio peer map=radiolog\nlocal all barred reject\nlocal all all scram-sha-256\n")
    server = embedded.ensure_running(folder / "data", settings={**EMBEDDED_SETTINGS, "hba_file": str(rules)})
    admin = psycopg2.connect(host=str(server.socket_folder), user=server.user, dbname=server.database)
    admin.autocommit = True
    with closing(admin), admin.cursor() as cursor:
        cursor.execute("CREATE ROLE alice LOGIN PASSWORD %s", (PASSWORD,))
        cursor.execute("CREATE ROLE barred LOGIN PASSWORD %s", (PASSWORD,))
        cursor.execute("CREATE ROLE bare NOLOGIN PASSWORD %s", (PASSWORD,))
        cursor.execute("CREATE ROLE single LOGIN PASSWORD %s CONNECTION LIMIT 0", (PASSWORD,))
    yield LoggingConfig(
        postgres_host=str(server.socket_folder), postgres_user="alice", postgres_password=PASSWORD,
        postgres_db=server.database,
    )  # fmt: skip
    embedded.stop_server(folder / "data", "immediate")
    shutil.rmtree(folder)


def test_a_password_of_difficult_characters_works_in_both_ways(guarded: LoggingConfig) -> None:
    with closing(connect(guarded, application_name="test")) as connection:
        assert connection.info.user == "alice"
    made = engine(guarded)
    with made.connect() as through_url:
        assert through_url.execute(text("SELECT current_user")).scalar() == "alice"
    made.dispose()


@pytest.mark.parametrize(
    ("values", "sqlstate", "words"),
    [
        ({"postgres_password": PASSWORD + "!"}, "28P01", "POSTGRES_PASSWORD"),
        ({"postgres_password": None}, "28P01", "POSTGRES_PASSWORD"),
        ({"postgres_user": "nobody_knows_hunter2"}, "28P01", "POSTGRES_USER"),
        ({"postgres_user": "barred"}, "28P01", "pg_hba.conf"),
        ({"postgres_user": "bare"}, "28000", "POSTGRES_USER"),
        ({"postgres_db": "no_such_database"}, "3D000", "POSTGRES_DB"),
    ],
)
def test_what_somebody_must_mend_is_said_and_not_retried(
    guarded: LoggingConfig, values: dict[str, object], sqlstate: str, words: str
) -> None:
    error = refused(changed(guarded, **values))
    assert type(error) is DatabaseError
    assert error.sqlstate == sqlstate
    assert words in str(error)


def test_no_room_for_another_connection_is_tried_again(guarded: LoggingConfig) -> None:
    error = refused(changed(guarded, postgres_user="single"))
    assert isinstance(error, DatabaseUnavailable)
    assert error.sqlstate == "53300"


# ------------------------------------------------------------------------------------------------ no server


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port, and it refuses
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = refused(LoggingConfig(postgres_host="127.0.0.1", postgres_port=port, postgres_password=PASSWORD))
    assert isinstance(error, DatabaseUnavailable)
    assert f"127.0.0.1 port {port}: connection refused" in str(error)
    assert "POSTGRES_HOST" in str(error)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "CONNECT_TIMEOUT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = LoggingConfig(postgres_host="127.0.0.1", postgres_port=silent.getsockname()[1])
        error = refused(changed(config, postgres_password=PASSWORD))
    assert isinstance(error, DatabaseUnavailable)
    assert "no answer within" in str(error)


def test_an_unknown_host_is_unreachable() -> None:
    error = refused(LoggingConfig(postgres_host="no-such-host.invalid", postgres_password=PASSWORD))
    assert isinstance(error, DatabaseUnavailable)
    assert "host name is unknown" in str(error)


def test_a_folder_without_socket_is_unreachable(tmp_path: Path) -> None:
    error = refused(LoggingConfig(postgres_host=str(tmp_path), postgres_password=PASSWORD))
    assert isinstance(error, DatabaseUnavailable)
    assert "there is no socket in that folder" in str(error)


def test_something_else_that_listens_there_is_unreachable(tmp_path: Path) -> None:
    """It answers, but not as PostgreSQL does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 400 hunter2\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = refused(LoggingConfig(postgres_host="127.0.0.1", postgres_port=port, postgres_password=PASSWORD))
        thread.join()
    assert isinstance(error, DatabaseUnavailable)


@both_servers
def test_a_stopped_server_is_unreachable_and_one_that_came_back_is_not(server: Server, database: Database) -> None:
    server.stop()
    assert isinstance(refused(database.config), DatabaseUnavailable)
    server.start()
    assert database.rows("SELECT 1") == [(1,)]


@both_servers
def test_a_connection_that_a_crash_broke_is_retryable(server: Server, database: Database) -> None:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        server.restart("immediate")
        with pytest.raises(psycopg2.Error) as first:
            cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.Error) as second:
            connection.cursor().execute("SELECT 1")
    for caught in (first, second):
        assert is_retryable(caught.value)
        assert isinstance(translate(caught.value), DatabaseUnavailable)


# ------------------------------------------------------------------------------------------------ translating

RETRY = (
    "08000", "08006", "08P01", "25006", "25P03", "25P04", "40001", "40P01", "53000", "53100", "53200", "53300", "55006",
    "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58030",
)  # fmt: skip
MISSING = ("42P01", "42883")
FINAL = (
    "22001",
    "22P02",
    "23505",
    "23514",
    "28P01",
    "3D000",
    "42501",
    "42601",
    "42703",
    "P0001",
    "XX000",
    "XX001",
    "0A000",
)


@pytest.mark.parametrize("sqlstate", [*RETRY, *MISSING, *FINAL])
def test_every_sqlstate_has_its_kind_and_none_quotes_the_server(database: Database, sqlstate: str) -> None:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute(
                f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = '{HOSTILE}', DETAIL = 'hunter2'; END $$"
            )
        assert HOSTILE in str(caught.value)
        error = translate(caught.value)
    expected = DatabaseUnavailable if sqlstate in RETRY else SchemaMissing if sqlstate in MISSING else DatabaseError
    assert type(error) is expected
    assert is_retryable(caught.value) is (sqlstate in RETRY)
    assert error.sqlstate == sqlstate
    assert sqlstate in str(error)
    assert "hunter2" not in str(error)
    assert str(error).isprintable()


def test_a_missing_table_says_what_to_run(empty_database: Database) -> None:
    with closing(empty_database.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute("SELECT * FROM play_history")
        error = translate(caught.value)
    assert isinstance(error, SchemaMissing)
    assert "radiolog db init" in str(error)


def test_a_mistake_of_ours_is_not_retried(database: Database) -> None:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.ProgrammingError) as caught:
            cursor.fetchone()
        assert not is_retryable(caught.value)
        assert type(translate(caught.value)) is DatabaseError


def test_a_lock_that_is_not_given_is_retryable(database: Database) -> None:
    with closing(database.connect()) as holder, holder.cursor() as holding:
        holding.execute("LOCK TABLE error_log")
        with closing(database.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
            with pytest.raises(psycopg2.Error) as caught:
                cursor.execute("LOCK TABLE error_log")
    assert isinstance(translate(caught.value), DatabaseUnavailable)


def test_a_disk_that_is_full_is_retryable_and_says_so(database: Database) -> None:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$")
        assert "disk is full" in str(translate(caught.value))
