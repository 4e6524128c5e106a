-- The database as a whole: stations, coverage, totals. Counts rows, judges nothing.

-- Our queries are long and touch few rows: compiling them took four seconds, running them milliseconds.
-- name: session
SET jit = off

-- name: stations
SELECT name, time_zone FROM stations
UNION
SELECT DISTINCT p.station, 'UTC' FROM play_history p WHERE NOT EXISTS (SELECT FROM stations s WHERE s.name = p.station)
ORDER BY 1

-- name: time_zone
SELECT time_zone FROM stations WHERE name = %(station)s

-- What is not in the figures. Parameters: station, from_time, to_time.
-- name: coverage
SELECT (SELECT count(*) FROM dead_letters WHERE arrived_at >= %(from_time)s AND arrived_at < %(to_time)s
                                            AND replayed_at IS NULL) AS dead_letters,
       (SELECT count(*) FROM ingest_losses WHERE detected_at >= %(from_time)s AND detected_at < %(to_time)s) AS gaps,
       (SELECT coalesce(sum(to_offset - from_offset), 0)::bigint FROM ingest_losses
        WHERE detected_at >= %(from_time)s AND detected_at < %(to_time)s) AS gap_bytes,
       (SELECT coalesce(sum(size_bytes - committed_offset), 0)::bigint FROM ingest_files
        WHERE state IN ('active', 'suspended') AND size_bytes > committed_offset) AS unread_bytes,
       (SELECT count(*) FROM ingest_files WHERE state = 'suspended') AS suspended_files,
       (SELECT count(*) FROM ingest_files) AS files,
       (SELECT coalesce(sum(lines), 0)::bigint FROM ingest_files) AS lines,
       (SELECT count(*) FROM derive_queue) AS underived

-- Everything there is, for the summary behind `make run`; metrics that were retired count.
-- name: totals
SELECT (SELECT count(*) FROM play_history) AS plays,
       (SELECT count(DISTINCT track_key) FROM play_history) AS tracks,
       (SELECT coalesce(sum(sample_count), 0)::bigint FROM get_metric_rollups(NULL, NULL, '1970-01-01', '2201-01-01')) AS metrics,
       (SELECT count(*) FROM stream_sessions) AS sessions,
       (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
       (SELECT count(*) FROM ingest_files) AS files,
       (SELECT coalesce(sum(lines), 0)::bigint FROM ingest_files) AS lines,
       (SELECT count(*) FROM ingest_losses) AS gaps

-- name: errors_by_severity
SELECT severity, sum(occurrences)::bigint AS errors
FROM error_log WHERE NOT noise GROUP BY severity
ORDER BY array_position(ARRAY['critical', 'error', 'warning', 'info'], severity::text)

-- The first and the last moment that a play, an error or an encoder session tells of.
-- name: extent
SELECT min(first_at) AS first_at, max(last_at) AS last_at FROM (
    SELECT min(started_at) AS first_at, max(greatest(started_at, ended_at)) AS last_at FROM play_history
    WHERE time_quality <> 'unknown' AND (%(station)s::text IS NULL OR station = %(station)s)
    UNION ALL
    SELECT min(timestamp), max(timestamp) FROM error_log
    WHERE time_quality IN ('exact', 'zoneless', 'arrival') AND (%(station)s::text IS NULL OR station = %(station)s)
    UNION ALL
    SELECT min(started_at), max(greatest(ended_at, last_progress_at)) FROM stream_sessions
    WHERE time_quality IN ('exact', 'zoneless', 'arrival') AND (%(station)s::text IS NULL OR station = %(station)s)
) found
