"""Rollups of metrics equal a recount of everything that ever arrived, in whatever order, whatever was retired meanwhile."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import pytest
from fix_postgres import Database, both_servers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import lines_of, metric, read_once
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from station_kit import Station

from ingest.batch import COPIED, Batch, Move
from ingest.bookkeeper import Bookkeeper
from ingest.foreseen import USUAL, Thresholds
from ingest.identity import Fingerprint
from ingest.loading import load_rows, metric_spans, queue_derivation
from ingest.prepared import prepare
from ingest.queries import load
from ingest.spans import clusters
from logging_module import RadioLogger
from reports.analytics import Analytics

QUARTER = timedelta(minutes=15)
# Everything of the first is past its retention, nothing of the second.
OLD = (datetime.now(UTC) - timedelta(days=200)).replace(hour=3, minute=0, second=0, microsecond=0)
RECENT = (datetime.now(UTC) - timedelta(days=2)).replace(hour=3, minute=0, second=0, microsecond=0)


class Sample(NamedTuple):
    at: datetime
    station: str
    name: str
    value: Decimal


Bucket: TypeAlias = tuple[str, datetime, str]


def samples_of(base: st.SearchStrategy[datetime], most: int = 12) -> st.SearchStrategy[list[Sample]]:
    at = st.builds(lambda start, seconds: start + timedelta(seconds=seconds), base, st.integers(-1000, 4000))
    value = st.decimals(-2000, 2000, places=4) | st.sampled_from(["0", "1E-9", "999.5", "1E+20", "NaN"]).map(Decimal)
    one = st.builds(Sample, at, st.sampled_from(["a", "b"]), st.sampled_from(["fps", "cpu"]), value)
    return st.lists(one, min_size=1, max_size=most)


steps = st.lists(samples_of(st.sampled_from([OLD, RECENT])) | st.sampled_from(["roll up", "retire"]), max_size=8)


def bounded(value: Decimal) -> Decimal:
    limit = Decimal(10) ** 15
    if value.is_nan():
        return limit
    return min(max(value, -limit), limit).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def three_digits(value: Decimal) -> Decimal:
    return value and value.quantize(Decimal(1).scaleb(value.adjusted() - 2), ROUND_HALF_UP)


def recounted(samples: Iterable[Sample]) -> dict[Bucket, tuple[Any, ...]]:
    groups: dict[Bucket, list[Decimal]] = defaultdict(list)
    for sample in samples:
        start = datetime.fromtimestamp(sample.at.timestamp() // 900 * 900, UTC)
        groups[sample.name, start, sample.station].append(bounded(sample.value))
    return {
        key: (len(values), sum(values), min(values), max(values), Counter(map(three_digits, values)))
        for key, values in groups.items()
    }


def rolled_up(rows: Iterable[tuple[Any, ...]]) -> dict[Bucket, tuple[Any, ...]]:
    """Rows of metric_name, bucket_start, station, count, sum, least, greatest, bins; several of one bucket are summed."""
    found: dict[Bucket, tuple[Any, ...]] = {}
    for name, start, station, count, total, least, greatest, values, counts in rows:
        bins: Counter[Decimal] = Counter()
        for value, number in zip(values, counts, strict=True):
            bins[value] += number
        row = (count, total, least, greatest, bins)
        if before := found.get((name, start, station)):
            extremes = min(least, before[2]), max(greatest, before[3])
            row = (count + before[0], total + before[1], *extremes, bins + before[4])
        found[name, start, station] = row
    return found


COLUMNS = "metric_name, bucket_start, station, sample_count, value_sum, value_min, value_max, bin_values, bin_counts"


def stored(database: Database) -> dict[Bucket, tuple[Any, ...]]:
    return rolled_up(database.rows(f"SELECT {COLUMNS} FROM metric_rollups"))


def answered(database: Database, start: datetime, end: datetime) -> dict[Bucket, tuple[Any, ...]]:
    return rolled_up(database.rows(f"SELECT {COLUMNS} FROM get_metric_rollups(NULL, NULL, %s, %s)", start, end))


def batch_of(samples: Iterable[Sample]) -> Batch:
    samples = list(samples)
    nothing = Fingerprint(0, b"")
    copied: dict[str, list[Any]] = {table: [] for table in COPIED}
    copied["system_metrics"] = [
        (at, name, value, None, "s", None, station, None, "exact", 1, 0) for at, station, name, value in samples
    ]
    move = Move(1, "o", 1, 1, 0, 1, nothing, nothing, 1, "/p", "/p")
    times: defaultdict[str, list[datetime]] = defaultdict(list)
    for at, station, *_ in samples:
        times[station].append(at)
    spans = {station: clusters(found) for station, found in times.items()}
    return Batch(move, "json", 1, {}, 0, {}, 0, copied, [], spans, [], [], {}, frozenset(), OLD)


def arrive(cursor: Cursor, samples: Iterable[Sample]) -> None:
    """As a commit of the daemon stores them."""
    batch = batch_of(samples)
    load_rows(cursor, prepare([batch], USUAL), USUAL)
    queue_derivation(cursor, [batch])


@pytest.fixture
def bookkeeper(database: Database) -> Iterator[Bookkeeper]:
    made = Bookkeeper(database.connect, Thresholds(900, 10))
    yield made
    made.close()


def empty(database: Database) -> None:
    database.rows("TRUNCATE system_metrics, metric_rollups, rollup_queue")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps, st.tuples(st.integers(-2000, 5000), st.integers(1, 6000)))
def test_any_order_of_arrival_rolling_up_and_retiring(
    database: Database, bookkeeper: Bookkeeper, steps: list[Any], window: tuple[int, int]
) -> None:
    empty(database)
    arrived: list[Sample] = []
    with closing(database.connect()) as connection:
        for step in steps:
            if step == "roll up":
                bookkeeper.roll_up()
            elif step == "retire":
                RadioLogger(database.config).cleanup_old_data()
            else:
                with connection, connection.cursor() as cursor:
                    arrive(cursor, step)
                arrived += step
            assert answered(database, OLD - QUARTER * 8, datetime.now(UTC)) == recounted(arrived), "whatever waits"
    start = RECENT + timedelta(seconds=window[0])
    end = start + timedelta(seconds=window[1])
    inside = [sample for sample in arrived if start <= sample.at < end]
    assert answered(database, start, end) == recounted(inside), "before it is rolled up"
    bookkeeper.roll_up()
    assert answered(database, start, end) == recounted(inside), "and behind it"
    assert stored(database) == recounted(arrived)
    assert database.rows("SELECT count(*) FROM rollup_queue") == [(0,)]


@both_servers
def test_beside_concurrent_ingest_and_clean_up(database: Database, bookkeeper: Bookkeeper) -> None:
    """Four connections store, one rolls up, one retires, all at once: nothing is lost, counted twice, or deadlocked."""
    dice = random.Random(20261125)
    database.rows("SELECT ensure_metric_partition(%s), ensure_metric_partition(%s)", OLD, RECENT)
    groups = [
        [
            [
                Sample(dice.choice((OLD, RECENT)) + timedelta(seconds=dice.randrange(7200)), dice.choice("ab"), "fps",
                       Decimal(dice.randrange(100)))
                for _ in range(200)
            ]
            for _ in range(30)
        ]
        for _ in range(4)
    ]  # fmt: skip

    def store(batches: list[list[Sample]]) -> None:
        with closing(database.connect()) as connection:
            for samples in batches:
                with connection, connection.cursor() as cursor:
                    arrive(cursor, samples)

    with ThreadPoolExecutor(6) as pool:
        storing = [pool.submit(store, group) for group in groups]

        def until_stored(work: Any) -> None:
            while not all(future.done() for future in storing):
                work()

        others = [pool.submit(until_stored, bookkeeper.roll_up),
                  pool.submit(until_stored, RadioLogger(database.config).cleanup_old_data)]  # fmt: skip
        for future in (*storing, *others):
            future.result()
    arrived = [sample for group in groups for samples in group for sample in samples]
    assert answered(database, OLD, datetime.now(UTC)) == recounted(arrived)
    bookkeeper.roll_up()
    assert stored(database) == recounted(arrived)


def test_the_running_quarter_waits_and_is_counted_from_raw_rows(database: Database, bookkeeper: Bookkeeper) -> None:
    now = datetime.now(UTC)
    current = Sample(now, "a", "fps", Decimal(1))
    tomorrow = Sample(now + timedelta(days=1), "a", "fps", Decimal(2))
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        for _ in range(3):
            arrive(cursor, [current, tomorrow])
    bookkeeper.roll_up()
    ((waiting,),) = database.rows("SELECT count(*) FROM rollup_queue")
    assert waiting <= 1, "one entry for the running quarter; none if it ended just now"
    assert answered(database, now - QUARTER, now + timedelta(days=2)) == recounted([current, tomorrow] * 3)
    assert recounted([tomorrow] * 3).items() <= stored(database).items(), "a wrong clock does not wait for its time"


def test_what_is_read_is_rolled_up_at_the_end(database: Database) -> None:
    (database.config.log_path / "m.log").write_text(lines_of(*(metric(number) for number in range(0, 7200, 7))))
    read_once(database.config)
    ((rows, counted),) = database.rows("SELECT count(*), sum(sample_count) FROM metric_rollups")
    assert (rows, counted) == (8, len(range(0, 7200, 7)))
    assert database.rows("SELECT count(*) FROM rollup_queue") == [(0,)]


def test_rolling_up_is_not_done_after_every_commit(database: Database) -> None:
    clock = [100.0]
    keeper = Bookkeeper(database.connect, Thresholds(900, 10), monotonic=lambda: clock[0])
    for now, arrived, expected in ((100.0, 1, 1), (109.9, 2, 1), (110.1, 3, 3)):
        clock[0] = now
        with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
            arrive(cursor, [Sample(RECENT, "a", "fps", Decimal(arrived))])
        keeper.work_all()
        assert database.rows("SELECT sample_count FROM metric_rollups") == [(expected,)]
    keeper.close()


@given(st.lists(st.tuples(st.integers(0, 20_000), st.sampled_from("ab")), min_size=1, max_size=60))
def test_spans_cover_every_metric_and_no_hour_without_one(found: list[tuple[int, str]]) -> None:
    samples = [Sample(RECENT + timedelta(seconds=at), station, "m", Decimal(1)) for at, station in found]
    spans = metric_spans([batch_of(samples)])
    assert all(any(s == x.station and a <= x.at <= b for s, a, b in spans) for x in samples)
    for station, first, last in spans:
        inside = sorted(x.at for x in samples if x.station == station and first <= x.at <= last)
        assert (inside[0], inside[-1]) == (first, last)
        assert all(b - a <= timedelta(hours=1) for a, b in pairwise(inside))
    for (s, _, last), (t, first, _) in pairwise(spans):
        assert s != t or first - last > timedelta(hours=1), "as few as can be"


def scanned_rows(plan: dict[str, Any]) -> int:
    """Rows that a plan took from raw metrics, those it threw away included."""
    own = 0
    if str(plan.get("Relation Name", "")).startswith("system_metrics"):
        thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        own = round((plan["Actual Rows"] + thrown) * plan["Actual Loops"])
    return own + sum(scanned_rows(inner) for inner in plan.get("Plans", []))


def test_figures_do_not_read_the_raw_metrics(database: Database, bookkeeper: Bookkeeper) -> None:
    """Four weeks of samples: the figures' queries touch those of the two quarters that the window cuts."""
    end = RECENT.replace(minute=7)
    start, every = end - timedelta(days=28), timedelta(seconds=30)
    for week in range(6):
        database.rows("SELECT ensure_metric_partition(%s)", start + timedelta(days=7 * week))
    database.rows(
        "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station)"
        " SELECT t, 'ffmpeg_speed', 1, 'ffmpeg', 'radio' FROM generate_series(%s, %s, %s) t",
        start - timedelta(days=1), end + timedelta(days=1), every,
    )  # fmt: skip
    database.rows(
        "INSERT INTO rollup_queue (station, from_time, to_time) SELECT 'radio', min(timestamp), max(timestamp) FROM system_metrics"
    )
    bookkeeper.roll_up()
    with closing(database.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE system_metrics")  # as autovacuum does
    parameters = {"station": None, "from_time": start, "to_time": end, "metrics": ["ffmpeg_speed"], "zone": "UTC"}
    for name in ("statistics", "daily_statistics"):
        query = load("reports", "encoder.sql")[name]
        with closing(database.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", parameters)
            ((plan,),) = cursor.fetchall()
        plan = json.loads(plan) if isinstance(plan, str) else plan
        total = scanned_rows(plan[0]["Plan"])
        assert 0 < total < 8000, f"{name} read {total} of {28 * 2880} samples"
    with Analytics(database.config) as analytics:
        (speed,) = analytics.metric_statistics(analytics.window(7, start=start, end=end), None, ("ffmpeg_speed",))
    assert speed["samples"] == 28 * 2880


def test_percentiles_are_those_of_the_samples(database: Database) -> None:
    station, dice = Station(), random.Random(7)
    values = [round(dice.lognormvariate(3, 1), 3) for _ in range(1000)]
    for number, value in enumerate(values):
        station.metric(RECENT + timedelta(seconds=11 * number), "cpu_percent", value)
    with closing(database.connect()) as connection:
        station.store(connection)
    with Analytics(database.config) as analytics:
        (found,) = analytics.metric_statistics(analytics.window(7), None, ("cpu_percent",))
    ordered = sorted(values)
    for name, rank in (("low", 50), ("median", 500), ("high", 950)):
        assert found[name] == pytest.approx(ordered[rank - 1], rel=0.005), name
    assert (found["least"], found["greatest"]) == (ordered[0], ordered[-1])
