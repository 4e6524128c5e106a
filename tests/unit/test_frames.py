"""DataFrames: the same columns and types however many rows there are."""

from datetime import UTC, datetime

import pandas as pd

from reports.frames import FLAG, FLOAT, INTEGER, OTHER, TEXT, TIME, frame, framed, framed_one

COLUMNS = {"name": TEXT, "number": INTEGER, "share": FLOAT, "seen": TIME, "new": FLAG, "more": OTHER}
ROW = {"name": "NA", "number": 2**53 + 1, "share": 0.5, "seen": datetime(2026, 11, 24, 6, tzinfo=UTC), "new": True,
       "more": [1, 2], "left out": 1}  # fmt: skip


def test_types_do_not_depend_on_the_rows() -> None:
    empty, full = frame([], COLUMNS), frame([ROW, ROW], COLUMNS)
    assert list(empty.columns) == list(full.columns) == list(COLUMNS)
    assert list(map(str, empty.dtypes)) == list(map(str, full.dtypes))
    assert (len(empty), len(full)) == (0, 2)


def test_values_survive() -> None:
    made = frame([ROW], COLUMNS)
    assert made["number"].iloc[0] == 2**53 + 1
    assert made["name"].iloc[0] == "NA"
    assert made["seen"].iloc[0] == pd.Timestamp("2026-11-24T06:00:00Z")
    assert made["more"].iloc[0] == [1, 2]


def test_missing_time_is_nat() -> None:
    assert pd.isna(frame([{"seen": None}], {"seen": TIME})["seen"].iloc[0])


def test_twins_take_the_same_arguments() -> None:
    class Source:
        def get_rows(self, count: int, *, name: str = "x") -> list[dict[str, object]]:
            """Rows."""
            return [{"name": name}] * count

        def get_one(self) -> dict[str, object]:
            return {"name": "x", "before": {"number": 3}}

        get_rows_frame = framed(get_rows, {"name": TEXT})
        get_one_frame = framed_one(get_one, {"name": TEXT, "before_number": INTEGER})

    assert list(Source().get_rows_frame(2, name="y")["name"]) == ["y", "y"]
    assert Source().get_one_frame()["before_number"].iloc[0] == 3
    assert Source.get_rows_frame.__name__ == "get_rows_frame"
