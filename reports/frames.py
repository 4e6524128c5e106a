"""Shapes lists of plain rows into pandas DataFrames. Pure: asks no database; pandas is loaded when a frame is made.

A frame has the same columns with the same types however many rows it holds, none included.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar

if TYPE_CHECKING:
    import pandas as pd

Columns: TypeAlias = Mapping[str, str]

INTEGER, FLOAT, TEXT, FLAG, OTHER = "int64", "float64", "str", "bool", "object"
TIME = "datetime64[us, UTC]"

_S = TypeVar("_S")
_P = ParamSpec("_P")


def frame(rows: Sequence[Mapping[str, Any]], columns: Columns) -> "pd.DataFrame":
    """The named columns of the rows.

    Args:
        rows: with at least these keys; other keys are left out.
        columns: the type of each column by name, in order.
    """
    import pandas as pd  # noqa: PLC0415 (most users of the figures never need it, and it costs a second)

    return pd.DataFrame({name: _series(pd, [row[name] for row in rows], dtype) for name, dtype in columns.items()})


def _series(pandas: Any, values: list[Any], dtype: str) -> Any:
    if dtype == TIME:
        return pandas.Series(pandas.to_datetime(values, utc=True)).astype(TIME)
    return pandas.Series(values, dtype=dtype)


def framed(
    method: Callable[Concatenate[_S, _P], Sequence[Mapping[str, Any]]], columns: Columns
) -> Callable[Concatenate[_S, _P], "pd.DataFrame"]:
    """The twin of a method that gives rows: the same arguments, a DataFrame.

    Args:
        method: gives a list of dicts.
        columns: of the frame.
    """

    def twin(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> "pd.DataFrame":
        return frame(method(self, *args, **kwargs), columns)

    return _named(twin, method)


def framed_one(
    method: Callable[Concatenate[_S, _P], Mapping[str, Any]], columns: Columns
) -> Callable[Concatenate[_S, _P], "pd.DataFrame"]:
    """As `framed`, for a method that gives one dict: a frame of one row. A dict inside becomes `outer_inner` columns.

    Args:
        method: gives a dict.
        columns: of the frame.
    """

    def twin(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> "pd.DataFrame":
        return frame([_flat(method(self, *args, **kwargs))], columns)

    return _named(twin, method)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}_{inner}": inner_value for inner, inner_value in value.items()}
        else:
            flat[key] = value
    return flat


def _named(twin: Callable[Concatenate[_S, _P], Any], method: Callable[..., Any]) -> Callable[Concatenate[_S, _P], Any]:
    twin.__name__ = f"{method.__name__}_frame"
    twin.__qualname__ = f"{method.__qualname__}_frame"
    twin.__doc__ = f"`{method.__name__}` as a pandas DataFrame; the same arguments and errors."
    return twin
