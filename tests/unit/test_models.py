"""The mirror of schema.sql by itself: names, copied columns, construction. Against a live database: test_schema.py."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files

import pytest
from sqlmodel import SQLModel

from ingest import models
from ingest.batch import COPIED, PLAY_COLUMNS
from ingest.models import MODELS, copy_columns, table_of

TABLES = {table_of(model).name: model for model in MODELS}


def test_every_table_of_schema_sql_has_one_model() -> None:
    text = (files("ingest") / "schema.sql").read_text(encoding="utf-8")
    tables = re.findall(r"^CREATE TABLE IF NOT EXISTS (\w+) \(", text, re.MULTILINE)
    assert sorted(TABLES) == sorted(tables)
    assert len(MODELS) == len(TABLES)


def test_models_are_exported_by_name() -> None:
    assert {model.__name__ for model in MODELS} <= set(models.__all__)
    assert all(getattr(models, name) is not None for name in models.__all__)


@pytest.mark.parametrize(("table", "columns"), [*COPIED.items(), ("play_history", PLAY_COLUMNS)])
def test_what_the_daemon_copies_are_columns_of_the_model_in_its_order(table: str, columns: tuple[str, ...]) -> None:
    in_order = [name for name in copy_columns(TABLES[table]) if name in columns]
    assert in_order == list(columns)


def test_the_servers_numbers_are_not_copied() -> None:
    assert "id" not in copy_columns(models.ErrorLog)
    assert copy_columns(models.IngestFile)[0] == "machine"
    assert copy_columns(models.LadderRung) == ("generation", "at_offset", "window_hash")
    assert copy_columns(models.SchemaVersion) == ("version", "applied_at")


def test_the_metadata_column_has_an_attribute_of_another_name() -> None:
    metric = models.SystemMetric(
        timestamp=datetime(2026, 11, 24, tzinfo=UTC), metric_name="fps", metric_value=Decimal(25), service="ffmpeg",
        station="radio", details={"min": 24},
    )  # fmt: skip
    assert metric.details == {"min": 24}
    assert table_of(models.SystemMetric).columns["metadata"].key == "metadata"


def test_only_tables_have_a_table() -> None:
    class Shape(SQLModel):
        name: str

    with pytest.raises(TypeError, match="Shape is not a table"):
        table_of(Shape)
