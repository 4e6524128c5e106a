"""`radiolog config`, and what other commands make of RADIOLOG_CONFIG."""

import json
from pathlib import Path

import pytest
from fix_command import Command
from fix_postgres import Database
from ingest_kit import lines_of, metric

ERROR = {"level": "error", "event": "an error"}


@pytest.fixture
def file(database: Database) -> Path:
    """A file with two sources, and a log in the first."""
    folder = database.config.log_path.parent / "srv"
    folder.mkdir()
    (folder / "app.out").write_text(lines_of(ERROR))
    path = folder.parent / "radiolog.toml"
    path.write_text(
        f'slo_percent = 90\n[[sources]]\npaths = "{folder}/*.out"\nstation = "Night"\nparser = "json"\n'
        f'[[sources]]\npaths = ["{folder}/none/", "{folder}/x.log"]\nmin_level = "error"\n'
    )
    return path


def test_show_tells_where_each_value_came_from(radiolog: Command, file: Path) -> None:
    settings = {"RADIOLOG_CONFIG": str(file), "POSTGRES_PASSWORD": "s3cretpw"}
    shown = radiolog("config", "show", **settings)
    assert "s3cretpw" not in shown.out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.out.splitlines() if "│" in line]
    for row in (
        ["slo_percent", "90.0"],
        ["postgres_password", "**********", "environment"],
        ["debug", "False", "default"],
    ):
        assert row in [found[: len(row)] for found in rows], row
    assert ["Night", "", "json", ""] in [found[1:5] for found in rows]
    as_json = json.loads(radiolog("config", "show", "--json", **settings).out)
    assert as_json["slo_percent"] == {"value": "90.0", "source": f"{file}:1"}
    assert as_json["sources"][1] == {
        "paths": [f"{file.parent}/srv/none/", f"{file.parent}/srv/x.log"],
        "station": None, "service": None, "parser": None, "min_level": "error", "source": f"{file}:6",
    }  # fmt: skip


def test_check_names_every_problem_and_touches_no_database(radiolog: Command, file: Path, tmp_path: Path) -> None:
    nowhere = {"POSTGRES_HOST": "/nonexistent"}
    right = radiolog("config", "check", RADIOLOG_CONFIG=str(file), **nowhere)
    assert (right.code, right.out) == (0, f"{file}: all is well: 1 settings and 2 sources in the file\n")
    assert radiolog("config", "check", **nowhere).out == "all is well: 0 settings and 0 sources in the file\n"
    other = tmp_path / "other.toml"
    other.write_text("x\x1b[31m = 1\n")
    wrong = radiolog("config", "check", str(other), RADIOLOG_CONFIG=str(file), **nowhere)
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err.startswith(f"{other}:1: ")
    other.write_text('"x\\u001b" = 1\nslo_percent = 101\n')
    assert radiolog("config", "check", str(other), LOG_LEVEL="LOUD").err.splitlines() == [
        f"{other}:1: x\\x1b is not a setting",
        f"{other}:2: slo_percent is 101; permitted: a percentage from 0 to 100",
        "LOG_LEVEL is 'LOUD'; permitted: one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
    ]
    assert radiolog("config", "check", LOG_PATH=str(other)).err.startswith(f"{other}: is no folder")
    started = radiolog("run", RADIOLOG_CONFIG=str(other))
    assert started.code == 1
    assert f"{other}:2: slo_percent" in started.err


def test_doctor_names_a_wrong_file_and_paths_without_logs(radiolog: Command, database: Database, file: Path) -> None:
    (database.config.log_path / "a.log").write_text(lines_of(metric(1)))
    told = radiolog("doctor", RADIOLOG_CONFIG=str(file)).out
    assert f"ok      configuration: all settings have permitted values, those of {file} too" in told
    assert f"warning log files: no log is in {file.parent}/srv/none ({file}:6)" in told
    assert f"warning log files: no log is in {file.parent}/srv/x.log ({file}:6)" in told
    assert "*.out (" not in told
    file.write_text("slo_percent = 101\n")
    told = radiolog("doctor", RADIOLOG_CONFIG=str(file)).out
    assert f"ERROR   configuration: {file}:1: slo_percent is 101" in told


def test_once_validate_and_replay_know_whose_a_log_is(radiolog: Command, database: Database, file: Path) -> None:
    log = file.parent / "srv/app.out"
    log.write_text(lines_of(ERROR, "ERROR no json"))
    settings = {"RADIOLOG_CONFIG": str(file)}
    assert radiolog("once", "--quiet", **settings).code == 0
    assert database.rows("SELECT station, service, parser FROM error_log, ingest_files") == [("Night", "app", "json")]
    assert (
        json.loads(radiolog("validate", "--json", str(log), **settings).out.splitlines()[-1])["summary"]["parser"]
        == "json"
    )
    file.write_text(file.read_text().replace('"json"', '"text"').replace('"Night"', '"Day"\nservice = "mended"'))
    assert (
        json.loads(radiolog("validate", "--json", str(log), **settings).out.splitlines()[-1])["summary"]["parser"]
        == "text"
    )
    assert radiolog("dead-letters", "replay", "--all", **settings).code == 0
    assert database.rows("SELECT service, message FROM error_log WHERE station = 'Day'") == [
        ("mended", "ERROR no json")
    ]
