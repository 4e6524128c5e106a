"""The roles of the separate processes, and what each may do (sql/roles.sql). Knows no password."""

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest.database import translate
from ingest.queries import load

ROLES = ("radio_ingest", "radio_notify", "radio_report", "radio_retention")

_SQL = load("ingest", "roles.sql")


def apply_roles(connection: Connection) -> bool:
    """Make the roles that are missing and give each its rights, in one transaction.

    Args:
        connection: outside a transaction, as the owner of the tables.

    Returns:
        False where roles are missing and this user may not make any: nothing was changed.

    Raises:
        DatabaseError: PostgreSQL refused; nothing was changed.
    """
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_SQL["existing"], {"roles": list(ROLES)})
            if cursor.fetchone() != (len(ROLES),):
                cursor.execute(_SQL["may_create"])
                if cursor.fetchone() != (True,):
                    return False
                cursor.execute(_SQL["create"])
            cursor.execute(_SQL["grant"])
    except psycopg2.Error as error:
        raise translate(error) from error
    return True
