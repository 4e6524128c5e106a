"""Each benchmark runs, at sizes that say nothing about speed."""

import json
from pathlib import Path

import pytest
from fix_postgres import Database

from benchmarks import backlog, growth, history, idle, latency, memory, parsing, peers, starting, writing
from benchmarks.__main__ import main
from benchmarks.database import DATABASE
from benchmarks.figures import Figure, keep
from benchmarks.lines import BEGAN, mixed_lines
from parsers.ffmpeg.stats import try_parse_stats


@pytest.fixture
def configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The environment names the tests' server."""
    config = database.config
    for name in ("host", "port", "user", "db"):
        monkeypatch.setenv(f"POSTGRES_{name.upper()}", str(getattr(config, f"postgres_{name}")))
    return database


@pytest.mark.slow
def test_benchmarks_of_the_daemon_and_the_backlog_run(configured: Database) -> None:
    figures = [
        *backlog.measure(300, 1, seed=7),
        *latency.measure(100, 0.3, 10.0, 15.0),
        *memory.measure(20_000, seed=7),
        *starting.measure(1),
    ]
    assert all(figure.value > 0 and figure.reference > 0 for figure in figures)
    assert configured.rows(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'") == [], "nothing is left"


def test_peers_are_measured_where_they_are_installed(
    configured: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = peers.measure(50)
    assert len(figures) == peers.has_rsyslog()
    assert all(figure.value > 0 and figure.reference > 0 for figure in figures)
    monkeypatch.setenv("PATH", "")
    assert peers.measure(50) == []
    assert "rsyslog: not installed" in capsys.readouterr().out


@pytest.mark.slow
def test_growth_is_measured_beside_the_smallest_case(configured: Database) -> None:
    figures = [
        *growth.by_files((1, 2, 4, 8), 40, 1, seed=7),
        *growth.by_length((1000, 10_000), 40_000, 1, seed=7),
        *history.measure((200, 400), 1, seed=7, lines=20, a_week=200),
    ]
    assert [figure.name for figure in figures] == [
        "40 lines in 2 files", "40 lines in 4 files", "40 lines in 8 files", "a file more, beyond 4", "lines of 10 KB",
        "20 lines into 400 metrics", "7-day report over 400 metrics",
    ]  # fmt: skip
    left = configured.rows(f"SELECT 1 FROM pg_database WHERE starts_with(datname, '{DATABASE}')")
    assert left == [], "nothing is left"


def test_every_week_of_a_history_holds_the_same_and_is_rolled_up(configured: Database) -> None:
    history.fill(configured.config, 3, 2000)
    first = BEGAN - 3 * history.WEEK
    for table, column, count in (
        ("system_metrics", "timestamp", 2000), ("play_history", "started_at", 3360), ("error_log", "timestamp", 3360),
    ):  # fmt: skip
        weeks = configured.rows(
            f"SELECT div(extract(epoch FROM {column} - %s), 604800)::int AS week, count(*) FROM {table}"
            " GROUP BY 1 ORDER BY 1",
            first,
        )
        assert weeks == [(0, count), (1, count), (2, count)], table
    assert configured.rows("SELECT count(*) FROM play_history WHERE ended_at IS NULL OR error_count <> 1") == [(1,)]
    wanted = "SELECT metric_name, bucket_start, sample_count, value_sum, value_min, value_max"
    stored = configured.rows(f"{wanted} FROM metric_rollups ORDER BY 1, 2")
    counted = configured.rows(f"{wanted} FROM roll_up_metrics(NULL, NULL, %s, %s) ORDER BY 1, 2", first, BEGAN)
    assert stored == counted
    assert configured.rows("SELECT FROM derive_queue") == configured.rows("SELECT FROM rollup_queue") == []


@pytest.mark.slow
def test_idle_files_are_measured(configured: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "SETTLING_SECONDS", 0.0)
    names = [figure.name for figure in idle.measure(3, 0.1, 0.5)]
    assert names == ["3 idle files", "3 known files taken up"]


def test_pure_benchmarks_run() -> None:
    assert all(figure.value > 0 for figure in [*parsing.measure(50, 1), *writing.measure(20, 1)])


def test_a_seed_gives_the_same_lines_and_another_seed_others() -> None:
    assert list(mixed_lines(200, 7)) == list(mixed_lines(200, 7)) != list(mixed_lines(200, 8))
    kinds = [json.loads(line)["event"] for line in mixed_lines(5000, 7)]
    assert kinds.count("metric") == pytest.approx(4000, rel=0.05)
    assert kinds.count("track_started") == pytest.approx(500, rel=0.2)


@pytest.mark.parametrize("version", parsing.VERSIONS)
def test_statistics_lines_are_ffmpegs_form(version: str) -> None:
    for line in parsing.stats_lines(version, 300):
        assert try_parse_stats(line.removesuffix(b"\r"), ends_with_newline=False) is not None


def test_results_say_when_where_and_whether_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.figures.RESULTS", tmp_path / "results")
    fast = Figure("a", "ms", 1.0, "at most", 2.0, 1.0, lower_is_better=True)
    kept = json.loads(
        keep([fast, Figure("b", "x/s", 1.0, "y", 2.0, 0.9), Figure("c", "x/s", 1.0, "y", 2.0, None)]).read_text()
    )
    assert {"at", "commit", "processor"} <= kept.keys()
    assert [figure["met"] for figure in kept["figures"]] == [True, False, None]


@pytest.mark.parametrize("words", [["nothing"], ["--rounds", "0"], ["--seed", "x"], ["--rows", "5"]])
def test_wrong_usage_ends_with_2(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
