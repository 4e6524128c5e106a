"""PostgreSQL's column types as SQLModel fields. An argument without default is a column without one.

`server` marks a default that the server works out: the field may be left out.
"""

from typing import Any

from sqlalchemy import BigInteger, DateTime, Double, LargeBinary, Numeric, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, INT8MULTIRANGE, JSONB
from sqlmodel import Field

_REQUIRED: Any = ...


class _UtcTime(DateTime):
    """TIMESTAMPTZ."""

    def __init__(self) -> None:
        super().__init__(timezone=True)


class _Json(JSONB):
    """JSONB in which None is NULL, not JSON's null."""

    def __init__(self) -> None:
        super().__init__(none_as_null=True)


def server_number() -> Any:
    """BIGINT that the server counts up."""
    return _column(BigInteger, None, primary_key=True, info={"made_by_server": True})


def bigint(default: Any = _REQUIRED, *, primary_key: bool = False) -> Any:
    """BIGINT."""
    return _column(BigInteger, default, primary_key=primary_key)


def double(default: Any = _REQUIRED) -> Any:
    """DOUBLE PRECISION."""
    return _column(Double, default)


def numeric() -> Any:
    """NUMERIC without limits."""
    return _column(Numeric, ...)


def long_text(default: Any = _REQUIRED) -> Any:
    """TEXT."""
    return _column(Text, default)


def varchar(limit: int, default: Any = _REQUIRED, *, primary_key: bool = False) -> Any:
    """VARCHAR of at most so many characters."""
    return Field(default, max_length=limit, primary_key=primary_key)


def bytea(default: Any = _REQUIRED) -> Any:
    """BYTEA."""
    return _column(LargeBinary, default)


def int8multirange() -> Any:
    """INT8MULTIRANGE."""
    return _column(INT8MULTIRANGE, ...)


def array_of(item: Any) -> Any:
    """An array of a column type's values."""
    return _column(ARRAY(item), ...)


def timestamptz(default: Any = _REQUIRED, *, primary_key: bool = False, server: str = "") -> Any:
    """TIMESTAMPTZ."""
    return _column(_UtcTime, default, primary_key=primary_key, server=server)


def jsonb(default: Any = _REQUIRED, *, name: str = "", server: str = "") -> Any:
    """JSONB. `name`: the column's, where the attribute must have another (SQLModel keeps `metadata` for itself)."""
    options: dict[str, Any] = {"name": name} if name else {}
    return _column(_Json, default, server=server, nullable=default is None, **options)


def _column(sa_type: Any, default: Any, *, primary_key: bool = False, server: str = "", **options: Any) -> Any:
    kwargs = {**options, **({"server_default": text(server)} if server else {})}
    return Field(default, sa_type=sa_type, primary_key=primary_key, sa_column_kwargs=kwargs)
