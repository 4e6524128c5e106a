"""`radiolog db upgrade`: brings a database to this radiolog's schema in one transaction, or changes nothing.

The older station schema had SERIAL ids and times without a zone. Its tables, views and functions move to the schema
`station_before`, where they stay as they were; their rows are copied into ours.
"""

from importlib.metadata import version as package_version
from typing import NamedTuple

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest import schema
from ingest.database import translate
from ingest.errors import DatabaseError, SchemaMissing
from ingest.fit import track_key
from ingest.instances import LIVE_SECONDS
from ingest.queries import load

BEFORE = "station_before"

_SQL = load("ingest", "upgrade.sql")
_TABLES = ("play_history", "error_log", "system_metrics")
_ZONELESS = "timestamp without time zone"
_COPIED = {
    "play_history": (
        "id", "track_key", "artist", "title", "album", "azuracast_song_id", "loop_file_path", "started_at", "ended_at",
        "duration_seconds", "expected_duration_seconds", "ffmpeg_pid", "had_errors", "error_message", "error_count",
    ),
    "error_log": (
        "id", "timestamp", "service", "severity", "message", "stack_trace", "resolved", "resolved_at",
        "play_history_id",
    ),
    "system_metrics": ("id", "timestamp", "metric_name", "metric_value", "unit", "service"),
}  # fmt: skip
# Where the old column may be empty and ours may not, and what it may not hold.
_FITTED = {
    "artist": "coalesce(o.artist, '')", "title": "coalesce(o.title, '')", "had_errors": "coalesce(o.had_errors, false)",
    "error_count": "coalesce(o.error_count, 0)", "resolved": "coalesce(o.resolved, false)",
    "service": "coalesce(o.service, '')",
    "severity": "CASE WHEN lower(o.severity) IN ('info', 'warning', 'error', 'critical') THEN lower(o.severity)"
                " WHEN lower(o.severity) = 'fatal' THEN 'critical' WHEN lower(o.severity) = 'debug' THEN 'info'"
                " WHEN lower(o.severity) = 'warn' THEN 'warning' ELSE 'error' END",
}  # fmt: skip
_JSON = {"play_history": "metadata", "error_log": "context", "system_metrics": "metadata"}


class Upgrade(NamedTuple):
    """What was done.

    Attributes:
        from_version: of the schema before; None: it was the older station schema.
        taken_over: rows by table, from there.
    """

    from_version: int | None
    taken_over: dict[str, int]


def upgrade(connection: Connection, station: str, time_zone: str | None) -> Upgrade:
    """Bring the database to `schema.SCHEMA_VERSION`, in one transaction.

    Args:
        connection: outside a transaction, as the owner of the tables.
        station: whose rows an older schema's are.
        time_zone: in which an older schema's times without a zone are; None: unknown.

    Raises:
        SchemaMissing: there is nothing to upgrade.
        SchemaTooNew: the database is of a newer version.
        DatabaseError: a daemon of another version runs, the zone is needed, or PostgreSQL refused. Nothing was changed.
    """
    try:
        return schema.again_after_deadlocks(lambda: _upgrade(connection, station, time_zone))
    except psycopg2.Error as error:
        raise translate(error) from error


def _upgrade(connection: Connection, station: str, time_zone: str | None) -> Upgrade:
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute(_SQL["is_old_station"])
        if cursor.fetchone() == (True,):
            return Upgrade(None, _take_over(cursor, station, time_zone))
        present = schema.version(connection)
        if present is None:
            raise SchemaMissing("there is no schema to upgrade: run `radiolog db init`")
        if present > schema.SCHEMA_VERSION:
            schema.require(connection)
        _refuse_other_daemons(cursor)
        schema.install(cursor)
        return Upgrade(present, {})


def refuse_old_station(connection: Connection) -> None:
    """Refuse a database of the older station schema, where ours would be put among its tables.

    Raises:
        DatabaseError: it is one; the sentence names the command that takes it over. Or PostgreSQL refused.
    """
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_SQL["is_old_station"])
            if cursor.fetchone() == (True,):
                raise DatabaseError(
                    "this is a database of an older station schema: `radiolog db upgrade --time-zone …` takes it over"
                )
    except psycopg2.Error as error:
        raise translate(error) from error


def _refuse_other_daemons(cursor: Cursor) -> None:
    cursor.execute(_SQL["other_daemons"], {"live_seconds": LIVE_SECONDS, "version": package_version("radiolog")})
    found = [f"{version} on {host} (process {pid})" for version, host, pid in cursor.fetchall()]
    if found:
        raise DatabaseError(f"stop these first, a radiolog must not run over an upgrade: {', '.join(found)}")


