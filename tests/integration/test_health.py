"""`radiolog metrics`: what Prometheus reads, health checks, and that dashboards and alert rules name only what there is."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from daemon_kit import Lines, running
from fix_postgres import Database
from ingest_kit import lines_of, metric, read_once
from process_kit import environment, finished, start, wait_until
from prometheus_client.parser import text_string_to_metric_families
from station_kit import Station

import reports

DASHBOARDS = Path(str(reports.__path__[0])) / "dashboards"


def exposed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Samples by name and labels, without the instance's."""
    return {
        (sample.name, frozenset((name, value) for name, value in sample.labels.items() if name != "instance_name")): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples
    }  # fmt: skip


def value(text: str, name: str, **labels: str) -> float:
    return exposed(text)[name, frozenset(labels.items())]


@contextmanager
def serving(database: Database, **settings: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    process = start(database.config, "metrics", RADIOLOG_METRICS_PORT="0", **settings)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        yield process, int(re.search(r":(\d+)/metrics", said).group(1))  # type: ignore[union-attr]
    finally:
        process.kill()
        process.communicate()


def ask(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, str(answer.getheader("Content-Type")), answer.read().decode()


@pytest.fixture
def station(database: Database) -> Database:
    """On air for an hour, with an encoder that is a little slow."""
    now = datetime.now(UTC)
    on_air = Station("Nightdrive FM")
    on_air.play(now - timedelta(minutes=50), None)
    on_air.session(now - timedelta(minutes=50), None, last_progress_at=now, progress_count=5)
    for number in range(6):
        on_air.metric(now - timedelta(seconds=10 * number), "ffmpeg_current_speed", 0.98)
    silent = Station("silent")
    silent.play(now - timedelta(hours=3), now - timedelta(hours=2))
    with closing(database.connect()) as connection:
        on_air.store(connection)
        silent.store(connection)
    return database


def test_files_and_stations_are_told(station: Database) -> None:
    (station.config.log_path / "watcher.log").write_text(lines_of(metric(1), "", '{"cut'))
    read_once(station.config)
    with (station.config.log_path / "watcher.log").open("a") as log:
        log.write("not stored yet\n")
    shown = finished(station.config, "metrics", "--once")
    assert (shown.returncode, shown.stderr) == (0, "")
    text = shown.stdout
    for result, count in (("stored", 1), ("blank", 1), ("folded", 0)):
        assert value(text, "radio_log_lines_total", service="watcher", result=result) == count
    assert value(text, "radio_tail_lag_bytes", service="watcher") == len("not stored yet\n")
    assert value(text, "radio_dead_letters") == 1
    assert value(text, "radio_db_up") == 1
    assert value(text, "radio_collector_up") == 0
    assert value(text, "radio_station_on_air", station="Nightdrive FM") == 1
    assert value(text, "radio_station_on_air", station="silent") == 0
    assert value(text, "radio_encoder_speed_ratio", station="Nightdrive FM") == pytest.approx(0.98)
    assert value(text, "radio_encoder_starts_last_hour", station="Nightdrive FM") == 1
    assert 0 <= value(text, "radio_station_uptime_today_ratio", station="Nightdrive FM") <= 1
    status = json.loads(finished(station.config, "status", "--json").stdout)
    assert status["lag_bytes"] == len("not stored yet\n")


def test_a_daemon_is_seen_living_and_gone(database: Database) -> None:
    lines = Lines(database)
    lines.append(50)
    with serving(database) as (process, port):
        assert ask(port, "/healthz")[0] == 503
        assert ask(port, "/readyz")[0] == 503
        with running(database.config) as daemon:
            lines.wait("the lines are stored")
            wait_until(lambda: ask(port, "/readyz")[0] == 200, "ready")
            assert ask(port, "/healthz") == (200, "text/plain; charset=utf-8", "1 live\n")

            def rows() -> float:
                return exposed(ask(port, "/metrics")[2]).get(("radio_ingest_rows_total", frozenset()), 0)

            wait_until(lambda: rows() == 50, "the daemon's own count")
            text = ask(port, "/metrics")[2]
            assert value(text, "radio_collector_starts_total") == 1
            assert value(text, "radio_ingest_commit_duration_seconds_count") >= 1
            assert value(text, "radio_ingest_commit_duration_seconds_sum") > 0
            daemon.stop()
        wait_until(lambda: ask(port, "/healthz")[0] == 503, "gone")
        status, kind, text = ask(port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert (status, kind.split(";")[0], text.endswith("# EOF\n")) == (200, "application/openmetrics-text", True)
        assert ask(port, "/elsewhere")[0] == 404
        process.terminate()
        assert process.wait(30) == 0


def test_without_a_database_it_says_so_and_lives_on(database: Database) -> None:
    nowhere = database.config.model_copy(update={"postgres_host": str(database.config.log_path)})
    shown = finished(nowhere, "metrics", "--once")
    assert (shown.returncode, value(shown.stdout, "radio_db_up")) == (1, 0)
    assert not [name for name, _ in exposed(shown.stdout) if name == "radio_collector_up"], "nobody knows"
    with serving(Database(database.name, nowhere)) as (_, port):
        assert ask(port, "/healthz")[0] == 200, "it is no reason to restart"
        assert ask(port, "/readyz")[0] == 503
        assert value(ask(port, "/metrics")[2], "radio_db_up") == 0


def test_an_address_that_is_taken_ends_in_one_sentence(database: Database) -> None:
    with serving(database) as (_, port):
        shown = finished(database.config, "metrics", RADIOLOG_METRICS_PORT=str(port))
    assert (shown.returncode, shown.stderr.count("\n")) == (1, 1)
    assert f"port {port} cannot be listened on" in shown.stderr


def test_the_daemon_loads_no_http_server(database: Database) -> None:
    code = "import sys, ingest.daemon, ingest.service; print([m for m in sys.modules if m.startswith(('prometheus_client', 'http.server'))])"
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment(database.config), capture_output=True, text=True, check=True
    )
    assert shown.stdout == "[]\n"


def metric_names(expression: str) -> set[str]:
    return set(re.findall(r"\bradio_\w+", expression))


def expressions() -> list[Any]:
    dashboard = json.loads((DASHBOARDS / "radiolog.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    return found + re.findall(r"^ +expr: (.+)$", (DASHBOARDS / "alerts.yaml").read_text(), re.MULTILINE)


def test_dashboards_and_alerts_name_only_metrics_that_exist(database: Database) -> None:
    text = finished(database.config, "metrics", "--once").stdout
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    names = {name for name, kind in kinds.items() if kind != "summary"}
    names |= {f"{name}_{part}" for name, kind in kinds.items() if kind == "summary" for part in ("sum", "count")}
    assert len(expressions()) > 25
    for expression in expressions():
        assert metric_names(expression) <= names, expression
        assert metric_names(expression), expression


def test_the_dashboard_can_be_provisioned() -> None:
    dashboard = json.loads((DASHBOARDS / "radiolog.json").read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert (len(ids), dashboard["id"]) == (len(set(ids)), None)
    sources = {json.dumps(panel["datasource"]) for panel in dashboard["panels"]}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}, "not the import wizard's ${DS_…}"
    assert "__inputs" not in dashboard
