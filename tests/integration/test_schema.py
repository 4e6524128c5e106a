"""schema.sql on a live database: applied, applied again, compared with the models, refused when newer."""

import subprocess
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import psycopg2
import pytest
from fix_postgres import Database, both_servers, system_programs

from ingest import schema
from ingest.errors import DatabaseError, DatabaseUnavailable, SchemaMissing, SchemaTooNew
from ingest.models import MODELS, table_of

# Everything that schema.sql makes: relations with their columns, indexes, constraints, functions, views.
FINGERPRINT = """
    SELECT 'column', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || a.attnotnull::text
           || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'
    ORDER BY 1, 2
"""


def apply(database: Database) -> None:
    with closing(database.connect()) as connection:
        schema.apply(connection)


@both_servers
def test_applying_again_changes_nothing_and_keeps_the_rows(empty_database: Database) -> None:
    apply(empty_database)
    empty_database.rows("INSERT INTO stations (name, time_zone) VALUES ('radio', 'Europe/Berlin')")
    first = empty_database.rows(FINGERPRINT)
    apply(empty_database)
    apply(empty_database)
    assert empty_database.rows(FINGERPRINT) == first
    assert len(first) > 300
    assert empty_database.rows("SELECT name, time_zone FROM stations") == [("radio", "Europe/Berlin")]
    assert empty_database.rows("SELECT version FROM schema_version") == [(schema.SCHEMA_VERSION,)]


@both_servers
def test_models_are_the_live_schema(database: Database) -> None:
    with closing(database.connect()) as connection:
        assert schema.version(connection) == schema.SCHEMA_VERSION
        assert schema.differences(connection) == []


@both_servers
def test_models_have_the_columns_in_the_live_order(database: Database) -> None:
    for model in MODELS:
        table = table_of(model)
        live = database.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", table.name
        )
        assert [column.name for column in table.columns] == [name for (name,) in live], table.name


def test_models_know_what_the_server_makes(database: Database) -> None:
    """A column is left out of COPY exactly when the server numbers it."""
    live = database.rows(
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace "
        "AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%')"
    )
    mirrored = [
        (table_of(model).name, column.name)
        for model in MODELS
        for column in table_of(model).columns
        if column.info.get("made_by_server")
    ]
    assert sorted(live) == sorted(mirrored)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("ALTER TABLE error_log DROP COLUMN noise", "column error_log.noise is missing"),
        ("ALTER TABLE error_log ADD COLUMN colour TEXT", "column error_log.colour is unknown to the models"),
        (
            "ALTER TABLE error_log ALTER COLUMN service TYPE VARCHAR(65)",
            "column error_log.service is character varying(65), should be character varying(64)",
        ),
        (
            "ALTER TABLE error_log ALTER COLUMN occurrences TYPE BIGINT",
            "column error_log.occurrences is bigint, should be integer",
        ),
        (
            "ALTER TABLE error_log ALTER COLUMN timestamp TYPE TIMESTAMP",
            "column error_log.timestamp is timestamp without time zone, should be timestamp with time zone",
        ),
        (
            "ALTER TABLE system_metrics ALTER COLUMN metric_value TYPE NUMERIC(10, 2)",
            "column system_metrics.metric_value is numeric(10,2), should be numeric",
        ),
        (
            "ALTER TABLE error_log ALTER COLUMN message DROP NOT NULL",
            "column error_log.message is nullable, should be NOT NULL",
        ),
        (
            "ALTER TABLE error_log ALTER COLUMN play_id SET NOT NULL",
            "column error_log.play_id is NOT NULL, should be nullable",
        ),
        ("DROP TABLE alert_state", "table alert_state is missing"),
        ("CREATE TABLE stray (id INTEGER)", "table stray is unknown to the models"),
    ],
)
def test_a_deliberate_change_is_found_and_named(database: Database, change: str, found: str) -> None:
    database.rows(change)
    with closing(database.connect()) as connection:
        assert schema.differences(connection) == [found]


def test_partitions_are_no_difference(database: Database) -> None:
    database.rows("SELECT ensure_metric_partition('2026-11-24T00:00Z')")
    with closing(database.connect()) as connection:
        assert schema.differences(connection) == []