def _take_over(cursor: Cursor, station: str, time_zone: str | None) -> dict[str, int]:
    old_columns = {}
    for table in _TABLES:
        cursor.execute(_SQL["old_columns"], {"table": table})
        old_columns[table] = dict(cursor.fetchall())
    if time_zone is None and any(_ZONELESS in columns.values() for columns in old_columns.values()):
        raise DatabaseError(
            "this database is of an older station schema whose times have no zone: say in which they are, "
            "for example --time-zone Europe/Berlin (PostgreSQL's now() stored that of the server)"
        )
    _set_aside(cursor)
    schema.install(cursor)
    cursor.execute(_SQL["add_station"], {"station": station, "time_zone": time_zone or "UTC"})
    taken = {table: _copy(cursor, table, old_columns[table], station, time_zone) for table in _TABLES}
    cursor.execute(_SQL["titles"])
    pairs = cursor.fetchall()
    cursor.execute(
        _SQL["set_track_keys"],
        {"artists": [artist for artist, _ in pairs], "titles": [title for _, title in pairs],
         "keys": [track_key(artist, title) for artist, title in pairs]},
    )  # fmt: skip
    for name in ("keep_counts", "say_ends", "queue", "go_on_counting"):
        cursor.execute(_SQL[name])
    return taken


def _set_aside(cursor: Cursor) -> None:
    cursor.execute(_SQL["old_relations"])
    moved = [sql.SQL("ALTER {} {}").format(sql.SQL(kind), sql.Identifier(name)) for kind, name in cursor.fetchall()]
    cursor.execute(_SQL["old_functions"])
    moved += [sql.SQL("ALTER FUNCTION {}").format(sql.SQL(name)) for (name,) in cursor.fetchall()]
    cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(BEFORE)))
    for what in moved:
        cursor.execute(sql.SQL("{} SET SCHEMA {}").format(what, sql.Identifier(BEFORE)))


def _copy(cursor: Cursor, table: str, columns: dict[str, str], station: str, time_zone: str | None) -> int:
    """Copy a table's rows; gives how many. What ours has no column for goes into its JSON."""
    if not columns:
        return 0
    old = sql.Identifier(BEFORE, table)
    known = [name for name in _COPIED[table] if name in columns]
    values = {name: _value(name, columns[name], time_zone) for name in known}
    values["station"] = sql.Literal(station)
    json = _JSON[table]
    rest = sql.SQL("nullif(to_jsonb(o) - {}::text[], '{{}}')").format(sql.Literal([*known, json]))
    said = sql.SQL("to_jsonb(o.{})").format(sql.Identifier(json)) if json in columns else sql.SQL("NULL::jsonb")
    values[json] = sql.SQL("CASE WHEN {rest} IS NULL THEN {said} ELSE coalesce({said}, '{{}}') || {rest} END").format(
        rest=rest, said=said
    )
    at = "started_at" if table == "play_history" else "timestamp"
    values["time_quality"] = sql.Literal("zoneless" if columns[at] == _ZONELESS else "exact")
    if table == "play_history":
        values["play_key"] = sql.SQL("'adopted:' || o.id")
    if table == "error_log" and "play_history_id" in columns:
        values["play_id"] = sql.SQL("o.play_history_id::text")
    if table == "system_metrics":
        cursor.execute(sql.SQL(_SQL["old_weeks"]).format(at=values[at], old=old))
        for (week,) in cursor.fetchall():
            cursor.execute("SELECT ensure_metric_partition(%s)", (week,))
    into = sql.SQL(", ").join(map(sql.Identifier, values))
    cursor.execute(
        sql.SQL(_SQL["take_over"]).format(
            table=sql.Identifier(table), columns=into, values=sql.SQL(", ").join(values.values()), old=old
        )
    )
    counts: list[int] = []
    for where in (sql.Identifier(table), old):
        cursor.execute(sql.SQL(_SQL["count"]).format(table=where))
        counts += cursor.fetchone() or (-1,)
    if counts[0] != counts[1]:
        raise DatabaseError(
            f"{counts[0]:,} of the {counts[1]:,} rows of {table} would be taken over; nothing was changed"
        )
    return int(counts[0])


def _value(name: str, kind: str, time_zone: str | None) -> sql.Composable:
    if kind == _ZONELESS:
        return sql.SQL("o.{} AT TIME ZONE {}").format(sql.Identifier(name), sql.Literal(time_zone))
    return sql.SQL(_FITTED[name]) if name in _FITTED else sql.SQL("o.{}").format(sql.Identifier(name))
