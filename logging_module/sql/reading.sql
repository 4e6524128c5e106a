-- What RadioLogger asks the database. Parameters are psycopg2's, by name.

-- name: recent_plays
SELECT id, station, artist, title, album, started_at, ended_at, duration_seconds, had_errors, error_count, play_id
FROM play_history WHERE station = %(station)s
ORDER BY started_at DESC, id DESC LIMIT %(limit)s

-- name: current_playing
SELECT id, station, artist, title, album, started_at, expected_duration_seconds, loop_file_path, ffmpeg_pid, play_id
FROM current_playing WHERE station = %(station)s

-- name: archive_plays
SELECT archive_old_play_history(%(days)s)

-- name: clean_errors
SELECT clean_resolved_errors(%(days)s)

-- Metrics go by whole weeks, because their partitions are weeks (schema.sql, ensure_metric_partition).
-- name: metrics_cutoff
SELECT date_trunc('week', now() - make_interval(days => %(days)s), 'UTC')

-- name: has_old_metrics
SELECT EXISTS (SELECT FROM system_metrics WHERE timestamp < %(cutoff)s)

-- Nobody may add to a week between its summary and its end.
-- name: lock_metrics
LOCK TABLE system_metrics IN ACCESS EXCLUSIVE MODE

-- What goes is added to what went before.
-- name: summarise_metrics
INSERT INTO metric_rollups AS r (metric_name, bucket_start, station, service, frozen, unit, sample_count, value_sum, value_min,
                                 value_max, bin_values, bin_counts)
SELECT metric_name, bucket_start, station, service, true, unit, sample_count, value_sum, value_min, value_max, bin_values,
       bin_counts
FROM roll_up_metrics(NULL, NULL, '-infinity', %(cutoff)s)
ON CONFLICT (metric_name, bucket_start, station, service, frozen) DO UPDATE SET
    sample_count = r.sample_count + excluded.sample_count, value_sum = r.value_sum + excluded.value_sum,
    value_min = least(r.value_min, excluded.value_min), value_max = greatest(r.value_max, excluded.value_max),
    bin_values = r.bin_values || excluded.bin_values, bin_counts = r.bin_counts || excluded.bin_counts

-- name: forget_recounts
DELETE FROM metric_rollups WHERE NOT frozen AND bucket_start < %(cutoff)s

-- name: retire_metrics
WITH per_file AS (
    SELECT generation, count(*) AS row_count FROM system_metrics WHERE timestamp < %(cutoff)s GROUP BY generation
), retired AS (
    UPDATE ingest_files f SET rows_retired = rows_retired + p.row_count FROM per_file p WHERE f.generation = p.generation
)
SELECT coalesce(sum(row_count), 0)::bigint FROM per_file

-- name: old_metric_partitions
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'system_metrics'::regclass AND c.relname ~ '^system_metrics_[0-9]{4}w[0-9]{2}$'
  AND to_date(substr(c.relname, 16), 'IYYY"w"IW') + 7 <= (%(cutoff)s AT TIME ZONE 'UTC')::date
ORDER BY c.relname

-- name: drop_partition
DROP TABLE {partition}

-- name: delete_stray_metrics
DELETE FROM system_metrics WHERE timestamp < %(cutoff)s
