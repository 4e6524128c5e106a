"""`radiolog doctor` asks the database: whether it can be used, how fast it commits, and how daemon and files are."""

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest import embedded, files, schema
from ingest.database import connect, translate
from ingest.errors import ConfigurationError, DatabaseError
from ingest.findings import Finding, error, ok, warning
from ingest.instances import LIVE_SECONDS
from ingest.machine import machine_id
from ingest.queries import load
from logging_module.config import LoggingConfig

LEAST_VERSION = 150_000
ROLES = ("radio_ingest", "radio_notify", "radio_report", "radio_retention")
_COMMITS = 5
_SLOW_SECONDS = 0.05
_CLOCKS_APART_SECONDS = 2.0
_STUCK_SECONDS = 300.0
# A daemon that is started so often, and again just now, may be thrown out by another one.
_MANY_STARTS = 20
_JUST_NOW_SECONDS = 60.0
_NUL_HOLE = "nul_hole"

_SQL = load("ingest", "doctor.sql")


def database_findings(config: LoggingConfig) -> Iterator[Finding]:
    """All that the database tells; one finding where it cannot be reached. Starts no server and changes nothing."""
    try:
        if config.embedded and not embedded.is_running(config.data_dir):
            yield warning(
                "database", "the embedded PostgreSQL does not run", "nothing: the next command that needs it starts it"
            )
            return
        connection = connect(config, application_name="radiolog doctor", autocommit=True)
    except (DatabaseError, ConfigurationError) as refused:
        yield error("database", str(refused), "see above; `radiolog config show` says what is in force")
        return
    with closing(connection):
        try:
            yield from _server(connection, config)
            if schema.version(connection) is None:
                yield error("schema", "the database has no radiolog schema", "run `radiolog db init`")
                return
            yield from _schema(connection)
            yield from _latency(connection)
            yield from _files(connection)
            yield from _gaps(connection)
            yield from _daemons(connection)
            yield from _outbox(connection)
        except psycopg2.Error as problem:
            yield error("database", str(translate(problem)), "run as a role with the rights of `radiolog db init`")
        except DatabaseError as problem:
            yield error("database", str(problem), "run as a role with the rights of `radiolog db init`")


