"""Rows of the database as Parquet: typed columns, one row group at a time, so memory does not grow. Knows no query.

pyarrow is an extra (`parquet`): it weighs more than everything else together.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

from ingest.errors import OutputError
from reports.reader import Column

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 20_000


def arrow() -> Any:
    """The package.

    Raises:
        OutputError: it is not installed.
    """
    try:
        import pyarrow as found  # noqa: ICN001, PLC0415 (an extra)
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise OutputError(
            "Parquet needs pyarrow: pip install 'pyarrow>=17' into radiolog's virtual environment"
        ) from error
    return found


def write_rows(
    target: IO[bytes], parts: Iterable[tuple[Sequence[Column], list[tuple[Any, ...]]]],
    on_rows: Callable[[int], None] = lambda _rows: None,
) -> None:  # fmt: skip
    """Write a result that comes in parts, each as one row group.

    Args:
        target: gets the file.
        parts: the columns, and rows of the same columns; the first part also when there are no rows.
        on_rows: told how many rows are written.
    """
    pa = arrow()
    writer: Any = None
    written = 0
    try:
        for columns, rows in parts:
            if writer is None:
                schema = pa.schema([(column.name, _type(pa, column.type_oid)) for column in columns])
                writer = pa.parquet.ParquetWriter(target, schema, compression="zstd")
            if rows:
                pairs = zip(zip(*rows, strict=True), writer.schema, strict=True)
                arrays = [pa.array(values, field.type) for values, field in pairs]
                writer.write_batch(pa.record_batch(arrays, schema=writer.schema), row_group_size=ROWS_PER_GROUP)
            written += len(rows)
            on_rows(written)
    finally:
        if writer is not None:
            writer.close()


def write_figures(target: IO[bytes], rows: Sequence[tuple[str, str, str | int | float]]) -> None:
    """Write named figures: `value` holds those that are numbers, `text` those that are none.

    Args:
        target: gets the file.
        rows: section, name, value.
    """
    pa = arrow()
    numbers = [float(value) if isinstance(value, int | float) else None for _, _, value in rows]
    texts = [value if isinstance(value, str) else None for _, _, value in rows]
    table = pa.table({
        "section": pa.array([section for section, _, _ in rows], pa.string()),
        "name": pa.array([name for _, name, _ in rows], pa.string()),
        "value": pa.array(numbers, pa.float64()), "text": pa.array(texts, pa.string()),
    })  # fmt: skip
    pa.parquet.write_table(table, target, compression="zstd")


# OIDs of pg_type, which never change.
_BOOL, _INT8, _INT4, _FLOAT8, _TIMESTAMPTZ = 16, 20, 23, 701, 1184


def _type(package: Any, type_oid: int) -> "pa.DataType":
    types = {_BOOL: package.bool_(), _INT8: package.int64(), _INT4: package.int32(), _FLOAT8: package.float64(),
             _TIMESTAMPTZ: package.timestamp("us", tz="UTC")}  # fmt: skip
    return types.get(type_oid, package.string())