def test_a_database_without_schema_is_refused_with_the_command_that_helps(empty_database: Database) -> None:
    with closing(empty_database.connect()) as connection:
        assert schema.version(connection) is None
        with pytest.raises(SchemaMissing, match="radiolog db init"):
            schema.require(connection)
    with pytest.raises(SchemaMissing, match="radiolog db init"):
        schema.ready_connection(empty_database.config, "test")
    assert empty_database.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    newer = schema.SCHEMA_VERSION + 1
    database.rows("INSERT INTO schema_version (version) VALUES (%s)", newer)
    database.rows("DROP VIEW recent_plays")
    with closing(database.connect()) as connection:
        with pytest.raises(SchemaTooNew, match=rf"version {newer}.*newer radiolog"):
            schema.require(connection)
        with pytest.raises(SchemaTooNew, match=rf"version {newer}"):
            schema.apply(connection)
    with pytest.raises(SchemaTooNew):
        schema.ready_connection(database.config, "test")
    assert database.rows("SELECT to_regclass('recent_plays')") == [(None,)]


def test_an_older_schema_asks_for_the_upgrade(database: Database) -> None:
    database.rows("UPDATE schema_version SET version = %s", schema.SCHEMA_VERSION - 1)
    with closing(database.connect()) as connection, pytest.raises(SchemaMissing, match="cannot upgrade"):
        schema.require(connection)


def test_tables_of_an_earlier_form_are_made_anew_and_metrics_rolled_up(database: Database) -> None:
    database.rows(
        "DROP FUNCTION get_retired_plays; DROP TABLE rollup_queue; CREATE TABLE rollup_dirty (a INT); CREATE TABLE error_rollups (a INT);"
        " CREATE TABLE play_rollups (a INT); ALTER TABLE metric_rollups DROP COLUMN bin_values CASCADE"
    )
    database.rows(
        "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station)"
        " VALUES (now(), 'm', 1, 's', 'radio')"
    )
    with closing(database.connect()) as connection:
        schema.apply(connection)
        schema.apply(connection)
        assert schema.differences(connection) == []
    assert database.rows("SELECT station FROM rollup_queue") == [("radio",)]


def test_a_table_of_the_same_name_without_a_version_is_no_schema(empty_database: Database) -> None:
    empty_database.rows("CREATE TABLE schema_version (version INTEGER)")
    with closing(empty_database.connect()) as connection:
        assert schema.version(connection) is None


def test_a_schema_that_cannot_be_applied_changes_nothing(empty_database: Database) -> None:
    """A table of that name with other columns: an index of ours cannot be made on it."""
    empty_database.rows("CREATE TABLE error_log (id INTEGER)")
    with closing(empty_database.connect()) as connection:
        with pytest.raises(DatabaseError):
            schema.apply(connection)
        assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
    assert empty_database.rows("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [
        ("error_log",)
    ]


def test_two_installers_wait_for_each_other(empty_database: Database) -> None:
    with closing(empty_database.connect()) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7240151803601)")
        with closing(empty_database.connect()) as second, second.cursor() as waiting:
            waiting.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                waiting.execute((files("ingest") / "schema.sql").read_text(encoding="utf-8"))
    apply(empty_database)
    with closing(empty_database.connect()) as connection:
        schema.require(connection)


def test_a_ready_connection_is_outside_a_transaction(database: Database) -> None:
    for autocommit in (False, True):
        with closing(schema.ready_connection(database.config, "ready", autocommit=autocommit)) as connection:
            assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
            assert connection.autocommit is autocommit


def test_a_dead_connection_is_a_database_error(database: Database) -> None:
    with closing(database.connect()) as connection:
        database.rows("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(DatabaseUnavailable):
            schema.version(connection)
    with closing(database.connect()) as connection:
        database.rows("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(DatabaseUnavailable):
            schema.differences(connection)


@both_servers
def test_psql_installs_it_and_again_is_harmless(empty_database: Database) -> None:
    programs = system_programs()
    if programs is None:
        pytest.skip("no psql (pg_config --bindir)")
    config = empty_database.config
    command: list[str | Path] = [
        programs / "psql", "-h", str(config.postgres_host), "-U", config.postgres_user, "-d", config.postgres_db,
        "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(files("ingest") / "schema.sql"),
    ]  # fmt: skip
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    with closing(empty_database.connect()) as connection:
        assert schema.differences(connection) == []