def _rows(connection: Connection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[name], parameters)
        assert cursor.description is not None  # noqa: S101 (these are queries)
        columns = [column.name for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _server(connection: Connection, config: LoggingConfig) -> Iterator[Finding]:
    (server,) = _rows(connection, "server")
    version = f"PostgreSQL {server['version']}"
    if server["number"] < LEAST_VERSION:
        yield error("database", f"{version} is too old", "upgrade it to 15 or later")
    elif server["standby"]:
        yield error("database", f"{version} is a standby, which takes no rows", "set POSTGRES_HOST to the primary")
    elif server["encoding"] != "UTF8":
        yield error("database", f"its encoding is {server['encoding']}", "createdb --encoding UTF8, and move over")
    else:
        yield ok("database", f"{version}, as {server['role']}")
    for name in ("fsync", "synchronous_commit"):
        if server[name] == "off":
            yield warning("database", f"{name} is off: a crash of the server loses rows that count as stored",
                          f"{name} = on")  # fmt: skip
    apart = abs(server["now_seconds"] - time.time())
    if apart > _CLOCKS_APART_SECONDS:
        yield warning("clock", f"this machine's clock and the database's are {apart:.0f} s apart", "set both by NTP")
    if config.embedded:
        return
    present = {row["rolname"] for row in _rows(connection, "roles", names=list(ROLES))}
    missing = [name for name in ROLES if name not in present]
    if missing:
        yield warning("roles", f"there is no role {', '.join(missing)}", "run `radiolog db init` as the owner")
    elif server["superuser"]:
        yield warning("roles", f"{server['role']} is a superuser", "set POSTGRES_USER to a role of its own")
    else:
        yield ok("roles", f"{', '.join(ROLES)} are there")


def _schema(connection: Connection) -> Iterator[Finding]:
    schema.require(connection)
    differences = schema.differences(connection)
    for difference in differences:
        yield error("schema", difference, "run `radiolog db init`; what is changed by hand, change back by hand")
    if not differences:
        yield ok("schema", f"version {schema.SCHEMA_VERSION}, as it should be")


def _latency(connection: Connection) -> Iterator[Finding]:
    seconds = []
    for _ in range(_COMMITS):
        begin = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(_SQL["write"])
        seconds.append(time.monotonic() - begin)
    median = statistics.median(seconds)
    words = f"a commit takes {1000 * median:.1f} ms"
    if median > _SLOW_SECONDS:
        yield warning("writing", words, "a faster disk for PostgreSQL's WAL, or a nearer server")
    else:
        yield ok("writing", words)


def _files(connection: Connection) -> Iterator[Finding]:
    known = _rows(connection, "files", machine=machine_id()[:64])
    well = True
    for file in known:
        path = file["path"]
        unread = 0 if file["compression"] else files.size_of(path) - file["committed_offset"]
        if file["state"] == "suspended":
            well = False
            yield error("files", f"{path} is suspended: it looked like no log",
                        "radiolog dead-letters list; then radiolog dead-letters release")  # fmt: skip
        elif file["last_error"]:
            well = False
            yield warning("files", f"{path}: {file['last_error']}", "mend what it says; it is tried again by itself")
        elif unread > 0 and file["quiet_seconds"] > _STUCK_SECONDS:
            well = False
            yield warning("files", f"{path}: {unread} bytes wait for {file['quiet_seconds'] / 60:.0f} min",
                          "start the daemon; if it runs, its own log says why")  # fmt: skip
    if well:
        yield ok("files", f"{len(known)} are followed, none is stuck")


def _gaps(connection: Connection) -> Iterator[Finding]:
    gaps = _rows(connection, "gaps")
    for gap in gaps:
        if gap["reason"] == _NUL_HOLE:
            yield warning(
                "rotation", f"{gap['path']}: holes of NUL bytes: it is truncated under a writer that does not append",
                "open it for appending (>> instead of >), or rotate by renaming instead of copytruncate",
            )  # fmt: skip
        else:
            yield warning(
                "rotation", f"{gap['bytes']} bytes were {gap['reason']} before they could be read, in {gap['path']} "
                f"and {gap['count'] - 1} other places, within a week",
                "rotate by renaming, keep more old files, keep the daemon running; `radiolog ledger` lists them",
            )  # fmt: skip
    if not gaps:
        yield ok("rotation", "nothing was lost within a week")


def _daemons(connection: Connection) -> Iterator[Finding]:
    daemons = _rows(connection, "daemons", machine=machine_id()[:64])
    live = [one for one in daemons if one["running"] and one["silent_seconds"] < LIVE_SECONDS]
    if not live:
        yield warning("daemon", "no daemon runs on this machine", "systemctl start radiolog, or `radiolog run`")
    for one in live:
        mode = (one["health"] or {}).get("mode", "starting")
        if one["epoch"] > _MANY_STARTS and one["age_seconds"] < _JUST_NOW_SECONDS:
            yield warning("daemon", f"{one['instance']} was started {one['epoch']} times, and again just now",
                          "see its log: it crashes, or two services read the same folders (exit code 75)")  # fmt: skip
        elif mode == "sweep":
            yield warning("daemon", "it gets no events from the kernel and only sweeps",
                          "raise the inotify limits; RADIOLOG_POLLING=true on network file systems")  # fmt: skip
        else:
            yield ok("daemon", f"alive {one['silent_seconds']:.0f} s ago, {mode}")


def _outbox(connection: Connection) -> Iterator[Finding]:
    (outbox,) = _rows(connection, "outbox")
    if outbox["late"]:
        yield warning("notifications", f"{outbox['late']} wait for more than an hour",
                      "systemctl start radiolog-notify; `radiolog notify --test` tries the webhooks")  # fmt: skip
    if outbox["dead"]:
        yield warning("notifications", f"{outbox['dead']} were given up within a week",
                      "`radiolog notify --test` says what the webhooks answer")  # fmt: skip
