"""How ingest is: what `radiolog status` and `radiolog metrics` tell, from the database and the files' sizes."""

from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest import files
from ingest.instances import LIVE_SECONDS
from ingest.machine import machine_id
from ingest.queries import load

_STORE, _HEALTH = load("ingest", "store.sql"), load("ingest", "health.sql")


def ingest_facts(connection: Connection) -> dict[str, Any]:
    """Every file of this machine with its lag, its instances with what they last said of themselves, and what waits.

    Args:
        connection: used for one transaction.

    Returns:
        files, forgotten (counters of files whose checkpoints went, by service), instances, underived (entries of the
        bookkeeper's queue), lag_bytes.

    Raises:
        psycopg2.Error: PostgreSQL refused or is gone.
    """
    parameters = {"machine": machine_id()[:64], "live_seconds": LIVE_SECONDS}
    with connection:
        rows = [_with_lag(row) for row in _rows(connection, _STORE["status"], parameters)]
        instances = _rows(connection, _STORE["instances"], parameters)
        forgotten = _rows(connection, _HEALTH["forgotten"], parameters)
        ((underived,),) = (row.values() for row in _rows(connection, _STORE["queue_length"], parameters))
    lag_bytes = sum(row["lag_bytes"] for row in rows)
    return {
        "files": rows, "forgotten": forgotten, "instances": instances, "underived": underived, "lag_bytes": lag_bytes
    }  # fmt: skip


def present_facts(connection: Connection) -> dict[str, Any]:
    """The present of each station, and the lengths of the queues (health.sql).

    Raises:
        psycopg2.Error: PostgreSQL refused or is gone.
    """
    with connection:
        return {"stations": _rows(connection, _HEALTH["stations"], {}), **_rows(connection, _HEALTH["queues"], {})[0]}


def _rows(connection: Connection, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _with_lag(row: dict[str, Any]) -> dict[str, Any]:
    size = files.size_of(row["path"])
    done = bool(row["compression"]) or row["state"] != "active"
    lag_bytes = 0 if done else max(0, size - row["committed_offset"])
    lag_seconds = (datetime.now(UTC) - row["updated_at"]).total_seconds() if lag_bytes else 0.0
    return {**row, "lag_bytes": lag_bytes, "lag_seconds": round(lag_seconds, 1)}
